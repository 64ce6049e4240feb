"""Network and unknown parameters as one least squares, solved by Levenberg-Marquardt."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.identification.coefficients import Coefficients, LiveParameters
from pinn.identification.model import Model, spread
from pinn.identification.schedule import Schedule, Stage
from pinn.jets.memory import kept_memory
from pinn.loss.least_squares import LeastSquares, Weighted, Workspace
from pinn.loss.terms import EquationTerm
from pinn.optimisers import FlatParameters, LevenbergMarquardt
from pinn.sampling.samplers import Sample
from pinn.training.trainer import CHECKPOINT_SECONDS, deferred_interrupt
from sciformer.errors import ConvergenceError
from sciformer.runs.state import pack, unpack
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.data.observations import Observations
    from pinn.identification.inverse_problem import InverseProblem
    from pinn.loss.terms import Term
    from sciformer.runs import Run


TIGHTEST = 0.5  # tolerance of the equations in units of the noise


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
    trust * (residual / tolerance)^2, with noise_0 the least noise. The factor in front keeps rows
    of the size of the fields, to which the optimiser's damping is made.

    trust = 1 / (1 + mean residual^2 / tolerance^2) in the last stage, from the residuals at hand
    when its points are drawn: where the network cannot satisfy the equations, they are held to
    what it can, and do not pull the coefficients. Equations that are held tighter than half the
    noise do the same to all coefficients (measured in a wake: a viscosity too large by 0.8 % and by
    3 % at a half and a quarter of that), which is why none are.

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
        self._observed, self._noise, self._size = None, 1.0, 1.0
        if observations is not None:
            self._observed = ObservationTerm(inverse, observations, model)
            self._noise = min(observations.noise.values())
            self._size = max(float(v.std()) for v in observations.values.values())
        self.coefficients, self._schedule, self._domain = coefficients, schedule, problem.domain
        self.parameters = FlatParameters([*model.parameters(), coefficients.scaled])
        self._sobol = torch.quasirandom.SobolEngine(len(problem.coordinates), True, seed)  # type: ignore[no-untyped-call]
        self._optimiser, self._workspace = LevenbergMarquardt(), Workspace()
        self._name = problem.name
        self.iteration, self.elapsed, self.loss = 0, 0.0, float("inf")
        self._age = 0
        self._stage: Stage | None = None
        self.weighted: list[Weighted] = []

    def train(
        self,
        budget: float,
        *,
        iterations: int | None = None,
        threads: int = 1,
        observers: Sequence[Callable[[FitReport], None]] = (),
        run: Run | None = None,
    ) -> str:
        """Steps until the budget of seconds or of iterations is spent, those before included.

        Args:
            budget: seconds.
            iterations: steps at most.
            threads: of BLAS.
            observers: called after every step.
            run: keeps checkpoints, and holds the one to continue from, if any.

        Returns:
            Why it ended.

        Raises:
            ConvergenceError: rows stopped being finite; the last checkpoint is kept.
            KeyboardInterrupt: after the step in which it came, with a checkpoint written.
        """
        checkpoint = None if run is None else run.load_checkpoint()
        if checkpoint is not None:
            self.restore(unpack(*checkpoint))
        began, saved = time.monotonic() - self.elapsed, self.elapsed
        with kept_memory(), limit_threads(threads), deferred_interrupt() as interrupted:
            while (reason := self._reached(budget, iterations)) is None and not interrupted():
                self._renew(budget, iterations)
                self._age = self._age + 1 if self._step() else self._schedule.every
                self.elapsed = time.monotonic() - began
                report = FitReport(self.iteration, self.elapsed, self.loss, self.values())
                for observer in observers:
                    observer(report)
                if run is not None and self.elapsed - saved >= CHECKPOINT_SECONDS:
                    run.save_checkpoint(*pack(self.state()))
                    saved = self.elapsed
        if run is not None:
            run.save_checkpoint(*pack(self.state()))
        if reason is None:
            raise KeyboardInterrupt
        return reason

    def state(self) -> dict[str, Any]:
        """All that a continuation needs, points included."""
        return {
            "parameters": self.parameters.read(),
            "optimiser": self._optimiser.state(),
            "weighted": [weighted.state() for weighted in self.weighted],
            "drawn": self._sobol.num_generated,
            "stage": None if self._stage is None else asdict(self._stage),
            "progress": [self.iteration, self.elapsed, self.loss, self._age],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a state of the same fit."""
        self.parameters.write(state["parameters"])
        self._optimiser.restore(state["optimiser"])
        terms: list[Term] = [self._equations]
        if self._observed is not None:
            terms.append(self._observed)
        self.weighted = [
            Weighted(term, Sample(kept["points"], kept["weights"]), kept["weight"])
            for term, kept in zip(terms, state["weighted"], strict=False)
        ]
        self._sobol.reset().fast_forward(state["drawn"])  # type: ignore[no-untyped-call]
        self._stage = None if state["stage"] is None else Stage(**state["stage"])
        self.iteration, self.elapsed, self.loss, self._age = state["progress"]

    def values(self) -> dict[str, float]:
        """The unknown parameters as they stand."""
        return self.coefficients.values()

    def objective(self) -> LeastSquares:
        """The least squares on the present points."""
        return LeastSquares(self.parameters, self.weighted, workspace=self._workspace)

    def _reached(self, budget: float, iterations: int | None) -> str | None:
        """Why it is over, or None."""
        if iterations is not None and self.iteration >= iterations:
            return f"{iterations} iterations done"
        return f"budget of {budget:g} s spent" if self.elapsed >= budget else None

    def _renew(self, budget: float, iterations: int | None) -> None:
        """New points, if they are due."""
        spent = self.elapsed / budget
        if iterations is not None:
            spent = max(spent, self.iteration / iterations)
        now = self._schedule.at(self.iteration, spent)
        if now != self._stage or self._age >= self._schedule.every:
            self.weighted = self._draw(now)
            self._stage, self._age = now, 0

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
        if self._observed is None:
            return [Weighted(self._equations, _even(inside), 1 / stage.tolerance**2)]
        observed = self._observed.points[: stage.observations]
        share = len(inside) / (len(inside) + len(observed))
        tolerance = max(stage.tolerance * self._size, TIGHTEST * self._noise)
        trust = self._trust(inside, tolerance) if stage.is_last else torch.ones_like(inside[:, 0])
        return [
            Weighted(
                self._equations, Sample(inside, trust), share * (self._noise / tolerance) ** 2
            ),
            Weighted(self._observed, _even(observed), (1 - share) * self._noise**2),
        ]

    def _trust(self, points: Tensor, tolerance: float) -> Tensor:
        """Weights in (0, 1] by which equations count less where they do not hold."""
        with torch.no_grad():
            residual = self._equations.residual(points)
        return 1 / (1 + residual.square().mean(1) / tolerance**2)

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
