"""Notebooks: short, paired, without outputs, of public names only, and they run.

Every notebook begins with a cell of parameters, tagged as such; the fast run replaces it, the slow
one does not. It ends in assertions whose sentences say what went wrong.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import pytest

from benchmarks import notebooks

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))
FAST = {
    "01_burgers": "iterations, wanted_error = 6, 1.0",
    "02_your_own_pde": "iterations, wanted_residual = 6, 10.0",
    "03_a_flow_and_its_viscosity": "noise, seeds = 0.01, 1",
    "04_streaming_with_legendre_memory": "epochs, wanted_accuracy = 1, 0.1",
    "05_compile_a_formula": "epsilon = 0.2",
    "06_what_relative_positions_cannot_see": "steps = 100",
    "07_coefficients_from_a_csv": "iterations, wanted_error = 20, 1.0",
    "08_sequences_of_your_own": "epochs, wanted_accuracy, wanted_r2 = 1, 0.0, -9.0",
    "09_a_family_of_problems": "functions, seconds, wanted_error = 5, 1, 1e-2",
    "10_attention_over_sensors": "largest, wanted_error = 1000, 1e-1",
}
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: Any, directory: Path) -> None:
    """In a kernel of its own, in an empty directory."""
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(directory)}}
    )
    client.execute()


def test_there_is_a_fast_run_for_each() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(FAST)


@each
def test_it_is_short_public_and_ends_in_an_assertion(path: Path) -> None:
    notebook = jupytext.read(path)
    assert len(notebook.cells) <= 12
    source = "\n".join(cell.source for cell in code_cells(notebook))
    assert not re.search(r"\b_[a-z]|\._[a-z]", source)
    asserted = [line for line in code_cells(notebook)[-1].source.splitlines() if "assert " in line]
    assert asserted
    assert all(re.search(r', f?"[a-z].*"$', line) for line in asserted)
    for module in re.findall(r"^(?:from|import) ((?:sciformer|pinn|theory)\S*)", source, re.M):
        assert module.count(".") <= 1, f"{module} is not a public place"
    assert code_cells(notebook)[0].metadata.get("tags") == ["parameters"]


@each
def test_the_pair_agrees_and_has_no_outputs(path: Path) -> None:
    """Made by `jupytext --to ipynb notebooks/*.py`."""
    text, paired = jupytext.read(path), jupytext.read(path.with_suffix(".ipynb"))
    assert [(c.cell_type, c.source) for c in text.cells] == [
        (c.cell_type, c.source) for c in paired.cells
    ]
    assert all(not c.outputs and c.execution_count is None for c in code_cells(paired))


@each
def test_it_runs_quickly(path: Path, tmp_path: Path) -> None:
    notebook = jupytext.read(path)
    code_cells(notebook)[0].source = FAST[path.stem]
    execute(notebook, tmp_path)


@each
def test_its_page_shows_the_outputs_of_this_text(path: Path) -> None:
    """Kills: a notebook that was changed without `python -m benchmarks.notebooks`."""
    page = (notebooks.PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
    assert f"<!-- {notebooks.fingerprint(path)} -->" in page
    pictures = re.findall(r"!\[output\]\((\S+)\)", page)
    assert pictures
    assert all((notebooks.PAGES / name).exists() for name in pictures)


@pytest.mark.slow
@each
def test_it_runs_in_full(path: Path, tmp_path: Path) -> None:
    execute(jupytext.read(path), tmp_path)
