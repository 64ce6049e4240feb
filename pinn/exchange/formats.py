"""Formats in which a solution can be written, each an object."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pinn.exchange.films import Film
from pinn.exchange.grids import NetCDF, Npz
from pinn.exchange.meshes import VTK
from pinn.exchange.programs import ONNX, TorchProgram
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.solution import Solution


class Format(Protocol):
    """A way to write a solution.

    Attributes:
        suffix: of the file.
        packages: that it needs beyond those of a plain installation.
    """

    @property
    def suffix(self) -> str: ...

    @property
    def packages(self) -> tuple[str, ...]: ...

    def write(self, solution: Solution, path: Path, most: int) -> None:
        """Writes the file.

        Args:
            solution: what to write.
            path: of the file; others of the same stem may be made beside it.
            most: about how many points a grid has, in films that of one frame; formats without a
                grid take no notice.

        Raises:
            DataError: the format cannot hold this solution.
        """
        ...


FORMATS: dict[str, Format] = {
    "npz": Npz(),
    "netcdf": NetCDF(),
    "vtk": VTK(),
    "gif": Film(".gif", "pillow"),
    "mp4": Film(".mp4", "ffmpeg"),
    "torch": TorchProgram(),
    "onnx": ONNX(),
}


def require(name: str, form: Format) -> None:
    """Checks that the packages of a format are installed.

    Raises:
        UsageError: one is missing; the sentence says how to get it.
    """
    for package in form.packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UsageError(
                f"sciformer export: the format {name} needs the package {package}; "
                f'install it with `pip install "sciformer[exchange]"`.'
            ) from error
