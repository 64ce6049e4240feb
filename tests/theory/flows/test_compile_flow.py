"""Certified flows: no start of the class exceeds the bound, however it is chosen."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.errors import ConvergenceError, DomainError
from theory.flows import budget
from theory.flows.block import certify_block, flow
from theory.flows.budget import (
    attention_rounding,
    certify,
    solution_range,
    splitting_errors,
)
from theory.flows.compile_flow import CompiledFlow, compile_flow
from theory.flows.design import half_step
from theory.flows.ends import PERIODIC, Walls
from theory.flows.equation import ReactionDiffusion
from theory.flows.figures import depth_study
from theory.flows.polynomial import Polynomial
from theory.flows.reaction import interpolating_block
from theory.flows.reading import ReadingHead
from theory.flows.reference import Observer, affordable_starts, solve
from theory.flows.smoothness import Reaction, curvatures, slopes
from theory.flows.starts import Starts, random_start
from theory.flows.storage import load, save
from theory.universal.enclosure.intervals import Interval


def equation(
    nu: float, coefficients: list[float], time: float = 1.0, **others: object
) -> ReactionDiffusion:
    settings = {"drift": Fraction(0), "length": Fraction(1), **others}
    return ReactionDiffusion(
        "test",
        Fraction(nu),
        reaction=Polynomial.of(coefficients),
        time=Fraction(time),
        **settings,  # type: ignore[arg-type]
    )


FISHER = equation(0.005, [0.0, 8.0, -8.0])
MILD = equation(0.02, [0.0, 2.0, 0.0, -2.0], time=0.5)


@pytest.fixture(scope="module")
def fisher() -> CompiledFlow:
    return compile_flow(FISHER, epsilon=1e-3, starts=Starts(0.1, 1.0, 10.0))


def test_fisher_and_kolmogorov(fisher: CompiledFlow) -> None:
    """Starts with kinks, T = 1, epsilon 1e-3: certified, and kept by starts at the bounds."""
    certificate = fisher.certificate
    assert certificate.bound <= 1e-3
    assert certificate.design.has_reading_head
    assert certificate.design.units < 110
    errors = Observer(fisher).random(12)
    assert 1e-6 < errors.max() < certificate.bound


def test_a_constant_start_is_a_start_of_the_class(fisher: CompiledFlow) -> None:
    """The unstable end: .1 grows by a factor near 10, against the closed form."""
    for value in (0.1, 0.3, 1.0):
        grown = value * math.exp(8)
        found = fisher(torch.full((1, fisher.certificate.design.sensors), value).double())
        exact = grown / (1 + grown - value)
        assert (found - exact).abs().max() < fisher.certificate.bound


def test_the_shared_weights_are_those_of_plain_attention(fisher: CompiledFlow) -> None:
    """One layer by `MultiheadAttention.forward` itself, and the reading head by its formula."""
    module = fisher.module
    tokens = torch.rand(fisher.certificate.design.tokens, 1).double()
    plain = module.reaction(module.attention.attention(module.reaction(tokens)))
    assert (module.step(tokens) - plain).abs().max() < 1e-14
    reading = module.reading
    assert reading is not None
    values = torch.rand(2, fisher.certificate.design.sensors, 1).double()
    x, y = fisher.places().numpy(), fisher.sensors().numpy()
    gap = (x[:, None] - y + 0.5) % 1 - 0.5
    variance = 2 * 0.005 / certificate_depth(fisher)
    weights = sum(np.exp(-((gap + s) ** 2) / (2 * variance)) for s in (-1, 0, 1))
    weights = weights / weights.sum(1, keepdims=True)
    wanted = weights @ values[..., 0].numpy().T
    assert np.abs(reading(values)[..., 0].numpy().T - wanted).max() < 1e-9


def certificate_depth(flow: CompiledFlow) -> int:
    return flow.certificate.design.depth


@pytest.mark.parametrize(
    ("problem", "starts", "epsilon"),
    [
        (MILD, Starts(-1.0, 1.0, 10.0), 2e-2),
        (MILD, Starts(-1.0, 1.0, 10.0, waves=6), 1e-2),
        (equation(0.05, [0.0], drift=Fraction(3, 10)), Starts(-1.0, 1.0, 10.0), 1e-3),
        (equation(0.05, [0.2, -1.0]), Starts(0.3, 2.0, 5.0, waves=5), 1e-9),
        (equation(0.02, [0.0, 1.0, -1.0], ends=Walls(1, 1)), Starts(0.0, 1.0, 4.0), 1e-2),
        (equation(0.02, [0.0, 2.0, 0.0, -2.0], 0.5, ends=Walls(-1, 1)), Starts(-1, 1, 5.0), 3e-2),
    ],
)
def test_no_random_start_exceeds_the_bound(
    problem: ReactionDiffusion, starts: Starts, epsilon: float
) -> None:
    """Kinks and waves; drift, decay, insulated and cold walls."""
    compiled = compile_flow(problem, epsilon=epsilon, starts=starts)
    assert compiled.certificate.bound <= epsilon
    assert Observer(compiled).random(10, seed=2).max() < compiled.certificate.bound


@pytest.mark.parametrize(
    "damage", ["table", "block", "time", "entry", "diffusivity"], ids=lambda name: name
)
def test_damaged_weights_are_not_certified(damage: str) -> None:
    """Kills: a budget that reads the design and not the weights."""
    compiled = compile_flow(MILD, epsilon=2e-2, starts=Starts(-1.0, 1.0, 10.0, waves=6))
    c, module = compiled.certificate, compiled.module
    problem, reaction = c.equation, solution_range(c.equation, c.starts)
    with torch.no_grad():
        if damage == "table":
            module.attention.attention.position.table[:, ::2] += 0.05
        if damage == "block":
            module.reaction.layers[2].bias += 1e-3
        if damage == "entry":
            module.attention.attention.position.table[0, 3] += 1.0
    if damage == "diffusivity":
        problem = equation(0.021, [0.0, 2.0, 0.0, -2.0], time=0.5)
    if damage == "time":
        problem = equation(0.02, [0.0, 2.0, 0.0, -2.0], time=0.52)
    found = certify(problem, c.starts, reaction, c.design, module)
    assert not found.total <= 0.02


def test_an_error_of_one_layer_is_bounded_and_not_far_below() -> None:
    """One Strang step from rough and smooth starts, with an exact flow and exact heat.

    Kills: a third of h^3, a quarter of nu, the square of the slope: within 30 of the bound.
    """
    starts, reaction = Starts(0.1, 1.0, 10.0, waves=6), Reaction(FISHER.reaction, 0.1, 1.0)
    grid = np.arange(1024) / 1024
    ratios = []
    for depth in (40, 80):
        step = equation(0.005, [0.0, 8.0, -8.0], time=1 / depth)
        bound = splitting_errors(FISHER, starts, reaction, depth)[0]
        for seed in range(20):
            start = random_start(starts, 1.0, PERIODIC, np.random.default_rng(seed))(grid)
            once = strang(start, 0.005, 1 / depth)
            error = np.abs(once - solve(step, start)).max()
            assert error <= bound
            ratios.append(error / bound)
    assert max(ratios) > 1 / 30


def strang(u: np.ndarray, nu: float, h: float) -> np.ndarray:
    def logistic(v: np.ndarray) -> np.ndarray:
        grown = v * np.exp(8 * h / 2)
        return np.asarray(grown / (1 + grown - v))

    k = 2 * np.pi * np.fft.rfftfreq(len(u), 1 / len(u))
    middle = np.fft.irfft(np.fft.rfft(logistic(u)) * np.exp(-nu * k**2 * h), len(u))
    return logistic(middle)


def test_smoothness_bounds_hold() -> None:
    """Slopes and curvatures of solutions from random starts, by Fourier differentiation."""
    starts, reaction = Starts(0.1, 1.0, 10.0), Reaction(FISHER.reaction, 0.1, 1.0)
    nu = Interval.point(0.005)
    grid = np.arange(1024) / 1024
    k = 2 * np.pi * np.fft.rfftfreq(1024, 1 / 1024)
    for time in (0.02, 0.1, 0.5):
        at = np.array([time])
        steepest = slopes(reaction, starts, nu, at)
        bend = curvatures(reaction, starts, nu, at, steepest, math.inf)
        for seed in range(8):
            start = random_start(starts, 1.0, PERIODIC, np.random.default_rng(seed))(grid)
            end = np.fft.rfft(solve(equation(0.005, [0.0, 8.0, -8.0], time=time), start))
            assert np.abs(np.fft.irfft(1j * k * end)).max() <= steepest[0]
            assert np.abs(np.fft.irfft(-(k**2) * end)).max() <= bend[0]


def test_the_flow_of_a_reaction_is_enclosed_tightly() -> None:
    """Against the closed form of the logistic equation, in fifty digits."""
    import mpmath

    u = np.array([0.1, 0.5, 0.99, 1.0])
    found = flow(FISHER.reaction, Interval.point(u), 0.1)
    with mpmath.workdps(50):
        for value, low, high in zip(u, found.lower, found.upper, strict=True):
            grown = mpmath.mpf(value) * mpmath.exp(8 * mpmath.mpf(0.1))
            exact = grown / (1 + grown - mpmath.mpf(value))
            assert low <= exact <= high
            assert high - low < 1e-13
    with pytest.raises(ConvergenceError, match="may blow up"):
        flow(Polynomial.of([0, 0, 1.0]), Interval.point(np.array([1.0])), 1.5)


def test_a_block_is_certified_by_its_weights() -> None:
    """The bound covers the error everywhere, is sharp, and follows a changed weight."""
    f, time = FISHER.reaction, 0.01
    knots = np.linspace(0.1, 1.0, 12)
    values = flow(f, Interval.point(knots), time)
    block = interpolating_block(knots, values.lower)
    bounds = certify_block(block, f, time)
    u = np.linspace(0.1, 1.0, 10001)
    exact = u * np.exp(8 * time) / (1 + u * np.expm1(8 * time))
    error = np.abs(block(torch.from_numpy(u)[:, None])[:, 0].numpy() - exact).max()
    assert 0.8 * bounds.error < error < bounds.error
    with torch.no_grad():
        block.layers[2].weight[0, 4] += 1e-3  # type: ignore[union-attr, index]
    assert certify_block(block, f, time).error > 4e-4


def test_roundings_are_counted_in_full(fisher: CompiledFlow) -> None:
    """Kills: a factor that should enlarge a bound and shrinks it, terms of a block left out."""
    certificate, module = fisher.certificate, fisher.module
    reaction = solution_range(certificate.equation, certificate.starts)
    found = attention_rounding(reaction, certificate.design, module)
    size = max(abs(reaction.lower), abs(reaction.upper))
    assert (found >= (2 * certificate.design.tokens + 40) * 2.0**-53 * size).all()
    assert isinstance(module.reading, ReadingHead)
    assert found[0] >= (2 * certificate.design.sensors + 40) * 2.0**-53 * size
    # Eight roundings of 2^-53, each by a factor of at least 1 - 2^-53.
    assert Fraction(budget._UP) * (1 - Fraction(1, 2**53)) ** 8 >= 1
    time = half_step(certificate.equation, certificate.design.depth)
    bounds = certify_block(module.reaction, FISHER.reaction, time)  # type: ignore[arg-type]
    changes = module.reaction.layers[2].weight[0].abs()  # type: ignore[union-attr, index, operator]
    width = bounds.knots[-1] - bounds.knots[0]
    terms = abs(float(bounds.values.lower[0])) + float(changes[:-1].sum()) * width
    assert bounds.rounding >= (len(bounds.knots) + 4) * 2.0**-53 * terms


def test_a_loose_epsilon_takes_no_more_than_a_tight_one() -> None:
    """Kills: a round that aims at what the bound was too large, where bounds grow faster."""
    starts = Starts(0.1, 1.0, 10.0)
    loose, tight = (compile_flow(FISHER, epsilon=e, starts=starts) for e in (1e-1, 1e-2))
    assert loose.certificate.design.depth <= tight.certificate.design.depth
    assert loose.certificate.design.units <= tight.certificate.design.units


def test_what_cannot_be_compiled_is_refused() -> None:
    with pytest.raises(DomainError, match="epsilon must be a finite number > 0; got 0"):
        compile_flow(FISHER, epsilon=0.0, starts=Starts(0.1, 1.0, 10.0))
    cold = equation(0.02, [0.0, 1.0, 0.0, -1.0], ends=Walls(-1, -1))
    with pytest.raises(DomainError, match="so starts lie between -a and a; got 0 to 1"):
        compile_flow(cold, epsilon=0.1, starts=Starts(0.0, 1.0, 1.0))
    with pytest.raises(DomainError, match="needs a reaction with f"):
        equation(0.02, [0.0, 1.0, -1.0], ends=Walls(-1, -1))
    with pytest.raises(DomainError, match="the drift rules out reflected images"):
        equation(0.02, [0.0], drift=Fraction(1), ends=Walls(1, 1))
    words = r"f\(u\) = 9\*u\^2 of test moves u = 1 out of .*may blow up"
    with pytest.raises(ConvergenceError, match=words):
        compile_flow(equation(0.05, [0.0, 0.0, 9.0]), epsilon=0.1, starts=Starts(0.1, 1.0, 1.0))
    with pytest.raises(ConvergenceError, match="more than 1000000 sensors"):
        compile_flow(equation(0.05, [0.0]), epsilon=1e-7, starts=Starts(0.1, 1.0, 10.0))


@pytest.mark.parametrize(
    ("diffusivity", "reaction", "slope"),
    [(1e-300, [0, -1], 10.0), (5e-324, [0, 0], 1e4), (0.02, [0, 1e300, -1e300], 10.0)],
    ids=["narrow", "denormal", "fast"],
)
def test_numbers_far_from_one_are_refused_in_a_sentence(
    diffusivity: float, reaction: list[float], slope: float
) -> None:
    """Kills: an exponential that overflows, a variance of 0, layers without a limit."""
    equation = ReactionDiffusion(
        "far", Fraction(diffusivity), Fraction(0), Polynomial.of(reaction), Fraction(1), Fraction(1)
    )
    with pytest.raises((ConvergenceError, DomainError), match=r"shorten|raise epsilon"):
        compile_flow(equation, epsilon=0.05, starts=Starts(0.1, 1.0, slope))


def test_places_are_those_of_the_problem(tmp_path: Path) -> None:
    """Heat on -1 < x < 1 from waves at phases that are told by x, before and after storage.

    Kills: places that count from the left end, which turn cos(pi x) into its negative.
    """
    heat = equation(0.05, [0.0], length=Fraction(2), left=Fraction(-1))
    flow = compile_flow(heat, epsilon=1e-6, starts=Starts(-1.0, 1.0, 5.0, waves=2))
    for found in (flow, load(save(flow, tmp_path))):
        x, y = found.sensors(), found.places()
        assert float(x[0]) == float(y[0]) == -1.0
        wanted = 0.5 * torch.cos(math.pi * (y - 0.1)) * math.exp(-0.05 * math.pi**2)
        assert (found(0.5 * torch.cos(math.pi * (x - 0.1))) - wanted).abs().max() < 1e-6
        assert Observer(found).random(2).max() < 1e-6
    with pytest.raises(DomainError, match="cannot tell apart"):
        equation(0.05, [0.0], left=Fraction(10**9))


def test_observed_errors_know_no_unit() -> None:
    """The same heat flow in units of 1e-200. Kills: waves dropped below an absolute size."""
    heat = ReactionDiffusion(
        "heat", Fraction(1, 50), Fraction(0), Polynomial.of([0]), Fraction(1), Fraction(1)
    )
    shares = []
    for unit in (1.0, 2.0**-664):
        starts = Starts(-unit, unit, 10 * unit, waves=3)
        flow = compile_flow(heat, epsilon=1e-3 * unit, starts=starts)
        shares.append(Observer(flow).random(2).max() / unit)
    assert shares[1] == pytest.approx(shares[0], rel=1e-3, abs=1e-13)


def test_errors_are_observed_on_fewer_starts_where_a_pass_is_long(fisher: CompiledFlow) -> None:
    """Kills: minutes of observation after seconds of compilation, and no start at all."""
    certificate = fisher.certificate
    assert affordable_starts(fisher, 16) == 16
    for depth, count in ((10**5, 1), (10**9, 1)):
        design = replace(certificate.design, depth=depth, tokens=1000)
        long = replace(fisher, certificate=replace(certificate, design=design))
        assert affordable_starts(long, 16) == count


def test_the_figure_shows_bounds_that_hold(fisher: CompiledFlow) -> None:
    """Found by eye: the splitting error alone was called proven, and fell below what was observed.

    Kills: a bound without the block's part.
    """
    depths, errors, bounds = depth_study(fisher)
    known = [k for k, bound in enumerate(bounds) if math.isfinite(bound)]
    assert depths[-1] == certificate_depth(fisher) and len(known) >= 2  # noqa: PT018
    assert all(errors[k] <= bounds[k] for k in known)
    assert bounds[-1] == pytest.approx(fisher.certificate.budget.total)
