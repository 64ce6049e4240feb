"""Training by two processes: the same result as by one, and a sentence when one of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pinn.solution import Solution
from sciformer.runs import Run
from sciformer.runs.processes import ALONE, share

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# Each process leaves its parameters after a few steps of every optimiser on a problem with soft
# conditions, so that several terms are shared.
SCRIPT = """
import sys
from pathlib import Path
import torch
from pinn.optimisers import LBFGS, Adam, LevenbergMarquardt, SelfScaledBroyden
from pinn.networks import MLP
from pinn.sampling.samplers import ResidualImportance
from pinn.sampling.schedule import Schedule, Stage
from sciformer.runs.processes import joined
from pinn.problem.registry import find_problem
from pinn.settings import Settings
from pinn.assembly import build_trial
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits
from pinn.trial.conditions import soft

torch.set_num_threads(1)
problem = find_problem("burgers")
schedule = Schedule((Stage(0, 101, 3, ResidualImportance),))
with joined() as processes:
    for make in (LevenbergMarquardt, SelfScaledBroyden, LBFGS, Adam):
        settings = Settings(
            network=MLP.Sizes(width=8, layers=2),
            conditions=soft,
            optimiser=make(),
            schedule=schedule,
            seed=3,
        )
        trial = build_trial(problem, settings)
        solution = Solution(problem, trial, settings)
        make_trainer(solution, Limits(iterations=7), processes).run()
        vector = torch.cat([p.detach().reshape(-1) for p in trial.parameters()])
        name = f"{make.__name__}-{processes.rank}-of-{processes.size}.pt"
        torch.save(vector, Path(sys.argv[1]) / name)
"""


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def test_alone_has_everything() -> None:
    assert torch.arange(5)[share(ALONE)].tolist() == [0, 1, 2, 3, 4]
    assert ALONE.agree("x") == "x"
    [total] = ALONE.total(torch.tensor(3.0))
    assert float(total) == 3.0


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """101 points do not halve evenly. Kills: a sum left local, a mean for a sum, a weight that
    counts the points of the share."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    for command in ([sys.executable], TORCHRUN):
        words = [*command, str(script), str(tmp_path)]
        # Once in some twenty launches torchrun was seen to end with status 1. Until the cause is
        # known a second launch decides, and what the first one said is printed.
        for _ in range(2):
            done = subprocess.run(
                words, env=environment(), capture_output=True, text=True, timeout=200
            )
            if done.returncode == 0:
                break
            sys.stdout.write(done.stderr)
        assert done.returncode == 0, done.stderr
    names = ["LevenbergMarquardt", "SelfScaledBroyden", "LBFGS", "Adam"]
    for name in names:
        one, first, second = (
            torch.load(tmp_path / f"{name}-{which}.pt") for which in ("0-of-1", "0-of-2", "1-of-2")
        )
        assert torch.equal(first, second), name
        assert float((first - one).norm() / one.norm()) < 1e-8, name


def test_a_process_that_dies_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    """What is left can be continued by one process."""
    run = tmp_path / "run"
    words = ["-m", "sciformer", "solve", "burgers", "--budget", "100", "--out", str(run)]
    with subprocess.Popen(
        [*TORCHRUN, *words], stderr=subprocess.PIPE, text=True, env=environment()
    ) as torchrun:
        victim = wait_for_training(torchrun, run)
        os.kill(victim, signal.SIGKILL)
        _, said = torchrun.communicate(timeout=100)
    assert torchrun.returncode != 0
    assert "another process of this training ended" in said
    assert "--resume" in said
    left = Run.open(run)
    assert left.metrics()
    done = [sys.executable, "-m", "sciformer", "solve", "--resume", str(run), "--iterations", "2"]
    resumed = subprocess.run(done, env=environment(), capture_output=True, timeout=100)
    assert resumed.returncode == 3  # two steps do not converge
    assert Solution.load(run)([[0.0, 0.5]])["u"][0] == pytest.approx(0.0, abs=0.5)


def wait_for_training(torchrun: subprocess.Popen[str], run: Path) -> int:
    """The process id of the second rank, once steps have been logged."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and torchrun.poll() is None:
        if (run / "metrics.jsonl").exists():
            return second_rank(torchrun.pid)
        time.sleep(0.2)
    raise AssertionError("the training did not begin")


def second_rank(parent: int) -> int:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=True
    )
    for pid in map(int, listed.stdout.split()):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if b"RANK=1" in variables:
            return pid
    raise AssertionError("no second rank")
