"""Tables, JSON and progress."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch

from sciformer.cli import console
from sciformer.cli.console import Progress, note, print_json, print_table, printable, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Stands for `time.monotonic`; the test moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console.time, "monotonic", clock)
    return clock


def test_a_table_aligns_text_left_and_numbers_right() -> None:
    """Kills: alignment swapped; four digits for whole numbers; None taken for text."""
    rows = [("u", 1.23456e-5, np.int64(123456)), ("pressure", None, 7), ("v", torch.tensor(2.0), 5)]
    expected = """\
field     relative_l2       n
--------  -----------  ------
u           1.235e-05  123456
pressure            -       7
v                   2       5"""
    assert table(rows, ("field", "relative_l2", "n")) == expected


def test_a_long_text_goes_on_in_its_column() -> None:
    """Kills: a rule of hundreds of dashes; a number such as 1.5e-07 broken at its hyphen."""
    words = "1.5e-07 " * 40
    lines = table([("how", words.strip(), 3), ("run", "r" * 120, 10)], ("", "solution", "n")).split(
        "\n"
    )
    assert lines[2].split() == ["how", *["1.5e-07"] * 12, "3"]
    assert lines[3] == "     " + "1.5e-07 " * 11 + "1.5e-07"
    assert sum(line.count("1.5e-07") for line in lines) == 40
    assert len(lines) == 2 + 4 + 1
    assert lines[-1].split() == ["run", "r" * 120, "10"]  # a path is whole


def test_a_table_without_rows_is_its_head() -> None:
    assert table([], ("a", "bc")) == "a  bc\n-  --"


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        table([(1, 2, 3)], ("a", "b"))


def test_json_goes_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("a note")
    print_json({"mse": np.float64(0.5), "worst": float("nan"), "name": "λ1"})
    out, err = capsys.readouterr()
    assert out == '{\n  "mse": 0.5,\n  "worst": null,\n  "name": "λ1"\n}\n'
    assert err == "a note\n"


def test_plain_progress_is_a_line_every_five_seconds_and_the_last(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a line for every update; losing the last; repeating it; writing to stdout."""
    with Progress(total=50, label="burgers") as progress:
        for step in range(1, 13):
            progress.update(step, residual=2.0**-step)
            clock.now += 1.0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "burgers  2%  0.0 s  residual 0.5",
        "burgers  12%  5.0 s  residual 0.01562",
        "burgers  22%  10.0 s  residual 0.0004883",
        "burgers  24%  12.0 s  residual 0.0002441",
    ]


def test_progress_without_a_total_counts(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update(3)
    assert capsys.readouterr().err == "3  0.0 s\n"


def test_progress_without_an_update_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(total=3, label="burgers"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("total", "expected"), [(50, "burgers  24%|"), (None, "burgers")])
def test_on_a_terminal_progress_is_a_bar(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, total: float | None, expected: str
) -> None:
    """Kills: a bar that does not move or does not close; figures that are not shown."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress(total=total, label="burgers") as progress:
        for step in range(1, 13):
            progress.update(step, residual=2.0**-step)
    last = terminal.getvalue().rsplit("\r", 1)[-1]
    assert last.startswith(expected)
    assert "residual 0.0002441" in last
    assert last.endswith("\n")


EVIL = "a\x1b[2J\x07\x9b1m\u202eb\x7f\r\nc"


def test_control_characters_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: escapes written raw in tables, notes or JSON; JSON that reads as something else."""
    shown = r"a\x1b[2J\x07\x9b1m\u202eb\x7f\x0d"
    assert printable(EVIL) == shown + r"\x0ac"
    print_table([[EVIL]], [""])
    note(EVIL)
    print_json({"name": EVIL})
    out, err = capsys.readouterr()
    rest, text = out.split("{", 1)
    assert shown + r"\x0ac" in rest
    assert err == f"{shown}\nc\n"
    assert json.loads("{" + text) == {"name": EVIL}
    assert all(c == "\n" or c.isprintable() for c in out + err)
