"""Meshes for ParaView: one .vtu, or one for each time and a .pvd that lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.solution import Solution

    Array = NDArray[np.float64]

CELLS = {1: "line", 2: "quad", 3: "hexahedron"}
# Corners of a cell in VTK's order, as offsets along the axes.
CORNERS: dict[int, list[tuple[int, ...]]] = {
    1: [(0,), (1,)],
    2: [(0, 0), (1, 0), (1, 1), (0, 1)],
    3: [
        (0, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 0, 1),
        (1, 1, 1),
        (0, 1, 1),
    ],
}
FRAMES = 50


@dataclass(frozen=True)
class VTK:
    """Cells whose corners all lie in the domain, fields at the corners.

    A problem of one coordinate and time becomes a map over both; with two or three coordinates and
    time there is a file for each of 50 times.
    """

    suffix: str = ".pvd"
    packages: tuple[str, ...] = ("meshio",)

    def write(self, solution: Solution, path: Path, most: int) -> None:
        axes, fields = solution.on_grid(most)
        time = solution.problem.time
        if time is None or len(axes) <= 2:
            steps = [(0.0, axes, fields)]
        else:
            steps = _by_time(axes, fields, time)
        files = []
        for number, (moment, corner_axes, values) in enumerate(steps):
            file = path.with_name(f"{path.stem}-{number:04d}.vtu")
            _mesh(list(corner_axes.values()), values).write(file)
            files.append((moment, file.name))
        _collection(path, files)


def _by_time(
    axes: dict[str, Array], fields: dict[str, Array], time: str
) -> list[tuple[float, dict[str, Array], dict[str, Array]]]:
    place = list(axes).index(time)
    space = {name: axis for name, axis in axes.items() if name != time}
    stride = max(1, len(axes[time]) // FRAMES)
    return [
        (
            float(moment),
            space,
            {name: np.take(value, k, axis=place) for name, value in fields.items()},
        )
        for k, moment in list(enumerate(axes[time]))[::stride]
    ]


def _mesh(axes: list[Array], fields: dict[str, Array]) -> Any:
    import meshio

    size = len(axes)
    if size not in CELLS:
        raise DataError(
            f"sciformer export: VTK holds up to three coordinates; this solution has {size} "
            "beside time."
        )
    shape = tuple(len(axis) for axis in axes)
    grids = np.meshgrid(*axes, indexing="ij")
    points = np.zeros((grids[0].size, 3))
    points[:, :size] = np.stack([grid.ravel() for grid in grids], axis=-1)
    number = np.arange(points.shape[0]).reshape(shape)
    ends = [slice(None, -1), slice(1, None)]
    corners = [number[tuple(ends[o] for o in offset)].ravel() for offset in CORNERS[size]]
    cells = np.stack(corners, axis=-1)
    values = {name: value.ravel() for name, value in fields.items()}
    known = np.all([np.isfinite(value) for value in values.values()], axis=0)
    data = {name: np.where(known, value, 0.0) for name, value in values.items()}
    return meshio.Mesh(points, [(CELLS[size], cells[known[cells].all(axis=1)])], point_data=data)


def _collection(path: Path, files: list[tuple[float, str]]) -> None:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    collection = ElementTree.SubElement(root, "Collection")
    for moment, name in files:
        ElementTree.SubElement(collection, "DataSet", timestep=repr(moment), file=name)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, xml_declaration=True, encoding="utf-8")
