"""Compiled flows beside learned operators: the same CPU seconds for each that learns, one thread.

    pip install deepxde
    python -m benchmarks.beside_operators [--seconds 60] [--row burgers] [--seed 0]

A row is a family of `pinn.families` and its answers: the compiled start alone (nothing is trained),
a network from a random start, the same network from the compiled start, and DeepXDE's
physics-informed DeepONet. "Leaves out" is what the compiled start knows nothing of. Errors are
relative L2 errors over 100 members that no training saw, against the family's reference.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinn.families.answer import Answer
from pinn.families.family import Family
from pinn.families.learned import UNSEEN, Learned
from pinn.families.learning import learn
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.registry import find_family
from pinn.families.solutions import grid
from pinn.families.starts import find_start
from sciformer.cli.console import print_table

MEMBERS = 100


@dataclass(frozen=True)
class Row:
    """A family, the compiled start for it, and who answers."""

    family: str
    compiled: str
    solvers: tuple[str, ...]


LEARNED, BOTH, DEEPXDE = "learned", "compiled + learned", "DeepXDE"
# DeepXDE's operators take one given function; the forced family has two and a viscosity.
ROWS = {
    "burgers": Row("burgers-family", "cole-hopf", (LEARNED, DEEPXDE)),
    "burgers-heat": Row("burgers-family", "linear-flow", (BOTH,)),
    "reaction": Row("diffusion-reaction-family", "linear-flow", (LEARNED, BOTH, DEEPXDE)),
    "forced": Row("forced-burgers-family", "cole-hopf-layers", (LEARNED, BOTH)),
    "forced-heat": Row("forced-burgers-family", "linear-flow", (BOTH,)),
}


def compiled(family: Family, start: str, seconds: float, seed: int) -> Learned:
    """The compiled start alone."""
    return Learned(Answer(family, find_start(start, family), None), False, {})


def from_random(family: Family, start: str, seconds: float, seed: int) -> Learned:
    """A network that only has the initial and boundary values."""
    return _learned(family, "faded", seconds, seed)


def from_compiled(family: Family, start: str, seconds: float, seed: int) -> Learned:
    """The same network, added to the compiled start."""
    return _learned(family, start, seconds, seed)


def _learned(family: Family, start: str, seconds: float, seed: int) -> Learned:
    found = find_start(start, family)
    return learn(family, network=SpectralBranch(), start=found, budget=seconds, seed=seed)


SOLVERS: dict[str, Callable[[Family, str, float, int], Learned]] = {
    "compiled": compiled,
    LEARNED: from_random,
    BOTH: from_compiled,
}


def measured(solver: str, row: Row, seconds: float, seed: int) -> dict[str, float | str]:
    """Errors and CPU seconds of one solver on one row, in this process."""
    torch.set_num_threads(1)
    family, begun = find_family(row.family), time.process_time()
    if solver == DEEPXDE:
        by_deepxde = importlib.import_module("benchmarks.beside.operators_by_deepxde")
        begun = time.process_time()  # without the import
        answer = by_deepxde.operator(family, seconds, seed)
        spent = time.process_time() - begun
        points, members = grid(family).numpy(), family.draw(MEMBERS, UNSEEN)
        exact = family.exact(members, points)[family.problem.field_names[0]].numpy()
        gaps = np.linalg.norm(answer(members, points) - exact, axis=1)
        errors = np.sort(gaps / np.linalg.norm(exact, axis=1))
        return {"median": float(np.median(errors)), "worst": float(errors[-1]), "seconds": spent}
    learned = SOLVERS[solver](family, row.compiled, seconds, seed)
    spent = learned.about.get("train_seconds", 0.0)
    found = learned.errors(MEMBERS)
    return {"median": found.median, "worst": found.worst, "seconds": spent}


def in_a_process(solver: str, name: str, seconds: float, seed: int) -> dict[str, Any]:
    """The same in a fresh process of one thread."""
    command = [sys.executable, "-m", "benchmarks.beside_operators", "--child", solver]
    command += ["--row", name, "--seconds", f"{seconds:g}", "--seed", str(seed)]
    environment = {**os.environ, "DDE_BACKEND": "pytorch", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{solver}, {name}:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def rows(names: list[str], seconds: float, seed: int) -> list[tuple[object, ...]]:
    """One line for each row and solver, printed as soon as it is measured."""
    found: list[tuple[object, ...]] = []
    for name in names:
        row = ROWS[name]
        start = find_start(row.compiled, find_family(row.family))
        for solver in ("compiled", *row.solvers):
            metrics = in_a_process(solver, name, seconds, seed)
            missing = start.leaves_out or "nothing"
            found.append((row.family, row.compiled, missing, solver, *metrics.values()))
            print(*found[-1], sep=" | ", flush=True)
    return found


def main() -> None:
    """Measures all rows, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds of each training")
    parser.add_argument("--row", choices=ROWS, help="only this one")
    parser.add_argument("--seed", type=int, default=0, help="of networks and what they are given")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        row, seconds = ROWS[arguments.row], arguments.seconds
        print(json.dumps(measured(arguments.child, row, seconds, arguments.seed)))
        return
    names = [arguments.row] if arguments.row else list(ROWS)
    found = rows(names, arguments.seconds, arguments.seed)
    headers = ("family", "compiled", "leaves out", "solver", "median", "worst", "CPU s")
    print_table(found, headers)


if __name__ == "__main__":
    main()
