"""Experiments that run a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sciformer.errors import RunError
from sciformer.reproduce import Command, Trial
from sciformer.reproduce.command import flat


def test_numbers_by_dotted_path() -> None:
    """Kills: truth values or lists left out; text taken as a number."""
    nested = {"a": {"b": 2, "c": "three"}, "d": [True, {"e": 0.5}], "f": None, "g": False}
    assert flat(nested) == {"a.b": 2.0, "d.0": 1.0, "d.1.e": 0.5, "g": 0.0}


def test_it_measures_what_can_be_typed(tmp_path: Path) -> None:
    """Kills: options or the seed forgotten; the run written elsewhere."""
    command = Command(("compile", "x1*x2; x1-x2", "--tokens", "2"), seed=None)
    assert str(command) == "sciformer compile 'x1*x2; x1-x2' --tokens 2"
    found = command(Trial(0, {"epsilon": 0.3}, tmp_path))
    assert 0 < found["certified_bound"] <= found["epsilon"] == 0.3
    kept = json.loads((tmp_path / "result.json").read_text())
    assert kept["path"] == str(tmp_path / "run")
    assert (tmp_path / "run" / "certificate.json").exists()


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    command = Command(("compile", "x1*", "--tokens", "2"), seed=None)
    with pytest.raises(RunError, match=r"ended with status 2: .*x1\*"):
        command(Trial(0, {"epsilon": 0.3}, tmp_path))
