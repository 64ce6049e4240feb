"""The theorems of compiled flows, each attained: Poisson, aliasing, cold walls, signs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.attention import ALiBi, MultiheadAttention, NoPosition, RelativeTable, Rotary
from sciformer.blocks import EncoderBlock, FeedForward
from sciformer.errors import DomainError
from theory.flows.compile_flow import compile_flow
from theory.flows.ends import Line
from theory.flows.kernels import airy_symbol, circulant_kernel, gaussian_logits
from theory.flows.linear_flow import heat_head
from theory.flows.named import NAMED
from theory.flows.poisson import diffusivity_seen, head_error_bound, head_factors, stuck_weight
from theory.flows.signs import distance_from_one_head, one_head_distance
from theory.flows.starts import Starts
from theory.flows.walls import KilledWalk, blind_error, cold_profile, cold_wall_head


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 1.4])
def test_every_wave_has_poissons_factor(ratio: float) -> None:
    """The head of real attention on each wave, to rounding. Kills: an alias left out."""
    line = Line(24, 1.5)
    variance = (ratio * line.spacing) ** 2
    head, factors = heat_head(line, variance / 2, 1.0), head_factors(line, variance)
    x = line.places()
    for k in range(13):
        wave = torch.cos(2 * math.pi * k * x / 1.5)[:, None]
        assert (head(wave) - factors[k] * wave).abs().max() < 1e-14


def test_the_head_error_is_attained() -> None:
    """The bound on waves up to K is the error of one of them. Kills: an estimate for a bound."""
    line, variance = Line(24, 1.0), (0.9 / 24) ** 2
    x, bound = line.places(), head_error_bound(line, variance, 10)
    head, errors = heat_head(line, variance / 2, 1.0), []
    for k in range(11):
        wave = torch.cos(2 * math.pi * k * x)[:, None]
        exact = math.exp(-variance * (2 * math.pi * k) ** 2 / 2) * wave
        errors.append(float((head(wave) - exact).abs().max()))
    assert max(errors) == pytest.approx(bound, rel=1e-9)
    assert bound == pytest.approx(math.exp(-variance * (2 * math.pi * 14) ** 2 / 2), rel=0.05)
    with pytest.raises(DomainError, match="24 tokens resolve 12 waves; got 13"):
        head_error_bound(line, variance, 13)


def test_below_half_a_spacing_a_head_sticks() -> None:
    """The counterexample: the heat of many narrow heads does not move, however many there are."""
    line = Line(64, 1.0)
    narrow, wide = (0.15 * line.spacing) ** 2, (1.5 * line.spacing) ** 2
    assert diffusivity_seen(line, wide) == pytest.approx(1, abs=1e-12)
    assert diffusivity_seen(line, narrow) < 1e-7
    assert stuck_weight(line, narrow) > 1 - 1e-9
    start = torch.sin(2 * math.pi * line.places())[:, None]
    found = start
    head = heat_head(line, narrow / 2, 1.0)
    for _ in range(2000):
        found = head(found)
    wanted = math.exp(-2000 * narrow * (2 * math.pi) ** 2 / 2)
    assert wanted < 0.82
    assert float(found.max() / start.max()) > 0.999
    own = head.weights()[0, 5, 5]
    assert float(own) == pytest.approx(stuck_weight(line, narrow), rel=1e-12)


NU, TIME, TOKENS = 0.05, 0.2, 201


def profile() -> np.ndarray:
    return cold_profile(np.linspace(0, 1, TOKENS), 1.0, NU * TIME)


@pytest.mark.parametrize("position", [RelativeTable(2, TOKENS), ALiBi(2), Rotary(), NoPosition()])
def test_no_relative_position_feels_a_cold_wall(position: torch.nn.Module) -> None:
    """Random deep RPE Transformers, from a constant: error at least half the spread.

    Kills: a profile with the wrong spread would be undercut by the constant that is its middle.
    """
    torch.manual_seed(3)
    if isinstance(position, RelativeTable):
        torch.nn.init.normal_(position.table)
    least = blind_error(profile())
    layers = [
        EncoderBlock(
            MultiheadAttention(8, 2, position=position),  # type: ignore[arg-type]
            FeedForward(8, 32),
            before_mixer=torch.nn.LayerNorm(8),
            before_channels=torch.nn.LayerNorm(8),
        )
        for _ in range(4)
    ]
    network = torch.nn.Sequential(torch.nn.Linear(1, 8), *layers, torch.nn.Linear(8, 1)).double()
    found = network(torch.ones(TOKENS, 1).double())[:, 0].detach().numpy()
    assert np.ptp(found) < 1e-10
    # Shifted by its last bias to the best constant, it attains the bound and no more.
    best = found - found.mean() + (profile().max() + profile().min()) / 2
    assert np.abs(best - profile()).max() == pytest.approx(least, abs=1e-10)
    assert np.abs(found - profile()).max() >= least - 1e-10


def test_one_gain_feels_it_to_order_one_half() -> None:
    """A killed walk: slope 1/2 in the step. Kills: rows that are normalised again."""
    exact = profile()
    errors = []
    for depth in (8, 32, 128):
        walk = KilledWalk(TOKENS, 1.0, NU, TIME, depth)
        errors.append(np.abs(walk(torch.ones(TOKENS, 1).double())[:, 0].numpy() - exact).max())
    slopes = [math.log(errors[i] / errors[i + 1], 4) for i in range(2)]
    assert all(abs(slope - 0.5) < 0.08 for slope in slopes), slopes
    assert errors[-1] < 0.3 * blind_error(exact)


def test_odd_images_are_exact() -> None:
    """A start that vanishes at the walls to rounding; the constant's jump costs one head O(d^2)."""
    head = cold_wall_head(128, 1.0, NU, TIME)
    x = head.line.places().numpy()
    values = np.sin(np.pi * x) + np.sin(3 * np.pi * x) / 3
    wanted = sum(np.sin(k * np.pi * x) / k * np.exp(-NU * TIME * (k * np.pi) ** 2) for k in (1, 3))
    assert np.abs(head(torch.from_numpy(values)[:, None])[:, 0].numpy() - wanted).max() < 1e-13
    ones = head(torch.ones(128, 1).double())[:, 0].numpy()
    assert np.abs(ones - cold_profile(x, 1.0, NU * TIME)).max() < 1e-3


def test_the_profile_solves_heat_between_cold_walls() -> None:
    x = np.linspace(0.01, 0.99, 99)
    t, h = 0.01, 1e-4
    u = cold_profile(x, 1.0, t)
    u_t = (cold_profile(x, 1.0, t + h) - cold_profile(x, 1.0, t - h)) / (2 * h)
    u_xx = (cold_profile(x + 1e-3, 1.0, t) - 2 * u + cold_profile(x - 1e-3, 1.0, t)) / 1e-6
    assert np.abs(u_t - u_xx).max() < 2e-2 * np.abs(u_t).max()
    assert cold_profile(np.array([0.0, 0.5]), 1.0, 1e-6) == pytest.approx([0.0, 1.0], abs=1e-9)
    with pytest.raises(DomainError, match="time must be > 0; got 0"):
        cold_profile(x, 1.0, 0.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_distance_from_one_head_is_the_smaller_sign(entries: list[float]) -> None:
    """The programme against its closed form; its solver is good to 1e-7. Kills: one sign only."""
    kernel = np.array(entries)
    assert distance_from_one_head(kernel) == pytest.approx(
        one_head_distance(kernel), abs=1e-6 * np.abs(kernel).sum()
    )


def test_a_start_between_the_sensors_is_lost() -> None:
    """The reading theorem: a rise of M d/2 between sensors; the bound is attained to 2 %.

    Kills: d/4 as an estimate, or half of it as the bound.
    """
    equation, starts = NAMED["heat"][0], Starts(-1.0, 1.0, 10.0)
    flow = compile_flow(equation, epsilon=1e-2, starts=starts)
    spacing = 1 / flow.certificate.design.sensors
    hidden = flow(torch.zeros(1, flow.certificate.design.sensors).double())
    # Hats of slope 10 on every gap vanish at all sensors; soon they are their mean, 10 d / 4.
    lost = 10 * spacing / 4
    assert float(hidden.abs().max()) == 0
    assert lost <= flow.certificate.bound <= 1.02 * lost


def test_heat_is_within_one_head_and_dispersion_is_not() -> None:
    line = Line(64, 1.0)
    heat = gaussian_logits(line, 1e-3).softmax(-1).numpy()
    assert distance_from_one_head(heat) < 1e-12
    airy = circulant_kernel(line, airy_symbol(1e-4), 1.0).numpy()
    assert distance_from_one_head(airy) > 0.3
