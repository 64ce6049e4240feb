"""What is shipped: one version, typed packages, the commands that the README promises."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import sciformer

ROOT = Path(__file__).parents[1]
PACKAGES = ("sciformer", "pinn", "theory")


def test_the_version_stands_in_one_place() -> None:
    """Kills: a second version in pyproject, or a citation of another one."""
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert not re.search(r"^version\s*=", pyproject, re.MULTILINE)
    assert version("sciformer") == sciformer.__version__
    assert f"\nversion: {sciformer.__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", sciformer.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Kills: a lazy name whose home has moved."""
    assert getattr(sciformer, name) is not None
    assert name in dir(sciformer)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'sciformer' has no attribute 'atend'"):
        _ = sciformer.atend


def readme_commands() -> list[str]:
    """Lines of the README's code blocks, indented or fenced, that set the package up."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines if re.match(r"\s*(\$ )?pip ", line)]


def test_the_check_runs_exactly_the_commands_of_the_readme() -> None:
    """Kills: a README command that nobody runs, or a check that installs in another way."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = re.findall(r"^step '(pip .*?)'", script, re.MULTILINE)
    assert readme_commands() == steps
    assert len(steps) == 2


def test_the_check_is_an_executable_script_that_parses() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111 == 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.slow
def test_the_wheel_holds_three_typed_packages_and_its_program_runs(tmp_path: Path) -> None:
    """Kills: a package left out of the wheel; tests shipped; a program that needs the checkout."""
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = ["pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("sciformer-*.whl")
    assert wheel.name == f"sciformer-{sciformer.__version__}-py3-none-any.whl"
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    metadata = f"sciformer-{sciformer.__version__}.dist-info"
    assert {path.name for path in unpacked.iterdir()} == {*PACKAGES, metadata}
    for package in PACKAGES:
        assert (unpacked / package / "py.typed").is_file()

    assert "burgers" in program(unpacked, "list").stdout
    foreign = unpacked / "pinn" / "__init__.py"
    foreign.write_text("import tensorflow\n")
    answer = program(unpacked, "solve", "burgers")
    assert answer.returncode == 1
    assert f"another package has overwritten {foreign}; uninstall it" in answer.stderr


def program(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program from one folder, as if that were the site-packages."""
    command = [sys.executable, "-m", "sciformer", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
        env={"PYTHONPATH": str(path)},
    )
