"""Fields on a grid: numpy's npz and NetCDF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pinn.solution import Solution


@dataclass(frozen=True)
class Npz:
    """Arrays by name in numpy's own format."""

    suffix: str = ".npz"
    packages: tuple[str, ...] = ()

    def write(self, solution: Solution, path: Path, most: int) -> None:
        axes, fields = solution.on_grid(most)
        with path.open("wb") as file:
            arrays: dict[str, Any] = {**axes, **fields}
            np.savez_compressed(file, **arrays)


@dataclass(frozen=True)
class NetCDF:
    """NetCDF 4, which xarray, Panoply, ncview and most languages read."""

    suffix: str = ".nc"
    packages: tuple[str, ...] = ("xarray", "h5netcdf")

    def write(self, solution: Solution, path: Path, most: int) -> None:
        solution.to_xarray(most).to_netcdf(path, engine="h5netcdf")
