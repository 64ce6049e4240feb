"""Names are found and described without being imported; missing modules are a sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from sciformer.cli.registry import KINDS, Entry, entries
from sciformer.cli.shadowing import InstallationError


def test_the_commands_of_the_house_are_found() -> None:
    found = entries("commands")
    assert {"list", "show", "solve"} <= found.keys()
    assert list(found) == sorted(found)
    assert found["list"].distribution == "sciformer"
    assert found["list"].summary() == "List what is installed: commands, problems, claims."


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package on the path that must not be imported; its inner module has two docstrings."""
    package = tmp_path / "lazyroom"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text('"""Top.\n\nMore."""\nraise RuntimeError("imported")\n')
    (package / "inner" / "__init__.py").write_text('"""Inner."""\n')
    text = '"""Module.\n\nMore."""\ndef named():\n    """Named."""\ndef bare(): ...\n'
    (package / "inner" / "leaf.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "lazyroom"


@pytest.mark.parametrize(
    ("value", "summary"),
    [
        ("lazyroom", "Top."),
        ("lazyroom.inner", "Inner."),
        ("lazyroom.inner.leaf", "Module."),
        ("lazyroom.inner.leaf:named", "Named."),
        ("lazyroom.inner.leaf:bare", "Module."),
        ("lazyroom.missing", ""),
        ("noroom.missing", ""),
    ],
)
def test_the_summary_is_read_from_the_source(room: str, value: str, summary: str) -> None:
    """Kills: importing; taking the module's line for a documented object; the whole docstring."""
    assert Entry(EntryPoint("name", value, "sciformer.problems")).summary() == summary


def test_a_missing_module_is_a_sentence() -> None:
    entry = Entry(EntryPoint("solve", "sciformer.nowhere.solve", "sciformer.commands"))
    with pytest.raises(InstallationError, match=r"'solve' needs the module sciformer\.nowhere\.so"):
        entry.load()


def test_a_missing_dependency_is_not_taken_for_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: calling every ModuleNotFoundError a broken installation of the command."""
    (tmp_path / "needy_command.py").write_text("import needy\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'needy'"):
        Entry(EntryPoint("solve", "needy_command", "sciformer.commands")).load()


def test_another_distribution_adds_names(tmp_path: Path) -> None:
    """Kills: looking at our own distribution only."""
    metadata = tmp_path / "guest-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    lines = "".join(f"[sciformer.{kind}]\nguest-{kind} = guest_module\n" for kind in KINDS)
    (metadata / "entry_points.txt").write_text(lines)
    (tmp_path / "guest_module.py").write_text('"""What the guest brings."""\n')
    program = "import sys; from sciformer.cli.main import main; sys.exit(main(['list']))"
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    for kind in KINDS:
        assert f"guest-{kind}" in answer.stdout
    assert answer.stdout.count("What the guest brings.") == len(KINDS)
