"""Triton kernels that are written while the program runs.

Plain torch launches a kernel for each product of Faà di Bruno's formula and of the product rule,
and each of them reads and writes whole channels. Here the same formulas are evaluated on symbols
once; the lines that they leave become one kernel, which reads every channel once. Kernels are kept
by their text, in this process and by Triton on disk.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import linecache
import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from pinn.jets.kernels.formulas import Program, Symbol
from sciformer.hardware import hardware

# Entries of a program: four numbers of double precision a thread, two vector loads.
BLOCK = 512
# A product and a sum in one rounding, as torch's own kernels have it; Triton asks to be told.
OPTIONS = {"enable_fp_fusion": True}
# Kernels that a process keeps: more than the operators and functions of any one problem.
KEPT = 1024


def fuses(*tensors: Tensor) -> bool:
    """Whether kernels can be written for these tensors: real, and on a device that Triton knows."""
    first = tensors[0]
    return (
        hardware(first.device).prefers_few_launches
        and first.dtype in (torch.float32, torch.float64)
        and all(tensor.dtype == first.dtype for tensor in tensors)
        and first.numel() > 0
        and (first.is_cuda or _interprets())
        and _has_triton()
    )


class Kernel:
    """A kernel as text, compiled at its first launch.

    A kernel that does not compile on a machine (Triton needs a C compiler there) is given up with
    a warning, and the caller goes on in plain torch.
    """

    def __init__(self, text: str, unspecialised: Sequence[str] = ()) -> None:
        import triton
        import triton.language as tl

        name = f"<jets {next(_NUMBERS)}>"
        # Triton reads a kernel's source through `inspect`, which looks into this cache.
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        scope: dict[str, Any] = {"tl": tl, "__name__": __name__}
        exec(compile(text, name, "exec"), scope)  # our own text: `Pass` and `contraction` write it
        self._function = triton.jit(scope["kernel"], do_not_specialize=list(unspecialised))
        self._is_broken = self._has_run = False

    def launch(self, entries: int, *arguments: Any) -> bool:
        """Runs over the entries of a channel."""
        return self.launch_grid((-(-entries // BLOCK),), *arguments, entries)

    def launch_grid(self, grid: tuple[int, ...], *arguments: Any) -> bool:
        """Runs so many programs; False if the kernel does not compile here."""
        if self._is_broken:
            return False
        try:
            with _device_of(arguments):
                self._function[grid](*arguments, **OPTIONS)
        except Exception as error:
            if self._has_run:
                raise
            self._is_broken = True
            warnings.warn(
                f"jets: a fused kernel does not compile here ({type(error).__name__}: {error}); "
                "plain torch computes the same, with more launches.",
                RuntimeWarning,
                stacklevel=2,
            )
            return False
        self._has_run = True
        return True


def _device_of(arguments: Sequence[Any]) -> AbstractContextManager[object]:
    """Makes the card of the first tensor the current one, where Triton launches."""
    first = next(part for part in arguments if isinstance(part, Tensor))
    return torch.cuda.device(first.device) if first.is_cuda else contextlib.nullcontext()


_NUMBERS = itertools.count()


@functools.cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


def _interprets() -> bool:
    """Whether Triton interprets its kernels, on tensors of the CPU: for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@functools.lru_cache(KEPT)
def kernel_of(text: str, unspecialised: tuple[str, ...] = ()) -> Kernel:
    """The kernel of a text. Args: as `Kernel`."""
    return Kernel(text, unspecialised)


class Pass:
    """The text of an elementwise kernel: loads, a program, stores."""

    def __init__(self, *tensors: str) -> None:
        self._tensors, self.program = tensors, Program()
        self._stores: list[str] = []

    def read(self, tensor: str, channels: Sequence[int]) -> list[Symbol]:
        """Channels of a tensor."""
        place = "{} + {} * size + at"
        return [
            self.program.symbol(f"tl.load({place.format(tensor, c)}, mask=inside, other=1.0)")
            for c in channels
        ]

    def number(self, tensor: str) -> Symbol:
        """A tensor of one entry."""
        return self.program.symbol(f"tl.load({tensor})")

    def write(self, tensor: str, channel: int, symbol: Symbol) -> None:
        """Stores a channel of a tensor."""
        self._stores.append(
            f"tl.store({tensor} + {channel} * size + at, {symbol.name}, mask=inside)"
        )

    def kernel(self) -> Kernel:
        """What was written, once for every text."""
        body = [
            "size = tl.zeros((), tl.int64) + entries",
            f"at = tl.program_id(0).to(tl.int64) * {BLOCK} + tl.arange(0, {BLOCK})",
            "inside = at < size",
            *self.program.lines,
            *self._stores,
        ]
        head = f"def kernel({', '.join(self._tensors)}, entries):\n"
        return kernel_of(head + "".join(f"    {line}\n" for line in body))
