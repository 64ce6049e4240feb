"""Objectives of a problem with noisy data: network and unknown parameters as one least squares."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.loss import terms
from pinn.loss.least_squares import LeastSquares, Weighted, Workspace
from pinn.sampling.samplers import Current, Sample, UniformSobol
from pinn.sampling.schedule import Renewal
from pinn.training.collocation import BOUNDARY_SHARE, FEWEST, soft_conditions
from pinn.training.sizes_by_data import sizes_by_data
from pinn.trial.parameters import Parameters
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.loss.terms import Term
    from pinn.optimisers import FlatParameters
    from pinn.problem.problem import Problem
    from pinn.sampling.samplers import Sampler
    from pinn.sampling.schedule import SamplerMaker, Schedule, Stage
    from pinn.training.progress import Progress
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs.processes import Processes

# Tolerance of the equations in units of the noise, at the least. Held tighter they pull the
# coefficients: in a wake a viscosity too large by 0.8 % and by 3 % at a half and a quarter of this.
TIGHTEST = 0.5


class NoisyData:
    """Samples in units of their noise, and equations in units of a tolerance.

    |rows|^2 = noise_0^2 * mean over points of ((quantity - sample) / noise)^2 and
    trust * (residual / tolerance)^2, with noise_0 the least noise. The factor in front keeps rows
    of the size of the fields, to which the optimiser's damping is made.

    trust = 1 / (1 + mean residual^2 / tolerance^2) in a trusting stage, from the residuals at hand
    when its points are drawn: where the network cannot satisfy the equations, they are held to
    what it can, and do not pull the coefficients.

    Args:
        problem: with data whose noise is known; early stages use the first samples, so their order
            must be random.
        trial: the fields, and the parameters that are trained with them.
        parameters: of the trial, as the optimiser sees them.
        schedule: how many rows of which weight, when.
        seed: of the points where the equations are imposed.
        processes: who shares the points.
    """

    remedy = "try another seed, or check the units and the noise level of the data"

    def __init__(
        self,
        problem: Problem,
        trial: TrialSolution,
        parameters: FlatParameters,
        schedule: Schedule,
        *,
        seed: int = 0,
        processes: Processes = ALONE,
    ) -> None:
        self.name = problem.name
        self._flat, self._processes, self._workspace = parameters, processes, Workspace()
        self._trial = trial
        first = next(trial.parameters())
        self._device = first.device
        self._numbers = trial.values or Parameters(problem.parameter_values)
        names = problem.domain.coordinates
        self.noise, self._size, sizes = _units(problem)
        self._equations = terms.EquationTerm(
            "equations", trial, problem.residual, names, self._numbers, sizes=sizes
        )
        self._clouds = [
            terms.DataTerm(trial, problem, cloud, first, self._numbers) for cloud in problem.data
        ]
        soft = soft_conditions(problem, trial)
        self._boundary = [terms.boundary(problem, trial, c, self._numbers) for c in soft]
        self._renewal, self._seed = Renewal(schedule), seed
        self._uniform = UniformSobol(problem.domain, seed, first.dtype)
        self._samplers: dict[SamplerMaker, Sampler] = {}
        self._faces = [
            UniformSobol(problem.domain.part(c.on), seed + 1 + index, first.dtype)
            for index, c in enumerate(soft)
        ]
        self._current = Current(self._trial.at, self._residual_size)
        self.present: LeastSquares | None = None

    def at(self, progress: Progress) -> LeastSquares:
        """Equations and samples, on new points when they are due."""
        due = self._renewal.is_due(progress.iteration, progress.spent, progress.accepted)
        if due or self.present is None:
            self.present = self._objective(self._draw(self._renewal.stage))
        return self.present

    def held_out(self) -> LeastSquares | None:
        """None: the noise of other samples would tell less than the present rows do."""
        return None

    def unsettled(self) -> str:
        """The empty text: the equations are the problem's from the first step."""
        return ""

    def values(self) -> dict[str, float]:
        """The present values of the unknown parameters."""
        return self._numbers.found()

    def report(self) -> dict[str, Any]:
        """Numbers of points and samples, and the weights of the equations, at the end."""
        if self.present is None:
            return {}
        return {
            "points": {w.term.name: len(w.sample) for w in self.present.terms},
            "noise": self.noise,
        }

    def state(self) -> dict[str, Any]:
        """Positions of the random sequences, and the present points."""
        present = [] if self.present is None else self.present.terms
        return {
            "uniform": self._uniform.state(),
            "samplers": [sampler.state() for sampler in self._samplers.values()],
            "faces": [face.state() for face in self._faces],
            "present": [weighted.state() for weighted in present],
            "renewal": self._renewal.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._renewal.restore(state["renewal"])
        if state["present"]:
            self._sampler(self._renewal.stage)
            pairs = zip(self._terms, state["present"], strict=True)
            self.present = self._objective(
                [Weighted.of(term, saved, self._device) for term, saved in pairs]
            )
        for sampler, saved in zip(self._samplers.values(), state["samplers"], strict=True):
            sampler.restore(saved)
        self._uniform.restore(state["uniform"])
        for face, saved in zip(self._faces, state["faces"], strict=True):
            face.restore(saved)

    def noise_units(self) -> float:
        """The factor that makes residuals in units of the noise of the objective's rows."""
        assert self.present is not None, "a fit has taken a step"
        return math.sqrt(self.present.points) / self.noise

    def linearised(self) -> tuple[Tensor, Tensor]:
        """Jacobian (R, P) and rows (R,) in units of the noise, on the host.

        LAPACK works there, a few times a fit; some accelerators have no float64.
        """
        assert self.present is not None, "a fit has taken a step"
        at, units = self.present.linearise(), self.noise_units()
        return at.jacobian.cpu() * units, at.rows.cpu() * units

    @property
    def is_in_last_stage(self) -> bool:
        """Whether the present points are those of the last stage."""
        return self._renewal.is_in_last_stage

    def move_on(self) -> None:
        """Lets the next step be on new points, of the next stage if there is one."""
        self._renewal.move_on()

    def is_sample(self) -> Tensor:
        """Which rows of the objective are samples; the others are equations and conditions."""
        assert self.present is not None, "a fit has taken a step"
        return torch.cat(
            [
                torch.full((w.equations * len(w.sample),), w.term in self._clouds)
                for w in self.present.terms
            ]
        )

    @property
    def _terms(self) -> list[Term]:
        return [self._equations, *self._boundary, *self._clouds]

    def _objective(self, pairs: list[Weighted]) -> LeastSquares:
        return LeastSquares(self._flat, pairs, self._processes, self._workspace)

    def _sampler(self, stage: Stage) -> Sampler:
        if stage.sampler not in self._samplers:
            self._samplers[stage.sampler] = stage.sampler(self._uniform, self._seed)
        return self._samplers[stage.sampler]

    def _draw(self, stage: Stage) -> list[Weighted]:
        inside = self._sampler(stage).draw(stage.points, self._current).to(self._device)
        count = max(stage.points // BOUNDARY_SHARE, FEWEST)
        faces = [face.draw(count).to(self._device) for face in self._faces]
        observed = [_even(cloud.points[: stage.samples]) for cloud in self._clouds]
        tolerance = max(stage.tolerance * self._size, TIGHTEST * self.noise)
        if stage.is_trusting:
            trust = self._trust(inside.points, tolerance)
            inside = Sample(inside.points, inside.weights * trust)
        imposed = [inside, *faces]
        share = _count(imposed) / _count([*imposed, *observed])
        samples = [*imposed, *observed]
        weights = [
            *_shares(imposed, share * (self.noise / tolerance) ** 2),
            *_shares(observed, (1 - share) * self.noise**2),
        ]
        triples = zip(self._terms, samples, weights, strict=True)
        return [Weighted(term, sample, weight) for term, sample, weight in triples]

    def _trust(self, points: Tensor, tolerance: float) -> Tensor:
        """Weights in (0, 1] by which equations count less where they do not hold."""
        with torch.no_grad():
            residual = self._equations.residual(points)
        return 1 / (1 + residual.square().mean(1) / tolerance**2)

    def _residual_size(self, points: Tensor) -> Tensor:
        with torch.no_grad():
            residual = self._equations.residual(points.to(self._device))
            size: Tensor = torch.linalg.vector_norm(residual, dim=-1)
        return size.cpu()


def _units(problem: Problem) -> tuple[float, float, list[float] | None]:
    """The least noise, the size of the data, and what each equation is divided by.

    Without `scales` noise and size are shares of the range of each quantity, and equations count
    relative to the sizes of their terms: any units, and any zero of them, give the same fit. A
    problem with `scales` is one in units of order one, and stays as it is.
    """
    levels = [
        (float(np.min(cloud.noise[name])), float(values.std()) or float(abs(values).max()) or 1.0)
        for cloud in problem.data
        for name, values in cloud.values.items()
    ]
    if problem.scales:
        return min(noise for noise, _ in levels), max(size for _, size in levels), None
    known = {**problem.parameters, **{s: u.size for s, u in problem.unknown.items()}}
    typical = replace(problem, parameters=known, unknown={}, exact={}, reference=None)
    return min(noise / size for noise, size in levels), 1.0, sizes_by_data(typical)


def _even(points: Tensor) -> Sample:
    return Sample(points, torch.ones_like(points[:, 0]))


def _count(samples: list[Sample]) -> int:
    return sum(map(len, samples))


def _shares(samples: list[Sample], weight: float) -> list[float]:
    """A weight divided among samples by their numbers of points."""
    return [weight * (len(sample) / _count(samples)) for sample in samples]
