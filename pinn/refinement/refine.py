"""The refinement of a trained solution: a wide layer, its scale, and Gauss-Newton steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.refinement.gauge import Gauge
from pinn.refinement.linearised import Imposed, Linearised, data_samples, soft_conditions
from pinn.refinement.report import Iterate, Report, estimate
from pinn.refinement.size import choose_size, size_of
from pinn.refinement.stepping import best_step
from pinn.refinement.wide_layer import WideLayer
from pinn.sampling.samplers import Current, UniformSobol, WarpedSobol, weighted
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import UsageError
from sciformer.runs.clock import clock_of
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinn.problem.problem import Problem
    from pinn.refinement.size import Size
    from sciformer.runs.processes import Processes

# Points that nothing is fitted to; their residual tells layers apart to a few per cent.
VALIDATION_POINTS = 2048
# Points on each soft condition for each point inside, as in the training.
ON_FACES = 1 / 8
# A validation residual within the first factor of what the linearised problem leaves: the problem
# is linear, or as good as that. Within the second after a change of the solution by less than
# SMALL_CHANGE: the next linearised problem is nearly the same, and only other neurons could help.
LINEAR, CONVERGED, SMALL_CHANGE = 1.01, 2.0, 1e-3
# Shares of a Gauss-Newton step that are tried in turn.
SHARES = (1.0, 0.5, 0.25)


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
        seed: of points and neurons.
    """

    neurons: int = 0
    scales: tuple[float, ...] = (1.0, 0.3)
    layers: tuple[int, ...] | None = None
    steps: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))  # a list, from a file
        if self.neurons < 0:
            raise UsageError(f"Refiner: neurons must be >= 0; got {self.neurons}.")
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


@dataclass
class _Candidate:
    """A layer, and the first step that its linearised problem asks for."""

    scale: float
    system: Linearised
    change: Tensor
    linear_value: float


@dataclass
class _Work:
    """One refinement under way."""

    refiner: Refiner
    problem: Problem
    trial: TrialSolution
    weights: dict[str, float]
    processes: Processes
    clock: Callable[[], float] = field(init=False)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.clock = clock_of(next(self.trial.parameters()).device)
        self.begun = self.clock()

    def run(self, coefficients: dict[str, float], seconds: float | None) -> Refined:
        """Runs the whole refinement."""
        like = next(self.trial.parameters())
        if like.dtype != torch.float64:
            raise UsageError(
                f"refine: needs a solution in float64, because digits beyond 1e-5 are lost in "
                f"{str(like.dtype).removeprefix('torch.')}; solve with dtype float64."
            )
        size = self._size(seconds)
        if size is None:
            report = Report(0, 0, 0.0, {}, (), "too little time left", None, self._elapsed())
            return Refined(self.trial, coefficients, report)
        fitted, validation = self._points(size)
        best, scales, start = self._best_candidate(
            coefficients, size, fitted, validation, self._deadline(seconds)
        )
        iterates, stopped = self._steps(best, fitted, validation, start, self._deadline(seconds))
        trial = self._with(best.system.layer) if len(iterates) > 1 else self.trial
        report = Report(
            neurons=size.neurons if len(iterates) > 1 else 0,
            points=size.points,
            scale=best.scale,
            scales=scales,
            iterates=iterates,
            stopped=stopped,
            error_estimate=estimate(iterates),
            seconds=self._elapsed(),
        )
        return Refined(trial, dict(best.system.coefficients), report)

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
        """Points for the fit and for validation: dense where the fields vary quickly."""
        problem, seed = self.problem, self.refiner.seed
        # Seeds apart from each other and from those of the training.
        inside = UniformSobol(problem.domain, seed + 2000)
        other = UniformSobol(problem.domain, seed + 3000)
        warped = WarpedSobol(inside)
        fitted = [warped.draw(size.points, Current(self.trial.at, self.trial.at))]
        tested = [weighted(*inside.inside(*warped.place(other.unit(VALIDATION_POINTS))))]
        for index, condition in enumerate(soft_conditions(problem, self.trial)):
            part = problem.domain.part(condition.on)
            face = UniformSobol(part, seed + 4000 + index)
            fitted.append(face.draw(max(16, round(ON_FACES * size.points))))
            tested.append(face.draw(round(ON_FACES * VALIDATION_POINTS)))
        data = data_samples(problem, self.trial)
        return Imposed([*fitted, *data], self.weights), Imposed([*tested, *data], self.weights)

    def _best_candidate(
        self,
        coefficients: dict[str, float],
        size: Size,
        fitted: Imposed,
        validation: Imposed,
        is_over: Callable[[], bool],
    ) -> tuple[_Candidate, dict[str, float], Iterate]:
        """The layer that represents the correction best, all validation residuals, the start."""
        best: _Candidate | None = None
        values: dict[str, float] = {}
        start = Iterate(0.0, 0.0, 0.0)
        for index, scale in enumerate(self.refiner.scales):
            if best is not None and is_over():
                break
            layer = WideLayer.random(
                self.trial,
                self.problem,
                fitted.samples[0].points,
                neurons=size.neurons,
                scale=scale,
                seed=self.refiner.seed + index,
                layers=self.refiner.layers,
            )
            system = Linearised(self.problem, self.trial, layer, coefficients, self.processes)
            if best is None:
                start = Iterate(system.value(validation), 0.0, self._elapsed())
            change, left = best_step(system, fitted, validation, start.validation, self.processes)
            values[f"{scale:g}"] = left
            if best is None or left < best.linear_value:
                best = _Candidate(scale, system, change, left)
        assert best is not None, "a refiner has at least one scale"
        return best, values, start

    def _steps(
        self,
        best: _Candidate,
        fitted: Imposed,
        validation: Imposed,
        start: Iterate,
        is_over: Callable[[], bool],
    ) -> tuple[tuple[Iterate, ...], str]:
        """Gauss-Newton steps, as long as each lowers the validation residual."""
        iterates, system = [start], best.system
        change, goal = best.change, best.linear_value
        trial, points = self._with(system.layer), validation.samples[0]
        determined = Gauge(self.problem, points.points, points.weights)
        fields = determined(trial.at(points.points))
        while True:
            before = iterates[-1].validation
            value = self._descend(system, change, validation, before)
            if value is None:
                return tuple(iterates), "a further step does not lower the validation residual"
            moved = determined(trial.at(points.points))
            distance = float((moved - fields).norm() / moved.norm())
            iterates.append(Iterate(value, distance, self._elapsed()))
            if value <= (CONVERGED if distance < SMALL_CHANGE else LINEAR) * goal:
                return tuple(iterates), "the layer represents no more"
            if len(iterates) > self.refiner.steps:
                return tuple(iterates), f"{self.refiner.steps} steps done"
            if is_over():
                return tuple(iterates), "time is over"
            fields = moved
            change, goal = best_step(system, fitted, validation, value, self.processes)

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

    def _with(self, layer: WideLayer) -> TrialSolution:
        return TrialSolution(layer, self.trial.constraint, self.trial.values)

    def _elapsed(self) -> float:
        return self.clock() - self.begun

    def _deadline(self, seconds: float | None) -> Callable[[], bool]:
        """Whether no time is left."""

        def is_over() -> bool:
            over = seconds is not None and self._elapsed() > seconds
            return bool(self.processes.agree(over))

        return is_over
