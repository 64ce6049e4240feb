"""Unknown parameters by a network: exact flows, its inputs, its data, what cannot be identified."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.data.embedded import embedded_wake_data
from pinn.data.flow import FlowData
from pinn.data.observations import Observations
from pinn.geometry.box import Box
from pinn.identification.coefficients import Coefficients, LiveParameters
from pinn.identification.fit import Fit, FitReport, ObservationTerm
from pinn.identification.flow_network import NetworkRequest, identify_network
from pinn.identification.flows import sample_flow
from pinn.identification.inverse_problem import InverseProblem
from pinn.identification.model import build, learned_wave
from pinn.identification.network import FitSettings, fitted
from pinn.identification.noise import noise_in_time
from pinn.identification.schedule import ALL, Schedule, Stage
from pinn.identification.uncertainty import RIDGE
from pinn.networks import MLP, PhysicsFormer
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2, streamfunction_pressure
from pinn.trial.inputs import PeriodicWave, TravellingWave
from pinn.trial.wave_search import find_wave
from sciformer.errors import DataError, UnknownNameError, UsageError

LAMBDA = {"lambda_1": 1.7, "lambda_2": 0.06}
QUICK = FitSettings(
    network=partial(MLP, width=12, layers=3),
    schedule=Schedule(
        (Stage(0, 150, 300, 0.1), Stage(8, 200, ALL, 0.01), Stage(18, 300, ALL, 0.001)),
        final_points=500,
    ),
    budget=60.0,
    iterations=40,
)


def carried_wave(points: np.ndarray) -> dict[str, np.ndarray]:
    """A decaying shear wave carried by a stream of speed 0.6, in units in which lambda_1 = 1.7.

    psi = 0.4 sin(a (x - c t) + b y) exp(-nu (a^2 + b^2) t) has no convection of its own and moves
    with c, so it solves the equations for lambda_1 = 1 with p = 0; dividing u by 1.7 makes that
    coefficient 1.7. The stream convects and the decay diffuses: both coefficients leave a trace.
    """
    a, b, speed, (x, y, t) = 2.2, 1.3, 0.6, points.T
    wave = a * (x - speed * t) + b * y
    size = 0.4 * np.exp(-LAMBDA["lambda_2"] * (a**2 + b**2) * t)
    u, v = speed + b * size * np.cos(wave), -a * size * np.cos(wave)
    return {name: f / LAMBDA["lambda_1"] for name, f in (("u", u), ("v", v), ("p", 0 * u))}


def inverse(form: str) -> InverseProblem:
    flow = FORMS[form]()
    problem = Problem(
        name="carried-wave",
        coordinates=flow.coordinates,
        fields=flow.fields,
        equations=flow.equations,
        domain=Box(x=(0, 1), y=(-0.4, 0.4), t=(0, 0.5)),
        parameters={LAMBDA_1: LAMBDA["lambda_1"], LAMBDA_2: LAMBDA["lambda_2"]},
    )
    offset = {"psi": 0.5 * flow.coordinates[1]} if form == "streamfunction" else {"u": 0.5}
    return InverseProblem(
        problem,
        sizes={"lambda_1": 1.0, "lambda_2": 0.1},
        scales={"x": 0.5, "y": 0.3, "t": 0.5},
        quantities=flow.quantities,
        offsets=offset,
        gauge=("p",),
    )


def observations(count: int = 500, noise: float = 1e-4) -> Observations:
    generator = np.random.default_rng(3)
    points = generator.uniform((0, -0.4, 0), (1, 0.4, 0.5), (count, 3))
    exact = carried_wave(points)
    values = {n: exact[n] + noise * generator.standard_normal(count) for n in "uv"}
    return Observations(points, values, {"u": noise, "v": noise})


@pytest.mark.parametrize("form", ["streamfunction", "velocity"])
def test_coefficients_and_pressure_of_an_exact_flow(form: str) -> None:
    """Kills: a sign, a factor or a derivative of the momentum equations in either form; a
    coefficient that is not trained; observations at the wrong points."""
    reports: list[FitReport] = []
    found = pinn.identify(inverse(form), observations(), QUICK, [reports.append])
    assert abs(found.error_percent("lambda_1")) < 0.3
    assert abs(found.error_percent("lambda_2")) < 0.3
    points = np.random.default_rng(0).uniform((0, -0.4, 0.2), (1, 0.4, 0.2), (500, 3))
    exact, fields = carried_wave(points), found.fields(points)
    for name in "uvp":
        gap = fields[name] - exact[name]
        gap = gap - gap.mean() if name == "p" else gap
        assert np.abs(gap).max() < 5e-3
    assert reports[0].iteration == 1
    assert reports[-1].values == found.values
    low, high = found.interval("lambda_2")
    assert low < found.values["lambda_2"] < high
    assert found.bound["lambda_2"] > 0
    # An exact flow satisfies the equations: how tightly they are held hardly matters.
    assert 0 <= found.tolerance["lambda_2"] < 3e-3 * LAMBDA["lambda_2"]
    parts = (found.curvature, found.misfit, found.tolerance)
    half = 1.96 * math.hypot(*(part["lambda_2"] for part in parts))
    assert (high - low) / 2 == pytest.approx(half)


def test_tolerance_is_the_shift_when_equations_count_half() -> None:
    """Against dense least squares on a fit that has neither converged nor enough units.

    Kills: all rows loosened, those of the data instead, a shift in other units.
    """
    settings = replace(QUICK, network=partial(MLP, width=6, layers=2), iterations=25)
    found = pinn.identify(inverse("streamfunction"), observations(), settings)
    fit, _, _ = fitted(inverse("streamfunction"), observations(), settings, ())
    assert fit.values() == found.values
    at = fit.objective().linearise()
    weights = np.ones(len(at.rows))
    weights[: 2 * len(fit.weighted[0].sample)] = 0.5

    def shift(factors: np.ndarray) -> np.ndarray:
        columns = at.jacobian.numpy() * factors[:, None]
        ridge = RIDGE * np.linalg.norm(columns, axis=0).max() * np.eye(columns.shape[1])
        right = np.concatenate([at.rows.numpy() * factors, np.zeros(len(ridge))])
        return -np.linalg.lstsq(np.vstack([columns, ridge]), right, rcond=None)[0][-2:]

    here, looser = shift(np.ones_like(weights)), shift(weights)
    wanted = np.abs([here, looser]).max(0) * [1.0, 0.1]
    assert (np.abs(looser) > 1.2 * np.abs(here)).any()
    assert list(found.tolerance.values()) == pytest.approx(wanted, rel=1e-3)


def test_both_forms_vanish_on_an_exact_flow() -> None:
    """Symbolically, and with the signs of u = psi_y, v = -psi_x."""
    x, y, t = sympy.symbols("x y t")
    psi = sympy.sin(x) * sympy.cos(2 * y) * sympy.exp(-5 * LAMBDA_2 * t)
    u, v = psi.diff(y), -psi.diff(x)
    # The convection of this flow is a gradient: -grad p of what follows.
    p = LAMBDA_1 * sympy.exp(-10 * LAMBDA_2 * t) * (4 * sympy.cos(2 * x) - sympy.cos(4 * y)) / 4
    formulas = {"psi": psi, "u": u, "v": v, "p": p}
    for make in FORMS.values():
        flow = make()
        exact = {f: formulas[str(f.func)] for f in flow.fields}
        for equation in flow.equations:
            assert sympy.simplify(equation.subs(exact).doit()) == 0
        given = {name: q.subs(exact).doit() for name, q in flow.quantities.items()}
        assert given == {"u": u, "v": v, "p": p}
    assert len(FORMS["velocity"](steady=True).coordinates) == 2


@pytest.mark.parametrize("network", [MLP, partial(PhysicsFormer, steps=3)])
def test_periodic_models_have_the_period_of_their_wave(network) -> None:
    """Kills: waves of the wrong argument, a frequency in other units, time beside the phase."""
    wave = PeriodicWave([0.7, -0.4, 2 * math.pi / 0.6])  # scaled time is t / 0.5
    model = build(inverse("streamfunction"), network, seed=1, inputs=wave)
    points = torch.rand(7, 3, dtype=torch.float64)
    later, between = points.clone(), points.clone()
    later[:, 2] += 0.3
    between[:, 2] += 0.15  # a period in inputs would be half of it in time
    assert torch.allclose(model(points), model(later), rtol=0, atol=1e-12)
    assert not torch.allclose(model(points), model(between), rtol=0, atol=1e-3)
    assert sum("wave" in name for name, _ in model.named_parameters()) == 1
    learned, is_periodic = learned_wave(model)
    assert is_periodic
    assert learned == pytest.approx({"x": 1.4, "y": -0.4 / 0.3, "t": 2 * math.pi / 0.3})


def test_inputs_of_a_wave() -> None:
    """Kills: a component of the wave vector left out, a coordinate dropped, cos and sin swapped."""
    points = torch.tensor([[0.3, -1.1, 0.7], [2.0, 0.5, -0.2]]).double()
    phase = points @ torch.tensor([1.5, -0.6, 2.3]).double()
    waves = torch.stack([phase.cos(), phase.sin()], -1)
    for kind, beside in ((TravellingWave, points), (PeriodicWave, points[:, :2])):
        inputs = kind([1.5, -0.6, 2.3])
        assert torch.allclose(inputs(points), torch.cat([beside, waves], -1), atol=1e-14)
        assert inputs(points).shape[1] == inputs.width(3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_wave_of_noisy_samples_is_found(sign: float) -> None:
    """A wave train that grows, on a mean that bends, to half a step of the search.

    Kills: a frequency in the wrong unit, the direction lost, an amplitude that must be constant.
    """
    generator = np.random.default_rng(8)
    points = generator.uniform((1, -2, 3), (8, 2, 23), (1200, 3))
    x, y, t = points.T
    wave = (1 + 0.3 * x) * np.exp(-(y**2)) * np.cos(1.07 * t - sign * 1.25 * x + 0.4)
    values = np.column_stack([wave + 0.1 * x**2, 0.5 * wave * y])
    found = find_wave(points, values + 0.3 * generator.standard_normal(values.shape))
    assert found[0] == pytest.approx(-sign * 1.25, abs=0.25)
    assert found[1] == 0
    assert found[2] == pytest.approx(1.07, abs=0.09)


def test_units_of_the_first_layer_change_sign_inside_the_domain() -> None:
    """Kills: zero biases, under which all of them do at the centre."""
    problem = inverse("streamfunction")
    model = build(problem, partial(MLP, width=50, layers=1), seed=0)
    first = model.network.layers[0]
    points = torch.rand(2000, 3, dtype=torch.float64) * torch.tensor([1, 0.8, 0.5]).double()
    points -= torch.tensor([0, 0.4, 0]).double()
    signs = (first(model.network.inputs(points)) > 0).double().mean(0)
    assert ((signs > 0) & (signs < 1)).double().mean() > 0.9
    assert signs.std() > 0.1


def test_early_stages_see_the_first_samples_at_their_own_points() -> None:
    """Kills: samples of other points."""
    problem, data = inverse("velocity"), observations()
    term = ObservationTerm(problem, data, build(problem, QUICK.network, seed=0))
    with torch.no_grad():
        assert torch.allclose(term.residual(term.points[:40]), term.residual(term.points)[:40])


@pytest.mark.parametrize(("noise", "held_to"), [(1e-4, 0.02), (0.3, 0.15)])
def test_equations_are_held_to_their_tolerance(noise: float, held_to: float) -> None:
    """A row counts 1 / tolerance^2, in the last stage less where the equations do not hold.

    Kills: a tolerance below half the noise, a share of the wrong size, trust at other points.
    """
    problem, data = inverse("velocity"), observations(noise=noise)
    size = max(float(v.std()) for v in data.values.values())
    schedule = Schedule((Stage(0, 250, ALL, 0.02 / size),), final_points=150, late=0.5)
    model = build(problem, QUICK.network, seed=0)
    fit = Fit(problem, data, model, Coefficients(LAMBDA, problem.sizes), schedule, seed=0)
    fit.train(1e9, iterations=1)
    equations, observed = fit.weighted
    per_row = equations.weight / len(equations.sample) / (observed.weight / len(observed.sample))
    assert per_row == pytest.approx(1 / held_to**2)
    assert torch.equal(equations.sample.weights, torch.ones(250).double())
    fit = Fit(problem, data, model, Coefficients(LAMBDA, problem.sizes), schedule, seed=0)
    fit.iteration = 1
    with torch.no_grad():
        fit._renew(1e9, 2)
        equations = fit.weighted[0]
        misfit = equations.term.residual(equations.sample.points).square().mean(1)
    assert torch.allclose(1 / equations.sample.weights, 1 + misfit / held_to**2)


def test_coefficients_are_sizes_times_what_is_trained() -> None:
    """Kills: a size forgotten on one of the two ways."""
    unknown = Coefficients({"a": 3.0, "b": -0.2}, {"a": 2.0, "b": 0.1})
    live = LiveParameters({"a": 7.0, "b": 8.0, "c": 5.0}, unknown)
    assert unknown.values() == pytest.approx({"a": 3.0, "b": -0.2})
    assert unknown.scaled.tolist() == pytest.approx([1.5, -2.0])
    assert live["c"] == 5.0
    assert float(live["b"].detach()) == pytest.approx(-0.2)
    (gradient,) = torch.autograd.grad(live["b"], [unknown.scaled])
    assert gradient.tolist() == pytest.approx([0.0, 0.1])
    assert list(live) == ["a", "b", "c"]


def test_the_same_seed_gives_the_same_numbers() -> None:
    settings = replace(QUICK, iterations=3)
    one, same, other = (
        pinn.identify(inverse("streamfunction"), observations(), replace(settings, seed=seed))
        for seed in (5, 5, 6)
    )
    assert one.values == same.values
    assert one.values != other.values


def test_a_budget_ends_the_fit() -> None:
    found = pinn.identify(
        inverse("velocity"), observations(), replace(QUICK, budget=0.2, iterations=None)
    )
    assert found.stopped == "budget of 0.2 s spent"


def test_samples_are_the_flow_and_noise_of_the_stated_size() -> None:
    """Kills: samples drawn twice, u and v exchanged, noise of another component's size."""
    data = embedded_wake_data()
    clean, noisy = (sample_flow(data, 4000, noise, seed=2) for noise in (0.0, 0.05))
    assert len(np.unique(clean.points, axis=0)) == 4000
    row = clean.points[17]
    place = np.flatnonzero((data.points == row[:2]).all(1))[0]
    snapshot = np.flatnonzero(data.time == row[2])[0]
    assert clean.values["v"][17] == data.velocity[place, 1, snapshot]
    for axis, name in enumerate("uv"):
        wanted = 0.05 * data.velocity[:, axis].std()
        assert (noisy.values[name] - clean.values[name]).std() == pytest.approx(wanted, rel=0.04)
        assert noisy.noise[name] == pytest.approx(wanted)


def waves(noise: float, speed: float = 1.0, step: float = 0.1) -> FlowData:
    """Travelling waves of two frequencies at scattered points, with white noise."""
    generator = np.random.default_rng(1)
    points, time = 2 * np.pi * generator.random((600, 2)), step * np.arange(30)
    phase = points[:, :1] - 1.1 * time
    flow = np.stack([1 + speed * np.sin(2 * phase), 0.3 * speed * np.cos(phase)], axis=1)
    size = noise * flow.std((0, 2))[:, None]
    return FlowData("flow", points, time, flow + size * generator.standard_normal(flow.shape))


@pytest.mark.parametrize(
    ("samples", "noise", "data", "sentence"),
    [
        (50, 0.0, waves(0.0), r"50 samples are too few .* at least 100"),
        (10**7, 0.0, waves(0.0), r"10000000 samples wanted and there are"),
        (200, 1.5, waves(0.0), r"noise of u .* is larger than its signal"),
        (200, 0.0, waves(1.5), r"noise of u .* is larger than its signal"),
        (200, 0.0, waves(0.0, speed=0.0), r"constant.*not identifiable"),
    ],
)
def test_data_that_identify_nothing_are_refused(
    samples: int, noise: float, data: FlowData, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        identify_network(data, NetworkRequest(samples, noise, streamfunction_pressure(), QUICK))


@pytest.mark.parametrize(("there", "added"), [(0.0, 0.03), (0.04, 0.0), (0.04, 0.03)])
def test_noise_that_the_data_have_counts_with_what_is_added(there: float, added: float) -> None:
    """Kills: noise of the file unseen, added linearly, or of the other component."""
    data = waves(there)
    found = sample_flow(data, 500, added, seed=0).noise
    for axis, name in enumerate("uv"):
        wanted = np.hypot(there, added) * waves(0.0).velocity[:, axis].std()
        assert found[name] == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize(
    ("first", "later", "is_late"),
    [
        ([0], range(2, 30, 2), False),
        ([0], range(4, 30, 2), True),
        ([0], range(8, 30, 2), True),
        ([0], range(5, 30, 2), False),
        ([0, 2], range(6, 30, 2), False),
        ([0, 6, 9, 13, 15], range(18, 30, 3), False),
    ],
)
def test_a_first_snapshot_at_the_wrong_time_is_left_out(
    first: list[int], later: range, is_late: bool
) -> None:
    """Some snapshots are kept, and given even times.

    Kills: a gap elsewhere, several, or a part of a step taken for snapshots lost after the first.
    """
    whole = waves(1e-3, step=0.01)
    velocity = whole.velocity[..., [*first, *later]]
    data = FlowData("flow", whole.points, whole.time[: velocity.shape[-1]], velocity)
    assert data.has_late_start == is_late
    request = NetworkRequest(200, 0.0, streamfunction_pressure(), QUICK)
    estimate, found = identify_network(data, request)
    assert estimate.left_out == int(is_late)
    start, _ = found.fields.inverse.problem.domain.intervals["t"]
    assert start == data.time[int(is_late)]


@pytest.mark.parametrize("step", [0.01, 0.3, 1.0])
def test_waves_that_are_sampled_rarely_are_no_noise(step: float) -> None:
    """Kills: a difference of one order taken for noise."""
    data = waves(0.0, step=step)
    assert noise_in_time(data.velocity[:, 0], data.time) < 1e-6


def test_snapshots_at_unequal_times_say_nothing_of_noise() -> None:
    data = waves(0.1)
    assert noise_in_time(data.velocity[:, 0], data.time) > 0
    assert noise_in_time(data.velocity[:, 0], data.time**1.1) == 0


def test_inverse_problems_that_cannot_be() -> None:
    good = inverse("velocity")
    with pytest.raises(UnknownNameError, match="unknown parameter 'lambda_3'"):
        replace(good, sizes={"lambda_3": 1.0})
    with pytest.raises(UsageError, match="nothing is unknown"):
        pinn.identify(replace(good, sizes={}), observations(), QUICK)
    with pytest.raises(UsageError, match="sizes of unknown parameters must be > 0"):
        replace(good, sizes={"lambda_1": 0.0})
    with pytest.raises(UsageError, match="scales of x do not match the coordinates x, y, t"):
        replace(good, scales={"x": 1.0})
    with pytest.raises(UnknownNameError, match="unknown quantity 'w'"):
        good.measured(("w",))
