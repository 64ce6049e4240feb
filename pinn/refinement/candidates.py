"""Choice among wide layers by what the linearised problem leaves, and what they disagree on."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinn.refinement.gauge import Gauge
from pinn.refinement.linearised import Linearised
from pinn.refinement.products import products_for
from pinn.refinement.report import Iterate
from pinn.refinement.stepping import best_step
from pinn.refinement.wide_layer import WideLayer
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from pinn.problem.problem import Problem
    from pinn.refinement.linearised import Imposed
    from pinn.refinement.timer import Timer
    from sciformer.runs.processes import Processes


@dataclass(frozen=True)
class Fit:
    """What all layers of a refinement are fitted to and judged by.

    Attributes:
        problem: equations, conditions and data.
        fitted: the points of the fit.
        validation: points that nothing is fitted to.
        processes: who shares the points.
        timer: of the refinement.
    """

    problem: Problem
    fitted: Imposed
    validation: Imposed
    processes: Processes
    timer: Timer

    def fields(self, trial: TrialSolution) -> Tensor:
        """Fields (p, f) at the validation points inside, times the roots of the weights."""
        sample = self.validation.samples[0]
        return Gauge(self.problem, sample.points, sample.weights)(trial.at(sample.points))

    def linearised(
        self, trial: TrialSolution, layer: WideLayer, coefficients: Mapping[str, float]
    ) -> Linearised:
        """The rows of all terms, linearised in the output weights of a layer on the trial."""
        return Linearised(self.problem, trial, layer, coefficients, self.processes)


@dataclass(frozen=True)
class Drawing:
    """How random layers are drawn: one for each scale, each from a seed of its own."""

    neurons: int
    scales: Sequence[float]
    seed: int
    layers: Sequence[int] | None


@dataclass(frozen=True)
class Candidate:
    """A layer, and the first step that its linearised problem asks for.

    Attributes:
        scale: of the random weights.
        system: the linearised problem.
        change: the step.
        left: the validation residual that it leaves.
        fields: after it, at the validation points.
    """

    scale: float
    system: Linearised
    change: Tensor
    left: float
    fields: Tensor


@dataclass(frozen=True)
class Choice:
    """Layers that were tried on a solution.

    Attributes:
        candidates: at least one.
        start: the solution without a layer.
    """

    candidates: Sequence[Candidate]
    start: Iterate

    @property
    def best(self) -> Candidate:
        """The layer that represents the correction best."""
        return min(self.candidates, key=lambda one: one.left)

    @property
    def left(self) -> dict[str, float]:
        """The validation residual that each scale leaves."""
        return {f"{one.scale:g}": one.left for one in self.candidates}

    @property
    def amplification(self) -> float:
        """What the layers disagree on over what they leave, see `disagreement`."""
        return disagreement(self.candidates, self.start.validation)


def choose_layer(
    fit: Fit, trial: TrialSolution, coefficients: Mapping[str, float], drawing: Drawing
) -> Choice:
    """The best of several random layers, as many as there is time for, at least one.

    Args:
        fit: what they are fitted to.
        trial: on which they stand.
        coefficients: unknown parameters, which join the columns.
        drawing: of the layers.
    """
    candidates: list[Candidate] = []
    start = Iterate(0.0, 0.0, 0.0)
    for index, scale in enumerate(drawing.scales):
        if candidates and fit.timer.is_over():
            break
        layer = WideLayer.random(
            trial,
            fit.problem,
            fit.fitted.samples[0].points,
            neurons=drawing.neurons,
            scale=scale,
            seed=drawing.seed + index,
            layers=drawing.layers,
            products=products_for(fit.problem, trial, drawing.neurons),
        )
        system = fit.linearised(trial, layer, coefficients)
        if not candidates:
            start = Iterate(system.value(fit.validation), 0.0, fit.timer.elapsed())
        step = best_step(system, fit.fitted, fit.validation, start.validation, fit.processes)
        system.move(step.change)
        moved = fit.fields(TrialSolution(layer, trial.constraint, trial.values))
        system.move(-step.change)
        candidates.append(Candidate(scale, system, *step, moved))
    return Choice(candidates, start)


def disagreement(candidates: Sequence[Candidate], start: float) -> float:
    """The largest |u_a - u_b| / (|u_a| sqrt(left_a + left_b)) of two layers that improve a start.

    Both are least-squares solutions; what each leaves of the residual has the shape that a least-
    squares solution leaves, and their errors have little in common. So this tells how strongly the
    problem turns such residuals into errors: near a resonance the one solution that hardly shows
    in the residual is in what they disagree on, while the trained network's error has little of it.

    Args:
        candidates: the layers, each after its linearised step.
        start: the validation residual without a layer.
    """
    sound = [one for one in candidates if 0 < one.left < start]
    return max(
        (
            float((one.fields - other.fields).norm() / one.fields.norm())
            / math.sqrt(one.left + other.left)
            for one, other in itertools.combinations(sound, 2)
        ),
        default=0.0,
    )
