"""Linear flows as heads: every wave against its exact factor, walls against sine series."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.errors import DomainError, ShapeError
from theory.flows.ends import Line, Periodic, Walls
from theory.flows.heads import Head, KernelAttention
from theory.flows.kernels import (
    Symbol,
    airy_symbol,
    fractional_symbol,
    heat_symbol,
)
from theory.flows.linear_flow import (
    Axes,
    circulant_attention,
    heat_head,
    markov_head,
    schroedinger_attention,
    wave_attention,
)

WAVES = np.arange(1, 9)
COSINE = np.array([0.31, -0.2, 0.17, 0.05, -0.11, 0.07, 0.02, -0.05])
SINE = np.array([-0.13, 0.23, 0.02, -0.19, 0.06, 0.01, -0.08, 0.03])


def start(places: np.ndarray, length: float) -> np.ndarray:
    phase = 2 * np.pi * WAVES * places[:, None] / length
    return 0.4 + np.cos(phase) @ COSINE + np.sin(phase) @ SINE


def moved(places: np.ndarray, length: float, symbol: Symbol, time: float) -> np.ndarray:
    """The exact flow of `start`, wave by wave, with complex exponentials and no transform."""
    k = 2 * np.pi * np.concatenate([[0], WAVES]) / length
    rates = np.asarray(symbol(torch.from_numpy(k)).to(torch.complex128))
    waves = np.concatenate([[0.4], COSINE - 1j * SINE]) * np.exp(time * rates)
    return np.asarray((np.exp(1j * k * places[:, None]) @ waves).real)


def solved(module: torch.nn.Module, values: np.ndarray) -> np.ndarray:
    return np.asarray(module(torch.from_numpy(values)[:, None])[:, 0])


@pytest.mark.parametrize("tokens", [63, 64])
def test_drift_diffusion_and_decay_are_one_head(tokens: int) -> None:
    """Kills: drift to the wrong side, 2 nu h for 4 nu h, decay on the logits, images forgotten."""
    line = Line(tokens, 1.7)
    head = heat_head(line, 0.03, 0.4, drift=0.6, decay=0.9)
    assert head.attention.heads == 1
    x = line.places().numpy()
    wanted = moved(x, 1.7, heat_symbol(0.03, 0.6, 0.9), 0.4)
    assert np.abs(solved(head, start(x, 1.7)) - wanted).max() < 1e-13


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
def test_fractional_diffusion_is_one_head(order: float) -> None:
    line = Line(256, 1.0)
    head = markov_head(line, fractional_symbol(0.05, order), 1.0)
    assert head.attention.heads == 1
    x = line.places().numpy()
    wanted = moved(x, 1.0, fractional_symbol(0.05, order), 1.0)
    assert np.abs(solved(head, start(x, 1.0)) - wanted).max() < 1e-12


@pytest.mark.parametrize("tokens", [31, 64])
def test_dispersion_is_two_heads(tokens: int) -> None:
    """Kills: a kernel that is mirrored, which heat would not notice."""
    line = Line(tokens, 2.0)
    module = circulant_attention(line, airy_symbol(0.004), 0.7)
    assert module.attention.heads == 2
    x = line.places().numpy()
    wanted = moved(x, 2.0, airy_symbol(0.004), 0.7)
    assert np.abs(solved(module, start(x, 2.0)) - wanted).max() < 1e-12


def test_waves_and_schroedinger_on_two_channels() -> None:
    """Against d'Alembert's formula and a complex multiplier; u_t and the phase have their signs."""
    line = Line(63, 1.0)
    x = line.places().numpy()
    speed, time = 0.8, 0.37
    k = 2 * np.pi * WAVES

    def u0(places: np.ndarray) -> np.ndarray:
        return start(places, 1.0)

    def rate(places: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(places[:, None] * k) @ COSINE)

    def integral(places: np.ndarray) -> np.ndarray:
        return np.asarray(-np.cos(places[:, None] * k) @ (COSINE / k))

    left, right = x - speed * time, x + speed * time
    wanted = (u0(left) + u0(right)) / 2 + (integral(right) - integral(left)) / (2 * speed)
    state = torch.from_numpy(np.stack([u0(x), rate(x)], -1))
    once = wave_attention(line, speed, time)(state)
    assert np.abs(once[:, 0].numpy() - wanted).max() < 1e-13
    twice = wave_attention(line, speed, time / 2)
    assert (twice(twice(state)) - once).abs().max() < 1e-12

    psi = 0.2 + np.exp(1j * x[:, None] * k) @ (COSINE - 1j * SINE)
    moved_psi = 0.2 + np.exp(1j * x[:, None] * k) @ (
        (COSINE - 1j * SINE) * np.exp(-1j * 0.07 * k**2 * 0.3)
    )
    state = torch.from_numpy(np.stack([psi.real, psi.imag], -1))
    found = schroedinger_attention(line, 0.07, 0.3)(state).numpy()
    assert np.abs(found[:, 0] + 1j * found[:, 1] - moved_psi).max() < 1e-13


@pytest.mark.parametrize(("left", "right"), [(1, 1), (-1, -1), (-1, 1), (1, -1)])
def test_walls_by_images(left: int, right: int) -> None:
    """Eigenfunctions of every pair of ends decay at their own rate. Kills: an image's sign."""
    length, nu, time = 1.3, 0.05, 0.8
    line = Line(64, length, Walls(left, right))
    x = line.places().numpy()
    shift = 0 if left == right else 0.5
    values, wanted = np.zeros_like(x), np.zeros_like(x)
    for k in range(1, 5):
        omega = np.pi * (k - shift) / length
        shape = np.cos(omega * x) if left == 1 else np.sin(omega * x)
        values += shape / k
        wanted += shape / k * np.exp(-nu * omega**2 * time)
    head = heat_head(line, nu, time)
    assert head.attention.heads == 1
    assert np.abs(solved(head, values) - wanted).max() < 1e-13


def test_heat_in_two_dimensions_with_mixed_walls_and_drift() -> None:
    """Drift round one axis, a cold and an insulated wall across the other."""
    across, along = Line(48, 1.0, Walls(-1, 1)), Line(40, 2.0)
    axes = Axes([heat_head(across, 0.04, 0.5), heat_head(along, 0.03, 0.5, drift=0.7)])
    y, x = across.places().numpy()[:, None], along.places().numpy()
    rate = 0.04 * (np.pi / 2) ** 2 + 0.03 * np.pi**2
    values = np.sin(np.pi * y / 2) * np.cos(np.pi * x)
    wanted = np.exp(-rate * 0.5) * np.sin(np.pi * y / 2) * np.cos(np.pi * (x - 0.35))
    found = axes(torch.from_numpy(np.stack([values, 2 * values])))
    assert np.abs(found[0].numpy() - wanted).max() < 1e-13
    assert np.abs(found[1].numpy() - 2 * wanted).max() < 1e-13


def test_the_shared_weights_are_those_of_a_plain_forward() -> None:
    """Kills: a shortcut that is not an attention: `mix` against `MultiheadAttention.forward`."""
    line = Line(20, 1.0, Walls(-1, 1))
    module = KernelAttention(
        line,
        [
            Head(torch.randn(line.ring, dtype=torch.float64), torch.randn(2, 2).double())
            for _ in range(3)
        ],
    )
    tokens = torch.randn(4, 5, 20, 2, dtype=torch.float64)
    plain: Tensor = module.attention(tokens, line.ends.extend(tokens))
    assert (module(tokens) - plain).abs().max() < 1e-13


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.floats(0.05, 3.0), st.sampled_from([Periodic(), Walls(1, 1)]))
def test_maximum_principle(tokens: int, ratio: float, ends: Periodic | Walls) -> None:
    """One positive head is a contraction in the sup norm and keeps constants, at any width."""
    line = Line(tokens, 1.0, ends)
    head = heat_head(line, (ratio * line.spacing) ** 2 / 2, 1.0)
    values = torch.randn(tokens, 2, generator=torch.Generator().manual_seed(tokens)).double()
    found = head(values[:, :1])
    assert found.max() <= values[:, 0].max() + 1e-14 * tokens
    assert found.min() >= values[:, 0].min() - 1e-14 * tokens
    assert (head(torch.full((tokens, 1), 0.7).double()) - 0.7).abs().max() < 1e-7


def test_arguments_are_checked() -> None:
    with pytest.raises(DomainError, match="at least one token and a positive length; got 0"):
        Line(0, 1.0)
    with pytest.raises(DomainError, match=r"\+1 .insulated. or -1 .cold.; got 1 and 0"):
        Walls(1, 0)
    with pytest.raises(DomainError, match="variance must be > 0; got 0"):
        heat_head(Line(4, 1.0), 0.0, 1.0)
    one = torch.ones(1, 1, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"tables have shape \(4,\)"):
        KernelAttention(Line(4, 1.0), [Head(torch.zeros(5), one)])


def test_the_table_stays_finite_for_sharp_kernels() -> None:
    """Kills: a logarithm of an underflowed exponential."""
    head = heat_head(Line(50, 1.0), 1e-12, 1.0)
    values = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    assert torch.isfinite(head.attention.position.table).all()
    assert math.isclose(float(head(values)[7, 0]), float(values[7, 0]), rel_tol=1e-12)
