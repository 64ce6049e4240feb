"""A foreign package of the same name is found out and named."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from sciformer.cli import shadowing
from sciformer.cli.shadowing import InstallationError, refuse_foreign


@pytest.mark.parametrize("form", ["package", "file"])
def test_a_foreign_pinn_on_the_path_is_named_with_its_file(tmp_path: Path, form: str) -> None:
    """Kills: importing it; accepting any file called pinn; a message without the file."""
    foreign = tmp_path / ("pinn.py" if form == "file" else "pinn/__init__.py")
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("raise SystemExit('the foreign package ran')\n")
    command = [sys.executable, "-m", "sciformer", "solve", "burgers"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path
    )
    assert answer.returncode == 1
    assert answer.stdout == ""
    start = f"sciformer: a foreign package 'pinn' hides ours: Python finds {foreign} before "
    assert answer.stderr.startswith(start)
    assert answer.stderr.endswith("uninstall or rename it, or take its folder off PYTHONPATH.\n")
    assert answer.stderr.count("\n") == 1


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Distribution]:
    """The file of an installed package "ourroom", and the distribution that recorded it."""
    package = tmp_path / "ourroom" / "__init__.py"
    package.parent.mkdir()
    package.write_text('"""Ours."""\n')
    digest = base64.urlsafe_b64encode(hashlib.sha256(package.read_bytes()).digest())
    record = tmp_path / "ours-1.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text(f"ourroom/__init__.py,sha256={digest.decode().rstrip('=')},12\n")
    monkeypatch.setattr(shadowing, "HOME", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package, Distribution.at(record.parent)


def test_ours_as_installed_is_accepted(installed: tuple[Path, Distribution]) -> None:
    """Kills: a digest computed in another form than the record's."""
    refuse_foreign("ourroom", installed[1])


def test_an_overwritten_file_is_found(installed: tuple[Path, Distribution]) -> None:
    """Kills: comparing names only, which misses a foreign package installed into our folder."""
    package, distribution = installed
    package.write_text("import tensorflow\n")
    with pytest.raises(InstallationError, match=r"has overwritten .*ourroom/__init__\.py; unins"):
        refuse_foreign("ourroom", distribution)


def test_a_missing_package_is_found(installed: tuple[Path, Distribution]) -> None:
    package, distribution = installed
    package.unlink()
    with pytest.raises(InstallationError, match=r"its package 'ourroom' is missing in "):
        refuse_foreign("ourroom", distribution)
