"""What a training counts, keeps and reports, with objectives and steps that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

import pinn
from pinn.assembly import build_trial
from pinn.loss.weighting import CausalInTime, DynamicsWeightedLoss, FixedWeights
from pinn.networks import MLP
from pinn.optimisers import FlatParameters
from pinn.optimisers.protocol import StepReport
from pinn.sampling.samplers import WarpedSobol
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.collocation import HELD_OUT, Collocation
from pinn.training.evidence import evidence_of
from pinn.training.history import History
from pinn.training.progress import EverySecond, Limits, Progress
from pinn.training.trainer import Trainer
from pinn.training.verdict import Evidence, Outcome, judge
from pinn.trial.conditions import soft


class Held:
    """Validation points with the values that they have at one validation after the other."""

    def __init__(self, *values: float) -> None:
        self._values = list(values)

    def value(self) -> float:
        return self._values.pop(0)


class Plan:
    """Objectives that are plain objects: one for every stretch of steps."""

    name, remedy = "plan", "do something else"
    state = report = values = dict

    def __init__(self, stretch: int, held: Mapping[int, Held | None]) -> None:
        self._stretch, self._held, self._now = stretch, held, 0
        self.present: Any = None

    def at(self, progress: Progress) -> Any:
        self._now = progress.iteration
        if progress.iteration % self._stretch == 0:
            self.present = type("Objective", (), {"points": 10 + progress.iteration})()
        return self.present

    def held_out(self) -> Any:
        return self._held[max(start for start in self._held if start <= self._now)]

    def unsettled(self) -> str:
        return ""

    def restore(self, state: Any) -> None: ...


class Counting:
    """Every step adds 1 to the parameter; every fourth says that it failed."""

    needs_jacobian = False

    def __init__(self, parameters: FlatParameters) -> None:
        self._parameters, self.taken, self.changes = parameters, 0, 0
        self.state = dict

    def step(self, objective: Any) -> StepReport:
        self.taken += 1
        self._parameters.write(self._parameters.read() + 1)
        fails = self.taken % 4 == 0
        metrics = {"restarts": 2.0 * self.taken}
        return StepReport(9.0, 9.0 - self.taken, not fails, 3, metrics, f"no {self.taken}")

    def points_changed(self) -> None:
        self.changes += 1

    def restore(self, state: Any) -> None: ...


def trained(plan: Plan, steps: int) -> tuple[Trainer, Counting]:
    parameters = FlatParameters([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))])
    optimiser = Counting(parameters)
    trainer = Trainer(parameters, optimiser, plan, Limits(iterations=steps))  # type: ignore[arg-type]
    assert trainer.run() == f"{steps} iterations done"
    return trainer, optimiser


@pytest.mark.parametrize(
    ("values", "steps", "best", "least"),
    [
        ((3.0, 1.0, 2.0, 4.0), 17, 10, 1.0),
        ((3.0, 1.0, 2.0, 0.5), 17, 17, 0.5),  # the last iterate is looked at too
        ((1.0, 1.0, 2.0, 4.0), 17, 5, 1.0),  # the first of equals
        ((float("nan"), 2.0, 3.0, float("nan")), 17, 10, 2.0),
    ],
)
def test_the_iterate_with_the_least_validation_stays(
    values: tuple[float, ...], steps: int, best: int, least: float
) -> None:
    """Kills: the last, the latest of equals, one that was never validated, the wrong moment."""
    trainer, _ = trained(Plan(100, {0: Held(*values)}), steps)
    assert trainer.progress.best_iteration == best
    assert trainer.progress.best_validation == least
    assert float(trainer.parameters.read()) == best


def test_without_validation_points_the_last_iterate_stays() -> None:
    trainer, _ = trained(Plan(100, {0: None}), 7)
    assert trainer.progress.best_iteration == 7
    assert float(trainer.parameters.read()) == 7


def test_validations_on_other_points_are_not_compared() -> None:
    """.1 at step 5 is of other points than 3 and 2 later. Kills: the least of both kinds."""
    plan = Plan(100, {0: Held(0.1), 8: Held(3.0, 2.0, 5.0)})
    trainer, _ = trained(plan, 17)
    assert trainer.progress.best_validation == 2.0
    assert float(trainer.parameters.read()) == 15
    assert trainer.history.comparable == [(10, 3.0), (15, 2.0), (17, 5.0)]
    assert trainer.history.pairs[0] == (5, 0.1)


def test_steps_failures_and_evaluations_are_counted() -> None:
    """Kills: an optimiser that is not told of new points, or of the same ones again; the note of a
    step that succeeded; evaluations of the last step alone."""
    told: list[Progress] = []
    parameters = FlatParameters([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))])
    optimiser = Counting(parameters)
    plan = Plan(4, {0: None})
    trainer = Trainer(parameters, optimiser, plan, Limits(iterations=10))  # type: ignore[arg-type]
    trainer.run([told.append])
    assert optimiser.changes == 3
    progress = trainer.progress
    assert (progress.iteration, progress.evaluations, progress.failures) == (10, 30, 2)
    assert progress.note == "no 8"
    assert progress.loss == 9.0 - 10
    assert [p.points for p in told[:-1]] == [10] * 4 + [14] * 4 + [18] * 2
    assert [p.accepted for p in told[:-1]] == [i % 4 != 0 for i in range(1, 11)]
    assert [p.spent for p in told[:-1]] == pytest.approx([i / 10 for i in range(10)])
    assert told[-1].stopped == "10 iterations done"
    assert all(p.stopped is None for p in told[:-1])


def test_limits_are_reached_at_their_share() -> None:
    """Kills: the whole budget in place of its share, the lesser of two shares that are spent."""
    limits = Limits(budget=10.0, iterations=40, share=0.5)
    now = Progress(iteration=10, elapsed=4.0)
    assert limits.spent(now) == pytest.approx(0.8)
    assert limits.spent(replace(now, iteration=36)) == pytest.approx(0.9)
    assert limits.reached(replace(now, elapsed=4.99), History()) is None
    said = "50 % of the budget of 10 s spent"
    assert limits.reached(replace(now, elapsed=5.0), History()) == said
    assert limits.reached(replace(now, iteration=40), History()) == "40 iterations done"
    assert Limits(budget=10.0).reached(replace(now, elapsed=10.0), History()) == (
        "budget of 10 s spent"
    )
    assert Limits().spent(now) == 0.0
    assert Limits().reached(now, History()) is None


def test_a_resumed_training_begins_without_the_reason_of_its_end() -> None:
    ended = Progress(iteration=7, elapsed=3.0, stopped="7 iterations done", error=0.1, note="n")
    assert Progress.of(ended.state()) == replace(ended, stopped=None, error=None)


def test_observers_are_called_once_a_second_and_at_the_end() -> None:
    """Kills: an observer of every step, a second that starts anew with each, an end unsaid."""
    told: list[Progress] = []
    looks: list[int] = []

    def error() -> float:
        looks.append(1)
        return 0.25

    tell = EverySecond((told.append,), error)
    for tenth in range(1, 31):
        tell(Progress(iteration=tenth, elapsed=tenth / 10))
    assert [p.iteration for p in told] == [11, 21]
    tell(Progress(iteration=31, elapsed=3.05, stopped="done"))
    assert told[-1].iteration == 31
    assert told[-1].error == 0.25
    assert len(looks) == len(told) == 3


def test_the_weightiest_reason_comes_first_and_a_verdict_is_of_numbers() -> None:
    """Kills: reasons in the order of their checks, infinity in JSON, an end that is forgotten."""
    evidence = Evidence(
        residuals={"equation 1": 2e-3, "equation 2": float("inf")},
        conditions={"u on x=0": 3e-3, "u on x=1": 0.2, "u on t=0": 1e-5},
    )
    verdict = judge(evidence)
    assert verdict.outcome is Outcome.NOT_CONVERGED
    kinds = [reason.split(" is ")[0] for reason in verdict.reasons]
    assert kinds == [
        "the residual of equation 2", "u on x=1", "the residual of equation 1", "u on x=0",
    ]  # fmt: skip
    assert verdict.summary()["relative_residual"] is None
    assert judge(replace(evidence, residuals={"a": 2e-3, "b": 4e-3})).residual == 4e-3
    more = verdict.adding("and more")
    assert more.reasons == (*verdict.reasons, "and more")
    assert more.outcome is verdict.outcome


NETWORK = MLP.Sizes(width=4, layers=1)


def collocation(loss: DynamicsWeightedLoss, *stages: Stage) -> Collocation:
    problem = pinn.find_problem("heat")
    trial = build_trial(problem, Settings(network=NETWORK, conditions=soft))
    flat = FlatParameters(list(trial.parameters()))
    return Collocation(problem, trial, flat, loss, Schedule(stages), seed=3)


def test_soft_conditions_have_points_of_their_own() -> None:
    """An eighth of those inside, and 16 at least. Kills: all points on one face, too few."""
    objectives = collocation(DynamicsWeightedLoss(), Stage(0, 400, 5), Stage(5, 40, 5))
    for iteration, inside, face in ((0, 400, 50), (5, 40, 16)):
        terms = objectives.at(Progress(iteration=iteration)).terms
        assert [len(w.sample) for w in terms] == [inside, *[face] * (len(terms) - 1)]
        assert len(terms) == 4
        for weighted, place in zip(terms[1:], ("t=0", "x=0", "x=1"), strict=True):
            name, value = place.split("=")
            column = weighted.sample.points[:, "xt".index(name)]
            assert weighted.term.name.endswith(f"on {place}")
            assert bool((column == float(value)).all())


def test_points_of_validation_are_no_points_of_training_and_weigh_alike() -> None:
    """Kills: validation on the points at hand, with the weights of the loss or causal ones; points
    that change with the step."""
    loss = DynamicsWeightedLoss(FixedWeights({"residual": 7.0}), CausalInTime(1, strength=1e3))
    objectives = collocation(loss, Stage(0, 64, 1), Stage(4, 64, 1, WarpedSobol))
    present = objectives.at(Progress(iteration=0))
    held = objectives.held_out()
    assert held is not None
    assert [w.weight for w in present.terms] == [7.0, 1.0, 1.0, 1.0]
    assert [w.weight for w in held.terms] == [1.0] * 4
    assert not torch.allclose(present.terms[0].sample.weights, torch.ones(64).double())
    assert torch.allclose(held.terms[0].sample.weights, torch.ones(HELD_OUT).double())
    for ours, theirs in zip(present.terms, held.terms, strict=True):
        apart = torch.cdist(ours.sample.points, theirs.sample.points)
        assert float(apart.min()) > 0
    assert [len(w.sample) for w in held.terms] == [HELD_OUT, *[HELD_OUT // 8] * 3]
    assert objectives.at(Progress(iteration=1)) is not present
    assert objectives.held_out() is held
    objectives.at(Progress(iteration=4))
    warped = objectives.held_out()
    assert warped is not held
    assert warped is not None
    assert not torch.allclose(warped.terms[0].sample.weights, torch.ones(HELD_OUT).double())


def test_evidence_counts_what_the_training_did() -> None:
    """Kills: a share of failed steps over something else, a ratio upside down."""
    settings = Settings(network=NETWORK, points=0.05, digits=None)
    problem = pinn.find_problem("heat")
    solution = Solution(problem, build_trial(problem, settings), settings)
    trainer = make_trainer(solution, Limits(iterations=1))
    trainer.run()
    progress = trainer.progress
    progress.iteration, progress.failures, progress.note = 8, 2, "n"
    progress.metrics["restarts"] = 3.0
    progress.best_validation, progress.loss = 5.0, 2.0
    found = evidence_of(problem, solution.trial, trainer, "Try this.")
    assert (found.failed, found.restarts, found.note) == (0.25, 3, "n")
    assert found.overfit == pytest.approx(2.5)
    assert found.offer == "Try this."
    assert list(found.residuals) == ["the equation"]
