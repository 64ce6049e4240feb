"""`pinn.identify`: unknown parameters and the solution itself, from samples, by a network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.identification.uncertainty import Information, clustered_deviation, reweighted_shift
from pinn.networks import MLP
from pinn.solution import Solution, build_trial
from pinn.solving import chosen, make_trainer
from pinn.training.evidence import evidence_of
from pinn.training.noisy_data import NoisyData
from pinn.training.trainer import Limits, Progress
from pinn.training.verdict import judge
from pinn.trial.inputs import TravellingWave
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.training.verdict import Verdict

BOXES = 8  # along each coordinate but time; residuals in one box may agree
FEWEST_SAMPLES = 100  # below, the intervals, which count boxes of space, mean nothing
# Found by trials on a wake: 60 s bring most coefficients within their intervals.
DEFAULTS: dict[str, Any] = {"network": MLP.Sizes(), "spread": True, "budget": 60.0}


@dataclass(frozen=True)
class Identification:
    """What a fit found.

    Attributes:
        solution: all quantities, callable at points.
        verdict: whether the fit converged, why, and what to do next.
        values: the unknown parameters.
        curvature: their standard deviations if the network were perfect: from the Gauss-Newton
            matrix, with the rows' own mean square as variance.
        misfit: their standard deviations from influences summed over boxes in space, which count
            what the network cannot represent.
        tolerance: how far they move, to first order, when the equations are held half as tightly
            or the fit is brought to its minimum, whichever is more.
        bound: Cramer-Rao bound for these samples and this noise in the network's own tangent space,
            with the equations held as in the fit. Equations held tighter lower it (in the wake by a
            third, to a quarter of the tolerance), so it is no bound for all methods.
        wave: learned wave vector of the inputs, in radians over the unit of each coordinate; empty
            without one.
        is_periodic: whether the fields were taken to repeat in time with it.
        samples: observed points.
        parameters: trained numbers, the unknowns included.
        iterations: steps taken.
        loss: mean over points of the sum of squares of a point's rows in units of the noise; two
            quantities fitted to their noise give 2.
        stopped: why the fit ended.
        wall_seconds: of fit and uncertainty.
    """

    solution: Solution
    verdict: Verdict
    values: dict[str, float]
    curvature: dict[str, float]
    misfit: dict[str, float]
    tolerance: dict[str, float]
    bound: dict[str, float]
    wave: dict[str, float]
    is_periodic: bool
    samples: int
    parameters: int
    iterations: int
    loss: float
    stopped: str
    wall_seconds: float

    def error_percent(self, name: str) -> float:
        """Signed error of a parameter against the problem's own value."""
        return 100 * (self.values[name] / self.solution.problem.parameter_values[name] - 1)

    def interval(self, name: str) -> tuple[float, float]:
        """95 % by curvature, misfit and tolerance; `with_ensemble` adds the spread over seeds."""
        parts = (self.curvature[name], self.misfit[name], self.tolerance[name])
        # 1.96 standard deviations to each side hold 95 % of a normal distribution.
        half = 1.96 * float(np.linalg.norm(parts))
        return self.values[name] - half, self.values[name] + half


def identify(
    problem: Problem,
    settings: Settings | None = None,
    limits: Limits | None = None,
    *,
    observers: Sequence[Callable[[Progress], None]] = (),
    **choices: Any,
) -> Identification:
    """Unknown parameters of a problem from samples of its solution.

    Network and parameters minimise one sum of squares: samples in units of their noise, equations
    in units of the same noise.

    Args:
        problem: with `unknown` parameters and `data` whose noise is known, in random order.
        settings: all choices; by default what the problem advises, or an MLP.
        limits: when to end; 60 seconds by default.
        observers: called after every step and at the end.
        choices: single settings, or `budget` or `iterations`, as for `pinn.solve`.

    Raises:
        UsageError: nothing is unknown, or data without a noise level.
        DataError: too few samples.
        ConvergenceError: rows stopped being finite.
        KeyboardInterrupt: after the step in which it came.

    Source: unknown parameters trained with the network as in Raissi, Perdikaris, Karniadakis 2019;
        the least squares, the schedule and the intervals are our choice.
    """
    began = time.perf_counter()
    _check(problem)
    advised = replace(problem, advice={**DEFAULTS, **problem.advice})
    settings, limits = chosen(advised, settings, limits, choices)
    solution = Solution(problem, build_trial(problem, settings), settings)
    trainer = make_trainer(solution, limits)
    objectives = trainer.objectives
    assert isinstance(objectives, NoisyData), "its data have noise levels, as was checked"
    stopped = trainer.run(observers)
    deviations = _deviations(objectives, solution)
    wave, is_periodic = learned_wave(solution)
    return Identification(
        solution=solution,
        verdict=judge(evidence_of(problem, solution.trial, trainer)),
        values=objectives.values(),
        **deviations,
        wave=wave,
        is_periodic=is_periodic,
        samples=sum(map(len, problem.data)),
        parameters=len(trainer.parameters),
        iterations=trainer.progress.iteration,
        loss=trainer.progress.loss / objectives.noise**2,
        stopped=stopped,
        wall_seconds=time.perf_counter() - began,
    )


def learned_wave(solution: Solution) -> tuple[dict[str, float], bool]:
    """The wave vector of a network's inputs in radians over the units of the coordinates, and
    whether time enters by the phase only; nothing without a wave."""
    inputs = getattr(solution.trial.network, "inputs", None)
    wave = getattr(inputs, "appended", None)
    if inputs is None or not isinstance(wave, TravellingWave):
        return {}, False
    vector = (wave.wave.detach() / inputs.scale.unit).tolist()
    return dict(zip(solution.problem.domain.coordinates, vector, strict=True)), wave.is_periodic


def _check(problem: Problem) -> None:
    if not problem.unknown:
        raise UsageError(
            f"{problem.name}: nothing is unknown; give the parameters to find, such as "
            "unknown={nu: Unknown(size=0.01)}."
        )
    if not problem.data or not all(cloud.noise for cloud in problem.data):
        raise UsageError(
            f"{problem.name}: unknown parameters are found from samples whose noise is known; give "
            "the problem data=(Cloud(points, values, noise={...}),)."
        )
    count = sum(map(len, problem.data))
    if count < FEWEST_SAMPLES:
        raise DataError(
            f"{problem.data[0].name}: {count} samples are too few to identify anything; "
            f"give at least {FEWEST_SAMPLES}."
        )


def _deviations(objectives: NoisyData, solution: Solution) -> dict[str, dict[str, float]]:
    """Curvature, misfit, tolerance and bound of the unknowns, in their own units."""
    objective, coefficients = objectives.present, solution.trial.coefficients
    assert objective is not None, "a step has been taken"
    assert coefficients is not None, "something is unknown"
    at, sizes = objective.linearise(), coefficients.sizes
    units = objectives.noise_units()
    jacobian, rows = at.jacobian * units, at.rows * units
    known = Information(jacobian, len(sizes))
    influences = known.influences(rows)
    problem = solution.problem
    space = [i for i, c in enumerate(problem.domain.coordinates) if c != problem.time]
    counts = [len(weighted.rows()) for weighted in objective.terms]
    places = [weighted.sample.points[:, space] for weighted in objective.terms]
    clusters = np.concatenate([_boxes(*part) for part in zip(places, counts, strict=True)])
    spread = float((rows @ rows) / len(rows)) ** 0.5
    looser = torch.ones_like(rows)
    looser[: counts[0]] = 0.5  # the equations come first
    moved = reweighted_shift(jacobian, rows, looser, len(sizes))
    scale, bound = np.array(list(sizes.values())), known.cramer_rao()
    found = {
        "curvature": spread * bound,
        "misfit": clustered_deviation(influences, clusters),
        "tolerance": np.abs([influences.sum(0), moved]).max(0),
        "bound": bound,
    }
    return {
        kind: dict(zip(sizes, (scale * values).tolist(), strict=True))
        for kind, values in found.items()
    }


def _boxes(places: Tensor, rows: int) -> NDArray[np.int64]:
    """Which box of space, 8 along each coordinate, each row's point lies in.

    Boxes last for all the time: what is not represented at one place comes again with every wave.
    """
    low, high = places.min(0).values, places.max(0).values
    cells = ((places - low) / (high - low) * BOXES).long().clamp(0, BOXES - 1)
    boxes = (cells * BOXES ** torch.arange(places.shape[1])).sum(1)
    return np.asarray(boxes.repeat(rows // len(places)).numpy())  # equation by equation
