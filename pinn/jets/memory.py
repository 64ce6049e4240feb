"""Reuse of memory that a training step frees by the next step."""

from __future__ import annotations

import ctypes
import platform
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = (1 << 25) - (1 << 16)  # the largest block glibc learns from, in bytes
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # parameters of mallopt, from malloc.h
# Afterwards: blocks above 1 MB are given back at once, smaller ones up to twice that are kept. The
# default of 128 kB cannot come back as it was, because a set threshold no longer adapts itself.
_AFTERWARDS = 1 << 20


@contextmanager
def kept_memory() -> Iterator[None]:
    """Lets the C library keep up to 64 MB of freed memory while it is open.

    By default glibc gives freed memory back as soon as it exceeds twice the largest block it has
    seen freed, and a step on jets then asks for, and has cleared, the same pages again and again.
    At the end freed memory goes back to the system. With another C library it does nothing.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    library = _glibc()
    if library is None:
        yield
        return
    _set_thresholds(library, _LARGEST)
    try:
        yield
    finally:
        _set_thresholds(library, _AFTERWARDS)
        library.malloc_trim(0)


def _set_thresholds(library: Any, size: int) -> None:
    library.mallopt(_MMAP_THRESHOLD, size)
    library.mallopt(_TRIM_THRESHOLD, 2 * size)


@cache
def _glibc() -> Any:
    """The C library of this process if it is glibc, else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
