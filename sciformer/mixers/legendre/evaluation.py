"""Evaluations of a Legendre memory and of its read-out, one object each.

All compute the same sums; they differ in cost. For a signal u of c channels and read-out W,

    m_t = sum_j H_j u_{t-j},   y_t = W m_t = sum_j K_j u_{t-j},   K_j = W H_j.

A `Trace` builds m; a folded evaluation builds K instead and never m.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.attention.toeplitz import hankel, toeplitz
from sciformer.mixers.legendre.fourier import causal_convolution
from sciformer.mixers.legendre.legendre import LegendreMemory

# Relative costs, measured on a CPU in float32, forward and backward.
TRIANGLE = 5 / 8  # share of the Toeplitz matrix that four row blocks touch
WINDOW = 20.0  # copying a value of that matrix, and adding up its gradient
TRANSFORM = 200.0  # Fourier transforms of a value, in multiply-accumulates of a matrix product


@dataclass(frozen=True)
class Size:
    """Sizes that decide which evaluation is fast: batch b, length n, channels c, order q, outputs
    e.
    """

    batch: int
    length: int
    channels: int
    order: int
    outputs: int


class Evaluation(ABC):
    """A way from the signal to the read-out of the memory."""

    @abstractmethod
    def __call__(self, signal: Tensor, memory: LegendreMemory, readout: Tensor) -> Tensor:
        """The read-outs W m_t for every t of a signal that began from rest.

        Args:
            signal: (b, n, c).
            memory: the delay line, order q.
            readout: W, (e, c * q).

        Returns:
            (b, n, e).
        """

    @abstractmethod
    def cost(self, size: Size) -> float:
        """Estimated time forward and backward, in multiply-accumulates of a matrix product."""


class Trace(Evaluation):
    """An evaluation that builds the memory at every step."""

    @abstractmethod
    def trace(self, signal: Tensor, memory: LegendreMemory) -> Tensor:
        """The memories m_t for every t: (b, n, c) -> (b, n, c, q)."""

    def __call__(self, signal: Tensor, memory: LegendreMemory, readout: Tensor) -> Tensor:
        return functional.linear(self.trace(signal, memory).flatten(-2), readout)


class Dense(Trace):
    """One matrix product with the whole (n, n q) response matrix; for short sequences.

    Touches the signal by plain torch functions only, so types with `__torch_function__` pass.
    """

    def trace(self, signal: Tensor, memory: LegendreMemory) -> Tensor:
        n, q = signal.shape[1], memory.order
        padded = functional.pad(memory.response(n), (0, 0, n - 1, 0))  # (2n - 1, q), lags -n+1 ..
        matrix = toeplitz(padded.T.flip(-1), n, n)  # (q, n, n): from step s to step t
        flat = torch.matmul(signal.transpose(1, 2), matrix.permute(2, 1, 0).flatten(1))
        trace: Tensor = torch.unflatten(flat, -1, (n, q)).transpose(1, 2)
        return trace

    def cost(self, size: Size) -> float:
        n, q, c = size.length, size.order, size.channels
        return size.batch * n * c * (n * q + q * size.outputs)


class ChunkedScan(Trace):
    """Toeplitz products inside chunks, a recurrence between them; the way to continue a state.

    Args:
        chunk: steps a chunk.
    """

    def __init__(self, chunk: int = 64) -> None:
        self.chunk = chunk

    def trace(self, signal: Tensor, memory: LegendreMemory, state: Tensor | None = None) -> Tensor:
        """The memories of `Trace.trace`, from `state` (b, c, q) instead of rest if there is one."""
        b, n, c = signal.shape
        size = min(self.chunk, n)
        count = -(-n // size)
        padded = functional.pad(signal.transpose(1, 2), (0, count * size - n))
        parts = padded.reshape(b * c * count, 1, size)
        driven = causal_product(parts, memory.response(size).unsqueeze(0))
        driven = torch.unflatten(driven, 0, (b, c, count))  # (b, c, count, size, q)
        if state is not None or count > 1:
            rest = signal.new_zeros(b, c, memory.order) if state is None else state
            starts = _chunk_starts(driven[..., -1, :], rest, memory.after(size))
            driven = driven + memory.free(starts, size)
        trace: Tensor = driven.flatten(2, 3)[:, :, :n].transpose(1, 2)
        return trace

    def cost(self, size: Size) -> float:
        chunk = min(self.chunk, size.length)
        between = 2 * size.order if size.length > chunk else 0
        per_value = TRIANGLE * chunk + between + size.outputs
        windows = WINDOW * TRIANGLE * chunk
        return size.batch * size.length * size.channels * (windows + size.order * per_value)


class PlainFFT(Trace):
    """The memory by Fourier transform, as in the literature."""

    def trace(self, signal: Tensor, memory: LegendreMemory) -> Tensor:
        b, n, c = signal.shape
        waves = signal.transpose(1, 2).reshape(b * c, 1, n)
        flat = causal_convolution(waves, memory.response(n).T.unsqueeze(0))  # (b c, q, n)
        trace: Tensor = torch.unflatten(flat, 0, (b, c)).permute(0, 3, 1, 2)
        return trace

    def cost(self, size: Size) -> float:
        values = size.length * size.channels * size.order
        return values * (TRANSFORM * (size.batch + 1) + size.batch * size.outputs)


class FoldedToeplitz(Evaluation):
    """Matrix products of the signal's Toeplitz matrix with the folded kernel."""

    def __call__(self, signal: Tensor, memory: LegendreMemory, readout: Tensor) -> Tensor:
        kernel = folded_kernel(memory, signal.shape[1], readout)
        return causal_product(signal.transpose(1, 2), kernel)

    def cost(self, size: Size) -> float:
        windows = size.batch * size.length * size.channels * TRIANGLE * size.length
        fold = size.length * size.channels * size.order * size.outputs
        return windows * (WINDOW + size.outputs) + fold


class FoldedFFT(Evaluation):
    """The folded kernel applied by Fourier transform."""

    def __call__(self, signal: Tensor, memory: LegendreMemory, readout: Tensor) -> Tensor:
        weights = torch.unflatten(readout, -1, (-1, memory.order)).transpose(0, 1)  # (c, e, q)
        kernel = torch.matmul(weights, memory.response(signal.shape[1]).T)  # (c, e, n)
        return causal_convolution(signal.transpose(1, 2), kernel).transpose(1, 2)

    def cost(self, size: Size) -> float:
        c = size.channels
        values = size.length * size.outputs
        transforms = TRANSFORM * (size.batch * (1 + (c - 1) / 4) + c)
        return values * (transforms + c * size.order)


@functools.lru_cache(maxsize=256)
def fastest(size: Size, *, traced: bool = False) -> Evaluation:
    """The evaluation of smallest estimated cost.

    Args:
        size: the sizes.
        traced: whether the memory itself is wanted, as for spikes at its read-out.
    """
    ways: list[Evaluation] = [ChunkedScan(), ChunkedScan(256), PlainFFT()]
    if size.length <= 64:
        ways.append(Dense())
    if not traced:
        ways += [FoldedToeplitz(), FoldedFFT()]
    return min(ways, key=lambda way: way.cost(size))


def folded_kernel(memory: LegendreMemory, length: int, readout: Tensor) -> Tensor:
    """K_j = W H_j of each channel: (c, length, e)."""
    weights = torch.unflatten(readout, -1, (-1, memory.order)).permute(1, 2, 0)  # (c, q, e)
    return torch.matmul(memory.response(length), weights)


def causal_product(signal: Tensor, kernel: Tensor) -> Tensor:
    """y_t = sum_{c, j <= t} kernel[c, j] signal[c, t - j], as matrix products.

    The rows of the Toeplitz matrix of the signal are taken in up to four blocks, each only as
    wide as its longest lag, which leaves out most of the zeros above the diagonal.

    Args:
        signal: (b, c, n).
        kernel: (c, n, e).

    Returns:
        (b, n, e).
    """
    n = signal.shape[-1]
    rows = max(16, -(-n // 4))
    reversed_kernel = kernel.flip(1)
    blocks = []
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        lags = functional.pad(signal[..., :stop], (stop - 1 - start, 0))
        windows = hankel(lags, stop - start, stop)  # (b, c, rows, stop), longest lag first
        rows_of_all = windows.transpose(1, 2).flatten(0, 1).flatten(1)  # (b * rows, c * stop)
        taps = reversed_kernel[:, n - stop :].flatten(0, 1)  # (c * stop, e)
        blocks.append(torch.unflatten(rows_of_all @ taps, 0, (-1, stop - start)))
    return torch.cat(blocks, 1)


def _chunk_starts(ends: Tensor, state: Tensor, transition: Tensor) -> Tensor:
    """The memory before each chunk, (b, c, count, q), from what each chunk adds to its end."""
    starts = [state]
    for end in ends.unbind(2)[:-1]:
        starts.append(end + torch.matmul(starts[-1], transition.T))
    return torch.stack(starts, 2)
