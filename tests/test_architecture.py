"""Dependencies between packages are really checked, and oracles import nothing that they check."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sciformer", "pinn", "theory")

# A wrong import for every contract: file, import, words of the contract that must break.
WRONG = [
    ("sciformer/runs/run.py", "import pinn", "sciformer knows neither pinn nor theory"),
    ("pinn/geometry/base.py", "import theory", "pinn and theory know neither each other"),
    ("theory/__init__.py", "import sciformer.cli.main", "pinn and theory know neither each other"),
    ("sciformer/attention/__init__.py", "import sciformer.runs", "the packages of sciformer"),
    ("pinn/geometry/base.py", "import pinn.problem.problem", "the packages of pinn"),
    (
        "theory/universal/verifier/verify.py",
        "import theory.universal.enclosure.intervals",
        "the verifier knows formula, layer and format",
    ),
    (
        "theory/universal/layer.py",
        "import theory.universal.enclosure.intervals",
        "the verifier knows formula, layer and format",
    ),
    ("theory/universal/layer.py", "import theory.flows.ends", "the packages of theory"),
    (
        "theory/flows/verifier/layers.py",
        "import theory.flows.smoothness",
        "the verifier of flows knows nothing of their compiler",
    ),
    (
        "pinn/certificates/verifier/verify.py",
        "import pinn.certificates.balls",
        "the verifier of solutions knows nothing of their prover",
    ),
    (
        "theory/universal/enclosure/range.py",
        "import theory.universal.compile",
        "no circle of imports",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "statement", "contract"), WRONG)
def test_a_wrong_import_breaks_its_contract(
    tmp_path: Path, file: str, statement: str, contract: str
) -> None:
    """Kills: a contract whose modules are misspelt or all optional and absent."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{statement}\n")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    answer = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    broken = [line for line in answer.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), answer.stdout


def test_the_verifier_imports_what_it_may_and_nothing_that_was_added_since() -> None:
    """Kills: a new module of theory.universal that the list of the contract does not name."""
    allowed = ("verifier", "formula", "layer", "format", "reading", "arrays")
    paths = [*(ROOT / "theory/universal/verifier").rglob("*.py")]
    assert len(paths) > 5
    for path in [*paths, ROOT / "theory/universal/format.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            known = [name for name in names if name.startswith("theory")]
            assert all(name.split(".")[2] in allowed for name in known), f"{path} imports {known}"


def test_oracles_import_nothing_that_they_check() -> None:
    """Kills: an oracle that shares code with what it is compared to."""
    for path in (ROOT / "tests" / "oracles").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign = [name for name in names if name.partition(".")[0] in PACKAGES]
            assert not foreign, f"{path} imports {foreign}"
