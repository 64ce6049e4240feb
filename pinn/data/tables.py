"""Tables of numbers as text: with a header, whatever separates the columns and the decimals."""

from __future__ import annotations

import codecs
import csv
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

MARKS = (",", ";", "\t", None)  # None is any number of blanks
# Spreadsheets say in a first line of their own what separates the columns.
_SEPARATOR = re.compile(r"sep=(.)$", re.IGNORECASE)
# What stands behind a name in a header: units, or the coordinates of a field.
_UNITS = re.compile(r"\s*(\[[^\]]*\]|\([^)]*\))$")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?$")
# Three digits behind a comma may be thousands, but not behind a 0.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}$")
Line = tuple[int, str]


class Table:
    """The lines of a table, its header and what separates its columns.

    Lines that are empty or begin with # are left out; a header may be such a line, as NumPy writes
    it. Units behind a name, such as "u [K]", are left out, too.

    Args:
        name: of the file, for messages.
        content: of the file, in UTF-8, or in UTF-16 with a byte order mark.
        wanted: names, by which it is seen what separates the columns of the header.

    Attributes:
        where: file and line of the header.
        header: names of the columns.

    Raises:
        DataError: no text, no header.
    """

    def __init__(self, name: str, content: bytes, wanted: Collection[str]) -> None:
        self._name = name
        lines = [
            line for line in enumerate(_text(name, content).splitlines(), 1) if line[1].strip()
        ]
        given = _SEPARATOR.match(lines[0][1].strip()) if lines else None
        marks: Sequence[str | None] = (given[1],) if given else MARKS
        lines = lines[1:] if given else lines
        remarks = [line for line in lines if line[1].lstrip().startswith("#")]
        rows = [line for line in lines if not line[1].lstrip().startswith("#")]
        if not lines:
            raise DataError(f"{name}: is empty; give a header and samples.")
        header = rows.pop(0) if rows else remarks[-1]
        above = [line for line in remarks if line[0] < header[0]]
        if above and all(map(_is_number, re.split(r"[,;\s]+", header[1].strip()))):
            rows.insert(0, header)
            header = above[-1]
        number, text = header[0], header[1].lstrip().removeprefix("#")
        self.where = f"{name}, line {number}"
        spelled = [
            (mark, self._names(number, text, mark))
            for mark in marks
            if mark is None or mark in text
        ]
        self._mark, self.header = max(spelled, key=lambda pair: len(set(pair[1]) & set(wanted)))
        if all(map(_is_number, self.header)):
            raise DataError(
                f"{self.where}: the first line holds numbers; begin with a header such as "
                f"{','.join(wanted)}."
            )
        self._rows = rows

    def _names(self, number: int, text: str, mark: str | None) -> list[str]:
        cells = self._cells(number, text, mark)
        return [_UNITS.sub("", cell.strip().strip("\"'").strip()) for cell in cells]

    def _cells(self, number: int, text: str, mark: str | None) -> list[str]:
        if mark is None:
            return text.split()
        try:
            return [cell.strip() for cell in next(csv.reader([text], delimiter=mark))]
        except csv.Error as error:
            raise DataError(
                f"{self._name}, line {number}: is not a line of a table ({error})."
            ) from error

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The numbers of each column by name.

        Decimal commas are read where nothing in the table speaks for points or thousands.

        Raises:
            DataError: the sentence names the line and the cell.
        """
        if not self._rows:
            raise DataError(f"{self._name}: has a header and no samples; add lines of numbers.")
        rows = [(n, self._cells(n, text, self._mark)) for n, text in self._rows]
        for number, cells in rows:
            if len(cells) != len(self.header):
                raise DataError(
                    f"{self._name}, line {number}: has {len(cells)} columns where the header has "
                    f"{len(self.header)} ({', '.join(self.header)})."
                )
        if self._has_decimal_commas(rows):
            rows = [(number, [cell.replace(",", ".") for cell in cells]) for number, cells in rows]
        for number, cells in rows:
            self._check(number, cells)
        table = np.array([[float(cell) for cell in cells] for _, cells in rows])
        return dict(zip(self.header, table.T, strict=True))

    def line(self, row: int) -> str:
        """File and line of a row."""
        return f"{self._name}, line {self._rows[row][0]}"

    def _has_decimal_commas(self, rows: Sequence[tuple[int, Sequence[str]]]) -> bool:
        with_comma = [(n, cell) for n, cells in rows for cell in cells if "," in cell]
        if not with_comma or not all(_DECIMAL_COMMA.match(cell) for _, cell in with_comma):
            return False
        if any("." in cell for _, cells in rows for cell in cells):
            return False
        if all(_THOUSANDS.match(cell) for _, cell in with_comma):
            number, cell = with_comma[0]
            raise DataError(
                f"{self._name}, line {number}: {cell!r} may have a decimal comma or be in "
                "thousands; write numbers with a decimal point."
            )
        return True

    def _check(self, number: int, cells: Sequence[str]) -> None:
        for label, cell in zip(self.header, cells, strict=True):
            if not _is_number(cell):
                what = f"{cell[:40]!r}" if cell else "empty"
                raise DataError(
                    f"{self._name}, line {number}: {label} is {what}, which is not a finite "
                    "number; write it with a decimal point, or remove the line."
                )


def _text(name: str, content: bytes) -> str:
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not text in UTF-8 ({error}); save it as UTF-8.") from error


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text  # Python reads 1_5 as 15
    except ValueError:
        return False
