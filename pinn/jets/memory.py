"""Memory that a step frees is kept for the next step."""

from __future__ import annotations

import torch

_LARGEST = (1 << 25) - (1 << 16)  # the largest block glibc learns from, in bytes


def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MB of freed memory for this process.

    By default glibc gives freed memory back as soon as it exceeds twice the largest block it has
    seen freed, and a step on jets then asks for, and has cleared, the same pages again and again.
    One block of 32 MB, never touched and freed at once, teaches it better. Elsewhere it does
    nothing.

    Source: mallopt(3), M_MMAP_THRESHOLD, on the dynamic threshold.
    """
    torch.empty(_LARGEST, dtype=torch.uint8)
