"""Network and unknown parameters as one least squares, solved by Levenberg-Marquardt."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.identification.coefficients import Coefficients, LiveParameters
from pinn.identification.model import Model, spread
from pinn.losses import LeastSquares, Weighted
from pinn.optimisers import FlatParameters, LevenbergMarquardt
from pinn.sampling import Sample
from pinn.solver import deferred_interrupt
from pinn.terms import EquationTerm
from pinn.threads import limit_threads
from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.data.observations import Observations
    from pinn.identification.inverse import InverseProblem

FINAL = 0.67  # share of time or iterations after which all samples are used
ALL = 10**9


@dataclass(frozen=True)
class Stage:
    """From iteration `start` on: `points` for the equations, the first `observations` samples, and
    equations held to `slack` times the noise."""

    start: int
    points: int
    observations: int
    slack: float


@dataclass(frozen=True)
class Schedule:
    """Stages in the order of their starts, the first at 0; new points every `every` iterations.

    First the samples are fitted and the equations hold loosely, then both to the noise. Points
    that change at every iteration would make the objective bounce. Steps on some of the rows are
    cheap; in the last third of the time all samples are used, and `final_points` points, because
    what the network cannot represent makes coefficients depend on the points.
    """

    stages: tuple[Stage, ...]
    final_points: int
    every: int = 15

    def at(self, iteration: int, spent: float) -> Stage:
        """The stage of an iteration, when a share `spent` of time or iterations is over."""
        stage = [stage for stage in self.stages if stage.start <= iteration][-1]
        is_late = spent >= FINAL and stage is self.stages[-1]
        return replace(stage, points=self.final_points, observations=ALL) if is_late else stage


FLOW = Schedule(
    (
        Stage(0, 200, 1500, 30.0),
        Stage(15, 1000, 2000, 10.0),
        Stage(30, 1500, 2500, 3.0),
        Stage(42, 1500, 2500, 1.0),
    ),
    final_points=5000,
)


@dataclass(frozen=True)
class FitReport:
    """Where a fit stands.

    Attributes:
        iteration: steps taken.
        elapsed: seconds.
        loss: sum of squares of a point's rows in units of the noise, on average over points; two
            quantities fitted to their noise give 2.
        values: the unknown parameters.
    """

    iteration: int
    elapsed: float
    loss: float
    values: dict[str, float]


class ObservationTerm:
    """(quantity - its sample) / noise, at the first of the observed points."""

    name = "observations"

    def __init__(self, inverse: InverseProblem, observations: Observations, model: Model) -> None:
        names = tuple(observations.values)
        self._quantities = quantities_term(inverse, model, names)
        self._samples = torch.tensor([observations.values[n].tolist() for n in names]).double().T
        self._noise = torch.tensor([observations.noise[n] for n in names]).double()
        self.points = torch.from_numpy(observations.points)

    def residual(self, points: Tensor) -> Tensor:
        """Rows (p, quantities) at the first p observed points."""
        return (self._quantities.residual(points) - self._samples[: len(points)]) / self._noise


class Fit:
    """A model and coefficients being fitted to observations and equations.

    |rows|^2 = noise_0^2 * mean over points of ((quantity - sample) / noise)^2 and
    (residual / (slack * noise_0))^2, with noise_0 the least noise. The factor in front keeps rows
    of the size of the fields, to which the optimiser's damping is made.

    Args:
        inverse: the problem.
        observations: shuffled, because early stages use the first of them; None for equations only.
        model: the fields.
        coefficients: the unknown parameters.
        schedule: how many rows, when.
        seed: of the points where the equations are imposed.
    """

    def __init__(
        self,
        inverse: InverseProblem,
        observations: Observations | None,
        model: Model,
        coefficients: Coefficients,
        schedule: Schedule,
        seed: int,
    ) -> None:
        problem = inverse.problem
        live = LiveParameters(problem.parameter_values, coefficients)
        names = problem.domain.coordinates
        self._equations = EquationTerm("equations", model, problem.residual, names, live)
        self._observed, self._noise = None, 1.0
        if observations is not None:
            self._observed = ObservationTerm(inverse, observations, model)
            self._noise = min(observations.noise.values())
        self.coefficients, self._schedule, self._domain = coefficients, schedule, problem.domain
        self.parameters = FlatParameters([*model.parameters(), coefficients.scaled])
        self._sobol = torch.quasirandom.SobolEngine(len(problem.coordinates), True, seed)  # type: ignore[no-untyped-call]
        self._optimiser = LevenbergMarquardt()
        self._name = problem.name
        self.iteration, self.elapsed, self.loss = 0, 0.0, float("inf")
        self.weighted: list[Weighted] = []

    def train(
        self,
        budget: float,
        *,
        iterations: int | None = None,
        threads: int = 1,
        observers: Sequence[Callable[[FitReport], None]] = (),
    ) -> str:
        """Steps until the budget of seconds or of iterations is spent.

        Returns:
            Why it ended.

        Raises:
            ConvergenceError: rows stopped being finite.
            KeyboardInterrupt: after the step in which it came.
        """
        began, age, stage = time.monotonic(), 0, None
        with limit_threads(threads), deferred_interrupt() as interrupted:
            while True:
                if iterations is not None and self.iteration >= iterations:
                    return f"{iterations} iterations done"
                if self.elapsed >= budget:
                    return f"budget of {budget:g} s spent"
                if interrupted():
                    raise KeyboardInterrupt
                spent = self.elapsed / budget
                if iterations is not None:
                    spent = max(spent, self.iteration / iterations)
                now = self._schedule.at(self.iteration, spent)
                if now != stage or age >= self._schedule.every:
                    self.weighted = self._draw(now)
                    stage, age = now, 0
                age = age + 1 if self._step() else self._schedule.every
                self.elapsed = time.monotonic() - began
                report = FitReport(self.iteration, self.elapsed, self.loss, self.values())
                for observer in observers:
                    observer(report)

    def values(self) -> dict[str, float]:
        """The unknown parameters as they stand."""
        return self.coefficients.values()

    def objective(self) -> LeastSquares:
        """The least squares on the present points."""
        return LeastSquares(self.parameters, self.weighted)

    def _step(self) -> bool:
        """Whether the parameters moved."""
        try:
            done = self._optimiser.step(self.objective())
        except ConvergenceError as failure:
            raise ConvergenceError(
                f"{self._name}: {failure} at step {self.iteration + 1} (last loss {self.loss:.3g});"
                " try another seed, or check the units and the noise level of the data."
            ) from failure
        self.iteration += 1
        self.loss = done.after / self._noise**2
        return done.accepted

    def _draw(self, stage: Stage) -> list[Weighted]:
        inside = spread(self._sobol.draw(stage.points, dtype=torch.float64), self._domain)
        share = 1.0
        weighted = []
        if self._observed is not None:
            observed = self._observed.points[: stage.observations]
            share = len(inside) / (len(inside) + len(observed))
            weight = (1 - share) * self._noise**2
            weighted = [Weighted(self._observed, _even(observed), weight)]
        return [Weighted(self._equations, _even(inside), share / stage.slack**2), *weighted]

    def noise_units(self) -> float:
        """What the objective's rows are multiplied by to be residuals in units of the noise."""
        return math.sqrt(sum(len(w.sample) for w in self.weighted)) / self._noise


def _even(points: Tensor) -> Sample:
    return Sample(points, torch.ones_like(points[:, 0]))


def quantities_term(inverse: InverseProblem, model: Model, names: tuple[str, ...]) -> EquationTerm:
    """Quantities of a model, as rows that are no residuals yet."""
    expressions, problem = inverse.measured(names), inverse.problem
    return EquationTerm(
        "quantities", model, expressions, problem.domain.coordinates, problem.parameter_values
    )
