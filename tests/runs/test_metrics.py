"""The metrics file: whole lines only, whatever a killed process left at its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciformer.errors import DataError, RunError
from sciformer.runs import metrics


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.data())
def test_a_file_cut_anywhere_keeps_the_whole_lines_and_can_be_continued(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], data: st.DataObject
) -> None:
    """Kills: parsing the torn line; appending behind it; cutting a whole last line."""
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    for step in steps:
        metrics.append(path, {"step": step})
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = [{"step": step} for step in steps][: content[:cut].count(b"\n")]
    assert metrics.read(path) == whole
    metrics.append(path, {"step": -1})
    assert metrics.read(path) == [*whole, {"step": -1}]


def test_a_torn_line_longer_than_one_block_is_dropped(tmp_path: Path) -> None:
    """Kills: looking for the line break in the last block only; an offset error between blocks."""
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a": 2}\n' + b"x" * 9000)
    assert metrics.read(path) == [{"a": 2}]
    metrics.append(path, {"b": 3})
    assert path.read_bytes() == b'{"a": 2}\n{"b": 3}\n'


def test_no_file_is_no_metrics(tmp_path: Path) -> None:
    assert metrics.read(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize("line", ["[1]", "not json"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: str) -> None:
    """Kills: skipping bad lines silently; counting lines from 0."""
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n{{"a": 2}}\n')
    with pytest.raises(DataError, match=r"line 2 of .*metrics\.jsonl is not a JSON object"):
        metrics.read(path)


def test_truncate_forgets_the_rest_and_never_grows(tmp_path: Path) -> None:
    """Kills: ignoring the size; growing a shorter file by zero bytes."""
    path = tmp_path / "metrics.jsonl"
    metrics.append(path, {"a": 1})
    size = path.stat().st_size
    metrics.append(path, {"a": 2})
    metrics.truncate(path, size)
    assert metrics.read(path) == [{"a": 1}]
    metrics.truncate(path, size + 5)
    assert path.stat().st_size == size


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*metrics\.jsonl \(Not a directory\)"):
        metrics.append(tmp_path / "file" / "metrics.jsonl", {"a": 1})
