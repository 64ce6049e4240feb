"""Compiled flows are ordinary modules: jets, programs of torch and ONNX, single precision."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pinn.jets import Jet, Operators
from sciformer.errors import ConvergenceError, UsageError
from tests.theory.flows.test_compile_flow import MILD, equation
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.compile_flow import CompiledFlow, compile_flow
from theory.flows.polynomial import Polynomial
from theory.flows.reference import Observer
from theory.flows.starts import Start, Starts


class AtPoints(nn.Module):
    """A Burgers head for one start, as a function of single points (x, t)."""

    def __init__(self, head: ColeHopfHead, readings: torch.Tensor, viscosity: float) -> None:
        super().__init__()
        self.head, self.readings = head, readings
        self.viscosity = torch.tensor(viscosity, dtype=torch.float64)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.readings, self.viscosity, points[:, None, :])
        return found


def test_the_head_solves_burgers_by_its_jets() -> None:
    """u_t + u u_x - nu u_xx vanishes to rounding, derivatives carried through the attention.

    Kills: a formula that is right at one viscosity only, a query that is cut from the graph.
    """
    m, nu = 64, 0.03
    places = torch.arange(m, dtype=torch.float64) / m
    readings = 0.3 + torch.sin(2 * math.pi * places) - 0.4 * torch.cos(4 * math.pi * places)
    points = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)).double()
    points[:, 1] = 0.2 + points[:, 1]
    jet = AtPoints(ColeHopfHead(m), readings, nu)(
        Jet.coordinates(points, Operators("xt", ("1", "x", "t", "xx")))  # type: ignore[arg-type]
    )
    u, u_x, u_t, u_xx = (jet.derivative(name) for name in ("1", "x", "t", "xx"))  # type: ignore[attr-defined]
    terms = (u_t.abs() + (u * u_x).abs() + (nu * u_xx).abs()).max()
    assert (u_t + u * u_x - nu * u_xx).abs().max() < 1e-10 * terms


@pytest.fixture(scope="module")
def mild() -> CompiledFlow:
    return compile_flow(MILD, epsilon=3e-2, starts=Starts(-1.0, 1.0, 10.0))


class FromTwoWaves(nn.Module):
    """The solution at T as a function of the amplitudes of two waves of its start."""

    def __init__(self, flow: CompiledFlow) -> None:
        super().__init__()
        self.flow = flow
        x = 2 * math.pi * flow.sensors()
        self.sine, self.cosine = x.sin()[None], x.cos()[None]

    def forward(self, amplitudes: torch.Tensor) -> torch.Tensor:
        start = self.sine * amplitudes[:, :1] + self.cosine * amplitudes[:, 1:]
        solution: torch.Tensor = self.flow.module(start[..., None])[..., 0]
        return solution


def test_layers_carry_jets(mild: CompiledFlow) -> None:
    """Slopes by the amplitudes of a start, against a reverse pass.

    Kills: a batch that is folded into the tokens, a block or reading head without a rule.
    """
    module = FromTwoWaves(mild)
    amplitudes = 0.4 * torch.rand(3, 2, generator=torch.Generator().manual_seed(0)).double()
    jet = module(Jet.coordinates(amplitudes, Operators("ab", ("1", "a", "b"))))  # type: ignore[arg-type]
    assert (jet.derivative("1") - module(amplitudes)).abs().max() < 1e-12  # type: ignore[attr-defined]
    given = amplitudes.requires_grad_()
    solution = module(given)
    weights = torch.sin(torch.arange(solution.numel()).double()).reshape(solution.shape)
    (wanted,) = torch.autograd.grad((weights * solution).sum(), given)
    for k, name in enumerate("ab"):
        found = (weights * jet.derivative(name)).sum(-1)  # type: ignore[attr-defined]
        assert (found - wanted[:, k]).abs().max() < 1e-10 * wanted.abs().max()


def test_second_derivatives_of_corners_are_refused(mild: CompiledFlow) -> None:
    """Kills: zeros for them, with which a network of ReLU units would solve no equation."""
    amplitudes = torch.rand(2, 2).double()
    jet = Jet.coordinates(amplitudes, Operators("ab", ("1", "aa")))
    with pytest.raises(UsageError, match="relu has a corner"):
        FromTwoWaves(mild)(jet)  # type: ignore[arg-type]


class Layer(nn.Module):
    """One layer of a flow, one step of time."""

    def __init__(self, flow: CompiledFlow) -> None:
        super().__init__()
        self.flow = flow.module

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.flow.step(tokens)


def test_a_layer_is_a_program_of_torch_and_of_onnx(mild: CompiledFlow, tmp_path: Path) -> None:
    """One layer, which streams in time: iterated, it is the flow."""
    tokens = torch.rand(mild.certificate.design.tokens, 1).double()
    program = torch.export.export(Layer(mild), (tokens,))
    assert (program.module()(tokens) - mild.module.step(tokens)).abs().max() < 1e-14
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    with warnings.catch_warnings():
        # torch's own exporter uses what torch has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        exported = torch.onnx.export(program, verbose=False)
    assert exported is not None
    exported.save(tmp_path / "layer.onnx")
    # Version 1.23 fuses products of doubles, and has no kernel for what it makes of them.
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = runtime.InferenceSession(str(tmp_path / "layer.onnx"), options)
    (found,) = session.run(None, {session.get_inputs()[0].name: tokens.numpy()})
    assert np.abs(found - mild.module.step(tokens).numpy()).max() < 1e-6


def test_gradients_reach_the_start(mild: CompiledFlow) -> None:
    """The derivative by the readings, against differences: for fits and for adversaries."""
    start = torch.full((mild.certificate.design.sensors, 1), 0.2).double().requires_grad_()
    mild.module(start).sum().backward()
    push = torch.sin(torch.arange(len(start)).double())[:, None]
    with torch.no_grad():
        rise = mild.module(start + 1e-6 * push).sum() - mild.module(start - 1e-6 * push).sum()
    assert start.grad is not None
    assert float((start.grad * push).sum()) == pytest.approx(float(rise) / 2e-6, abs=1e-3)


def blended(one: Start, other: Start, share: float, shift: float) -> Start:
    return lambda x: share * one(x) + (1 - share) * other(x - shift)


def test_an_adversary_does_not_exceed_the_bound(mild: CompiledFlow) -> None:
    """Random ascent on phase, pitch and offset of the worst start found so far."""
    observer, generator = Observer(mild), np.random.default_rng(1)
    pool = [observer.draw(generator) for _ in range(12)]
    errors = observer.errors(pool)
    best, worst = pool[int(errors.argmax())], float(errors.max())
    for _ in range(6):
        # The class is convex and knows no place: a blend of two of its starts is one.
        blends = zip(generator.uniform(0.7, 1.0, 8), generator.random(8), strict=True)
        tries = [blended(best, observer.draw(generator), a, s) for a, s in blends]
        errors = observer.errors(tries)
        if errors.max() > worst:
            best, worst = tries[int(errors.argmax())], float(errors.max())
    assert worst < mild.certificate.bound


def random_problem(seed: int) -> tuple[object, Starts]:
    """f(u) = (u - a)(b - u) g(u) with g > 0 on [a, b]: any cubic or quartic that keeps [a, b]."""
    generator = np.random.default_rng(seed)
    a, width = generator.uniform(-1, 1), generator.uniform(0.3, 1.5)
    # Dyadic ends, so that f vanishes at them exactly.
    a, b = round(a * 64) / 64, round((a + width) * 64) / 64
    inside = Polynomial.of([-a, 1]) * Polynomial.of([b, -1])
    square = Polynomial.of(generator.uniform(-1, 1, generator.integers(1, 3)).round(3))
    g = square * square + Polynomial.of([float(generator.uniform(0, 0.3))])
    f = inside * g if generator.random() < 0.5 else inside * g * Polynomial.of([-1])
    nu = float(generator.uniform(0.005, 0.1))
    problem = equation(nu, [0.0], time=float(generator.uniform(0.2, 1.0)))
    object.__setattr__(problem, "reaction", f)
    slope = float(generator.uniform(1, 10))
    return problem, Starts(a, b, slope, None if generator.random() < 0.5 else 6)


def check_reactions(seeds: range, starts: int) -> None:
    refused = 0
    for seed in seeds:
        problem, class_of_starts = random_problem(seed)
        try:
            flow = compile_flow(problem, epsilon=0.05, starts=class_of_starts)  # type: ignore[arg-type]
        except ConvergenceError:
            refused += 1
            continue
        errors = Observer(flow, 1024).random(starts, seed)
        assert errors.max() < flow.certificate.bound, seed
    assert refused <= len(seeds) // 4


def test_random_reactions_keep_their_bounds() -> None:
    check_reactions(range(3), 4)


@pytest.mark.slow
def test_two_hundred_random_reactions_keep_their_bounds() -> None:
    check_reactions(range(200), 5)


@pytest.mark.slow
def test_a_thousand_random_starts_keep_the_bound() -> None:
    fisher = equation(0.005, [0.0, 8.0, -8.0])
    flow = compile_flow(fisher, epsilon=1e-3, starts=Starts(0.1, 1.0, 10.0))
    worst = max(float(Observer(flow).random(50, seed).max()) for seed in range(20))
    assert worst < flow.certificate.bound
