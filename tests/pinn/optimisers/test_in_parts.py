"""A Jacobian in parts gives the steps of the whole one, in memory that is bounded."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import pinn
from pinn.assembly import build_trial
from pinn.loss import least_squares
from pinn.loss.in_parts import JacobianInParts
from pinn.networks import MLP
from pinn.optimisers.normal_equations import NormalEquations
from pinn.problem.registry import find_problem
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits, Trainer
from pinn.trial.conditions import soft

BYTES = 40_000  # of a part an eighth: 625 numbers


class Largest(TorchDispatchMode):
    """The most numbers that a result had."""

    most = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        if isinstance(found, Tensor):
            self.most = max(self.most, found.untyped_storage().nbytes() // found.element_size())
        return found


def trainer(points: float = 0.2) -> Trainer:
    """Two terms with conditions that are soft: 61 parameters, some hundred points."""
    problem = find_problem("heat")
    settings = Settings(
        network=MLP.Sizes(width=5, layers=2), conditions=soft, points=points, digits=None
    )
    solution = Solution(problem, build_trial(problem, settings), settings)
    return make_trainer(solution, Limits(iterations=4))


def test_products_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the parameters moved. Kills: rows of a term or part at the wrong place, a part
    that is left out, weights of other points, a Jacobian of where the parameters are now."""
    made = trainer()
    objective = made.objectives.at(made.progress)
    whole = objective.linearise()
    assert whole.is_whole
    jacobian, rows = whole.jacobian.clone(), whole.rows.clone()
    monkeypatch.setattr(least_squares, "usable_memory", lambda _: BYTES)
    monkeypatch.setattr(objective._workspace, "_held", torch.empty(0))
    parts = objective.linearise()
    assert isinstance(parts, JacobianInParts)
    assert parts.shape == jacobian.shape
    start = made.parameters.read()
    made.parameters.write(start + 1.0)
    generator = torch.Generator().manual_seed(0)
    step = torch.randn(jacobian.shape[1], generator=generator, dtype=torch.float64)
    other = torch.randn(jacobian.shape[0], generator=generator, dtype=torch.float64)
    close: dict[str, float] = {"rtol": 1e-12, "atol": 1e-12 * float(jacobian.abs().max())}
    torch.testing.assert_close(parts.rows, rows, **close)
    torch.testing.assert_close(parts.jacobian, jacobian, **close)
    torch.testing.assert_close(parts.times(step), jacobian @ step, **close)
    torch.testing.assert_close(parts.back(other), jacobian.T @ other, **close)
    torch.testing.assert_close(parts.right, jacobian.T @ rows, **close)
    torch.testing.assert_close(parts.gram, jacobian.T @ jacobian, rtol=1e-11, atol=1e-11)
    assert torch.equal(made.parameters.read(), start + 1.0)


def test_training_takes_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """To what rounding makes of four steps. Kills: a trial that moves the linearisation."""
    whole = trainer()
    whole.run()
    monkeypatch.setattr(least_squares, "usable_memory", lambda _: BYTES)
    monkeypatch.setattr(NormalEquations, "__init__", None)  # it wants all of the Jacobian
    parts = trainer()
    parts.run()
    assert parts.progress.loss == pytest.approx(whole.progress.loss, rel=1e-6)


def test_memory_is_that_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of points. Kills: a part of all points, a copy of the whole."""
    largest, sizes, most = [], [], 100_000
    for points in (1.0, 4.0):
        monkeypatch.undo()
        made = trainer(points)
        objective = made.objectives.at(made.progress)
        monkeypatch.setattr(least_squares, "usable_memory", lambda _: most)
        with Largest() as seen:
            parts = objective.linearise()
            parts.times(made.parameters.read())
            parts.back(parts.rows)
        largest.append(seen.most)
        sizes.append(parts.shape[0])
    assert sizes[1] > 3 * sizes[0]
    # Rows are of all points, and the Gram matrix is of all parameters; a part is neither.
    bound = max(sizes[1], parts.shape[1] ** 2, most // 8 // least_squares.PART)
    assert max(largest) <= bound < sizes[1] * parts.shape[1] / 10


def test_users_of_the_whole_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pinn.solve` ends as with the whole Jacobian, wide layer and verdict included."""
    choices: dict[str, Any] = {
        "network": MLP.Sizes(width=6, layers=2),
        "iterations": 6,
        "points": 0.1,
        "digits": None,
    }
    whole = pinn.solve("poisson", progress=False, **choices)
    monkeypatch.setattr(least_squares, "usable_memory", lambda _: BYTES)
    parts = pinn.solve("poisson", progress=False, **choices)
    assert whole.errors is not None
    assert parts.errors is not None
    assert parts.errors.relative_l2 == pytest.approx(whole.errors.relative_l2, rel=1e-4)
