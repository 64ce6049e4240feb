"""`pinn.identify`: unknown parameters and the solution itself, from samples, by a network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.data.observations import Observations
from pinn.identification.fit import Fit, FitReport, quantities_term
from pinn.identification.model import (
    Model,
    NetworkMaker,
    build,
    learned_wave,
    new_coefficients,
    wave_of,
)
from pinn.identification.schedule import FLOW, Schedule
from pinn.identification.uncertainty import Information, clustered_deviation, reweighted_shift
from pinn.networks import MLP, PhysicsFormer
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from pinn.identification.inverse_problem import InverseProblem
    from pinn.trial.inputs import TravellingWave
    from sciformer.runs import Run

    Array = NDArray[np.float64]

BOXES = 8  # along each coordinate but time; residuals in one box may agree
BLOCK = 20_000  # points evaluated at once

# 1,422 parameters each with two fields of three coordinates and the phase of a wave.
MODELS: dict[str, NetworkMaker] = {
    "mlp": partial(MLP, width=20, layers=4),
    "physicsformer": partial(PhysicsFormer, steps=3, width=8, feed_forward=10),
}


@dataclass(frozen=True)
class FitSettings:
    """Choices of a fit.

    Attributes:
        network: makes the network from the number of coordinates and of fields.
        wave: inputs that know the phase of a wave, found in the samples; None for coordinates only.
        schedule: how many rows, when.
        budget: seconds of training.
        iterations: steps at most; None for no limit.
        seed: of weights and points.
        threads: of BLAS; tensor operations use one.
    """

    network: NetworkMaker = MODELS["mlp"]
    wave: type[TravellingWave] | None = None
    schedule: Schedule = FLOW
    budget: float = 60.0
    iterations: int | None = None
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Fields:
    """Every quantity of a fitted model as a function of points."""

    inverse: InverseProblem
    model: Model

    def __call__(self, points: Any) -> dict[str, Array]:
        """At points (n, c), as {name: (n,)}."""
        names = tuple(self.inverse.expressions)
        term = quantities_term(self.inverse, self.model, names)
        given = torch.as_tensor(np.asarray(points, dtype=np.float64))
        with torch.no_grad():
            parts = [term.residual(given[i : i + BLOCK]) for i in range(0, len(given), BLOCK)]
        return dict(zip(names, torch.cat(parts).T.numpy(), strict=True))


def on_grid(fields: Fields, most: int = 30_000) -> dict[str, Array]:
    """Axes of an even grid of about `most` points over the domain, and every quantity on it."""
    intervals = fields.inverse.problem.domain.intervals
    count = max(2, round(most ** (1 / len(intervals))))
    axes = {name: np.linspace(low, high, count) for name, (low, high) in intervals.items()}
    # The ends of a cavity's lid belong to no flow; a step inside they do.
    inner = [np.clip(a, a[0] + 1e-9, a[-1] - 1e-9) for a in axes.values()]
    points = np.stack(np.meshgrid(*inner, indexing="ij"), -1).reshape(-1, len(axes))
    values = {name: value.reshape([count] * len(axes)) for name, value in fields(points).items()}
    return {**axes, **values}


@dataclass(frozen=True)
class Identification:
    """What a fit found.

    Attributes:
        fields: u and all other quantities, callable at points.
        values: the unknown parameters.
        curvature: their standard deviations if the model were perfect: from the Gauss-Newton
            matrix, with the rows' own mean square as variance.
        misfit: their standard deviations from influences summed over boxes in space, which count
            what the model cannot represent.
        tolerance: how far they move, to first order, when the equations are held half as tightly
            or the fit is brought to its minimum, whichever is more.
        bound: Cramer-Rao bound for these samples and this noise in the model's own tangent space,
            with the equations held as in the fit. Equations held tighter lower it (in the wake by a
            third, to a quarter of the tolerance), so it is no bound for all methods.
        wave: learned wave vector of the inputs, in radians over the unit of each coordinate; empty
            without one.
        is_periodic: whether the fields were taken to repeat in time with it.
        samples: observed points.
        parameters: trained numbers, the unknowns included.
        iterations: steps taken.
        loss: mean over points of the sum of squares of a point's rows in units of the noise.
        stopped: why the fit ended.
        wall_seconds: of fit and uncertainty.
    """

    fields: Fields
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
        return 100 * (self.values[name] / self.fields.inverse.problem.parameter_values[name] - 1)

    def interval(self, name: str) -> tuple[float, float]:
        """95 % by curvature, misfit and tolerance; `with_ensemble` adds the spread over seeds."""
        parts = (self.curvature[name], self.misfit[name], self.tolerance[name])
        half = 1.96 * float(np.linalg.norm(parts))
        return self.values[name] - half, self.values[name] + half


def identify(
    inverse: InverseProblem,
    observations: Observations,
    settings: FitSettings | None = None,
    observers: Sequence[Callable[[FitReport], None]] = (),
) -> Identification:
    """Unknown parameters of a problem from samples of its solution.

    Network and parameters minimise one sum of squares: samples in units of their noise, equations
    in units of the same noise, by Levenberg-Marquardt with exact Jacobians.

    Args:
        inverse: equations, unknown parameters and where they start.
        observations: samples of some quantities.
        settings: all choices.
        observers: called after every step.

    Raises:
        DataError, UsageError: data that do not fit the problem.
        ConvergenceError: rows stopped being finite.
        KeyboardInterrupt: after the step in which it came.

    Source: unknown parameters trained with the network as in Raissi, Perdikaris, Karniadakis 2019;
        the least squares, the schedule and the intervals are our choice.
    """
    began = time.perf_counter()
    if not inverse.sizes:
        raise UsageError(
            f"{inverse.problem.name}: nothing is unknown; give the sizes of the parameters to find."
        )
    settings = settings or FitSettings()
    fit, fields, stopped = fitted(inverse, observations, settings, observers)
    deviations = _deviations(fit, inverse)
    wave, is_periodic = learned_wave(fields.model)
    return Identification(
        fields=fields,
        values=fit.values(),
        **deviations,
        wave=wave,
        is_periodic=is_periodic,
        samples=len(observations),
        parameters=len(fit.parameters),
        iterations=fit.iteration,
        loss=fit.loss,
        stopped=stopped,
        wall_seconds=time.perf_counter() - began,
    )


def fitted(
    inverse: InverseProblem,
    observations: Observations | None,
    settings: FitSettings,
    observers: Sequence[Callable[[FitReport], None]],
    run: Run | None = None,
) -> tuple[Fit, Fields, str]:
    """A trained fit, its fields, and why training ended; without samples, the equations alone.

    With a run, checkpoints are kept there and the newest is continued.
    """
    inputs = None
    if settings.wave is not None and observations is not None:
        inputs = wave_of(inverse, observations, settings.wave)
    model = build(inverse, settings.network, settings.seed, inputs)
    unknown = new_coefficients(inverse)
    fit = Fit(inverse, observations, model, unknown, settings.schedule, settings.seed)
    stopped = fit.train(
        settings.budget,
        iterations=settings.iterations,
        threads=settings.threads,
        observers=observers,
        run=run,
    )
    return fit, Fields(inverse, model), stopped


def _deviations(fit: Fit, inverse: InverseProblem) -> dict[str, dict[str, float]]:
    """Curvature, misfit, tolerance and bound of the unknowns, in their own units."""
    at = fit.objective().linearise()
    sizes = fit.coefficients.sizes
    jacobian, rows = at.jacobian * fit.noise_units(), at.rows * fit.noise_units()
    known = Information(jacobian, len(sizes))
    influences = known.influences(rows)
    problem = inverse.problem
    space = [i for i, c in enumerate(problem.domain.coordinates) if c != problem.time]
    counts = [len(weighted.rows()) for weighted in fit.weighted]
    places = [weighted.sample.points[:, space] for weighted in fit.weighted]
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
