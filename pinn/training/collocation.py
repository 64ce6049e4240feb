"""The points of a training: inside the domain by plan, on its boundary, and held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.loss import terms
from pinn.loss.least_squares import Weighted
from pinn.loss.weighting import measure
from pinn.sampling.resampling import ResidualDensity, RetainResampleRelease
from pinn.sampling.samplers import (
    Current,
    ResidualImportance,
    Sample,
    UniformSobol,
    WarpedSobol,
    weighted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from pinn.loss.terms import Term
    from pinn.loss.weighting import DynamicsWeightedLoss
    from pinn.problem.problem import Condition, Problem
    from pinn.sampling.samplers import Sampler
    from pinn.training.curriculum import Curriculum
    from pinn.training.schedule import Stage
    from pinn.trial.hard_constraint import TrialSolution

HELD_OUT = 4096


class Collocation:
    """Draws the samples of all terms and weights them into an objective.

    Args:
        problem: what is solved.
        trial: the network, with hard conditions around it or without; conditions become soft
            terms where it has none.
        loss: weights of the terms.
        seed: of all random points.
        curriculum: a parameter that changes with the iteration.
    """

    def __init__(
        self,
        problem: Problem,
        trial: TrialSolution,
        loss: DynamicsWeightedLoss,
        seed: int,
        curriculum: Curriculum | None = None,
    ) -> None:
        self._trial, self._loss = trial, loss
        first = next(trial.parameters())
        self._device, dtype = first.device, first.dtype
        soft = soft_conditions(problem, trial)
        # One dict for all terms: a curriculum changes its numbers.
        self._parameters = dict(problem.parameter_values)
        self._curriculum = curriculum
        if trial.constraint is not None:
            trial.constraint.numbers = self._parameters
        changing = None if curriculum is None else self._parameters
        self._interior = terms.interior(problem, trial, changing)
        self._boundary = [terms.boundary(problem, trial, c, self._parameters) for c in soft]
        self._data = [terms.DataTerm(trial, problem, cloud, first) for cloud in problem.data]
        uniform = UniformSobol(problem.domain, seed + 1, dtype)
        self._samplers: dict[str, Sampler] = {
            "uniform": uniform,
            "importance": ResidualImportance(uniform, seed),
            "warped": WarpedSobol(uniform),
            "rad": ResidualDensity(uniform, seed),
            "r3": RetainResampleRelease(uniform),
        }
        self._draws = dict.fromkeys(self._samplers, 0)
        self._least_causal = 1.0
        parts = [problem.domain.part(condition.on) for condition in soft]
        self._faces = [
            UniformSobol(part, seed + 2 + index, dtype) for index, part in enumerate(parts)
        ]
        self._uniform = uniform
        self._held_out = UniformSobol(problem.domain, seed + 1000, dtype).unit(HELD_OUT)
        self._held_out_faces = [
            UniformSobol(part, seed + 1000, dtype).draw(HELD_OUT // 8) for part in parts
        ]
        self._current = Current(self._fields, self._residual_size)

    def draw(self, stage: Stage, iteration: int) -> list[Sample]:
        """A sample for each term, the equations first."""
        if self._curriculum is not None:
            value = self._curriculum.ramp.at(iteration)
            self._parameters[self._curriculum.parameter] = value
        self._draws[stage.sampler] += 1
        inside = self._samplers[stage.sampler].draw(stage.points, self._current)
        on_faces = [face.draw(max(stage.points // 8, 16)) for face in self._faces]
        return [inside, *on_faces, *self._measured]

    @property
    def is_settled(self) -> bool:
        """Whether the equations are those of the problem: a curriculum has come to its end."""
        if self._curriculum is None:
            return True
        return self._parameters[self._curriculum.parameter] == self._curriculum.ramp.end

    def held_out(self, stage: Stage) -> list[Weighted]:
        """Terms on points that are never trained on, dense where the stage's sampler is dense."""
        sampler = self._samplers[stage.sampler]
        place = sampler.place if isinstance(sampler, WarpedSobol) else self._uniform.place
        inside = weighted(*self._uniform.inside(*place(self._held_out)))
        return self._pair([inside, *self._held_out_faces, *self._measured], {})

    def weigh(
        self, samples: Sequence[Sample], parameters: Sequence[nn.Parameter]
    ) -> list[Weighted]:
        """The samples with the weights that the loss gives their terms now."""
        samples = list(samples)
        if len(samples) > 1:
            self._loss.observe(
                {
                    term.name: measure(term, sample.points.to(self._device), parameters)
                    for term, sample in zip(self._terms, samples, strict=True)
                }
            )
        if self._loss.causal is not None:
            squares = self._residual_size(samples[0].points).square()
            causal = self._loss.causal.reweight(samples[0], squares)
            self._least_causal = float((causal.weights / samples[0].weights).min())
            samples[0] = causal
        return self._pair(samples, self._loss.weights)

    def weighted(self, states: Sequence[Mapping[str, Any]]) -> list[Weighted]:
        """Weighted samples as they were saved, one for each term."""
        pairs = zip(self._terms, states, strict=True) if states else ()
        return [
            Weighted(term, Sample(s["points"], s["weights"]).to(self._device), s["weight"])
            for term, s in pairs
        ]

    def state(self) -> dict[str, Any]:
        """Positions of all random sequences, and the weights of the loss."""
        return {
            "samplers": {name: sampler.state() for name, sampler in self._samplers.items()},
            "faces": [face.state() for face in self._faces],
            "weights": dict(self._loss.weights),
            "parameters": dict(self._parameters),
            "draws": dict(self._draws),
            "least_causal": self._least_causal,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        for name, sampler in self._samplers.items():
            sampler.restore(state["samplers"][name])
        for face, saved in zip(self._faces, state["faces"], strict=True):
            face.restore(saved)
        self._loss.weights = dict(state["weights"])
        self._parameters.update(state["parameters"])
        self._draws.update(state["draws"])
        self._least_causal = state["least_causal"]

    def report(self) -> dict[str, Any]:
        """What was on and what it did, for people: samplers, weights, data, curriculum."""
        said: dict[str, Any] = {
            "samplers": {name: count for name, count in self._draws.items() if count}
        }
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
            said["curriculum"] = {name: [ramp.start, self._parameters[name], ramp.end]}
        return said

    @property
    def _terms(self) -> list[Term]:
        return [self._interior, *self._boundary, *self._data]

    @property
    def _measured(self) -> list[Sample]:
        return [Sample(data.points, torch.ones_like(data.points[:, 0])) for data in self._data]

    def _pair(self, samples: Sequence[Sample], weights: Mapping[str, float]) -> list[Weighted]:
        return [
            Weighted(term, sample.to(self._device), weights.get(term.name, 1.0))
            for term, sample in zip(self._terms, samples, strict=True)
        ]

    def _fields(self, points: Tensor) -> Tensor:
        return self._trial.at(points.to(self._device)).cpu()

    def _residual_size(self, points: Tensor) -> Tensor:
        with torch.no_grad():
            residual = self._interior.residual(points.to(self._device))
            size: Tensor = torch.linalg.vector_norm(residual, dim=-1)
        return size.cpu()


def soft_conditions(problem: Problem, trial: TrialSolution) -> list[Condition]:
    """The conditions that the trial solution does not satisfy by itself."""
    built_in = () if trial.constraint is None else trial.constraint.conditions
    return [condition for condition in problem.conditions if condition not in built_in]
