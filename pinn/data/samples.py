"""Samples of fields from files: tables with a header, NumPy archives, grids of MATLAB."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.cloud import Cloud
from pinn.data.tables import Table
from sciformer.errors import DataError
from sciformer.runs.reading import read_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_BYTES = 1 << 30  # ten million lines, far above what a fit looks at
MOST_NUMBERS = 50_000_000  # of an unpacked file: 400 MB
SIGMA = "sigma"
INDEX = ""  # the name of the first column as pandas writes it: numbers of the rows


def load_samples(
    path: Path | str,
    coordinates: Sequence[str],
    quantities: Sequence[str],
    *,
    count: int | None = None,
    seed: int = 0,
) -> Cloud:
    """Samples of some quantities at points, in random order.

    A `.csv` (or `.txt`, `.tsv`) has a header with the name of each column: every coordinate, at
    least one quantity, and, if the noise is known, `sigma_u` for the standard deviation of u or
    `sigma` for that of all quantities. Commas, semicolons, tabs or blanks separate the columns;
    decimal commas are read where the columns have another mark. An `.npz` holds one array for each
    of these names. A `.mat` holds a grid as Raissi's burgers_shock.mat does: x (n, 1) and t (m, 1),
    or whatever the two coordinates are called, and the field (n, m) by its name or as `usol`.

    Args:
        path: of the file.
        coordinates: names of the problem's coordinates, in order.
        quantities: names of what can be measured.
        count: how many samples to keep; all by default.
        seed: of the order.

    Raises:
        DataError: one sentence says what is wrong, and in which line of a table.
    """
    path = Path(path)
    readers: dict[str, Callable[..., dict[str, Array]]] = {
        ".csv": _read_table, ".tsv": _read_table, ".txt": _read_table,
        ".npz": _read_archive, ".mat": _read_grid,
    }  # fmt: skip
    if path.suffix.lower() not in readers:
        known = ", ".join(readers)
        raise DataError(f"samples: {path.name} has none of the known suffixes {known}.")
    columns = readers[path.suffix.lower()](path, tuple(coordinates), tuple(quantities))
    cloud = _cloud(path.name, columns, coordinates, quantities)
    order = np.random.default_rng(seed).permutation(len(cloud))
    return cloud.in_order(order[: count or len(order)])


def _cloud(
    name: str, columns: Mapping[str, Array], coordinates: Sequence[str], quantities: Sequence[str]
) -> Cloud:
    measured = {key: columns[key] for key in quantities if key in columns}
    noise = {
        key: columns.get(f"{SIGMA}_{key}", columns.get(SIGMA))
        for key in measured
        if f"{SIGMA}_{key}" in columns or SIGMA in columns
    }
    if noise and set(noise) != set(measured):
        without = ", ".join(f"{SIGMA}_{key}" for key in measured if key not in noise)
        raise DataError(f"{name}: the noise of some quantities is missing; add {without}.")
    return Cloud(np.column_stack([columns[c] for c in coordinates]), measured, name, noise)


def _check_names(
    name: str, there: Sequence[str], coordinates: Sequence[str], quantities: Sequence[str]
) -> None:
    """Refuses a file without a coordinate or without any quantity, or with a name beside them."""
    wanted = (
        f"expected are the coordinates {', '.join(coordinates)}, one or more of "
        f"{', '.join(quantities)}, and, if the noise is known, "
        f"{', '.join(f'{SIGMA}_{key}' for key in quantities)} or {SIGMA}"
    )
    missing = [c for c in coordinates if c not in there]
    if missing or not set(there) & set(quantities):
        what = f"no {missing[0]}" if missing else f"none of {', '.join(quantities)}"
        raise DataError(
            f"{name}: holds {what}, but {', '.join(there)[:200] or 'nothing'}; {wanted}."
        )
    known = {*coordinates, *quantities, SIGMA, *(f"{SIGMA}_{key}" for key in quantities)}
    for number, key in enumerate(there):
        if key == INDEX and number == 0:
            continue
        if key not in known or key in there[:number]:
            what = "twice" if key in known else "and nobody knows it"
            raise DataError(
                f"{name}: column {number + 1} is called {key[:60]!r}, {what}; {wanted}."
            )


def _read_table(
    path: Path, coordinates: Sequence[str], quantities: Sequence[str]
) -> dict[str, Array]:
    table = Table(path.name, read_bytes(path, MOST_BYTES), (*coordinates, *quantities))
    _check_names(table.where, table.header, coordinates, quantities)
    columns = table.columns()
    index = columns.pop(INDEX, np.zeros(0))
    if len(np.unique(index)) < len(index) or (index % 1).any():
        raise DataError(
            f"{table.where}: column 1 has no name and does not number the rows; give it one, or "
            "remove it."
        )
    for label, column in columns.items():
        wrong = np.flatnonzero(~(column > 0))
        if label.startswith(SIGMA) and len(wrong):
            raise DataError(
                f"{table.line(int(wrong[0]))}: {label} is {column[wrong[0]]:g}; a standard "
                "deviation must be > 0."
            )
    return columns


def _read_archive(
    path: Path, coordinates: Sequence[str], quantities: Sequence[str]
) -> dict[str, Array]:
    with _readable(path), zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > 8 * MOST_NUMBERS:
            raise DataError(f"{path.name}: holds more than {MOST_NUMBERS} numbers; take a part.")
        names = [member.removesuffix(".npy") for member in archive.namelist()]
        _check_names(path.name, names, coordinates, quantities)
        found = {}
        for member in archive.namelist():
            with archive.open(member) as file:
                found[member.removesuffix(".npy")] = np.lib.format.read_array(file)
    columns = {key: _real(path.name, key, value).ravel() for key, value in found.items()}
    length = len(columns[coordinates[0]])
    for key, column in columns.items():
        if len(column) != length and not (key.startswith(SIGMA) and len(column) == 1):
            raise DataError(
                f"{path.name}: {key} has {len(column)} numbers and {coordinates[0]} {length}; give "
                "one per sample."
            )
    return {key: np.broadcast_to(column, length) for key, column in columns.items()}


def _read_grid(
    path: Path, coordinates: Sequence[str], quantities: Sequence[str]
) -> dict[str, Array]:
    from scipy.io import loadmat, whosmat

    with _readable(path):
        read_bytes(path, MOST_BYTES)
        listed = {key: tuple(shape) for key, shape, _ in whosmat(path)}
        fields = {q: q if q in listed else "usol" for q in quantities[:1]}
        fields |= {q: q for q in quantities[1:] if q in listed}
        wanted = [*coordinates, *fields.values()]
        missing = [key for key in wanted if key not in listed]
        if missing or len(coordinates) != 2:
            raise DataError(
                f"{path.name}: a grid is read from arrays {', '.join(coordinates)} and "
                f"{quantities[0]} or usol of two coordinates; it holds "
                f"{', '.join(listed)[:200] or 'nothing'}; give a table instead."
            )
        if sum(math.prod(listed[key]) for key in wanted) > MOST_NUMBERS:
            raise DataError(f"{path.name}: holds more than {MOST_NUMBERS} numbers; take a part.")
        found: dict[str, Any] = loadmat(path, variable_names=wanted)
    first, second = (_real(path.name, c, found[c]).ravel() for c in coordinates)
    grids = np.meshgrid(first, second, indexing="ij")
    columns = {c: grid.ravel() for c, grid in zip(coordinates, grids, strict=True)}
    for quantity, key in fields.items():
        field = _real(path.name, key, found[key])
        if field.shape != (len(first), len(second)):
            hint = "it seems transposed" if field.shape == (len(second), len(first)) else "mend it"
            raise DataError(
                f"{path.name}: {key} must have the shape ({len(first)}, {len(second)}) of "
                f"{' and '.join(coordinates)}, and has {field.shape}; {hint}."
            )
        columns[quantity] = field.ravel()
    return columns


def _real(name: str, key: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{name}: {key} must hold real numbers and holds {array.dtype}.")
    return array.astype(np.float64)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns any exception of a library's reader into one sentence."""
    if not path.is_file():  # nor a device or a pipe
        raise DataError(f"samples: there is no file {path}; check the path.")
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the readers of two libraries raise as they please
        first = str(error).partition("\n")[0]
        raise DataError(
            f"samples: {path.name} cannot be read as {path.suffix[1:]} ({first}); it may be "
            "damaged or of another format."
        ) from error
