"""Objectives of a forward problem: equations inside, soft conditions on the boundary, data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.loss import terms
from pinn.loss.least_squares import LeastSquares, Weighted, Workspace
from pinn.loss.weighting import measure
from pinn.sampling.samplers import Current, Sample, UniformSobol, WarpedSobol, weighted
from pinn.sampling.schedule import Renewal
from pinn.trial.parameters import Parameters
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.loss.terms import Term
    from pinn.loss.weighting import DynamicsWeightedLoss
    from pinn.optimisers import FlatParameters
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem
    from pinn.sampling.samplers import Sampler
    from pinn.sampling.schedule import SamplerMaker, Schedule, Stage
    from pinn.training.curriculum import Curriculum
    from pinn.training.progress import Progress
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs.processes import Processes

HELD_OUT = 4096  # validation points: their mean square then varies by some per cent only
# Each part of the boundary has an eighth of the points inside, which is its share in dimension
# for some 300 points in the plane, and never so few that a corner is missed.
BOUNDARY_SHARE, FEWEST = 8, 16


class Collocation:
    """Residuals on sampled points, with weights that follow the training.

    Args:
        problem: what is solved.
        trial: the network, with hard conditions around it or without; conditions become soft
            terms where it has none.
        parameters: of the trial, as the optimiser sees them.
        loss: weights of the terms.
        schedule: how many points of which sampler, when.
        seed: of all random points.
        curriculum: a parameter that changes with the iteration.
        processes: who shares the points.
    """

    remedy = "resume from the last checkpoint with another seed, optimiser or float64"

    def __init__(
        self,
        problem: Problem,
        trial: TrialSolution,
        parameters: FlatParameters,
        loss: DynamicsWeightedLoss,
        schedule: Schedule,
        *,
        seed: int = 0,
        curriculum: Curriculum | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.name = problem.name
        self._trial, self._loss, self._flat = trial, loss, parameters
        self._processes, self._workspace = processes, Workspace()
        first = next(trial.parameters())
        self._device, dtype = first.device, first.dtype
        soft = soft_conditions(problem, trial)
        self._numbers = trial.values or Parameters(problem.parameter_values)
        self._curriculum = curriculum
        # Parameters that never change are put into the equations as numbers.
        changing = None if curriculum is None and self._numbers.unknown is None else self._numbers
        self._interior = terms.interior(problem, trial, changing)
        self._boundary = [terms.boundary(problem, trial, c, self._numbers) for c in soft]
        self._data = [
            terms.DataTerm(trial, problem, cloud, first, self._numbers) for cloud in problem.data
        ]
        self._refuse_few(schedule)
        self._seed, self._uniform = seed, UniformSobol(problem.domain, seed + 1, dtype)
        self._renewal, self._schedule = Renewal(schedule), schedule
        self._samplers: dict[SamplerMaker, Sampler] = {}
        self._draws: dict[str, int] = {}
        self._least_causal = 1.0
        parts = [problem.domain.part(condition.on) for condition in soft]
        self._faces = [
            UniformSobol(part, seed + 2 + index, dtype) for index, part in enumerate(parts)
        ]
        # A sequence of its own for validation, far from the seeds of those that are trained on.
        self._unseen = UniformSobol(problem.domain, seed + 1000, dtype).unit(HELD_OUT)
        self._unseen_on_faces = [
            UniformSobol(part, seed + 1000, dtype).draw(HELD_OUT // BOUNDARY_SHARE)
            for part in parts
        ]
        self._current = Current(self._trial.at, self._residual_size)
        self._validation: LeastSquares | None = None
        self._validated: SamplerMaker | None = None
        self.present: LeastSquares | None = None

    def at(self, progress: Progress) -> LeastSquares:
        """The terms on new points when they are due, with the weights of that moment."""
        due = self._renewal.is_due(progress.iteration, progress.spent, progress.accepted)
        if due or self.present is None:
            stage = self._renewal.stage
            self.present = self._objective(self._weigh(self._draw(stage, progress.iteration)))
            if stage.sampler is not self._validated:
                self._validated = stage.sampler
                self._validation = self._objective(self._unseen_terms(stage))
        return self.present

    def held_out(self) -> LeastSquares | None:
        """Points never trained on, dense where the sampler is dense; None until the equations are
        those of the problem."""
        return self._validation if self._is_settled() else None

    def unsettled(self) -> str:
        """The curriculum, while it has not come to its end."""
        if self._is_settled() or self._curriculum is None:
            return ""
        name, ramp = self._curriculum.parameter, self._curriculum.ramp
        reached = self._numbers.numbers()[name]
        return f"the curriculum ended at {name} = {reached:g} and not at {ramp.end:g}"

    def values(self) -> dict[str, float]:
        """The present values of the unknown parameters."""
        return self._numbers.found()

    def state(self) -> dict[str, Any]:
        """Positions of all random sequences, present points, and the weights of the loss."""
        return {
            "uniform": self._uniform.state(),
            "samplers": [self._sampler(stage).state() for stage in self._stages()],
            "faces": [face.state() for face in self._faces],
            "weights": dict(self._loss.weights),
            "parameters": self._numbers.numbers(),
            "draws": dict(self._draws),
            "least_causal": self._least_causal,
            "renewal": self._renewal.state(),
            "present": _states(self.present),
            "validation": _states(self._validation),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        for stage, saved in zip(self._stages(), state["samplers"], strict=True):
            self._sampler(stage).restore(saved)
        self._uniform.restore(state["uniform"])
        for face, saved in zip(self._faces, state["faces"], strict=True):
            face.restore(saved)
        self._loss.weights = dict(state["weights"])
        for name, value in state["parameters"].items():
            self._numbers[name] = value
        self._draws = dict(state["draws"])
        self._least_causal = state["least_causal"]
        self._renewal.restore(state["renewal"])
        self.present = self._restored(state["present"])
        self._validation = self._restored(state["validation"])
        self._validated = self._renewal.stage.sampler if self.present is not None else None

    def report(self) -> dict[str, Any]:
        """Samplers, weights, data and curriculum, and what they did."""
        said: dict[str, Any] = {"samplers": dict(self._draws)}
        if len(self._terms) > 1:
            said["weights"] = {t.name: self._loss.weights.get(t.name, 1.0) for t in self._terms}
            said["balance"] = type(self._loss.balance).__name__
        if self._loss.causal is not None:
            said["causal"] = {
                "strength": self._loss.causal.strength,
                "least_weight": self._least_causal,
            }
        if self._curriculum is not None:
            name, ramp = self._curriculum.parameter, self._curriculum.ramp
            said["curriculum"] = {name: [ramp.start, self._numbers.numbers()[name], ramp.end]}
        return said

    def _refuse_few(self, schedule: Schedule) -> None:
        """Refuses fewer points than processes."""
        fewest = min(stage.points for stage in schedule.stages)
        if fewest < self._processes.size:
            raise UsageError(
                f"{self.name}: {fewest} points cannot be shared by {self._processes.size} "
                f"processes; give more points or start fewer processes."
            )

    @property
    def _terms(self) -> list[Term]:
        return [self._interior, *self._boundary, *self._data]

    def _stages(self) -> list[Stage]:
        final = self._schedule.final
        return [*self._schedule.stages, *([] if final is None else [final])]

    def _sampler(self, stage: Stage) -> Sampler:
        """The sampler of a stage; stages with the same one share it."""
        if stage.sampler not in self._samplers:
            self._samplers[stage.sampler] = stage.sampler(self._uniform, self._seed)
        return self._samplers[stage.sampler]

    def _is_settled(self) -> bool:
        """Whether a curriculum, if there is one, has come to its end."""
        if self._curriculum is None:
            return True
        return bool(self._numbers[self._curriculum.parameter] == self._curriculum.ramp.end)

    def _draw(self, stage: Stage, iteration: int) -> list[Sample]:
        """A sample for each term, the equations first."""
        if self._curriculum is not None:
            value = self._curriculum.ramp.at(iteration)
            self._numbers[self._curriculum.parameter] = value
        label = _label(stage.sampler)
        self._draws[label] = self._draws.get(label, 0) + 1
        inside = self._sampler(stage).draw(stage.points, self._current)
        count = max(stage.points // BOUNDARY_SHARE, FEWEST)
        return [inside, *(face.draw(count) for face in self._faces), *self._measured()]

    def _weigh(self, samples: list[Sample]) -> list[Weighted]:
        """The samples with the weights that the loss gives their terms now."""
        if len(samples) > 1:
            tensors = self._flat.tensors
            self._loss.observe(
                {
                    term.name: measure(term, sample.points.to(self._device), tensors)
                    for term, sample in zip(self._terms, samples, strict=True)
                }
            )
        if self._loss.causal is not None:
            squares = self._residual_size(samples[0].points).square()
            causal = self._loss.causal.reweight(samples[0], squares)
            self._least_causal = float((causal.weights / samples[0].weights).min())
            samples[0] = causal
        return self._pair(samples, self._loss.weights)

    def _unseen_terms(self, stage: Stage) -> list[Weighted]:
        sampler = self._sampler(stage)
        place = sampler.place if isinstance(sampler, WarpedSobol) else self._uniform.place
        inside = weighted(*self._uniform.inside(*place(self._unseen)))
        return self._pair([inside, *self._unseen_on_faces, *self._measured()], {})

    def _measured(self) -> list[Sample]:
        return [Sample(data.points, torch.ones_like(data.points[:, 0])) for data in self._data]

    def _pair(self, samples: Sequence[Sample], weights: Mapping[str, float]) -> list[Weighted]:
        return [
            Weighted(term, sample.to(self._device), weights.get(term.name, 1.0))
            for term, sample in zip(self._terms, samples, strict=True)
        ]

    def _objective(self, pairs: Sequence[Weighted]) -> LeastSquares:
        return LeastSquares(self._flat, pairs, self._processes, self._workspace)

    def _restored(self, states: Sequence[Mapping[str, Any]]) -> LeastSquares | None:
        """The objective on points and weights as they were saved."""
        if not states:
            return None
        pairs = zip(self._terms, states, strict=True)
        return self._objective([Weighted.of(term, saved, self._device) for term, saved in pairs])

    def _residual_size(self, points: Tensor) -> Tensor:
        with torch.no_grad():
            residual = self._interior.residual(points.to(self._device))
            size: Tensor = torch.linalg.vector_norm(residual, dim=-1)
        return size.cpu()


def soft_conditions(problem: Problem, trial: TrialSolution) -> list[Condition]:
    """The conditions that the trial solution does not satisfy by itself."""
    built_in = () if trial.constraint is None else trial.constraint.conditions
    return [condition for condition in problem.conditions if condition not in built_in]


def _states(objective: LeastSquares | None) -> list[dict[str, Any]]:
    return [] if objective is None else [term.state() for term in objective.terms]


def _label(sampler: SamplerMaker) -> str:
    """The name of a sampler in reports."""
    return getattr(getattr(sampler, "func", sampler), "__name__", type(sampler).__name__)
