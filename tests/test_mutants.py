"""The mutation script changes what can alter a result, one place at a time, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks import mutants

SOURCE = '''"""Half of 2."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def clip(x: float = 0.5, *, low: int = 1) -> float:
    """At least 1 < 2."""
    if x < low and x is not None:
        raise ValueError(f"clip: {x + 1} is less than {3 - 1}")
    return max(-x, low * 2)
'''

# Every change that the source allows, in the order of its text.
CHANGES = {
    "x < low  ->  x <= low",
    "x is not None  ->  x is None",
    "x < low and x is not None  ->  x < low or x is not None",
    "if x < low and x is not None:  ->  if not (x < low and x is not None):",
    "raise ValueError(f'clip: {x + 1} is less than {3 - 1}')  ->  pass",
    "max  ->  min",
    "-x  ->  x",
    "low * 2  ->  low / 2",
    "2  ->  3",
    "0.5  ->  5.0",
    "1  ->  2",
}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    path = tmp_path / "clip.py"
    path.write_text(SOURCE)
    return path


def test_every_change_is_found_and_messages_are_left_alone(source: Path) -> None:
    """Kills: annotations, docstrings, type-checking blocks or messages that are mutated."""
    assert {mutant.change for mutant in mutants.mutants(source)} == CHANGES


def test_each_mutant_differs_in_its_own_place_only(source: Path) -> None:
    """Kills: a change that is not undone before the next one."""
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants.mutants(source):
        changed = mutant.source.splitlines()
        assert len(changed) == len(original)
        assert sum(a != b for a, b in zip(original, changed, strict=True)) == 1, mutant.change


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("pinn/loss/terms.py", "tests/pinn/loss"),
        ("sciformer/attention/positions/relative.py", "tests/attention"),
        ("theory/universal/verifier/verify.py", "tests/theory/universal/verifier"),
    ],
)
def test_a_file_is_judged_by_the_tests_of_its_package(file: str, tests: str) -> None:
    assert mutants.tests_of(file) == tests
