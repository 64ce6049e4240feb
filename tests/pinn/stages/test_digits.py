"""When a wide layer is put on a trained network, with how much time, and when it is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from pinn.stages.digits import FIRST_ORDER_STEPS, TRAINING_SHARE, add_digits, training_limits
from pinn.training.history import History
from pinn.training.trainer import Limits

TOLD: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Refiner:
    """Keeps what it is asked for."""

    seed: int = 0
    report: str = "refined"

    def __call__(self, problem: Any, trial: Any, **given: Any) -> Any:
        TOLD.append({"seed": self.seed, **given})
        better = SimpleNamespace(network="with a layer")
        return SimpleNamespace(trial=better, coefficients={"k": 3.0}, report=self.report)


@dataclass
class Unknown:
    written: list[Any] = field(default_factory=list)

    def write(self, values: Any) -> None:
        self.written.append(values)


def solution(**settings: Any) -> Any:
    choices = {"digits": Refiner(), "dtype": "float64", "seed": 7, "threads": 1, **settings}
    optimiser = choices.pop("optimiser", SimpleNamespace(needs_jacobian=True))
    noise = choices.pop("noise", {})
    values = SimpleNamespace(found=lambda: {"k": 2.0}, unknown=Unknown())
    return SimpleNamespace(
        settings=SimpleNamespace(optimiser=optimiser, **choices),
        problem=SimpleNamespace(data=(SimpleNamespace(noise=noise),)),
        trial=SimpleNamespace(network="alone", values=values),
    )


def trainer(best: float, elapsed: float = 4.0, pairs: Any = ((5, 2.0), (10, 1.0))) -> Any:
    return SimpleNamespace(
        progress=SimpleNamespace(best_validation=best, elapsed=elapsed),
        history=History(pairs),
        objectives=SimpleNamespace(report=lambda: {"weights": {"residual": 3.0}}),
    )


def test_the_rest_of_the_budget_goes_to_the_layer() -> None:
    """Kills: the whole budget, a seed of its own, weights or coefficients that are lost."""
    TOLD.clear()
    made = solution()
    assert add_digits(made, trainer(1e-3), Limits(budget=10.0)) == "refined"
    [told] = TOLD
    assert (told["seed"], told["seconds"]) == (7, 6.0)
    assert told["weights"] == {"residual": 3.0}
    assert told["coefficients"] == {"k": 2.0}
    assert made.trial.network == "with a layer"
    assert made.trial.values.unknown.written == [{"k": 3.0}]
    add_digits(solution(), trainer(1e-3, elapsed=12.0), Limits(budget=10.0))
    add_digits(solution(), trainer(1e-3), Limits(iterations=10))
    assert [told["seconds"] for told in TOLD[1:]] == [0.0, None]


@pytest.mark.parametrize(
    ("best", "limits", "trained", "is_refined"),
    [
        (0.0199, Limits(), False, True),  # below a hundredth of the first residual, 2
        (0.0201, Limits(), False, False),
        (0.0201, Limits(budget=10.0), False, True),  # time is left that nothing else would use
        (0.0201, Limits(budget=3.0), False, False),
        (0.0201, Limits(budget=3.0), True, True),
    ],
)
def test_a_network_without_the_shape_is_refined_in_time_that_is_left(
    best: float, limits: Limits, trained: bool, is_refined: bool
) -> None:
    """Kills: a share of the last residual, a shape that is not asked for."""
    found = add_digits(solution(), trainer(best), limits, is_trained=trained)
    assert (found is not None) is is_refined


@pytest.mark.parametrize(
    "choices", [{"digits": None}, {"dtype": "float32"}, {"noise": {"u": 0.1}}], ids=str
)
def test_where_no_layer_is_wanted_the_training_has_all_the_time(choices: dict[str, Any]) -> None:
    """Kills: a layer that fits noise, or digits beyond those of the arithmetic."""
    assert add_digits(solution(**choices), trainer(1e-3), Limits(budget=10.0)) is None
    limits = training_limits(solution(**choices), Limits(budget=10.0))
    assert limits.ripeness is None
    assert limits.share == 1.0
    assert limits.plateau is not None
    wanted = training_limits(solution(), Limits(budget=10.0))
    assert wanted.ripeness is not None
    assert wanted.share == TRAINING_SHARE
    assert add_digits(solution(), trainer(1e-3, pairs=()), Limits(budget=10.0)) is None


def test_methods_of_first_order_rest_longer_before_they_end() -> None:
    """Kills: the window of Levenberg and Marquardt for methods that pause for hundreds of steps."""
    slow = solution(optimiser=SimpleNamespace(needs_jacobian=False))
    found = [training_limits(made, Limits()).plateau for made in (slow, solution())]
    assert [plateau.steps for plateau in found if plateau] == [FIRST_ORDER_STEPS, 100]
