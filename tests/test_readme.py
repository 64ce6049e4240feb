"""The README tells the truth: its Python runs, its commands exist, its files are there."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest

from pinn import find_problem, solve
from pinn.settings import Settings
from pinn.training.trainer import Limits
from sciformer.cli.registry import entries

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_first_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context():
        exec(compile(BLOCKS[0], "README.md", "exec"), {})
    assert (tmp_path / "burgers.png").stat().st_size > 10_000
    assert "cut to one token" in capsys.readouterr().out


def test_the_problem_of_ones_own_is_solved_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my_pde.py"
    path.write_text(BLOCKS[1])
    problem = find_problem(str(path))
    solved = solve(problem, Settings(points=0.3), Limits(iterations=12))
    # exp(-0.1 pi^2 t) sin(pi x) is the exact solution.
    value = float(solved.solution([[0.5, 1.0]])["u"][0])
    assert value == pytest.approx(0.37271, abs=2e-3)
    assert len(BLOCKS) == 2


def test_every_command_it_shows_exists() -> None:
    shown = set(re.findall(r"(?:`|^    |&& )sciformer ([a-z]+)", TEXT, flags=re.MULTILINE))
    assert shown >= {"solve", "train", "compile", "expressivity"}
    assert shown <= set(entries("commands")) | {"reproduce"}


def test_every_file_it_links_to_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
