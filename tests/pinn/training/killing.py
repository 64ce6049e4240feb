"""Trains in child processes that are killed at random moments; says how the results compare.

Run as a program of its own: it forks, which is safe only in a process with one thread.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import pinn
import pinn.training.trainer
from pinn import names
from pinn.assembly import build_trial
from pinn.networks import PhysicsFormer
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits
from sciformer.runs import Run

ITERATIONS = 14
OPTIMISERS = ("levenberg-marquardt", "self-scaled-broyden", "lbfgs", "adam")


def settings(optimiser: str, seed: int) -> Settings:
    network = PhysicsFormer.Sizes(steps=2, width=4, feed_forward=4)
    made = names.make("optimiser", optimiser)
    return Settings(network=network, points=0.1, optimiser=made, seed=seed)


def train(run: Run | None, optimiser: str, seed: int) -> torch.Tensor:
    problem = pinn.find_problem("burgers", {"viscosity": 0.1})
    chosen = settings(optimiser, seed)
    solution = Solution(problem, build_trial(problem, chosen), chosen)
    make_trainer(solution, Limits(iterations=ITERATIONS)).run(run=run)
    return torch.cat([p.detach().reshape(-1) for p in solution.trial.parameters()])


def train_and_be_killed(path: Path, optimiser: str, seed: int, seconds: float) -> bool:
    """Whether the child was killed before it had finished."""
    child = os.fork()
    if child == 0:
        train(Run.open(path), optimiser, seed)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(scratch: Path, kills: int, seed: int) -> None:
    pinn.training.trainer.CHECKPOINT_SECONDS = 0.0  # after every step
    moments = random.Random(seed)
    results = []
    done = 0
    while done < kills:
        optimiser, number = OPTIMISERS[len(results) % 4], len(results)
        started = time.monotonic()
        whole = train(None, optimiser, number)
        span = time.monotonic() - started
        run = Run.create(scratch / str(number), "burgers", {})
        mine = 0
        for _ in range(max(3, kills // 4)):
            was_killed = train_and_be_killed(
                run.path, optimiser, number, moments.uniform(0, 1.2 * span)
            )
            mine += was_killed
        again = train(Run.open(run.path), optimiser, number)
        results.append({"kills": mine, "equal": torch.equal(whole, again)})
        done += mine
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
