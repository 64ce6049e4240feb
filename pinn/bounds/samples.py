"""A trial solution, its slopes and its residual on grids that are dense where it is large."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.bounds.normal_form import VALUE
from pinn.bounds.theorem import NotApplicable
from pinn.loss.terms import EquationTerm
from pinn.problem.reading import difference
from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pinn.bounds.normal_form import NormalForm
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

    Array = NDArray[np.float64]

# Points whose derivatives are in memory at once: a wide layer has thousands of neurons a point.
BLOCK = 4096
# Share of the cells that is spread evenly; the others follow the residual.
EVEN = 0.5


@dataclass(frozen=True)
class Cells:
    """Cells of an interval: middles (n,) and widths (n,)."""

    middles: Array
    widths: Array

    @classmethod
    def uniform(cls, low: float, high: float, count: int) -> Cells:
        """`count` cells of equal width."""
        return cls._between(np.linspace(low, high, count + 1))

    def denser(self, density: Array, count: int) -> Cells:
        """`count` cells, half of which follow a density >= 0 that is given on the present ones."""
        edges = np.concatenate([[self.low], self.low + np.cumsum(self.widths)])
        mass = density * self.widths
        total = mass.sum()
        share = self.widths / self.widths.sum()
        if total > 0:
            share = EVEN * share + (1 - EVEN) * mass / total
        rise = np.concatenate([[0.0], np.cumsum(share)])
        return self._between(np.interp(np.linspace(0, rise[-1], count + 1), rise, edges))

    @property
    def low(self) -> float:
        """The lower end."""
        return float(self.middles[0] - self.widths[0] / 2)

    @classmethod
    def _between(cls, edges: Array) -> Cells:
        return cls((edges[1:] + edges[:-1]) / 2, np.diff(edges))


@dataclass(frozen=True)
class Samples:
    """Values on slices of time: arrays are (t, s), slices by points of space; one slice if static.

    Attributes:
        form: whose residual it is.
        cells: of each coordinate, by symbol, in the problem's order.
        columns: each coordinate.
        value: v.
        slopes: v_j by coordinate of space.
        residual: m v_tt + c v_t - (sum_j a_j v_jj - sum_j b_j v_j + g).
        weights: volume of each cell of space, (s,).
    """

    form: NormalForm
    cells: dict[Any, Cells]
    columns: dict[Any, Array]
    value: Array
    slopes: dict[Any, Array]
    residual: Array
    weights: Array

    @property
    def steps(self) -> Array:
        """Widths (t,) of the slices in time; one of width 1 if static."""
        time = self.form.time
        return np.ones(1) if time is None else self.cells[time].widths

    def at(self, expression: Any, value: Array | None = None) -> Array:
        """An expression of coordinates and `VALUE` on the grid, (t, s).

        Args:
            expression: of the coordinates and `VALUE`.
            value: what stands for `VALUE`; v by default.

        Raises:
            NotApplicable: it is infinite, as 1/r at r = 0.
        """
        given, form = self.value if value is None else value, sympy.sympify(expression)
        if form.has(sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
            raise NotApplicable("a coefficient is infinite on the boundary")
        function = _function(tuple(self.columns), form)
        found = function(*self.columns.values(), given)
        return np.broadcast_to(np.asarray(found, dtype=np.float64), given.shape)

    def part(self, slices: slice) -> Samples:
        """The samples of some slices of time."""
        columns = {c: column[slices] for c, column in self.columns.items()}
        slopes = {c: slope[slices] for c, slope in self.slopes.items()}
        value, residual = self.value[slices], self.residual[slices]
        return Samples(self.form, self.cells, columns, value, slopes, residual, self.weights)

    def norm(self, values: Array, power: float) -> Array:
        """L1, L2 or largest size over space of (t, s), as (t,)."""
        if power == np.inf:
            return np.asarray(np.abs(values).max(-1))
        return np.asarray((np.abs(values) ** power @ self.weights) ** (1 / power))


@functools.lru_cache(maxsize=64)
def _function(coordinates: tuple[Any, ...], expression: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = sympy.lambdify(
        [*coordinates, VALUE], expression, modules=["scipy", "numpy"]
    )
    return function


class Sampler:
    """Samples of a trial solution for one normal form.

    Args:
        problem: whose domain is sampled.
        trial: maps points or jets (p, c) to the field (p, 1).
        form: of its equation.
    """

    def __init__(self, problem: Problem, trial: TrialSolution, form: NormalForm) -> None:
        self._problem, self._trial, self._form = problem, trial, form
        self._space = [c for c in problem.coordinates if c != form.time]
        [field], gap = problem.fields, difference(problem.equations[0])
        wanted = [field, *(field.diff(c) for c in self._space), form.factor * gap]
        names, values = problem.domain.coordinates, problem.parameter_values
        self._term = EquationTerm("bound", trial, problem.compile(wanted), names, values)

    def uniform(self, count: int) -> Samples:
        """Samples on `count` equal cells per coordinate."""
        ends = self._problem.domain.intervals.values()
        return self._on([Cells.uniform(low, high, count) for low, high in ends])

    def denser(self, coarse: Samples, count: int) -> Samples:
        """Samples on `count` cells per coordinate, half of them where the residual was found to be
        large.
        """
        sizes = [len(coarse.cells[c].widths) for c in self._order()]
        size = np.abs(coarse.residual).reshape(sizes)
        found = {}
        for axis, c in enumerate(self._order()):
            others = tuple(i for i in range(len(sizes)) if i != axis)
            found[c] = coarse.cells[c].denser(size.mean(others), count)
        return self._on([found[c] for c in self._problem.coordinates])

    def _order(self) -> list[Any]:
        """The coordinates, time first."""
        time = self._form.time
        return [*([] if time is None else [time]), *self._space]

    def _on(self, cells: Sequence[Cells]) -> Samples:
        by_symbol = dict(zip(self._problem.coordinates, cells, strict=True))
        order = self._order()
        grids = np.meshgrid(*(by_symbol[c].middles for c in order), indexing="ij")
        slices = 1 if self._form.time is None else len(grids[0])
        columns = dict(zip(order, (g.reshape(slices, -1) for g in grids), strict=True))
        flat = np.stack([columns[c].ravel() for c in self._problem.coordinates], axis=-1)
        value, *slopes, residual = self._evaluate(flat).T.reshape(-1, *columns[order[0]].shape)
        weights = np.ones(1)
        for c in self._space:
            weights = np.multiply.outer(weights, by_symbol[c].widths).ravel()
        columns = {c: columns[c] for c in self._problem.coordinates}
        named = dict(zip(self._space, slopes, strict=True))
        return Samples(self._form, by_symbol, columns, value, named, residual, weights)

    def _evaluate(self, points: Array) -> Array:
        like = next(self._trial.parameters())
        given = torch.from_numpy(points).to(like)
        with torch.no_grad():
            blocks = [self._term.residual(block) for block in torch.split(given, BLOCK)]
        found: Array = torch.cat(blocks).double().cpu().numpy()
        if not np.isfinite(found).all():
            raise ConvergenceError(
                f"{self._problem.name}: the residual is not finite at some points of the domain, "
                "so no error bound follows; train again."
            )
        return found
