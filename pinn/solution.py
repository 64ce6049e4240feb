"""The answer: a function of points that knows its problem and its error."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinn.accuracy import Errors as Errors
from pinn.accuracy import ReferenceGrid as ReferenceGrid
from pinn.accuracy import grid_counts as grid_counts
from pinn.accuracy import in_gauge
from pinn.loss.terms import quantities
from pinn.saved_network import (
    NETWORK,
    available,
    load_trial,
    open_solve,
    refuse_unfinished,
    save_network,
)
from pinn.settings import Settings
from pinn.trial.parameters import Parameters
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import DataError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from xarray import Dataset

    from pinn.bounds.error_bound import ErrorBound
    from pinn.problem.problem import Problem
    from pinn.training.verdict import Verdict
    from sciformer.runs import Run

    Array = NDArray[np.float64]

LOOK = 64  # points at which a loaded network is looked at: what is damaged has no values anywhere
BLOCK = 20_000  # points whose derivatives are in memory at once: some 100 MB for a small network


class Solution:
    """Fields at any points of the domain: the quantities of the problem.

    `solution(points)` takes points (n, c), numpy or torch, in the order of
    `solution.problem.coordinates`, and gives {name: (n,)} of the same kind.

    Args:
        problem: what was solved.
        trial: the trained network with its conditions, or several that follow each other in time.
        settings: how it was solved.

    Examples:
        >>> import pinn
        >>> solution = pinn.solve("heat", iterations=2).solution
        >>> solution([[0.0, 0.5]])["u"].round(12)  # exact: the wall is built in
        array([0.])
    """

    def __init__(self, problem: Problem, trial: TrialSolution, settings: Settings) -> None:
        self.problem, self.trial, self.settings = problem, trial, settings
        self._values = trial.values or Parameters(problem.parameter_values)

    def __call__(self, points: Any) -> dict[str, Any]:
        """Fields at points (n, c).

        Raises:
            ShapeError: points of another shape.

        Warns:
            UserWarning: points outside of the domain.
        """
        given = torch.as_tensor(np.asarray(points) if not isinstance(points, Tensor) else points)
        count = len(self.problem.coordinates)
        if given.ndim != 2 or given.shape[1] != count:
            names = ", ".join(map(str, self.problem.coordinates))
            raise ShapeError(
                f"Solution: points must have shape (n, {count}), columns {names}; "
                f"got {tuple(given.shape)}."
            )
        self._warn_outside(given)
        return self._at(given, points)

    def _at(self, given: Tensor, points: Any) -> dict[str, Any]:
        """Fields at points, of the kind in which the points were given."""
        first = next(self.trial.parameters())
        fields = self._fields(given.to(first.device, first.dtype))
        columns = dict(zip(self.problem.expressions, fields.unbind(-1), strict=True))
        if isinstance(points, Tensor):
            return {name: column.to(points.device) for name, column in columns.items()}
        return {name: column.cpu().numpy() for name, column in columns.items()}

    def _warn_outside(self, points: Tensor) -> None:
        domain = self.problem.domain
        low, high = torch.tensor(domain.low).double(), torch.tensor(domain.high).double()
        places = points.detach().cpu().double()
        for name in self.problem.periodic:
            axis = domain.coordinates.index(name)
            width = high[axis] - low[axis]
            places = places.clone()
            places[:, axis] = low[axis] + (places[:, axis] - low[axis]) % width
        # By the rounding of float32, in which points may be given, an edge is on either side.
        middle = (low + high) / 2
        near = [middle + (places - middle) * factor for factor in (1.0, 1 - 1e-6, 1 + 1e-6)]
        outside = ~torch.stack([domain.contains(moved) for moved in near]).any(dim=0)
        if outside.any():
            warnings.warn(
                f"{self.problem.name}: {int(outside.sum())} of {len(points)} points lie outside "
                f"of the domain {domain}, where nothing was solved; values there are meaningless.",
                stacklevel=3,
            )

    def __repr__(self) -> str:
        fields = ", ".join(self.problem.expressions)
        names = ", ".join(map(str, self.problem.coordinates))
        count = self.parameter_count
        return f"Solution({self.problem.name}: {fields} of ({names}), {count} parameters)"

    def _repr_html_(self) -> str:
        from pinn.html import solution_html

        return solution_html(self)

    @property
    def parameters(self) -> dict[str, float]:
        """All parameters of the problem, unknown ones as they were found."""
        return self._values.numbers()

    def _fields(self, points: Tensor) -> Tensor:
        """The quantities (n, f), by way of derivatives where they hold any."""
        if not self.problem.quantities:
            return self.trial.at(points)
        term = quantities(self.problem, self.trial, parameters=self._values)
        with torch.no_grad():
            starts = range(0, max(len(points), 1), BLOCK)
            return torch.cat([term.residual(points[i : i + BLOCK]) for i in starts])

    def errors(self) -> Errors:
        """Errors against the problem's reference.

        Raises:
            DataError: the problem has none.
        """
        return ReferenceGrid(self.problem).errors(self)

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.trial.parameters())

    def plot(
        self,
        verdict: Verdict | None = None,
        history: Sequence[tuple[int, float, float]] = (),
    ) -> Figure:
        """Solution, reference and error as a matplotlib figure; see `pinn.figures.Picture`.

        Args:
            verdict: of the training; its outcome stands in the title.
            history: of the training, as `Solved.history`, for a training curve.
        """
        from pinn.figures import Picture
        from pinn.html import headline
        from pinn.names import label

        axes, fields = self.on_grid()
        reference = None
        if self.problem.reference is not None:
            points = np.stack(
                [grid.ravel() for grid in np.meshgrid(*axes.values(), indexing="ij")], axis=-1
            )
            exact = self.problem.reference(points)
            reference = {
                n: np.where(np.isnan(f), np.nan, np.asarray(exact[n]).reshape(f.shape))
                for n, f in fields.items()
            }
            fields = {n: in_gauge(self.problem, n, f, reference[n]) for n, f in fields.items()}
        said = "" if verdict is None else f" ({verdict.outcome})"
        return Picture(
            axes,
            fields,
            reference,
            time=self.problem.time,
            title=headline(self, said),
            label=label("network", self.settings.network),
            history=history,
        ).draw()

    def on_grid(self, most: int = 26_000) -> tuple[dict[str, Array], dict[str, Array]]:
        """Axes of a grid over the domain by coordinate; fields by name, NaN outside the domain."""
        counts = grid_counts(self.problem, most)
        ends = zip(self.problem.domain.low, self.problem.domain.high, counts, strict=True)
        axes = [np.linspace(low, high, count) for low, high, count in ends]
        named = dict(zip(self.problem.domain.coordinates, axes, strict=True))
        grid = self.problem.domain.grid(counts)
        inside = self.problem.domain.contains(grid).numpy()
        fields = self._at(grid, grid.numpy())
        return named, {
            name: np.where(inside, value.astype(np.float64), np.nan).reshape(counts)
            for name, value in fields.items()
        }

    def to_xarray(self, most: int = 26_000) -> Dataset:
        """The fields over named coordinates by the CF conventions, see `pinn.dataset.dataset_of`.

        Args:
            most: about how many points the grid has.

        Raises:
            UsageError: xarray is not installed.
        """
        from pinn.dataset import dataset_of

        return dataset_of(self, most)

    def error_bound(self, norm: str | None = None) -> ErrorBound:
        """A bound of the error that needs no reference, see `pinn.bounds.correcting.sharp_bound`.

        Args:
            norm: "L1", "L2" or "max"; by default the one that is least relative to the solution.

        Raises:
            UsageError: no theorem applies to the equation or the conditions; the sentence says why.
        """
        from pinn.bounds.correcting import sharp_bound

        return sharp_bound(self.problem, self.trial, norm)

    def prove_error(self, tolerance: float, directory: str | Path | None = None) -> ErrorBound:
        """A proven bound of the L1 error, see `pinn.certificates.proving.prove_error`."""
        from pinn.certificates.proving import prove_error

        return prove_error(self.problem, self.trial, tolerance, directory)

    def save(self, run: Run) -> None:
        """Writes the trained parameters and the fields on a grid into a run directory."""
        save_network(self.trial, run)
        axes, fields = self.on_grid()
        run.write_array("solution.npz", **axes, **fields)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        network: nn.Module | None = None,
        *,
        trust: bool = False,
        device: str | None = None,
    ) -> Solution:
        """The solution that a finished run left.

        Args:
            directory: of the run.
            network: a module of the form that was trained, if that was a module of one's own.
            trust: whether the problem's Python file of somebody else's run may be executed.
            device: where it is evaluated; by default where it was trained, or on the CPU if there
                is no such device here.

        Raises:
            DataError: the directory is not a run, the run has not finished or is damaged, or its
                network cannot be rebuilt.
            UsageError: the problem is a Python file of somebody else, or one that has changed.
        """
        from pinn.problem.registry import find_problem
        from pinn.problem.source import name_in

        run = open_solve(directory)
        refuse_unfinished(run)
        problem = find_problem(name_in(run, trust=trust), run.config["parameters"])
        given = {} if network is None else {"network": network}
        settings = Settings.from_json(run.config["settings"], **given)
        settings = replace(settings, device=device or available(settings.device))
        solution = cls(problem, load_trial(run, problem, settings), settings)
        values = solution(problem.domain.sample(LOOK))
        if not all(np.isfinite(np.asarray(value)).all() for value in values.values()):
            raise DataError(
                f"Solution: the network of {run.path / NETWORK} has no finite values; it is "
                "damaged, solve again."
            )
        return solution
