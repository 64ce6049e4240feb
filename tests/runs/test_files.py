"""Atomic writes: the old file or the new one, never a part."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sciformer.errors import RunError
from sciformer.runs.files import TEMPORARY, atomic, remove_leftovers


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Kills: yielding the final path; leaving the temporary file; changing the suffix."""
    target = tmp_path / "deep" / "figure.png"
    with atomic(target) as path:
        assert path != target
        assert path.suffix == ".png"
        path.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert [child.name for child in target.parent.iterdir()] == ["figure.png"]


def test_a_failing_block_leaves_the_old_file(tmp_path: Path) -> None:
    """Kills: renaming in a `finally`; leaving the temporary file behind."""
    target = tmp_path / "summary.json"
    target.write_text("old")

    def write_half() -> None:
        with atomic(target) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["summary.json"]


def test_an_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = r"^run: cannot write .*file/sub/a\.json \(.+\); what was written before is whole, "
    with pytest.raises(RunError, match=sentence), atomic(tmp_path / "file" / "sub" / "a.json"):
        pass


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    """Kills: a pattern that takes files of the user or misses directories."""
    (tmp_path / f"{TEMPORARY}1-figure.png").write_text("half")
    (tmp_path / f"{TEMPORARY}1-000001").mkdir()
    (tmp_path / f"{TEMPORARY}1-000001" / "state.json").write_text("half")
    (tmp_path / "figure.png").write_text("whole")
    remove_leftovers(tmp_path)
    assert [child.name for child in tmp_path.iterdir()] == ["figure.png"]


def test_a_full_disk_is_a_sentence_and_leaves_everything_whole(tmp_path: Path) -> None:
    """A limit on the file size stands for the full disk: the write fails half-way with an OSError.

    Kills: letting OSError through; not removing the part written; a torn line in the metrics.
    """
    program = """
        import resource, sys, torch
        from sciformer.errors import RunError
        from sciformer.runs import Run
        run = Run.create(sys.argv[1], "demo", {"seed": 3})
        run.log(step=1)
        run.save_checkpoint({"w": torch.ones(4)}, {"step": 1})
        run.write_json("summary.json", {"a": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
        def logs():
            for _ in range(100):
                run.log(text="x" * 97)
        attempts = [
            lambda: run.save_checkpoint({"w": torch.ones(4000)}, {"step": 2}),
            lambda: run.write_json("summary.json", {"a": "y" * 9000}),
            lambda: run.write_array("solution.npz", u=torch.zeros(4000)),
            logs,
        ]
        for attempt in attempts:
            try:
                attempt()
            except RunError as error:
                print(error)
        assert run.read_json("summary.json") == {"a": 1}
        assert run.load_checkpoint()[1] == {"step": 1}
        lines = run.metrics()
        assert lines[0] == {"step": 1} and 5 < len(lines) < 20
        assert all(line == {"text": "x" * 97} for line in lines[1:])
        assert (run.path / "metrics.jsonl").read_bytes().endswith(b"}\\n")
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("run: cannot write ") for line in lines)
    names = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
    expected = {"config.json", "metrics.jsonl", "summary.json"}
    assert names == expected | {"tensors.safetensors", "state.json", "SHA256SUMS"}
