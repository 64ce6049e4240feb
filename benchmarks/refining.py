"""The refinement of a learned answer beside a solve of the same member from scratch.

    python -m benchmarks.refining                                       # Burgers, 3 members
    python -m benchmarks.refining --family diffusion-reaction-family --train 1 --members 1

A network learns the family for so short a time that its answers are about 1 % wrong. Lines are a
member and a way: the answer; the answer refined; the same wide layer around the faded initial value
(without the answer); and `pinn.solve` with budgets that double until its error is that of the
refinement, or the last budget. Relative L2 errors against the family's reference, CPU seconds of
one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

import pinn
from pinn.families.answer import Answer
from pinn.families.family import Family
from pinn.families.learned import UNSEEN, Learned
from pinn.families.learning import learn
from pinn.families.members import Members
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.registry import find_family
from pinn.families.solutions import grid
from pinn.families.starts import Faded
from sciformer.cli.console import print_table

BUDGETS = (2.0, 4.0, 8.0, 16.0)


def error(family: Family, member: Members, solution: Any) -> float:
    """Relative L2 error on the grid of errors."""
    points = grid(family)
    exact = family.exact(member, points.numpy())
    found = solution(points.numpy())
    names = family.problem.field_names
    u = torch.stack([torch.as_tensor(found[name]) for name in names])
    truth = torch.stack([torch.as_tensor(exact[name][0]) for name in names])
    return float((u - truth).norm() / truth.norm())


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What is made, and the CPU seconds that it took."""
    begun = time.process_time()
    return make(), time.process_time() - begun


def lines(learned: Learned, member: Members, neurons: int) -> Iterator[tuple[str, float, float]]:
    """Way, error and seconds."""
    family = learned.family
    answer, spent = timed(lambda: learned.solution(member))
    yield "answer", error(family, member, answer), spent
    refined, spent = timed(lambda: answer.refined(neurons))
    wanted = error(family, member, refined)
    yield f"answer, {neurons} neurons", wanted, spent
    alone = Learned(Answer(family, Faded(family), None), False, {}).solution(member)
    bare, spent = timed(lambda: alone.refined(neurons))
    yield f"faded start, {neurons} neurons", error(family, member, bare), spent
    for budget in BUDGETS:
        solve = lambda seconds=budget: pinn.solve(answer.problem, budget=seconds, progress=False)  # noqa: E731
        solved, spent = timed(solve)
        found = error(family, member, solved.solution)
        yield f"from scratch, budget {budget:g} s", found, spent
        if found <= wanted:
            break


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="burgers-family")
    parser.add_argument("--train", type=float, default=8.0, help="CPU seconds of learning")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--neurons", type=int, default=600)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    family = find_family(arguments.family)
    learned = learn(family, network=SpectralBranch(), budget=arguments.train)
    members, rows = family.draw(arguments.members, UNSEEN), []
    for i in range(arguments.members):
        for row in lines(learned, members[i : i + 1], arguments.neurons):
            rows.append((i, *row))
            print(*rows[-1], sep=" | ", flush=True)
    print_table(rows, ("member", "way", "relative L2 error", "CPU s"))


if __name__ == "__main__":
    main()
