"""The delay line against scipy, and what can be read out of it."""

from __future__ import annotations

import pytest
import torch
from scipy import special

from sciformer.errors import DomainError
from sciformer.mixers import LegendreMemory, decoder
from sciformer.mixers.legendre.legendre import (
    discretise,
    fixed_memory,
    legendre_polynomials,
    legendre_system,
)
from tests.oracles.lmu import discrete_system

CPU = torch.device("cpu")


def memory(order: int, theta: float, dtype: torch.dtype = torch.float64) -> LegendreMemory:
    return fixed_memory(order, theta, dtype, CPU)


@pytest.mark.parametrize(("order", "theta"), [(1, 3.0), (6, 100.0), (32, 64.0), (256, 128.0)])
def test_the_system_is_scipys(order: int, theta: float) -> None:
    """Kills: a wrong sign, (2i+1) on columns, theta to a wrong power, Euler instead of the hold."""
    A, B = discrete_system(order, theta)
    line = memory(order, theta)
    assert (line.transition - A).abs().max() <= 4e-12 * A.abs().max()
    assert (line.response(1)[0] - B).abs().max() <= 4e-12 * B.abs().max()
    assert torch.equal(line.step, torch.cat([line.transition, line.response(1).T], 1))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 65])
def test_doubling_is_repeated_application(length: int) -> None:
    """Kills: a power too many, a wrong length beyond a power of two."""
    A, B = discrete_system(5, 20.0)
    line = memory(5, 20.0)
    start = torch.tensor([[1.0, -2.0, 3.0, -5.0, 7.0]], dtype=torch.float64)
    free, impulse = [start @ A.T], [B]
    for _ in range(length - 1):
        free.append(free[-1] @ A.T)
        impulse.append(A @ impulse[-1])
    assert torch.allclose(line.free(start, length), torch.stack(free, 1), rtol=0, atol=1e-13)
    assert torch.allclose(line.response(length), torch.stack(impulse), rtol=0, atol=1e-13)
    expected = torch.linalg.matrix_power(A, length)
    assert torch.allclose(line.after(length), expected, rtol=0, atol=1e-13)


def test_a_float32_memory_has_no_subnormal_numbers() -> None:
    """Kills: a kernel tail below 1e-38, on which arithmetic is many times slower."""
    tail = memory(4, 2.0, torch.float32).response(400)[200:]
    assert not ((tail != 0) & (tail.abs() < torch.finfo(torch.float32).tiny)).any()
    assert memory(4, 2.0, torch.float64).response(400)[-1].abs().max() > 0


def test_polynomials_are_scipys() -> None:
    """Kills: a wrong recurrence coefficient; binomial sums, wrong by 1 at order 23."""
    points = torch.linspace(0, 1, 41, dtype=torch.float64)
    expected = torch.stack(
        [torch.from_numpy(special.eval_sh_legendre(i, points.numpy())) for i in range(64)], -1
    )
    assert (legendre_polynomials(64, points) - expected).abs().max() < 1e-13
    assert torch.equal(legendre_polynomials(1, points), torch.ones(41, 1, dtype=torch.float64))


def decoding_error(shift: float) -> float:
    """Root mean square error of all decoded delays of a signal below a fiftieth of the rate."""
    order, theta, length = 32, 128, 1000
    noise = torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(noise)
    spectrum[torch.fft.rfftfreq(length) > 0.02] = 0
    signal = torch.fft.irfft(spectrum, length)
    signal = signal / signal.std()
    line, state, states = memory(order, theta), torch.zeros(order, dtype=torch.float64), []
    for value in signal:
        state = line.transition @ state + line.response(1)[0] * value
        states.append(state)
    delays = torch.arange(theta)
    found = torch.stack(states)[400:] @ decoder(order, theta, delays + shift).T
    times = torch.arange(400, length)
    return float((found - signal[times[:, None] - delays]).square().mean().sqrt())


def test_decoding_needs_the_half_step() -> None:
    """Kills: delta = k / theta, a reversed window, a missing alternating sign."""
    assert decoding_error(0.0) < 1e-3
    assert decoding_error(-0.5) > 10 * decoding_error(0.0)


def test_theta_has_a_gradient() -> None:
    """Kills: a detached window length."""
    theta = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)

    def response(theta: torch.Tensor) -> torch.Tensor:
        return LegendreMemory(4, theta, torch.float64, CPU).response(5)

    assert torch.autograd.gradcheck(response, (theta,))


def test_the_hold_is_exact_for_a_constant() -> None:
    """Kills: a scheme of first order: many steps of a constant equal one long one."""
    A, B = legendre_system(3)
    long, short = discretise(A / 2, B / 2), discretise(A / 10, B / 10)
    state = torch.zeros(3, dtype=torch.float64)
    for _ in range(5):
        state = short[0] @ state + 2.5 * short[1]
    assert torch.allclose(state, 2.5 * long[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: legendre_system(0), r"legendre_system: order must be >= 1 coefficients; got 0"),
        (lambda: memory(3, 0.0), r"LegendreMemory: theta must be > 0 steps; got 0.0"),
        (lambda: memory(3, float("nan")), r"LegendreMemory: theta must be > 0 steps; got nan"),
        (lambda: decoder(3, 8, torch.tensor([7.6])), r"inside the window; got 7\.6"),
        (
            lambda: decoder(3, 8, torch.tensor([-0.6])),
            r"decoder: delays must lie in -1/2 \.\. 7\.5",
        ),
    ],
)
def test_bad_values_are_refused(call: object, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        call()  # type: ignore[operator]


def test_the_ends_of_the_window_can_be_decoded() -> None:
    """Kills: bounds that exclude their ends."""
    assert decoder(3, 8, torch.tensor([-0.5, 7.5])).tolist() == [[1, -1, 1], [1, 1, 1]]
