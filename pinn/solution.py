"""The answer: a function of points that knows its problem and its error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.problem.scales import Scales
from pinn.settings import Settings
from pinn.trial.hard_constraint import HardConstraint, TrialSolution
from pinn.trial.inputs import inputs_of
from sciformer.errors import DataError, DomainError, ShapeError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from xarray import Dataset

    from pinn.problem.problem import Problem
    from sciformer.runs import Run

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Distance to the reference on a grid over the domain, over all fields together.

    Fields that are determined only up to a constant are compared after their mean over space is
    subtracted at each time.

    Attributes:
        relative_l2: |u - u*| / |u*| in the Euclidean norm over the grid.
        relative_l2_by_field: the same for each field alone.
        mse: mean (u - u*)^2.
        max_error: max |u - u*|.
    """

    relative_l2: float
    relative_l2_by_field: dict[str, float]
    mse: float
    max_error: float


class Reference:
    """A problem's reference solution on a fixed grid, computed once.

    Args:
        problem: must have a reference.
        most: the grid has about as many points.
    """

    def __init__(self, problem: Problem, most: int = 26_000) -> None:
        if problem.reference is None:
            raise DataError(f"{problem.name}: has no reference solution to compare with.")
        grid = problem.domain.grid(grid_counts(problem, most))
        self.points = grid[problem.domain.contains(grid)]
        values = problem.reference(self.points.numpy())
        columns = [np.asarray(values[name]) for name in problem.field_names]
        self._fix = _Gauge(problem, self.points)
        self.values = self._fix(torch.from_numpy(np.stack(columns, axis=-1)))  # (p, f)

    def errors(self, solution: Solution) -> Errors:
        """Errors of a solution on the grid."""
        names = solution.problem.field_names
        fields = solution(self.points)
        found = self._fix(torch.stack([fields[name] for name in names], dim=-1).double())
        gap = found - self.values
        by_field = (gap.norm(dim=0) / self.values.norm(dim=0)).tolist()
        return Errors(
            relative_l2=float(gap.norm() / self.values.norm()),
            relative_l2_by_field=dict(zip(names, by_field, strict=True)),
            mse=float(gap.square().mean()),
            max_error=float(gap.abs().max()),
        )


class _Gauge:
    """Subtracts, at each time, the mean over points of the fields that are free by a constant."""

    def __init__(self, problem: Problem, points: Tensor) -> None:
        self._free = [problem.field_names.index(name) for name in problem.gauge]
        time = points[:, problem.domain.coordinates.index(problem.time)] if problem.time else None
        self._slot = torch.zeros(len(points), dtype=torch.long)
        if time is not None:
            self._slot = torch.unique(time, return_inverse=True)[1]
        self._count = torch.bincount(self._slot).double()

    def __call__(self, fields: Tensor) -> Tensor:
        """Fields (p, f) with the means of the free ones subtracted."""
        fixed = fields.clone()
        for index in self._free:
            total = torch.zeros_like(self._count).index_add(0, self._slot, fields[:, index])
            fixed[:, index] -= (total / self._count)[self._slot]
        return fixed


class Solution:
    """Fields at any points of the domain.

    `solution(points)` takes points (n, c), numpy or torch, in the order of
    `solution.problem.coordinates`, and gives {field name: (n,)} of the same kind.

    Args:
        problem: what was solved.
        trial: the trained network with its conditions.
        settings: how it was solved.
    """

    def __init__(self, problem: Problem, trial: TrialSolution, settings: Settings) -> None:
        self.problem, self.trial, self.settings = problem, trial, settings

    def __call__(self, points: Any) -> dict[str, Any]:
        """Fields at points (n, c).

        Raises:
            ShapeError: points of another shape.
        """
        given = torch.as_tensor(np.asarray(points) if not isinstance(points, Tensor) else points)
        count = len(self.problem.coordinates)
        if given.ndim != 2 or given.shape[1] != count:
            names = ", ".join(map(str, self.problem.coordinates))
            raise ShapeError(
                f"Solution: points must have shape (n, {count}), columns {names}; "
                f"got {tuple(given.shape)}."
            )
        first = next(self.trial.parameters())
        fields = self.trial.at(given.to(first.device, first.dtype))
        columns = dict(zip(self.problem.field_names, fields.unbind(-1), strict=True))
        if isinstance(points, Tensor):
            return {name: column.to(points.device) for name, column in columns.items()}
        return {name: column.cpu().numpy() for name, column in columns.items()}

    def errors(self) -> Errors:
        """Errors against the problem's reference.

        Raises:
            DataError: the problem has none.
        """
        return Reference(self.problem).errors(self)

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.trial.parameters())

    def plot(self) -> Figure:
        """Solution, reference, error and slices as a matplotlib figure."""
        from pinn.figures import solution_figure

        return solution_figure(self)

    def on_grid(self, most: int = 26_000) -> tuple[dict[str, Array], dict[str, Array]]:
        """Axes of a grid over the domain by coordinate; fields by name, NaN outside the domain."""
        counts = grid_counts(self.problem, most)
        ends = zip(self.problem.domain.low, self.problem.domain.high, counts, strict=True)
        axes = [np.linspace(low, high, count) for low, high, count in ends]
        named = dict(zip(self.problem.domain.coordinates, axes, strict=True))
        grid = self.problem.domain.grid(counts)
        inside = self.problem.domain.contains(grid).numpy()
        fields = self(grid.numpy())
        return named, {
            name: np.where(inside, value.astype(np.float64), np.nan).reshape(counts)
            for name, value in fields.items()
        }

    def to_xarray(self, most: int = 26_000) -> Dataset:
        """The fields over named coordinates: one variable a field, the equations as an attribute.

        Args:
            most: about how many points the grid has.

        Raises:
            UsageError: xarray is not installed.
        """
        try:
            from xarray import Dataset
        except ImportError as error:
            raise UsageError(
                "Solution: to_xarray needs the package xarray; install it with "
                '`pip install "sciformer[exchange]"`.'
            ) from error
        axes, fields = self.on_grid(most)
        return Dataset(
            {name: (tuple(axes), values) for name, values in fields.items()},
            coords=axes,
            attrs={
                "title": self.problem.title or self.problem.name,
                "equations": "; ".join(map(str, self.problem.equations)),
                "source": "sciformer",
            },
        )

    def save(self, run: Run) -> None:
        """Writes the trained parameters and the fields on a grid into a run directory."""
        from safetensors.torch import save_file

        with run.file("network.safetensors") as path:
            save_file({k: v.contiguous() for k, v in self.trial.state_dict().items()}, path)
        axes, fields = self.on_grid()
        run.write_array("solution.npz", **axes, **fields)

    @classmethod
    def load(cls, directory: str | Path, *, trust: bool = False) -> Solution:
        """The solution that a finished run left.

        Args:
            directory: of the run.
            trust: allows to execute the Python file of the problem of a run of somebody else.

        Raises:
            DataError: the directory is no run, the run has not finished, or it is damaged.
            UsageError: the problem is a Python file of somebody else, or one that has changed.
        """
        from pinn.problem.registry import find_problem
        from pinn.problem.source import name_in
        from sciformer.runs.reading import read_tensors

        run = open_solve(directory)
        config = run.config
        path = Path(directory) / "network.safetensors"
        if not path.exists():
            raise DataError(
                f"Solution: {directory} has not finished; continue it by --resume {directory}."
            )
        problem = find_problem(name_in(run, trust=trust), config["parameters"])
        settings = Settings(**config["settings"])
        trial = build_trial(problem, settings)
        try:
            tensors, _ = read_tensors(path, trial.state_dict(), inside=run.path)
        except DataError as error:
            raise DataError(
                f"Solution: {path} is damaged or belongs to another network; "
                f"solve again by --resume {directory}: {error}"
            ) from error
        trial.load_state_dict(tensors)
        return cls(problem, trial, settings)


def open_solve(directory: str | Path) -> Run:
    """The run of a solve, finished or not.

    Raises:
        DataError: the directory is no run, or one of another command.
    """
    from sciformer.runs import Run

    run = Run.open(directory)
    types = {"problem": str, "parameters": dict, "settings": dict}
    if not all(isinstance(run.config.get(key), kind) for key, kind in types.items()):
        raise DataError(
            f"Solution: {directory} is a run of {run.kind!r}, not of `sciformer solve` with a "
            "problem that it can continue; name another."
        )
    return run


def build_trial(problem: Problem, settings: Settings) -> TrialSolution:
    """The network of the settings, freshly initialised from the seed, with conditions around it.

    Raises:
        DomainError: hard conditions were asked for and do not exist.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        inputs = inputs_of(problem, settings.harmonics, settings.waves)
        constraint = _constraint(problem, settings)
        network = settings.options().build(inputs, constraint.outputs)
    trial = TrialSolution(network, constraint)
    return trial.to(device=settings.device, dtype=getattr(torch, settings.dtype))


def grid_counts(problem: Problem, most: int) -> list[int]:
    """Points along each coordinate of a grid of about `most` points; 5 : 2 for space and time."""
    share = [0.4 if name == problem.time else 1.0 for name in problem.domain.coordinates]
    unit = (most / float(np.prod(share))) ** (1 / len(share))
    return [max(2, round(unit * s)) + (round(unit * s) % 2 == 0) for s in share]


def _constraint(problem: Problem, settings: Settings) -> HardConstraint:
    """The conditions that are built in, and fields in units of their size."""
    built_in = () if settings.conditions == "soft" else problem.conditions
    constraint = HardConstraint(problem, settings.fade, Scales(problem).fields, built_in)
    if settings.conditions == "hard":
        for condition, why in constraint.soft.items():
            raise DomainError(
                f"{problem.name}: no hard form for {condition.equation} on {condition.on}: {why}; "
                f"solve with soft conditions."
            )
    return constraint
