"""Places and readings of sensors as text: one place or one frame a line, read as it comes."""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError
from sciformer.runs.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_BYTES = 16 << 20  # half a million points
CELL_BYTES = 64  # of a line for each of its numbers, three times what a float64 takes
SILENT = ("", "nan", "na", "null")


def read_places(path: Path) -> Array:
    """Places x, y as (q, 2), from lines of two numbers; a first line of words is a header.

    Raises:
        DataError: no such file, or lines of something else.
    """
    lines = read_bytes(path, MOST_BYTES).decode("utf-8-sig", "replace").splitlines()
    rows = [
        (number, [cell.strip() for cell in line.split(",")])
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if rows and not any(map(_is_number, rows[0][1])):
        rows = rows[1:]
    for number, cells in rows:
        if len(cells) != 2 or not all(map(_is_number, cells)):
            raise DataError(
                f"{path}, line {number}: expects two finite numbers x,y; got "
                f"{','.join(cells)[:60]!r}."
            )
    if not rows:
        raise DataError(f"{path}: holds no places; give one x,y per line.")
    return np.array([[float(cell) for cell in cells] for _, cells in rows])


def frames(name: str, file: IO[bytes], sensors: int) -> Iterator[Array]:
    """Frames (m, 2) of lines u1,v1,u2,v2,...; an empty cell or nan is a silent sensor.

    Empty lines are none, and a first line of words is a header.

    Raises:
        DataError: a line of other or of too many numbers; no frame at all.
    """
    most, number, count = CELL_BYTES * (2 * sensors + 1), 0, 0
    while line := file.readline(most):
        number += 1
        if len(line) == most and not line.endswith(b"\n"):
            raise DataError(
                f"{name}, line {number}: has {most} bytes or more, too many for the readings of "
                f"{sensors} sensors."
            )
        text = line.decode("utf-8-sig", "replace").strip()
        if not text:
            continue
        cells = [cell.strip() for cell in text.split(",")]
        if not count and number == 1 and all(c and not _known(c) for c in cells):
            continue
        if len(cells) != 2 * sensors or not all(map(_known, cells)):
            raise DataError(
                f"{name}, line {number}: must be u,v of {sensors} sensors, {2 * sensors} numbers "
                f"separated by commas, empty or nan where one is silent; got {text[:60]!r}."
            )
        count += 1
        values = [math.nan if c.lower() in SILENT else float(c) for c in cells]
        yield np.array(values).reshape(sensors, 2)
    if not count:
        raise DataError(f"{name}: holds no frame; give it at least one line of readings.")


def _known(cell: str) -> bool:
    return cell.lower() in SILENT or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
