"""Training: resumes bit for bit, keeps the best iterate, stops when told, names what failed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import pinn
from pinn import names
from pinn.assembly import build_trial
from pinn.networks import MLP, PhysicsFormer
from pinn.optimisers import Adam
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.solution import Solution, grid_counts
from pinn.solved import attention_use
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits, Progress, Trainer
from pinn.trial.conditions import soft
from sciformer.errors import ConvergenceError, DataError, ShapeError, UsageError
from sciformer.runs import Run

TINY: dict[str, Any] = {
    "network": PhysicsFormer.Sizes(steps=2, width=4, feed_forward=4),
    "points": 0.1,
    "threads": 1,
    "digits": None,  # the training alone is looked at here
}


@pytest.fixture(scope="module")
def burgers() -> Problem:
    return pinn.find_problem("burgers", {"viscosity": 0.1})


def trainer_of(problem: Problem, settings: Settings, iterations: int) -> Trainer:
    solution = Solution(problem, build_trial(problem, settings), settings)
    return make_trainer(solution, Limits(iterations=iterations))


def weights(solution: Solution) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in solution.trial.parameters()])


@pytest.mark.parametrize(
    "optimiser", ["levenberg-marquardt", "self-scaled-broyden", "lbfgs", "adam"]
)
def test_a_resumed_run_equals_one_that_was_not_stopped(
    burgers: Problem, tmp_path: Path, optimiser: str
) -> None:
    """Kills: a checkpoint without the optimiser, a sampler, the points, or the best iterate."""
    settings = Settings(**TINY, optimiser=names.make("optimiser", optimiser))
    whole = pinn.solve(burgers, settings, Limits(iterations=13))
    run = Run.create(tmp_path / "run", "burgers", {})
    pinn.solve(burgers, settings, Limits(iterations=7), run=run)
    resumed = pinn.solve(burgers, settings, Limits(iterations=13), run=run)
    assert torch.equal(weights(whole.solution), weights(resumed.solution))
    assert whole.validation == resumed.validation
    assert whole.best_iteration == resumed.best_iteration


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(burgers: Problem) -> None:
    one, same, other = (
        pinn.solve(burgers, Settings(**TINY, seed=seed), Limits(iterations=5)) for seed in (3, 3, 4)
    )
    assert torch.equal(weights(one.solution), weights(same.solution))
    assert not torch.equal(weights(one.solution), weights(other.solution))


def test_a_smooth_problem_is_solved(burgers: Problem) -> None:
    """Kills: a wrong sign or factor anywhere between equation and step."""
    settings = Settings(network=PhysicsFormer.Sizes(steps=2), points=0.5, digits=None)
    solved = pinn.solve(burgers, settings, Limits(iterations=60))
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 2e-4
    assert solved.validation < 1e-4


def test_soft_conditions_are_learned_too(burgers: Problem) -> None:
    settings = Settings(network=MLP.Sizes(width=12), conditions=soft, points=0.5, digits=None)
    solved = pinn.solve(burgers, settings, Limits(iterations=60))
    constraint = solved.solution.trial.constraint
    assert constraint is None or constraint.conditions == ()
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 5e-3


def test_the_kept_network_is_the_best_on_points_held_out(burgers: Problem) -> None:
    """Kills: keeping the last iterate."""
    seen: list[float] = []
    settings = Settings(**TINY, optimiser=Adam())
    trainer = trainer_of(burgers, settings, 20)
    trainer.run([lambda progress: seen.append(progress.validation)])
    assert trainer.progress.best_validation <= min(seen)
    assert trainer.progress.best_iteration % 5 == 0
    held_out = trainer.objectives.held_out()
    assert held_out is not None
    assert held_out.value() == trainer.progress.best_validation


def test_a_report_is_complete(burgers: Problem) -> None:
    reports: list[Progress] = []
    solved = pinn.solve(burgers, Settings(**TINY), Limits(iterations=6), observers=[reports.append])
    last = reports[-1]
    assert last.iteration == 6
    assert last.points == 30
    assert solved.errors is not None
    assert last.error == pytest.approx(solved.errors.relative_l2, rel=0.1)
    assert solved.stopped == "6 iterations done"


def test_a_budget_ends_the_training(burgers: Problem) -> None:
    solved = pinn.solve(burgers, Settings(**TINY), Limits(budget=0.5))
    assert solved.stopped == "budget of 0.5 s spent"
    assert 0.5 <= solved.train_seconds < 3


def test_an_interrupt_ends_the_step_and_leaves_a_checkpoint(
    burgers: Problem, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run", "burgers", {})
    settings = Settings(**TINY)
    trainer = trainer_of(burgers, settings, 50)
    optimiser = trainer.optimiser
    taken = []

    class Interrupting:
        def step(self, objective: Any) -> Any:
            taken.append(1)
            if len(taken) == 4:
                signal.raise_signal(signal.SIGINT)
            return optimiser.step(objective)

        def __getattr__(self, name: str) -> Any:
            return getattr(optimiser, name)

    trainer.optimiser = Interrupting()
    assert trainer.run(run=run) == "interrupted"
    assert trainer.progress.iteration == 4
    resumed = pinn.solve(burgers, settings, Limits(iterations=9), run=run)
    whole = pinn.solve(burgers, settings, Limits(iterations=9))
    assert torch.equal(weights(resumed.solution), weights(whole.solution))


def test_a_residual_that_is_not_finite_names_step_and_term(
    burgers: Problem, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run", "burgers", {})
    settings = Settings(**TINY)
    pinn.solve(burgers, settings, Limits(iterations=3), run=run)
    trainer = trainer_of(burgers, settings, 3)
    with torch.no_grad():
        trainer.parameters.tensors[0].fill_(float("nan"))
    with pytest.raises(ConvergenceError, match=r"burgers: the term 'residual' .* at step 1 "):
        trainer.run()
    assert run.load_checkpoint() is not None


def test_a_solution_is_a_function_of_points(burgers: Problem, tmp_path: Path) -> None:
    run = Run.create(
        tmp_path / "run",
        "burgers",
        {
            "problem": "burgers",
            "parameters": {"viscosity": 0.1},
            "settings": Settings(**TINY).to_json(),
        },
    )
    with pytest.raises(DataError, match="has not finished"):
        Solution.load(run.path)
    solved = pinn.solve(burgers, Settings(**TINY), Limits(iterations=4), run=run)
    loaded = Solution.load(run.path)
    points = torch.rand(5, 2)
    by_numpy = solved.solution(points.numpy())["u"]
    assert by_numpy.shape == (5,)
    assert torch.equal(loaded(points)["u"], torch.from_numpy(by_numpy))
    assert loaded.errors() == solved.errors
    with pytest.raises(ShapeError, match=r"points must have shape \(n, 2\), columns x, t"):
        loaded(torch.rand(5, 3))
    assert {p.name for p in run.path.iterdir()} >= {"figure.png", "solution.npz", "summary.json"}


def test_attention_is_reported_where_there_is_some(burgers: Problem) -> None:
    solution = pinn.solve(burgers, Settings(**TINY), Limits(iterations=2)).solution
    use = attention_use(solution)
    assert use is not None
    assert len(use.entropy) == 2
    assert use.cut_to_one > 0
    one_token = Settings(network=PhysicsFormer.Sizes(steps=1), points=0.1)
    assert attention_use(pinn.solve(burgers, one_token, Limits(iterations=1)).solution) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"network": "physicsformer"}, "network must be a torch module, or sizes"),
        ({"optimiser": "lbfgs"}, "optimiser must be an object such as LevenbergMarquardt"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"points": 0.0}, "points must be a factor > 0"),
        ({"threads": 0}, "threads must be >= 1"),
        ({"fade": -1.0}, "fade must be >= 0"),
        ({"harmonics": 0}, "harmonics must be >= 1"),
        ({"causal": -1.0}, "causal must be >= 0"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Settings(**changes)


def test_grids_are_wide_and_odd(burgers: Problem) -> None:
    x, t = grid_counts(burgers, 26_000)
    assert x % 2 == t % 2 == 1
    assert 2.3 < x / t < 2.7
    assert 25_000 < x * t < 27_000


@pytest.mark.parametrize(
    ("kind", "record", "sentence"),
    [
        ("network", "physicsforme", "unknown network 'physicsforme'. Did you mean 'physicsformer'"),
        ("network", {"name": "mlp", "widht": 3}, "unknown option 'widht'. Did you mean 'width'"),
        ("optimiser", "lbgfs", "unknown optimiser 'lbgfs'.* Did you mean 'lbfgs'"),
    ],
)
def test_names_that_nobody_registered(kind: str, record: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        names.make(kind, record)
