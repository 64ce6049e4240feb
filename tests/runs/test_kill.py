"""A run killed at a random moment resumes from a whole checkpoint, every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# The child writes as fast as it can, so that most kills fall into a write. Tensor, state and
# metrics of one checkpoint carry the same step, which would show a mixture.
PROGRAM = """
import os, random, signal, sys, time
import torch, safetensors.torch
from sciformer.runs import Run

directory, kills = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)

def work():
    run = Run.resume(directory, {"seed": 0})
    tensors, state = run.load_checkpoint() or ({}, {"step": 0})
    step = state["step"]
    while True:
        step += 1
        run.log(step=step)
        run.save_checkpoint({"w": torch.full((20000,), float(step))}, {"step": step})
        run.write_json("summary.json", {"step": step, "pad": ["x" * 50] * 200})

def check():
    run = Run.open(directory)
    summary = run.read_json("summary.json")
    assert summary is None or len(summary["pad"]) == 200
    resumed = Run.resume(directory, {"seed": 0})
    loaded = resumed.load_checkpoint()
    step = loaded[1]["step"] if loaded else 0
    assert not loaded or loaded[0]["w"].tolist() == [float(step)] * 20000
    assert [line["step"] for line in resumed.metrics()] == list(range(1, step + 1))
    return step

Run.create(directory, "demo", {"seed": 0})
moments = random.Random(20260103)
reached, done = 0, 0
while done < kills or (reached <= kills and done < 20 * kills):  # more of them on a slow machine
    done += 1
    child = os.fork()
    if child == 0:
        work()
    time.sleep(moments.uniform(0.0, 0.08))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    step = check()
    assert step >= reached, (step, reached)
    reached = step
assert reached > kills, reached
"""


def kill_and_resume(directory: Path, kills: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(directory), str(kills)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    """Kills: writing in place; digests of other files; pruning before the rename."""
    kill_and_resume(tmp_path / "run", 20)


@pytest.mark.slow
def test_five_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "run", 500)
