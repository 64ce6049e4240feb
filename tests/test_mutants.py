"""The mutation script changes what can alter a result, one place at a time, and nothing else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutants, mutations
from benchmarks.touching import Touched

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
    monkeypatch.setattr(mutations, "ROOT", tmp_path)
    path = tmp_path / "clip.py"
    path.write_text(SOURCE)
    return path


def test_every_change_is_found_and_messages_are_left_alone(source: Path) -> None:
    """Kills: annotations, docstrings, type-checking blocks or messages that are mutated."""
    assert {mutant.change for mutant in mutations.mutants(source)} == CHANGES


def test_each_mutant_differs_in_its_own_place_only(source: Path) -> None:
    """Kills: a change that is not undone before the next one."""
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutations.mutants(source):
        changed = mutant.source.splitlines()
        assert len(changed) == len(original)
        assert sum(a != b for a, b in zip(original, changed, strict=True)) == 1, mutant.change


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("pinn/loss/terms.py", "tests/pinn"),
        ("sciformer/attention/positions/relative.py", "tests/attention"),
        ("theory/universal/verifier/verify.py", "tests/theory/universal"),
        ("theory/claims.py", "tests/theory"),
        ("sciformer/errors.py", "tests"),
    ],
)
def test_a_file_is_judged_by_the_tests_of_its_package(file: str, tests: str) -> None:
    assert mutants.tests_of(file) == tests


TESTS = """
import pytest
from pinn.steps import double, half


@pytest.fixture(scope="module")
def doubled():
    return double(2)


def test_slow(doubled):
    import time

    time.sleep(0.2)
    assert half(4) == 2


def test_quick():
    assert half(2) == 1


def test_fixture(doubled):
    assert doubled == 4
"""


@pytest.fixture
def touched(tmp_path: Path) -> Touched:
    """The record of three tests of two functions, made in a process of its own."""
    (tmp_path / "pinn").mkdir()
    (tmp_path / "pinn" / "__init__.py").touch()
    steps = "def half(x):\n    return x / 2\n\n\ndef double(x):\n    return x * 2\n"
    (tmp_path / "pinn" / "steps.py").write_text(steps)
    (tmp_path / "test_steps.py").write_text(TESTS)
    arguments = f"Path({str(tmp_path)!r}), 'test_steps.py', Path('touched.json')"
    lines = ("from pathlib import Path", "from benchmarks.touching import record")
    code = "; ".join([*lines, f"exit(record({arguments}))"])
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    return Touched.read(tmp_path / "touched.json")


def test_a_mutant_meets_the_tests_that_run_its_line_the_quickest_first(touched: Touched) -> None:
    """Kills: tests of other lines, an order by name, a shared fixture counted for one test."""
    half = mutations.Mutant("pinn/steps.py", 2, 2, "", "")
    double = mutations.Mutant("pinn/steps.py", 6, 6, "", "")
    unknown = mutations.Mutant("pinn/other.py", 2, 2, "", "")
    names = [f"test_steps.py::test_{name}" for name in ("quick", "slow")]
    assert touched.able_to_notice(half, 60) == names
    assert touched.able_to_notice(half, 0.1) == names[:1]
    assert touched.able_to_notice(double, 60) == ["test_steps.py"]
    assert touched.able_to_notice(unknown, 60) == []
    assert touched.seconds([names[1]]) >= 0.2 > touched.seconds([names[0]])
