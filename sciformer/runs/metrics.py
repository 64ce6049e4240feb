"""Files with one JSON object per line, to which a killed process may have written half a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sciformer.errors import DataError
from sciformer.runs.encoding import encode
from sciformer.runs.files import disk_errors
from sciformer.runs.reading import parse_json, read_bytes

# A week of one line a second, with room to spare.
MOST_BYTES = 1 << 30


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Appends one line; half a line at the end of the file is dropped first.

    Raises:
        RunError: the line could not be written; the file then holds the earlier lines.
    """
    line = encode(record).encode() + b"\n"
    with disk_errors(path), path.open("ab+", buffering=0) as file:
        end = _end_of_whole_lines(path)
        file.truncate(end)
        try:
            written = file.write(line)
            if written != len(line):
                raise OSError(None, "the disk took only a part of the line")
        except OSError:
            file.truncate(end)
            raise


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; numbers that were not finite are None.

    Raises:
        DataError: a whole line is not a JSON object.
    """
    if not path.exists():
        return []
    content = read_bytes(path, MOST_BYTES, inside=path.parent)
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [_parse(path, number, line) for number, line in enumerate(lines, start=1)]


def truncate(path: Path, size: int) -> None:
    """Forgets everything after the first `size` bytes."""
    if path.exists():
        with disk_errors(path), path.open("ab") as file:
            file.truncate(min(size, path.stat().st_size))


def _end_of_whole_lines(path: Path) -> int:
    """The size in bytes up to and with the last line break."""
    block = 4096
    with path.open("rb") as file:
        position = file.seek(0, 2)
        while position > 0:
            start = max(0, position - block)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            position = start
    return 0


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = parse_json(str(path), line)
    except DataError:
        record = None
    if not isinstance(record, dict):
        raise DataError(f"run: line {number} of {path} is not a JSON object; repair or remove it.")
    return record
