"""Learning: errors fall, figures add up, runs come back, bands hold."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import pinn
from pinn.families.answer import Answer
from pinn.families.calibration import Calibration
from pinn.families.draws import points
from pinn.families.learned import Learned
from pinn.families.networks.shared_trunk import DeepONet, PooledTokens, SpectralBranch
from pinn.families.pairs import made_pairs, read_pairs
from pinn.families.registry import find_family
from pinn.families.saved import load
from pinn.families.solutions import grid
from pinn.families.starts import Faded
from pinn.families.training import Schedule
from pinn.jets import Jet, Operators
from sciformer.errors import DataError, DomainError, UnknownNameError, UsageError
from sciformer.runs import Run

SMALL = SpectralBranch(width=24, depth=2)
STEP = Schedule(members=16, points=96, steps=200)
FEW = Schedule(members=16, points=96, steps=3)


@pytest.fixture(scope="module")
def trained() -> Learned:
    """A small network after 200 steps."""
    family = find_family("burgers-family")
    return pinn.learn(family, network=SMALL, schedule=STEP, start=Faded(family))


@pytest.fixture(scope="module")
def solved() -> Learned:
    """Burgers' family, whose start is its solution."""
    return pinn.learn("burgers-family")


def test_learning_by_the_residual_lowers_the_error_of_the_start(trained: Learned) -> None:
    """Kills: a residual with a wrong sign, a trial solution that ignores its network."""
    start = Learned(Answer(trained.family, trained.answer.start, None), False, {})
    before, after = start.errors(30), trained.errors(30)
    assert after.median < 0.85 * before.median
    assert after.median <= after.q95 <= after.worst
    assert after.functions == 30
    assert trained.about["steps"] == 200


def test_learning_by_data_lowers_the_error() -> None:
    """Kills: data of another member, points that are not moved with it."""
    family = find_family("burgers-family")
    pairs = made_pairs(family, seed=5, count=60)
    learned = pinn.learn(
        family, network=SMALL, schedule=STEP, loss="data", data=pairs, start=Faded(family)
    )
    start = Learned(Answer(family, Faded(family), None), False, {})
    assert learned.errors(20).median < 0.7 * start.errors(20).median
    assert learned.about["loss"] == "data"


def test_data_first_and_the_residual_after() -> None:
    """Kills: a second stage that starts anew, or a budget that is spent twice."""
    family = find_family("heat-family")
    pairs = made_pairs(family, seed=5, count=20)
    network = DeepONet(width=16, depth=2)
    learned = pinn.learn(family, network=network, schedule=FEW, loss="both", data=pairs)
    curve = learned.about["curve"]
    seconds, steps = [point[0] for point in curve], [point[1] for point in curve]
    assert seconds == sorted(seconds)
    assert steps == sorted(steps)
    assert steps[-1] == learned.about["steps"]
    assert steps[-1] == 3


def test_a_solved_family_is_not_trained(solved: Learned) -> None:
    assert solved.parameter_count == 0
    assert solved.about["network"] == "compiled"
    assert solved.errors(20).median < 1e-6


def test_a_solution_is_one_like_any_other(trained: Learned) -> None:
    """Derivatives by jets, errors against the reference, pictures, grids."""
    members = trained.family.draw(1, 3)
    solution = trained.solution(members)
    where = trained.family.problem.domain.sample(5)
    found = solution(where.numpy())["u"]
    assert isinstance(found, np.ndarray)
    operators = Operators(("x", "t"), ("t", "xx"))
    jet = solution.trial(Jet.coordinates(where, operators))
    np.testing.assert_allclose(jet.value[:, 0].numpy(), found, atol=2e-6)
    assert solution.errors().relative_l2 < 0.8
    axes, fields = solution.on_grid(400)
    assert fields["u"].shape == (len(axes["x"]), len(axes["t"]))
    assert solution.plot() is not None
    with pytest.raises(UsageError, match="shape"):
        solution(np.zeros((3, 1)))


def test_the_answer_follows_the_member_around_the_period(solved: Learned) -> None:
    """Kills: points that are not moved back from the common phase."""
    members = solved.family.draw(1, 7)
    x = np.arange(20) / 20
    at = np.stack([x, np.full(20, 0.3)], -1)
    exact = solved.family.exact(members, at)["u"][0].numpy()
    np.testing.assert_allclose(solved.solution(members)(at)["u"], exact, atol=1e-6)


@pytest.mark.parametrize("count", [40, 150])
def test_readings_at_any_places_give_the_same_answer(solved: Learned, count: int) -> None:
    """Kills: places taken for uniform ones."""
    members = solved.family.draw(1, 7)
    places = np.random.default_rng(count).uniform(size=count)
    solution = solved(start=(places, members.values("start", places)[0]))
    at = solved.family.problem.domain.sample(30).numpy()
    exact = solved.family.exact(members, at)["u"][0].numpy()
    np.testing.assert_allclose(solution(at)["u"], exact, atol=1e-4)
    assert solution.doubts == ()


def test_networks_on_tokens_are_given_the_readings_themselves() -> None:
    """Kills: tokens that are always the 64 uniform ones, or are not moved with the member."""
    family = find_family("burgers-family")
    network = PooledTokens(width=8, depth=1, tokens=8)
    learned = pinn.learn(family, network=network, schedule=FEW)
    members = family.draw(1, 7)
    places = (np.arange(64) / 64 + 0.37) % 1
    told = learned(start=(places, members.values("start", places)[0]))
    readings = told.trial._inputs.readings["start"]
    shift = float(family.centred(members)[1][0])
    wanted = np.sort((places - shift) % 1)
    np.testing.assert_allclose(readings.places[0].numpy(), wanted, atol=1e-6)
    at = family.problem.domain.sample(20).numpy()
    np.testing.assert_allclose(told(at)["u"], learned.solution(members)(at)["u"], atol=1e-4)


def test_functions_can_be_given_as_functions(solved: Learned) -> None:
    solution = solved(start=lambda x: 0.2 * np.sin(2 * np.pi * x))
    at = np.array([[0.3, 0.0]])
    assert solution(at)["u"][0] == pytest.approx(0.2 * np.sin(0.6 * np.pi), abs=1e-5)


def test_what_is_missing_or_out_of_range_is_refused() -> None:
    family = find_family("forced-burgers-family")
    learned = pinn.learn(family, network=SMALL, schedule=FEW, start=Faded(family))
    zero = (np.arange(40) / 40, np.zeros(40))
    with pytest.raises(UsageError, match="needs force, nu as well"):
        learned(start=zero)
    with pytest.raises(UnknownNameError, match="Did you mean 'start'"):
        learned(stat=zero)
    with pytest.raises(DomainError, match=r"nu = 0.001 lies outside of \[0.005, 0.1\]"):
        learned(start=zero, force=zero, nu=0.001)
    with pytest.raises(UsageError, match="start must be"):
        learned(start=3.0, force=zero, nu=0.01)


def test_few_readings_are_said(solved: Learned) -> None:
    with pytest.warns(UserWarning, match="leave .* of start unknown"):
        solution = solved(start=(np.array([0.1]), np.array([0.3])))
    assert len(solution.doubts) == 1


def test_a_run_comes_back(trained: Learned, tmp_path: Path) -> None:
    """Kills: weights, sizes or scores that are not written."""
    run = Run.create(tmp_path / "run", "learned", {"problem": "burgers-family"})
    from pinn.families.saved import save

    trained.calibrate(20)
    save(trained, run)
    again = load(tmp_path / "run")
    at = trained.family.problem.domain.sample(10)
    members = trained.family.draw(1, 1)
    assert torch.equal(again.solution(members)(at)["u"], trained.solution(members)(at)["u"])
    assert again.solution(members).band(0.8) == trained.solution(members).band(0.8)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("learned.json", lambda about: {**about, "start": "magic"}, "unknown start"),
        ("learned.json", lambda about: {**about, "distributions": {}}, "other equations"),
        ("learned.json", lambda about: {}, "not a finished run"),
        (
            "learned.json",
            lambda about: {**about, "sizes": {"name": "spectral", "width": 7}},
            "network",
        ),
        (
            "learned.json",
            lambda about: {**about, "sizes": {"name": "os.system"}},
            "unknown family network",
        ),
    ],
)
def test_damaged_runs_are_refused(
    trained: Learned, tmp_path: Path, name: str, change: object, words: str
) -> None:
    """Kills: a file of somebody else that is believed."""
    from pinn.families.saved import save

    run = Run.create(tmp_path / "run", "x", {"problem": "burgers-family"})
    save(trained, run)
    path = tmp_path / "run" / name
    path.write_text(json.dumps(change(json.loads(path.read_text()))))  # type: ignore[operator]
    with pytest.raises(UsageError, match=words):
        load(tmp_path / "run")


def test_scores_of_a_stranger_are_checked(trained: Learned, tmp_path: Path) -> None:
    from pinn.families.saved import save

    run = Run.create(tmp_path / "run", "x", {"problem": "burgers-family"})
    save(trained, run)
    run.write_array("calibration.npz", scores=np.full((5, 1), np.nan))
    with pytest.raises(DataError, match="no scores"):
        load(tmp_path / "run")


def test_the_band_has_the_rank_of_split_conformal_prediction() -> None:
    """k = ceil((n + 1) level). Kills: a quantile without the + 1, one rank off."""
    scores = torch.arange(1.0, 20.0, dtype=torch.float64)[torch.randperm(19)][:, None]
    calibration = Calibration(scores)
    assert float(calibration.quantile(0.9)) == 18.0
    assert float(calibration.quantile(0.95)) == 19.0
    with pytest.raises(DomainError, match=r"19 members cannot promise 0\.96; take at least 24"):
        calibration.quantile(0.96)
    with pytest.raises(DomainError, match="between 0 and 1"):
        calibration.quantile(1.0)


def test_coverage_is_what_it_promises() -> None:
    """2,000 calibrations of exchangeable scores. Kills: a Beta law with its arguments exchanged."""
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(2000):
        scores = torch.rand(40, 1, generator=generator, dtype=torch.float64)
        shares.append(float(Calibration(scores).quantile(0.9)))  # uniform: quantile = coverage
    low, high = Calibration(torch.rand(40, 1)).coverage(0.9)
    found = torch.tensor(shares).quantile(torch.tensor([0.05, 0.95]))
    assert found.tolist() == pytest.approx([low, high], abs=0.01)
    assert sum(shares) / 2000 >= 0.9


def test_bands_hold_on_members_never_seen(trained: Learned) -> None:
    """Whole fields at once. Kills: scores of single points, sizes of the truth."""
    trained.calibrate(60)
    members = trained.family.draw(60, 77)
    at = grid(trained.family)
    exact = trained.family.exact(members, at.numpy())["u"]
    inside = 0
    for i in range(60):
        solution = trained.solution(members[i : i + 1])
        gap = float((solution(at)["u"] - exact[i]).abs().max())
        inside += gap <= solution.band(0.9)["u"]
    # 90 % up to the spread of the calibration (0.83 to 0.95) and of 60 members (0.04).
    assert inside >= 45


def test_a_band_needs_a_calibration(solved: Learned) -> None:
    with pytest.raises(UsageError, match=r"call learned\.calibrate\(\) first"):
        solved.solution(solved.family.draw(1, 0)).band()


def test_pairs_of_a_file_are_read_ragged(tmp_path: Path) -> None:
    """Kills: filled-up places that are believed, a function of the wrong name."""
    family = find_family("burgers-family")
    made = made_pairs(family, seed=1, count=3)
    places = np.random.default_rng(0).uniform(size=(3, 50))
    values = np.stack([made.members[i : i + 1].values("start", places[i])[0] for i in range(3)])
    lengths = np.array([50, 45, 40])
    for i, n in enumerate(lengths):
        values[i, n:] = 1e6
    path = tmp_path / "pairs.npz"
    arrays = {"places": places, "values": values, "lengths": lengths}
    fields = {"points": made.points[0].numpy(), "u": made.fields[..., 0].numpy()}
    np.savez(path, **arrays, **fields)
    found = read_pairs(family, path)
    wanted = made.members.coefficients["start"]
    torch.testing.assert_close(found.members.coefficients["start"], wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.fields, made.fields)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"u": None}, "holds no array 'u'"),
        ({"points": np.zeros((2, 4, 3))}, "points must have shape"),
        ({"values": np.zeros((2, 6), dtype="U1")}, "values must be numbers"),
        ({"u": np.full((2, 4), np.nan)}, "some field value known"),
    ],
)
def test_files_that_are_no_pairs_are_refused(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    x = np.tile(np.arange(6) / 6, (2, 1))
    arrays = {
        "places": x,
        "values": x,
        "points": np.zeros((2, 4, 2)),
        "u": np.zeros((2, 4)),
        **changes,
    }
    path = tmp_path / "pairs.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(DataError, match=words):
        read_pairs(find_family("burgers-family"), path)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"loss": "magic"}, "loss must be"),
        ({"data": "pairs.npz"}, "with data"),
        ({"budget": 0.0}, "budget must be > 0"),
    ],
)
def test_choices_that_mean_nothing_are_refused(choices: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        pinn.learn("heat-family", **choices)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_numbers() -> None:
    """Kills: randomness that is not drawn from the seed."""
    family = find_family("burgers-family")
    members, at = family.draw(1, 0), family.problem.domain.sample(4)
    found = [
        pinn.learn(family, network=SMALL, schedule=FEW, seed=s).solution(members)(at)["u"]
        for s in (1, 1, 2)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_budget_is_kept() -> None:
    """In CPU time, the making of the first step and of the last figures included."""
    learned = pinn.learn(
        "burgers-family", network=SMALL, schedule=Schedule(members=8, points=32), budget=0.5
    )
    assert learned.about["steps"] >= 3
    assert learned.about["curve"][-1][0] < 1.5


def test_points_of_a_step_cover_time_evenly() -> None:
    family = find_family("heat-family")
    found = points(family, 64, torch.Generator().manual_seed(0))
    assert torch.equal((found[:, 1] * 64).floor(), torch.arange(64, dtype=torch.float64))


def test_no_warning_leaves_a_quiet_member(solved: Learned) -> None:
    """Members of the distribution are answered without a word."""
    places = np.arange(64) / 64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(20):
            solved(start=(places, solved.family.draw(1, seed).values("start", places)[0]))
