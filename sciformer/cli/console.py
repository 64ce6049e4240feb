"""Output of commands: progress and notes on stderr, tables and JSON on stdout."""

from __future__ import annotations

import itertools
import numbers
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sciformer.runs.encoding import encode

if TYPE_CHECKING:
    from tqdm import tqdm

# A bar seems to move without flicker; lines in a log are few.
BAR_INTERVAL_S, LINE_INTERVAL_S = 0.1, 5.0
LONGEST_CELL = 96  # characters; a terminal breaks longer lines anywhere, and a table falls apart
# What a terminal obeys instead of showing: C0 and C1 controls, marks that reorder or hide text,
# and bytes of file names that are not UTF-8, which no stream can encode.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)


class Progress:
    """Progress on stderr: a bar on a terminal, otherwise a line every few seconds.

    Examples:
        with Progress(total=100, label="burgers") as progress:
            progress.update(17, residual=2.5e-4)
    """

    def __init__(self, total: float | None = None, label: str = "") -> None:
        """Nothing is written before `update`.

        Args:
            total: the position at which it is done; None if that is not known.
            label: what is going on.
        """
        self._total, self._label = total, label
        self._start = time.monotonic()
        self._last_shown = -float("inf")
        self._pending: tuple[float, dict[str, Any]] | None = None
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pending is not None:
            self._show(*self._pending)
        if self._bar is not None:
            self._bar.close()

    def update(self, position: float, **metrics: Any) -> None:
        """Updates share and numbers shown; cheap enough for every step.

        Args:
            position: steps done, or the fraction done if `total` is 1.
            metrics: numbers or words by name; numbers are shown with four digits.
        """
        self._pending = (position, metrics)
        interval = BAR_INTERVAL_S if sys.stderr.isatty() else LINE_INTERVAL_S
        if time.monotonic() - self._last_shown >= interval:
            self._show(position, metrics)

    def _show(self, position: float, metrics: dict[str, Any]) -> None:
        self._last_shown, self._pending = time.monotonic(), None
        text = "  ".join(f"{name} {_cell(value)}" for name, value in metrics.items())
        if sys.stderr.isatty():
            self._show_bar(position, text)
        else:
            elapsed = f"{time.monotonic() - self._start:.1f} s"
            note("  ".join(filter(None, [self._label, self._done(position), elapsed, text])))

    def _show_bar(self, position: float, text: str) -> None:
        if self._bar is None:
            self._bar = _bar(self._total, self._label)
        self._bar.n = position
        self._bar.set_postfix_str(text)

    def _done(self, position: float) -> str:
        return _cell(position) if self._total is None else f"{position / self._total:.0%}"


@contextmanager
def training_progress(label: str) -> Iterator[Callable[[float, dict[str, float]], None]]:
    """Progress of a training, as the function that it calls with its share and its numbers."""
    with Progress(total=1.0, label=label) as progress:
        yield lambda share, metrics: progress.update(share, **metrics)


def note(text: str) -> None:
    """A line for the person, on stderr; a line break stays one."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """The text with control characters as escapes such as \\x1b, so that a terminal shows them.

    Names and messages out of files of other people may hold commands to the terminal.
    """
    return _UNSEEN.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
    """Columns aligned by width: text to the left, numbers to the right with four digits.

    A long text goes on in the next line of its column, broken between words.

    Args:
        rows: cells; None is shown as "-".
        headers: one name a column.

    Returns:
        Lines without a line break at the end.
    """
    cells = [part for row in rows for part in _broken([_cell(value) for value in row])]
    columns = list(zip(headers, *cells, strict=True))
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(headers))]
    widths = [max(map(len, column)) for column in columns]
    rule = tuple("-" * width for width in widths)
    header, *body = zip(*columns, strict=True)
    return "\n".join(_line(line, widths, numeric) for line in (header, rule, *body))


def print_table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> None:
    """A `table` on stdout."""
    print(table(rows, headers))


def print_json(value: Any) -> None:
    """The one JSON object of a command on stdout; numbers that are not finite become null."""
    text = encode(value, indent=2)
    # The line breaks of the layout are the only control characters outside of strings.
    lines = (_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", s) for s in text.split("\n"))
    print("\n".join(lines), flush=True)


def _bar(total: float | None, label: str) -> tqdm[Any]:
    from tqdm import tqdm

    tail = "{elapsed}{postfix}"
    form = (
        "{desc} {elapsed}{postfix}" if total is None else "{desc} {percentage:3.0f}%|{bar}| " + tail
    )
    return tqdm(total=total, desc=label, bar_format=form, leave=True, dynamic_ncols=True)


def _broken(cells: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One row of cells as the lines that it takes; at least one."""
    wrapper = textwrap.TextWrapper(LONGEST_CELL, break_long_words=False, break_on_hyphens=False)
    parts = [wrapper.wrap(cell) if len(cell) > LONGEST_CELL else [cell] for cell in cells]
    return itertools.zip_longest(*parts, fillvalue="")


def _is_number(value: Any) -> bool:
    return value is None or (hasattr(value, "__float__") and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if not _is_number(value) or isinstance(value, numbers.Integral):
        return printable(str(value))
    return f"{float(value):.4g}"


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    aligned = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return "  ".join(aligned).rstrip()
