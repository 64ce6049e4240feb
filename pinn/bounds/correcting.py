"""Error bounds by way of a corrected solution, whose residual is much smaller."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.bounding import UNSETTLED, bound_errors, chosen, norms_of
from pinn.bounds.error_bound import Norm, Theorem
from pinn.refinement.refine import Refiner
from pinn.refinement.wide_layer import WideLayer
from sciformer.errors import ConvergenceError, SciformerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pinn.bounds.error_bound import ErrorBound
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

    Array = NDArray[np.float64]

# Neurons of a correction: a tenth of a second, and 3 to 6 digits off the residual of a network of
# some hundred parameters.
NEURONS = 200
# Far from the seeds of the training, of its wide layer and of a second opinion, whose neurons must
# not come again.
SEED = 90_000
# Cells along each coordinate, by their number, on which the distance of two solutions is measured.
CELLS = {1: 512, 2: 128, 3: 32}
FEW = 8
# Rounding of two solutions of some fifty operations, over their size.
ROUNDING = 1e-14


def sharp_bound(
    problem: Problem, trial: TrialSolution, norm: Norm | str | None = None
) -> ErrorBound:
    """The lesser of the bound by the residual itself and of that by way of a correction.

    The residual of a trained network oscillates, and its errors cancel, which no theorem on norms
    sees; what a correction has left is small, and so is all that is lost on it.

    Args:
        problem: one equation for one field on a box.
        trial: maps points or jets (p, c) to the field (p, 1); it is not changed.
        norm: "L1", "L2" or "max"; by default the one whose bound is least, relative to the size of
            the solution.

    Raises:
        UsageError: no theorem applies; the sentence says why.
        ConvergenceError: the residual is not finite.
    """
    asked = norms_of(norm)
    found, reasons = bound_errors(problem, trial, asked)
    better = correction(problem, trial)
    return chosen(problem, asked, least(found, problem, trial, better, asked), reasons)


def known_bound(
    problem: Problem, trial: TrialSolution, better: TrialSolution | None = None
) -> ErrorBound | None:
    """The least bound relative to the solution, or None where no theorem applies.

    Args:
        problem: what was solved.
        trial: maps points or jets (p, c) to fields (p, f).
        better: a more exact solution, if there is one.
    """
    try:
        found, reasons = bound_errors(problem, trial)
        return chosen(problem, list(Norm), least(found, problem, trial, better), reasons)
    except (UsageError, ConvergenceError):
        return None


def correction(problem: Problem, trial: TrialSolution) -> TrialSolution | None:
    """The trial solution with a layer of fresh random neurons that takes off most of its residual.

    None where that is no improvement, or where the network has no layer that neurons could see.

    Source: defect correction, Stetter 1978, with random features for the linearised equations.
    """
    wide = [m for m in trial.modules() if isinstance(m, WideLayer)]
    # What a wide layer has left is not seen by a narrower one.
    neurons = max([NEURONS, *(len(layer.bias) for layer in wide)])
    refiner = Refiner(neurons=neurons, scales=(1.0,), steps=1, seed=SEED, polynomials=0)
    try:
        refined = refiner(problem, copy.deepcopy(trial).double())
    except (SciformerError, RuntimeError):  # no layer to see, or a matrix of no full rank
        return None
    return refined.trial if refined.report.steps else None


def least(
    found: Mapping[Norm, ErrorBound],
    problem: Problem,
    trial: TrialSolution,
    better: TrialSolution | None,
    norms: Sequence[Norm] = tuple(Norm),
) -> dict[Norm, ErrorBound]:
    """Bounds in each norm, replaced where that by way of a better solution is less."""
    kept = dict(found)
    if better is not None:
        try:
            through = bounds_through(problem, trial, better, norms)
        except ConvergenceError:
            return kept
        for norm, bound in through.items():
            if norm not in kept or bound.bound < kept[norm].bound:
                kept[norm] = bound
    return kept


def bounds_through(
    problem: Problem,
    trial: TrialSolution,
    better: TrialSolution,
    norms: Sequence[Norm] = tuple(Norm),
) -> dict[Norm, ErrorBound]:
    """Bounds of the error of v by way of any other solution w of the same problem.

        ||u - v|| <= ||w - v|| + ||u - w||

    The first part is measured; the second is bounded by the residual of w.

    Args:
        problem: one equation for one field on a box.
        trial: v.
        better: w, in float64; the less its residual, the sharper the bound.
        norms: asked for.

    Raises:
        UsageError: no theorem applies.
        ConvergenceError: the residual of w is not finite.
    """
    apart = _Apart.of(problem, trial, better)
    found = {}
    bounds, _ = bound_errors(problem, better, norms, {n: apart.peak(n) for n in norms})
    for norm, said in bounds.items():
        peak, hidden = apart.peak(norm), apart.between(norm) + apart.rounding(norm)
        if hidden > UNSETTLED * peak:
            continue
        growth = apart.norm(norm) + hidden + said.bound
        found[norm] = replace(
            said,
            bound=float(growth.max()),
            theorem=_through(norm, said.theorem),
            constants={**said.constants, "w - v": peak, "u - w": said.bound},
            assumptions=(*said.assumptions, "slopes of w - v bend no more than at some points"),
            size=apart.size(norm),
            times=apart.times,
            growth=None if apart.times is None else growth,
        )
    return found


def _through(norm: Norm, theorem: Theorem) -> Theorem:
    whole, gap, rest = (
        f"max|{d}|" if norm is Norm.MAX else f"||{d}||_{norm.power:g}"
        for d in ("u - v", "w - v", "u - w")
    )
    return Theorem(
        f"a corrected solution and {theorem.name}",
        f"{whole} <= {gap} + {rest} for a corrected w, and for e = u - w {theorem.inequality}",
    )


@dataclass(frozen=True)
class _Apart:
    """The distance of two solutions v and w on a grid that holds the ends.

    Attributes:
        values: v, (t, x, ...); without time t is 1.
        gap: w - v, likewise.
        widths: of the cells along each coordinate of space.
        times: (t,), None without time.
    """

    values: Array
    gap: Array
    widths: tuple[float, ...]
    times: Array | None

    @classmethod
    def of(cls, problem: Problem, trial: TrialSolution, better: TrialSolution) -> _Apart:
        domain, time = problem.domain, problem.time
        count = CELLS.get(len(problem.coordinates), FEW)
        shape = [count + 1] * len(problem.coordinates)
        points, like = domain.grid(shape), next(trial.parameters())
        v = trial.at(points.to(like.dtype)).double().cpu().numpy().reshape(shape)
        w = better.at(points).double().cpu().numpy().reshape(shape)
        ends = {name: (high - low) / count for name, (low, high) in domain.intervals.items()}
        widths = tuple(width for name, width in ends.items() if name != time)
        if time is None:
            return cls(v[None], (w - v)[None], widths, None)
        axis = domain.coordinates.index(time)
        times = np.linspace(*domain.intervals[time], count + 1)
        return cls(np.moveaxis(v, axis, 0), np.moveaxis(w - v, axis, 0), widths, times)

    def norm(self, norm: Norm) -> Array:
        """||w - v|| at each time."""
        return self._norm(self.gap, norm)

    def peak(self, norm: Norm) -> float:
        """The largest of them."""
        return float(self.norm(norm).max())

    def between(self, norm: Norm) -> float:
        """What the gap d may hide between points, |domain|^(1/p) sum_j h_j^2 max|d_jj| / 8.

        So far is d from its multilinear interpolant in space and time, whose norms are at most
        those by the trapezoidal rule at the times of the grid, because |d|^p is convex.
        """
        second = [np.diff(self.gap, 2, axis) for axis in range(self.gap.ndim)]
        far = sum(float(np.abs(d).max()) / 8 for d in second if d.size)
        return float(far * self._volume ** (1 / norm.power))

    def rounding(self, norm: Norm) -> float:
        """What rounding of v and w may hide."""
        return float(ROUNDING * np.abs(self.values).max() * self._volume ** (1 / norm.power))

    def size(self, norm: Norm) -> float:
        """||v||, the largest over time."""
        return float(self._norm(self.values, norm).max())

    @property
    def _volume(self) -> float:
        cells = np.array(self.gap.shape[1:]) - 1
        return float(np.prod(cells * self.widths))

    def _norm(self, values: Array, norm: Norm) -> Array:
        """The norm over space at each time, by the trapezoidal rule."""
        if norm is Norm.MAX:
            return np.asarray(np.abs(values).reshape(len(values), -1).max(-1))
        powers = np.abs(values) ** norm.power
        for width in reversed(self.widths):
            powers = np.asarray(np.trapezoid(powers, dx=width, axis=-1))
        return np.asarray(powers ** (1 / norm.power))
