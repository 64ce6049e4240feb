"""Unknown parameters by a network: exact flows, its inputs, its data, what cannot be identified."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch
from safetensors.torch import load_file
from scipy.stats import t as student

import pinn
from pinn.assembly import build_trial
from pinn.data.cloud import Cloud
from pinn.data.embedded import embedded_wake_data
from pinn.data.flow import FlowData
from pinn.data.noise import noise_in_time
from pinn.geometry.box import Box
from pinn.identification.flow_network import NetworkRequest, identify_network
from pinn.identification.identifying import learned_wave
from pinn.identification.uncertainty import RIDGE
from pinn.loss.terms import DataTerm
from pinn.networks import MLP, PhysicsFormer
from pinn.problem.parts import Ansatz, Unknown
from pinn.problem.problem import Problem
from pinn.problems.measured_flow import sample_flow
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2, streamfunction_pressure
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import NetworkSizes, Settings
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits, Progress, Trainer
from pinn.trial.inputs import PeriodicWave, TravellingWave
from pinn.trial.parameters import Coefficients, Parameters
from pinn.trial.wave_search import find_wave
from sciformer.errors import DataError, UnknownNameError, UsageError
from sciformer.runs import Run


def trainer_of(problem: Problem, settings: Settings, limits: Limits) -> Trainer:
    return make_trainer(Solution(problem, build_trial(problem, settings), settings), limits)


LAMBDA = {"lambda_1": 1.7, "lambda_2": 0.06}
QUICK = Settings(
    network=MLP.Sizes(width=12, layers=3),
    schedule=Schedule(
        (
            Stage(0, 150, samples=300, tolerance=0.1),
            Stage(8, 200, tolerance=0.01),
            Stage(18, 300, tolerance=0.001),
        ),
        final=Stage(0, 500, tolerance=0.001, is_trusting=True),
    ),
    spread=True,
)
SHORT = Limits(budget=60.0, iterations=40)


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


def inverse(form: str, data: Cloud | None = None) -> Problem:
    flow = FORMS[form]()
    offset = 0.5 * flow.coordinates[1] if form == "streamfunction" else 0.5
    return Problem(
        name="carried-wave",
        coordinates=flow.coordinates,
        fields=flow.fields,
        equations=flow.equations,
        domain=Box(x=(0, 1), y=(-0.4, 0.4), t=(0, 0.5)),
        parameters={LAMBDA_1: LAMBDA["lambda_1"], LAMBDA_2: LAMBDA["lambda_2"]},
        unknown={LAMBDA_1: Unknown(1.0), LAMBDA_2: Unknown(0.1)},
        data=(observations() if data is None else data,),
        scales={"x": 0.5, "y": 0.3, "t": 0.5},
        quantities=flow.quantities,
        ansatz={flow.fields[0]: Ansatz(offset)},
        gauge=("p",),
    )


def observations(count: int = 500, noise: float = 1e-4) -> Cloud:
    generator = np.random.default_rng(3)
    points = generator.uniform((0, -0.4, 0), (1, 0.4, 0.5), (count, 3))
    exact = carried_wave(points)
    values = {n: exact[n] + noise * generator.standard_normal(count) for n in "uv"}
    return Cloud(points, values, noise={"u": noise, "v": noise})


@pytest.mark.parametrize("form", ["streamfunction", "velocity"])
def test_coefficients_and_pressure_of_an_exact_flow(form: str) -> None:
    """Kills: a sign, a factor or a derivative of the momentum equations in either form; a
    coefficient that is not trained; observations at the wrong points."""
    reports: list[Progress] = []
    found = pinn.identify(inverse(form), None, QUICK, SHORT, observers=[reports.append])
    assert abs(found.error_percent("lambda_1")) < 0.3
    assert abs(found.error_percent("lambda_2")) < 0.3
    points = np.random.default_rng(0).uniform((0, -0.4, 0.2), (1, 0.4, 0.2), (500, 3))
    exact, fields = carried_wave(points), found.solution(points)
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
    half = student.ppf(0.975, found.freedom) * math.hypot(*(part["lambda_2"] for part in parts))
    assert (high - low) / 2 == pytest.approx(half)


def test_tolerance_is_the_shift_when_equations_count_half() -> None:
    """Against dense least squares on a fit that has neither converged nor enough units.

    Kills: all rows loosened, those of the data instead, a shift in other units.
    """
    settings, limits = replace(QUICK, network=MLP.Sizes(width=6, layers=2)), Limits(iterations=45)
    found = pinn.identify(inverse("streamfunction"), None, settings, limits)
    trainer = trainer_of(inverse("streamfunction"), settings, limits)
    trainer.run()
    assert trainer.objectives.values() == found.values
    objective = trainer.objectives.present
    assert objective is not None
    at = objective.linearise()
    weights = np.ones(len(at.rows))
    weights[: 2 * len(objective.terms[0].sample)] = 0.5

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


class KnownWave(PeriodicWave):
    """A wave that is not looked for in the data."""

    def __init__(self, wave: object) -> None:
        super().__init__([0.7, -0.4, 2 * math.pi / 0.6])  # scaled time is t / 0.5


@pytest.mark.parametrize("network", [MLP.Sizes(), PhysicsFormer.Sizes(steps=3)])
def test_periodic_models_have_the_period_of_their_wave(network: NetworkSizes) -> None:
    """Kills: waves of the wrong argument, a frequency in other units, time beside the phase."""
    problem = inverse("streamfunction")
    settings = Settings(network=network, wave=KnownWave, spread=True, seed=1)
    model = build_trial(problem, settings)
    points = torch.rand(7, 3, dtype=torch.float64)
    later, between = points.clone(), points.clone()
    later[:, 2] += 0.3
    between[:, 2] += 0.15  # a period in inputs would be half of it in time
    assert torch.allclose(model(points), model(later), rtol=0, atol=1e-12)
    assert not torch.allclose(model(points), model(between), rtol=0, atol=1e-3)
    assert sum("wave" in name for name, _ in model.named_parameters()) == 1
    learned, is_periodic = learned_wave(Solution(problem, model, settings))
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
    settings = Settings(network=MLP.Sizes(width=50, layers=1), spread=True)
    network = build_trial(problem, settings).network
    points = torch.rand(2000, 3, dtype=torch.float64) * torch.tensor([1, 0.8, 0.5]).double()
    points -= torch.tensor([0, 0.4, 0]).double()
    assert isinstance(network, MLP)
    assert network.inputs is not None
    signs = (network.first(network.inputs(points)) > 0).double().mean(0)
    assert ((signs > 0) & (signs < 1)).double().mean() > 0.9
    assert signs.std() > 0.1


def test_samples_are_compared_at_their_own_points() -> None:
    """Kills: samples of other points, a noise level of another quantity."""
    data = observations()
    data = replace(data, noise={"u": 0.5, "v": 0.25})
    problem = inverse("velocity", data)
    trial = build_trial(problem, QUICK)
    term = DataTerm(trial, problem, data, torch.zeros(1).double())
    with torch.no_grad():
        assert torch.allclose(term.residual(term.points[40:60]), term.residual(term.points)[40:60])
        found = Solution(problem, trial, QUICK)(data.points)
        for column, (name, level) in enumerate(data.noise.items()):
            gap = torch.from_numpy((found[name] - data.values[name]) / level)
            assert torch.allclose(term.residual(term.points)[:, column], gap)


@pytest.mark.parametrize(("noise", "held_to"), [(1e-4, 0.02), (0.3, 0.15)])
def test_equations_are_held_to_their_tolerance(noise: float, held_to: float) -> None:
    """A row counts 1 / tolerance^2, in a trusting stage less where the equations do not hold.

    Kills: a tolerance below half the noise, a share of the wrong size, trust at other points.
    """
    data = observations(noise=noise)
    size = max(float(v.std()) for v in data.values.values())
    schedule = Schedule(
        (Stage(0, 250, tolerance=0.02 / size),),
        final=Stage(0, 150, tolerance=0.02 / size, is_trusting=True),
        late=0.5,
    )
    problem = inverse("velocity", data)
    trainer = trainer_of(problem, replace(QUICK, schedule=schedule), Limits(iterations=1))
    trainer.run()
    objective = trainer.objectives.present
    assert objective is not None
    equations, observed = objective.terms
    per_row = equations.weight / len(equations.sample) / (observed.weight / len(observed.sample))
    assert per_row == pytest.approx(1 / held_to**2)
    assert torch.equal(equations.sample.weights, torch.ones(250).double())
    late = trainer_of(problem, replace(QUICK, schedule=schedule), Limits(iterations=2)).objectives
    with torch.no_grad():
        equations = late.at(Progress(iteration=1, spent=0.5)).terms[0]
        misfit = equations.term.residual(equations.sample.points).square().mean(1)
    assert len(equations.sample) == 150
    assert torch.allclose(1 / equations.sample.weights, 1 + misfit / held_to**2)


def test_parameters_are_sizes_times_what_is_trained() -> None:
    """Kills: a size forgotten on one of the two ways."""
    unknown = Coefficients({"a": Unknown(2.0, start=3.0), "b": Unknown(0.1, start=-0.2)})
    live = Parameters({"a": 7.0, "b": 8.0, "c": 5.0}, unknown)
    assert unknown.values() == pytest.approx({"a": 3.0, "b": -0.2})
    assert unknown.scaled.tolist() == pytest.approx([1.5, -2.0])
    assert live["c"] == 5.0
    assert float(live["b"].detach()) == pytest.approx(-0.2)
    (gradient,) = torch.autograd.grad(live["b"], [unknown.scaled])
    assert gradient.tolist() == pytest.approx([0.0, 0.1])
    assert list(live) == ["a", "b", "c"]
    assert live.numbers() == pytest.approx({"a": 3.0, "b": -0.2, "c": 5.0})


def test_the_same_seed_gives_the_same_numbers() -> None:
    one, same, other = (
        pinn.identify(
            inverse("streamfunction"), None, replace(QUICK, seed=seed), Limits(iterations=3)
        )
        for seed in (5, 5, 6)
    )
    assert one.values == same.values
    assert one.values != other.values


def test_a_budget_ends_the_fit() -> None:
    found = pinn.identify(inverse("velocity"), None, QUICK, Limits(budget=0.2))
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
        (50, 0.0, waves(0.0), r"100 measured values are too few: the fit can follow all"),
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
        identify_network(
            data, NetworkRequest(samples, noise, streamfunction_pressure(), QUICK, SHORT)
        )


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
    request = NetworkRequest(200, 0.0, streamfunction_pressure(), QUICK, SHORT)
    estimate, found = identify_network(data, request)
    assert estimate.left_out == int(is_late)
    start, _ = found.solution.problem.domain.intervals["t"]
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
        replace(good, unknown={sympy.Symbol("lambda_3"): Unknown(1.0)})
    with pytest.raises(UsageError, match="nothing is unknown"):
        pinn.identify(replace(good, unknown={}), None, QUICK)
    with pytest.raises(UsageError, match="found from samples"):
        pinn.identify(replace(good, data=()), None, QUICK)
    with pytest.raises(UnknownNameError, match="unknown quantity 'w'"):
        replace(good, data=(Cloud(np.zeros((120, 3)), {"w": np.zeros(120)}),))
    with pytest.raises(UnknownNameError, match="unknown setting 'netwrk'"):
        pinn.identify(good, netwrk=MLP.Sizes())


def test_parameters_and_solution_of_a_solve_with_unknowns(tmp_path: Path) -> None:
    """`solve` takes an inverse problem too, and a run keeps what was found.

    Kills: unknown parameters left out of the file, or read as their start.
    """
    problem = inverse("streamfunction")
    run = Run.create(tmp_path / "run", "wave", {})
    solved = pinn.solve(problem, QUICK, Limits(iterations=12), run=run)
    found = solved.summary()["found"]
    assert found == solved.solution.parameters
    assert found["lambda_1"] != 0
    trial = build_trial(problem, QUICK)
    trial.load_state_dict(load_file(run.path / "network.safetensors"))
    again = Solution(problem, trial, QUICK)
    assert again.parameters == found
    points = observations().points[:9]
    assert np.array_equal(again(points)["u"], solved.solution(points)["u"])
