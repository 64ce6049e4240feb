"""The refinement of a trained solution: a wide layer, its scale, and Gauss-Newton steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from pinn.refinement.candidates import Drawing, Fit, choose_layer
from pinn.refinement.points import fit_and_validation
from pinn.refinement.report import Iterate, Report, estimate
from pinn.refinement.rounding import rounding
from pinn.refinement.size import choose_size, size_of
from pinn.refinement.smooth_error import COLUMNS, smooth_error
from pinn.refinement.stepping import best_step
from pinn.refinement.timer import Timer
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pinn.problem.problem import Problem
    from pinn.refinement.candidates import Candidate, Choice
    from pinn.refinement.linearised import Imposed, Linearised
    from pinn.refinement.size import Size
    from pinn.refinement.smooth_error import SmoothError
    from sciformer.runs.processes import Processes

# A validation residual within the first factor of what the linearised problem leaves: the problem
# is linear, or as good as that. Within the second after a change of the solution by less than
# SMALL_CHANGE: the next linearised problem is nearly the same, and only other neurons could help.
LINEAR, CONVERGED, SMALL_CHANGE = 1.01, 2.0, 1e-3
# Shares of a Gauss-Newton step that are tried in turn.
SHARES = (1.0, 0.5, 0.25)
# From the seed of a layer to that of a second one, whose neurons must not come again.
SECOND = 500
# To the seeds of the points of the correction by polynomials.
POLISH = 9000
# Where the smallest scale was best a solution is smooth, and still smaller ones may be better: with
# .1 the error of a flow in space and time is half of that with .3 (Ethier-Steinman, 800 neurons).
SMOOTHER = 1 / 3


@dataclass(frozen=True)
class Refiner:
    """Settings of a refinement.

    Attributes:
        neurons: number of random neurons >= 0; 0 for what time and memory allow.
        scales: of their random weights; the one whose linearised problem has the least validation
            residual is kept. Two of them, 1 and 0.3, differ by factors of 20 to 550.
        layers: which linear layers of the network the neurons see, by position; None for all that
            see one vector a point.
        steps: Gauss-Newton steps at most, >= 1.
        polynomials: columns of a last correction at most, and no more than the neurons have; 0 for
            none.
        seed: of points and neurons.
    """

    neurons: int = 0
    scales: tuple[float, ...] = (1.0, 0.3)
    layers: tuple[int, ...] | None = None
    steps: int = 3
    polynomials: int = COLUMNS
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))  # a list, from a file
        for name in ("neurons", "polynomials"):
            if getattr(self, name) < 0:
                raise UsageError(f"Refiner: {name} must be >= 0; got {getattr(self, name)}.")
        if not self.scales or not all(scale > 0 for scale in self.scales):
            raise UsageError(f"Refiner: needs scales > 0; got {self.scales}.")
        if self.steps < 1:
            raise UsageError(f"Refiner: steps must be >= 1; got {self.steps}.")

    def __call__(
        self,
        problem: Problem,
        trial: TrialSolution,
        *,
        weights: Mapping[str, float] | None = None,
        coefficients: Mapping[str, float] | None = None,
        seconds: float | None = None,
        processes: Processes = ALONE,
    ) -> Refined:
        """Refines a trained trial solution; one that cannot be improved comes back as it is.

        Args:
            problem: equations, conditions and data.
            trial: trained, in float64; it is not changed, and the result shares its network.
            weights: of the terms by name, 1 where none is given.
            coefficients: names and trained values of unknown parameters, refined with it.
            seconds: time that is left; None for no limit, and the same result everywhere.
            processes: who shares the points.

        Raises:
            UsageError: the trial solution is not float64.
        """
        work = _Work(self, problem, trial, dict(weights or {}), processes)
        return work.run(dict(coefficients or {}), seconds)


@dataclass(frozen=True)
class Refined:
    """A refined solution.

    Attributes:
        trial: maps points or jets (p, c) to fields (p, f); its network is a `WideLayer`, unless no
            step was an improvement.
        coefficients: refined values of the unknown parameters.
        report: what was done.
    """

    trial: TrialSolution
    coefficients: dict[str, float]
    report: Report


@dataclass(frozen=True)
class _Found:
    """A solution on its way.

    Attributes:
        trial: the best so far.
        system: what its last part was found from, with the unknown parameters.
        scale: of the random weights of the last wide layer.
        iterates: so far.
        layers: wide ones that are kept.
        stopped: why there was no further step.
    """

    trial: TrialSolution
    system: Linearised
    scale: float
    iterates: tuple[Iterate, ...]
    layers: int
    stopped: str


@dataclass
class _Work:
    """One refinement under way."""

    refiner: Refiner
    problem: Problem
    trial: TrialSolution
    weights: dict[str, float]
    processes: Processes

    def run(self, coefficients: dict[str, float], seconds: float | None) -> Refined:
        """Runs the whole refinement."""
        like = next(self.trial.parameters())
        if like.dtype != torch.float64:
            raise UsageError(
                f"refine: needs a solution in float64, because digits beyond 1e-5 are lost in "
                f"{str(like.dtype).removeprefix('torch.')}; solve with dtype float64."
            )
        timer = Timer(like.device, seconds, self.processes)
        size = self._size(seconds)
        if size is None:
            report = Report(0, 0, 0, 0.0, {}, (), "too little time left", None, timer.elapsed())
            return Refined(self.trial, coefficients, report)
        fit = Fit(self.problem, *self._points(size), self.processes, timer)
        refiner = self.refiner
        drawing = Drawing(size.neurons, refiner.scales, refiner.seed, refiner.layers)
        choice = choose_layer(fit, self.trial, coefficients, drawing)
        found = self._layers(fit, drawing, choice)
        smooth = None
        if found.layers and not timer.is_over():
            columns = min(refiner.polynomials, found.system.columns)
            known = found.system.coefficients
            smooth = smooth_error(fit, found.trial, known, columns, refiner.seed + POLISH)
        polished, unseen = found, 0.0
        if smooth is not None:
            polished = self._polished(fit, found, smooth)
            # A correction that is not made may be the error.
            unseen = smooth.open if polished is not found else max(smooth.open, smooth.size)
        unseen = max(unseen, rounding(fit, polished.trial))
        report = Report(
            neurons=found.layers * size.neurons,
            polynomials=0 if polished is found else polished.system.layer.features,
            points=size.points,
            scale=polished.scale,
            scales=choice.left,
            iterates=polished.iterates,
            stopped=polished.stopped,
            error_estimate=estimate(polished.iterates, choice.amplification, unseen),
            seconds=timer.elapsed(),
        )
        return Refined(polished.trial, dict(polished.system.coefficients), report)

    def _layers(self, fit: Fit, drawing: Drawing, choice: Choice) -> _Found:
        """Gauss-Newton steps on the best layer, and on a second one where products help."""
        best, each = choice.best, fit.timer.elapsed() / len(choice.candidates)
        iterates, stopped = self._steps(fit, best, choice.start)
        if len(iterates) == 1:
            return _Found(self.trial, best.system, best.scale, iterates, 0, stopped)
        found = _Found(self._with(best), best.system, best.scale, iterates, 1, stopped)
        if best.system.layer.products is None or fit.timer.is_over(each):
            return found
        # Products of the refined fields are better than those of the trained ones.
        scale = best.scale * (SMOOTHER if best.scale == min(self.refiner.scales) else 1)
        drawing = replace(drawing, scales=[scale], seed=self.refiner.seed + SECOND)
        above = choose_layer(fit, found.trial, best.system.coefficients, drawing).best
        further, stopped = self._steps(fit, above, iterates[-1])
        if len(further) == 1:
            return replace(found, stopped=stopped)
        iterates = (*iterates, *further[1:])
        return _Found(self._with(above), above.system, above.scale, iterates, 2, stopped)

    def _polished(self, fit: Fit, found: _Found, smooth: SmoothError) -> _Found:
        """The solution after a correction that is known, if its validation residual falls."""
        if not smooth.is_known:
            return found
        before = fit.fields(found.trial)
        value = self._descend(
            smooth.system, smooth.change, fit.validation, found.iterates[-1].validation
        )
        if value is None:
            return found
        trial = TrialSolution(smooth.system.layer, found.trial.constraint, found.trial.values)
        moved = fit.fields(trial)
        distance = float((moved - before).norm() / moved.norm())
        last = Iterate(value, distance, fit.timer.elapsed())
        return replace(found, trial=trial, system=smooth.system, iterates=(*found.iterates, last))

    def _size(self, seconds: float | None) -> Size | None:
        constraint = self.trial.constraint
        # A hard form may use further outputs, on edges: each has a block of columns.
        fields = len(self.problem.fields) if constraint is None else constraint.outputs
        equations = len(self.problem.residual)
        if self.refiner.neurons:
            return size_of(self.refiner.neurons, fields, equations)
        device = next(self.trial.parameters()).device
        chosen = choose_size(fields, equations, seconds, device=device)
        size: Size | None = self.processes.agree(chosen)
        return size

    def _points(self, size: Size) -> tuple[Imposed, Imposed]:
        seed = self.refiner.seed
        return fit_and_validation(self.problem, self.trial, size.points, seed, self.weights)

    def _steps(self, fit: Fit, best: Candidate, start: Iterate) -> tuple[tuple[Iterate, ...], str]:
        """Gauss-Newton steps, as long as each lowers the validation residual."""
        iterates, system = [start], best.system
        change, goal = best.change, best.left
        trial = self._with(best)
        fields = fit.fields(trial)
        while True:
            before = iterates[-1].validation
            value = self._descend(system, change, fit.validation, before)
            if value is None:
                return tuple(iterates), "a further step does not lower the validation residual"
            moved = fit.fields(trial)
            distance = float((moved - fields).norm() / moved.norm())
            iterates.append(Iterate(value, distance, fit.timer.elapsed()))
            if value <= (CONVERGED if distance < SMALL_CHANGE else LINEAR) * goal:
                return tuple(iterates), "the layer represents no more"
            if len(iterates) > self.refiner.steps:
                return tuple(iterates), f"{self.refiner.steps} steps done"
            if fit.timer.is_over():
                return tuple(iterates), "time is over"
            fields = moved
            change, goal = best_step(system, fit.fitted, fit.validation, value, self.processes)

    def _descend(
        self, system: Linearised, change: Tensor, validation: Imposed, before: float
    ) -> float | None:
        """Takes the largest share of a step that lowers the validation residual, if any does."""
        for share in SHARES:
            system.move(share * change)
            value = system.value(validation)
            if value < before:
                return value
            system.move(-share * change)
        return None

    def _with(self, candidate: Candidate) -> TrialSolution:
        layer = candidate.system.layer
        return TrialSolution(layer, self.trial.constraint, self.trial.values)
