"""Error bounds of theorems against true errors: random problems with known solutions.

    python -m benchmarks.error_bounds                        # 17 kinds of equations, 60 of each
    python -m benchmarks.error_bounds --kinds heat burgers poisson --instances 200
    python -m benchmarks.error_bounds --family burgers-family --budget 15 --instances 20

A line is a kind of equation and a norm: the bound over the true error, by the residual itself and
as `solution.error_bound` gives it, by way of a correction: least, median and 95 % quantile.
Nothing is trained for the kinds: trial solutions are random networks, so that errors of all sizes
occur; with --family a network learns the family first, and members are those that it never saw. A
true error is the largest over time, by the closed form or the family's reference.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from pinn.bounds.bounding import bound_errors
from pinn.bounds.correcting import correction, least
from pinn.bounds.error_bound import Norm
from pinn.families.learned import UNSEEN, Learned
from pinn.families.learning import learn
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.registry import find_family
from pinn.problem.problem import Problem
from sciformer.cli.console import print_table
from tests.pinn.bounds.instances import LINEAR, NONLINEAR, Draw, solved, true_errors

KINDS = {kind.__name__: kind for kind in (*LINEAR, *NONLINEAR)}
FIRST = 100  # seed of the first instance, as in the slow test of the bounds
# By norm, the bound over the true error of each instance: by the residual, and by a correction.
Ratios = dict[Norm, list[tuple[float, float]]]


def of_kind(kind: Callable[[Draw], Problem], instances: int) -> Ratios:
    """Bounds over true errors of random instances."""
    found: Ratios = {norm: [] for norm in Norm}
    for seed in range(FIRST, FIRST + instances):
        solution = solved(kind(Draw(np.random.default_rng([seed, 77]))), seed)
        problem, trial = solution.problem, solution.trial
        plain, _ = bound_errors(problem, trial)
        sharp = least(plain, problem, trial, correction(problem, trial))
        true = true_errors(solution)
        for norm, bound in plain.items():
            found[norm].append((bound.bound / true[norm], sharp[norm].bound / true[norm]))
    return found


def of_family(name: str, budget: float, instances: int) -> Ratios:
    """Bounds over true errors of members of a family that a network learned."""
    family = find_family(name)
    learned = learn(family, network=SpectralBranch(), budget=budget)
    members = family.draw(instances, UNSEEN)
    found: Ratios = {norm: [] for norm in Norm}
    for i in range(instances):
        solution = learned.solution(members[i : i + 1])
        problem = solution.problem
        plain, _ = bound_errors(problem, solution.measured())
        for norm, bound in plain.items():
            true = _largest(learned, members[i : i + 1], norm)
            found[norm].append((bound.bound / true, solution.error_bound(norm).bound / true))
    return found


def _largest(learned: Learned, member: object, norm: Norm) -> float:
    """The largest over time of the error of one member, on 128 × 51 points."""
    family = learned.family
    names = family.problem.domain.coordinates
    axis = names.index(str(family.problem.time))
    (low, high) = family.problem.domain.intervals[names[1 - axis]]
    across = low + (high - low) * (torch.arange(128, dtype=torch.float64) + 0.5) / 128
    begin, end = family.problem.domain.intervals[names[axis]]
    along = torch.linspace(begin, end, 51, dtype=torch.float64)
    axes = (across, along) if axis else (along, across)
    points = torch.cartesian_prod(*axes)
    [field] = family.problem.field_names
    exact = family.exact(member, points.numpy())[field][0]  # type: ignore[arg-type]
    gap = (learned.solution(member).trial.at(points)[:, 0] - exact).abs()  # type: ignore[arg-type]
    gap = gap.reshape(len(axes[0]), -1).movedim(axis, 0)
    if norm is Norm.MAX:
        return float(gap.max())
    size = (gap**norm.power).mean(1).max() * (high - low)
    return float(size ** (1 / norm.power))


def lines(name: str, measured: Ratios) -> Iterator[tuple[object, ...]]:
    """One line for each norm in which there is a bound."""
    for norm, pairs in measured.items():
        if pairs:
            by_way = np.array(pairs)
            below = (by_way < 1 - 1e-6).any(1).sum()  # rounding of the closed form
            quantiles = np.quantile(by_way, [0, 0.5, 0.95], axis=0)
            yield name, norm.value, len(pairs), int(below), *map(float, quantiles.T.ravel())


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--instances", type=int, default=60)
    parser.add_argument("--family", help="members of this family, learned first")
    parser.add_argument("--budget", type=float, default=15.0, help="CPU seconds of learning it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[tuple[object, ...]] = []
    for name in [arguments.family] if arguments.family else arguments.kinds:
        begun = time.process_time()
        if arguments.family:
            measured = of_family(name, arguments.budget, arguments.instances)
        else:
            measured = of_kind(KINDS[name], arguments.instances)
        for row in lines(name, measured):
            rows.append(row)
            print(*row, sep=" | ", flush=True)
        print(f"{name}: {time.process_time() - begun:.0f} CPU s", flush=True)
    ways = [f"{way}{said}" for way in ("", "corrected ") for said in ("least", "median", "95 %")]
    print_table(rows, ("equation", "norm", "bounds", "below", *ways))


if __name__ == "__main__":
    main()
