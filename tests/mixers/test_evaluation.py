"""Every way to evaluate a Legendre memory is the same map as the loop over its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sciformer.mixers import ChunkedScan, Dense, Evaluation, FoldedFFT, FoldedToeplitz, PlainFFT
from sciformer.mixers.legendre.evaluation import Size, fastest
from sciformer.mixers.legendre.fourier import causal_convolution, smooth_length
from sciformer.mixers.legendre.legendre import fixed_memory
from tests.oracles.lmu import discrete_system, memory_loop

WAYS = [
    Dense(),
    ChunkedScan(64),
    ChunkedScan(7),
    ChunkedScan(1),
    PlainFFT(),
    FoldedToeplitz(),
    FoldedFFT(),
]
# (order, theta, length, channels)
SIZES = [(1, 5.0, 1, 1), (6, 9.0, 23, 2), (32, 64.0, 130, 1), (24, 300.0, 200, 3)]


def outputs_and_gradients(way: Evaluation, dtype: torch.dtype, size: tuple) -> list[Tensor]:
    order, theta, length, channels = size
    generator = torch.Generator().manual_seed(1)
    signal = torch.randn(2, length, channels, dtype=torch.float64, generator=generator)
    readout = torch.randn(5, channels * order, dtype=torch.float64, generator=generator)
    signal, readout = signal.to(dtype).requires_grad_(), readout.to(dtype).requires_grad_()
    if way is LOOP:
        trace = memory_loop(signal, *discrete_system(order, theta))
        y = trace.flatten(-2) @ readout.T
    else:
        y = way(signal, fixed_memory(order, theta, dtype, torch.device("cpu")), readout)
    weights = torch.sin(torch.arange(y.numel(), dtype=torch.float64)).to(dtype)
    gradients = torch.autograd.grad((y.flatten() * weights).sum(), [signal, readout])
    return [y.detach(), *gradients]


LOOP = Dense()  # stands for the loop
EXPECTED = {size: outputs_and_gradients(LOOP, torch.float64, size) for size in SIZES}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_equals_the_loop(
    way: Evaluation, size: tuple, dtype: torch.dtype, tolerance: float
) -> None:
    """Outputs and both gradients, to the tolerance times their scale.

    Kills: a lag off by one, circular wrap-around, a block of rows too narrow, channels mixed up.
    """
    found = outputs_and_gradients(way, dtype, size)
    for result, expected in zip(found, EXPECTED[size], strict=True):
        assert (result.double() - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("chunk", [1, 7, 64])
@pytest.mark.parametrize("length", [1, 7, 50])
def test_the_scan_continues_a_memory(chunk: int, length: int) -> None:
    """Kills: a start that is dropped, or carried with a power too few."""
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(2, length, 3, dtype=torch.float64, generator=generator)
    start = torch.randn(2, 3, 6, dtype=torch.float64, generator=generator)
    memory = fixed_memory(6, 11.0, torch.float64, torch.device("cpu"))
    trace = ChunkedScan(chunk).trace(signal, memory, start)
    expected = memory_loop(signal, *discrete_system(6, 11.0), start)
    assert (trace - expected).abs().max() <= 1e-13 * expected.abs().max()


def test_the_end_is_the_last_of_the_trace() -> None:
    """Kills: an end state one step early."""
    signal = torch.randn(2, 30, 3, dtype=torch.float64)
    memory = fixed_memory(6, 11.0, torch.float64, torch.device("cpu"))
    expected = memory_loop(signal, *discrete_system(6, 11.0))[:, -1]
    assert (memory.last(signal) - expected).abs().max() < 1e-13


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (
            Size(32, 128, 1, 256, 256),
            FoldedToeplitz,
        ),  # measured 4.2x the plain FFT, folded FFT 1.8x
        (Size(32, 128, 1, 512, 256), FoldedToeplitz),
        (Size(4, 784, 1, 468, 346), FoldedFFT),  # 2.0x; Toeplitz 1.2x
        (Size(4, 1024, 1, 256, 256), FoldedFFT),
        (Size(4, 4096, 1, 16, 256), ChunkedScan),
        (Size(100, 40, 8, 16, 64), Dense),
    ],
)
def test_the_choice_is_what_was_measured_fastest(size: Size, kind: type) -> None:
    """Kills: a sign or factor of the cost estimates."""
    assert type(fastest(size)) is kind


def test_a_trace_is_never_folded() -> None:
    """Kills: a folded way where spikes need the memory itself."""
    assert isinstance(fastest(Size(32, 128, 1, 512, 256), traced=True), ChunkedScan)
    assert isinstance(fastest(Size(4, 784, 1, 468, 346), traced=True), PlainFFT)


@pytest.mark.parametrize(
    ("least", "length"), [(1, 1), (7, 7), (11, 12), (97, 98), (1567, 1568), (1600, 1600)]
)
def test_smooth_lengths(least: int, length: int) -> None:
    """Kills: a length too short for the linear convolution."""
    assert smooth_length(least) == length


def test_the_convolution_can_be_differentiated_twice() -> None:
    """Kills: a backward pass that forgets what it depends on, a correlation for a convolution."""
    generator = torch.Generator().manual_seed(2)
    signal, kernel = (
        torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
        for shape in ((2, 3, 4), (3, 2, 4))
    )
    assert torch.autograd.gradcheck(causal_convolution, (signal, kernel))
    assert torch.autograd.gradgradcheck(causal_convolution, (signal, kernel))
