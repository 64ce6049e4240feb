"""Fields on a grid: numpy's npz, xarray, NetCDF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.solution import Solution

    Array = NDArray[np.float64]


def masked_grid(solution: Solution, most: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Axes by coordinate and fields by name, axis by axis; not a number outside the domain."""
    axes, fields = solution.on_grid(most)
    named = dict(zip(solution.problem.domain.coordinates, axes, strict=True))
    points = np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=-1)
    inside = solution.problem.domain.contains(torch.from_numpy(points)).numpy()
    shape = tuple(len(axis) for axis in axes)
    return named, {
        name: np.where(inside.reshape(shape), np.asarray(value, dtype=np.float64), np.nan)
        for name, value in fields.items()
    }


def to_xarray(solution: Solution, most: int = 26_000) -> Any:
    """The fields as an `xarray.Dataset` over named coordinates.

    Args:
        solution: of any number of coordinates.
        most: about how many points the grid has.

    Returns:
        One variable a field, with the equations as attributes.
    """
    import xarray

    axes, fields = masked_grid(solution, most)
    problem = solution.problem
    return xarray.Dataset(
        {name: (tuple(axes), values) for name, values in fields.items()},
        coords=axes,
        attrs={
            "title": problem.title or problem.name,
            "equations": "; ".join(map(str, problem.equations)),
            "source": "sciformer",
        },
    )


@dataclass(frozen=True)
class Npz:
    """Arrays by name in numpy's own format."""

    suffix: str = ".npz"
    packages: tuple[str, ...] = ()

    def write(self, solution: Solution, path: Path, most: int) -> None:
        """See `Format.write`."""
        axes, fields = masked_grid(solution, most)
        with path.open("wb") as file:
            arrays: dict[str, Any] = {**axes, **fields}
            np.savez_compressed(file, **arrays)


@dataclass(frozen=True)
class NetCDF:
    """NetCDF 4, which xarray, Panoply, ncview and most languages read."""

    suffix: str = ".nc"
    packages: tuple[str, ...] = ("xarray", "h5netcdf")

    def write(self, solution: Solution, path: Path, most: int) -> None:
        """See `Format.write`."""
        to_xarray(solution, most).to_netcdf(path, engine="h5netcdf")
