"""A run killed at a random moment resumes from a whole checkpoint, every time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sciformer.runs import Run

# Writes as fast as it can, so that most kills fall into a write. Tensor, state and metrics of one
# checkpoint carry the same step, which shows a mixture.
PROGRAM = """
import sys, torch
from sciformer.runs import Run
run = Run.resume(sys.argv[1], {"seed": 0})
tensors, state = run.load_checkpoint() or ({}, {"step": 0})
step = state["step"]
print("ready", flush=True)
while True:
    step += 1
    run.log(step=step)
    run.save_checkpoint({"w": torch.full((20000,), float(step))}, {"step": step})
    run.write_json("summary.json", {"step": step, "pad": ["x" * 50] * 200})
"""


def check(directory: Path) -> int:
    """The step of the newest checkpoint, after making sure that all parts belong together."""
    run = Run.open(directory)
    summary = run.read_json("summary.json")
    assert summary is None or len(summary["pad"]) == 200
    resumed = Run.resume(directory, {"seed": 0})
    loaded = resumed.load_checkpoint()
    if loaded is None:
        assert resumed.metrics() == []
        return 0
    tensors, state = loaded
    step = int(state["step"])
    assert tensors["w"].tolist() == [float(step)] * 20000
    assert [line["step"] for line in resumed.metrics()] == list(range(1, step + 1))
    return step


def kill_and_resume(directory: Path, times: int) -> None:
    Run.create(directory, "demo", {"seed": 0})
    moments = random.Random(20260103)
    reached = 0
    for _ in range(times):
        command = [sys.executable, "-c", PROGRAM, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0.0, 0.12))
            process.send_signal(signal.SIGKILL)
        step = check(directory)
        assert step >= reached
        reached = step
    assert reached > 0


def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    """Kills: writing in place; digests written before their files; pruning before the rename."""
    kill_and_resume(tmp_path / "run", 5)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "run", 50)
