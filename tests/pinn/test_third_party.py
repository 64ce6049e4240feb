"""Somebody else's package brings a problem, which the command line finds and solves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sciformer.cli.main import main

PACKAGE = '''
"""Problems of a group that works on decay."""
import sympy
from pinn import Box, Condition, Problem


def decay(rate: float = 1.3) -> Problem:
    """How a quantity decays, in one dimension."""
    t, k = sympy.symbols("t k")
    n = sympy.Function("n")(t)
    return Problem(
        name="decay",
        coordinates=(t,),
        fields=(n,),
        equations=(sympy.Eq(n.diff(t), -k * n),),
        domain=Box(t=(0, 2)),
        conditions=(Condition(sympy.Eq(n, 1), on="t=0"),),
        parameters={k: rate},
        exact={n: sympy.exp(-k * t)},
    )
'''


def install(target: Path) -> None:
    """What an installer would put into a directory of packages."""
    (target / "decay_problems.py").write_text(PACKAGE)
    information = target / "decay_problems-0.1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: decay-problems\nVersion: 0.1\n"
    )
    (information / "entry_points.txt").write_text(
        "[sciformer.problems]\ndecay = decay_problems:decay\n"
    )


def test_a_problem_of_another_package_is_listed_and_solved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: names known to the package instead of looked up."""
    assert main(["solve", "decay"]) == 2
    assert "unknown problem 'decay'" in capsys.readouterr().err
    site = tmp_path / "site"
    site.mkdir()
    install(site)
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    assert main(["list", "problems", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"]["decay"] == {
        "summary": "How a quantity decays, in one dimension.",
        "distribution": "decay-problems",
    }
    options = ["--set", "rate=0.7", "--set", "points=0.1", "--steps", "1"]
    assert main(["solve", "decay", *options, "--iterations", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["relative_l2"] < 1e-3
