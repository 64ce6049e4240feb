"""One process writes a run; whoever comes second is told, and a dead one holds nobody up."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sciformer.errors import UsageError
from sciformer.runs import Run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of directories")

HOLD = """
import sys, time
from sciformer.runs import Run
path, how = sys.argv[1:]
run = Run.create(path, "burgers", {}) if how == "create" else Run.resume(path, {})
print("held", flush=True)
time.sleep(60)
"""


def holder(path: Path, how: str) -> subprocess.Popen[str]:
    """Another process that holds the run, once it does."""
    words = [sys.executable, "-c", HOLD, str(path), how]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("how", ["create", "resume"])
def test_a_second_writer_is_refused_until_the_first_is_dead(tmp_path: Path, how: str) -> None:
    """Kills: no lock, a lock file that outlives its process, a lock that readers need."""
    path = tmp_path / "run"
    if how == "resume":
        Run.create(path, "burgers", {})
        gc.collect()
    with holder(path, how) as process:
        with pytest.raises(UsageError, match=r"another process is writing .*run; wait until it"):
            Run.resume(path, {})
        assert Run.open(path).kind == "burgers"
        process.send_signal(signal.SIGKILL)
    run = Run.resume(path, {})
    run.write_json("summary.json", {})
    assert sorted(child.name for child in path.iterdir()) == ["config.json", "summary.json"]


def test_a_directory_is_not_given_to_two(tmp_path: Path) -> None:
    """Kills: the lock taken after the look at what lies there."""
    with holder(tmp_path / "run", "create") as process:
        with pytest.raises(UsageError, match="another process is writing"):
            Run.create(tmp_path / "run", "burgers", {})
        process.kill()


def test_one_process_may_open_its_run_again(tmp_path: Path) -> None:
    """Kills: a process that locks itself out, a lock that goes with the first of two holders."""
    first = Run.create(tmp_path / "run", "burgers", {})
    second = Run.resume(tmp_path / "run", {})
    del first
    gc.collect()
    tried = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path / "run"), "resume"],
        capture_output=True,
        text=True,
    )
    assert "another process is writing" in tried.stderr
    assert second.kind == "burgers"


def test_a_forgotten_run_is_free(tmp_path: Path) -> None:
    """Kills: a lock kept by a notebook that has long gone on."""
    run = Run.create(tmp_path / "run", "burgers", {})
    del run
    gc.collect()
    with holder(tmp_path / "run", "resume") as process:
        process.kill()
