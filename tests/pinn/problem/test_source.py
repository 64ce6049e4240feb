"""A run directory is data: its problem's file runs only where somebody asked for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pinn.solution import Solution
from sciformer.cli.main import main
from sciformer.errors import UsageError

HEAT = """
import os
import pathlib
import sympy
from pinn import Box, Condition, Problem

with pathlib.Path(os.environ["WITNESS"]).open("a") as log:
    log.write(__file__ + "\\n")
x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
K = 0.1
heat = Problem(
    name="heat", coordinates=(x, t), fields=(u,),
    equations=(sympy.Eq(u.diff(t), K * u.diff(x, 2)),), domain=Box(x=(0, 1), t=(0, 1)),
    conditions=(
        Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
        Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 0), on="x=1"),
    ),
)
"""
SMALL = ["--model", "mlp", "--set", "width=4", "--set", "points=0.1"]


class Place:
    """A directory with `my_pde.py`, and a log of every execution of such a file."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._log = path, path / "log"
        monkeypatch.setenv("WITNESS", str(self._log))
        monkeypatch.setenv("XDG_STATE_HOME", str(path / "state"))
        monkeypatch.chdir(path)
        (path / "my_pde.py").write_text(HEAT)
        assert main(["solve", "my_pde.py", *SMALL, "--iterations", "2", "--out", "r"]) == 3
        self.executed()

    def executed(self) -> set[str]:
        """Files executed since the last call."""
        found = set(self._log.read_text().split("\n")) - {""} if self._log.exists() else set()
        self._log.unlink(missing_ok=True)
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


EXPORT = ["export", "r", "--format", "npz"]
RESUME = ["solve", "--resume", "r", "--iterations", "3"]


def test_a_run_keeps_the_file_of_its_problem(place: Place) -> None:
    """Kills: a copy of something else, a relative path."""
    assert Path("r/problem.py").read_text() == HEAT
    source = json.loads(Path("r/config.json").read_text())["config"]["source"]
    assert source["sha256"] == hashlib.sha256(HEAT.encode()).hexdigest()
    assert source["path"] == str(place.path / "my_pde.py")


def test_own_runs_need_no_further_word(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another directory, and without the original. Kills: trust asked of the user himself."""
    (place.path / "elsewhere").mkdir()
    monkeypatch.chdir(place.path / "elsewhere")
    run = str(place.path / "r")
    for words in (
        ["export", run, "--format", "npz"],
        ["solve", "--resume", run, "--iterations", "3"],
    ):
        assert main(words) == (0 if words[0] == "export" else 3)
        assert place.executed() == {str(place.path / "my_pde.py")}
    (place.path / "my_pde.py").unlink()
    assert Solution.load(run).problem.name == "heat"
    assert place.executed() == {str(place.path / "r" / "problem.py")}


@pytest.mark.parametrize("words", [EXPORT, RESUME])
def test_a_changed_problem_is_refused(
    place: Place, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a path without a digest; the network of one equation trained on with another."""
    for changed in ("my_pde.py", "r/problem.py"):
        Path(changed).write_text(HEAT.replace("K = 0.1", "K = 5.0"))
        capsys.readouterr()
        assert main(words) == 2
        assert f"{changed} has changed since" in capsys.readouterr().err
        assert main([*words, "--trust"]) == 2
        assert place.executed() == set()
        Path("my_pde.py").unlink(missing_ok=True)


def test_a_changed_problem_is_refused_where_it_is_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my_pde.py").write_text(HEAT.replace("K = 0.1", "K = 5.0"))
    assert main(["solve", "my_pde.py", "--resume", "r", "--iterations", "3"]) == 2
    assert "my_pde.py has changed since" in capsys.readouterr().err


def test_the_run_of_somebody_else_executes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For another user, here and elsewhere. Kills: a digest taken for a signature."""
    shutil.move("r", "moved")
    shutil.copytree("moved", "r")
    monkeypatch.setenv("XDG_STATE_HOME", str(place.path / "other"))
    for run in ("r", "moved"):
        for words in (
            ["export", run, "--format", "npz"],
            ["solve", "--resume", run],
            ["show", run],
        ):
            assert main(words) == (0 if words[0] == "show" else 2)
            assert place.executed() == set()
            if words[0] != "show":
                said = capsys.readouterr().err
                assert "was not made here by this user" in said
                assert f"would execute {place.path / 'my_pde.py'}" in said
                assert "--trust (trust=True in Python)" in said
        with pytest.raises(UsageError, match="not made here by this user"):
            Solution.load(run)
    assert main(["export", "r", "--format", "npz", "--trust"]) == 0
    assert Solution.load("moved", trust=True).problem.name == "heat"
    assert place.executed() == {str(place.path / "my_pde.py")}


def test_a_moved_run_is_not_known(place: Place) -> None:
    """Kills: a memory of digests alone."""
    shutil.move("r", "moved")
    with pytest.raises(UsageError, match="not made here by this user"):
        Solution.load("moved")


def forged(config: dict[str, Any]) -> Path:
    """A run directory that was never made by this program, with a checksum that fits."""
    path = Path("stranger")
    path.mkdir()
    record = {"kind": "burgers", "config": config, "environment": {}, "created": "x"}
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    (path / "config.json").write_text(json.dumps({**record, "sha256": digest}))
    (path / "weights.py").write_text(HEAT)
    (path / "problem.py").write_text(HEAT)
    (path / "network.safetensors").write_bytes(b"")
    return path


@pytest.mark.parametrize(
    "config",
    [
        {"problem": "stranger/weights.py"},
        {"problem": "stranger/problem.py:heat", "source": {"path": "x", "sha256": "0" * 64}},
        {
            "problem": "x.py",
            "source": {"path": "x.py", "sha256": hashlib.sha256(HEAT.encode()).hexdigest()},
        },
        {"problem": "my_pde.py", "source": {"path": "stranger/weights.py", "sha256": "x"}},
        {"problem": "x.py", "source": 5},
        {"problem": 5},
        {"problem": "x.py", "settings": 3},
    ],
)
def test_forged_runs_execute_nothing(place: Place, config: dict[str, Any]) -> None:
    """Kills: a file inside of the directory executed, types believed."""
    forged({"parameters": {}, "settings": {}, **config})
    for words in (["export", "stranger", "--format", "npz"], ["solve", "--resume", "stranger"]):
        assert main(words) == 2
    assert main(["show", "stranger"]) == 0
    assert place.executed() == set()


def test_compiled_code_beside_a_file_is_not_taken_for_it(place: Place) -> None:
    """Kills: a stranger's __pycache__ executed in place of a source with the right digest."""
    import importlib.util
    import py_compile

    Path("evil.py").write_text("raise SystemExit('executed')\n")
    cached = importlib.util.cache_from_source(str(place.path / "my_pde.py"))
    py_compile.compile(
        "evil.py", cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert main(EXPORT) == 0
    assert place.executed() == {str(place.path / "my_pde.py")}
