"""Splitting Transformers: order in depth, streams, systems, all against Fourier integrators."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch

from sciformer.errors import DomainError
from tests.oracles.spectral_reaction import reaction_diffusion
from theory.flows.ends import Line
from theory.flows.linear_flow import heat_head
from theory.flows.reaction import IntegratedReaction, interpolating_block, spaced_by_curvature
from theory.flows.splitting import Richardson, SplittingTransformer
from theory.flows.systems import System, gray_scott, split_system

U, V = sympy.symbols("u v")
LINE = Line(128, 1.0)


def fisher(depth: int) -> SplittingTransformer:
    h = 1 / depth
    return SplittingTransformer(
        IntegratedReaction([8 * U * (1 - U)], [U], h / 2), heat_head(LINE, 0.005, h), depth
    )


@pytest.fixture(scope="module")
def start() -> torch.Tensor:
    return (0.5 + 0.4 * torch.sin(2 * math.pi * LINE.places()))[:, None]


@pytest.fixture(scope="module")
def exact(start: torch.Tensor) -> np.ndarray:
    found = reaction_diffusion(start[:, 0].numpy(), 0.005, lambda u: 8 * u * (1 - u), 1.0, 2000)
    return np.asarray(found)


def test_order_two_in_depth_and_four_by_richardson(start: torch.Tensor, exact: np.ndarray) -> None:
    """Kills: a whole step for a half, Lie's splitting, weights of the read-out."""
    errors, combined = [], []
    for depth in (8, 16, 32):
        errors.append(np.abs(fisher(depth)(start)[:, 0].numpy() - exact).max())
        both = Richardson(fisher(depth), fisher(2 * depth))
        combined.append(np.abs(both(start)[:, 0].numpy() - exact).max())
    assert errors[0] < 2e-6
    for pair, order, slack in ((errors, 2.0, 0.05), (combined, 4.0, 0.2)):
        slopes = [math.log2(pair[i] / pair[i + 1]) for i in range(2)]
        assert all(abs(slope - order) < slack for slope in slopes), slopes


def test_a_stream_is_the_transformer_layer_by_layer(start: torch.Tensor) -> None:
    module = fisher(8)
    tokens = module.first(start)
    for _ in range(7):
        tokens = module.step(tokens)
    assert torch.equal(tokens, module(start))


def solved(system: System, begin: np.ndarray, steps: int) -> np.ndarray:
    """A system by Fourier series, an exact factor for diffusion, and RK4."""
    n = len(begin)
    k2 = (2 * np.pi * np.fft.rfftfreq(n, system.length / n)) ** 2
    w, h = np.fft.rfft(begin.T), system.time / steps
    half = np.exp(-np.outer(system.diffusivities, k2) * h / 2)
    rates = sympy.lambdify(system.fields, system.rates, "numpy")

    def forcing(z: np.ndarray) -> np.ndarray:
        return np.fft.rfft(np.stack(rates(*np.fft.irfft(z, n))))

    for _ in range(steps):
        a = forcing(w)
        b = forcing(half * (w + h / 2 * a))
        c = forcing(half * w + h / 2 * b)
        d = forcing(half**2 * w + h * half * c)
        w = half**2 * w + h / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return np.asarray(np.fft.irfft(w, n).T)


def test_two_fields_with_two_diffusivities() -> None:
    """FitzHugh-Nagumo and Gray-Scott: order two against a Fourier integrator written here.

    Kills: both fields through one head, channels of the reaction exchanged, a whole step of it.
    """
    fitzhugh = System(
        (U, V), (U - U**3 / 3 - V, 0.3 * (U + 0.7 - 0.8 * V)), (0.01, 0.002), length=1.5
    )
    scott = replace(gray_scott(), time=24.0)
    for system, tokens, depths, most in (
        (fitzhugh, 96, (8, 16), 3e-4),
        (scott, 256, (12, 24), 1e-4),
    ):
        x = Line(tokens, system.length).places() * 2 * math.pi / system.length
        hill = torch.exp(-8 * (1 - torch.cos(x)))
        begin = torch.stack([1 - hill / 2, hill / 4 + 0.01 * torch.sin(x)], -1)
        wanted = solved(system, begin.numpy(), 1000)
        errors = [
            np.abs(split_system(system, tokens, depth)(begin).numpy() - wanted).max()
            for depth in depths
        ]
        assert errors[1] < most
        assert abs(math.log2(errors[0] / errors[1]) - 2) < 0.1


def test_systems_that_make_no_sense_are_refused() -> None:
    with pytest.raises(DomainError, match="2 fields, 1 rates"):
        System((U, V), (U,), (1.0, 1.0))
    with pytest.raises(DomainError, match="a diffusivity > 0"):
        System((U, V), (U, V), (1.0, 0.0))
    with pytest.raises(DomainError, match="sticks to its token"):
        split_system(gray_scott(), 32, 100)


def test_the_block_interpolates_and_is_constant_outside() -> None:
    """Against numpy's own interpolation. Kills: a slope for a change of slope, no last unit."""
    knots = np.array([-1.0, -0.2, 0.1, 0.9])
    values = np.array([-0.7, 0.3, 0.2, 1.1])
    block = interpolating_block(knots, values)
    u = np.linspace(-3, 3, 501)
    found = block(torch.from_numpy(u)[:, None])[:, 0].numpy()
    assert np.abs(found - np.interp(u, knots, values)).max() < 1e-14
    with pytest.raises(DomainError, match="at least two knots that increase; got 1"):
        interpolating_block(knots[:1], values[:1])


def test_knots_follow_the_curvature() -> None:
    """Spaced by curvature, 40 knots beat 40 equal ones on a function that bends in one place."""
    x = np.linspace(0, 1, 2001)

    def bend(u: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(30 * (u - 0.3)))

    curvature = np.gradient(np.gradient(bend(x), x), x)
    errors = [
        np.abs(np.interp(x, knots, bend(knots)) - bend(x)).max()
        for knots in (spaced_by_curvature(curvature, 0.0, 1.0, 40), np.linspace(0, 1, 40))
    ]
    assert errors[0] < errors[1] / 4
    flat = spaced_by_curvature(np.zeros(11), 0.0, 2.0, 5)
    assert np.allclose(flat, np.linspace(0, 2, 5))


def test_arguments_are_checked() -> None:
    with pytest.raises(DomainError, match="depth must be at least 1; got 0"):
        SplittingTransformer(torch.nn.Identity(), heat_head(LINE, 1.0, 1.0), 0)
    with pytest.raises(DomainError, match="twice the depth of the coarse one; got 8 and 8"):
        Richardson(fisher(8), fisher(8))
