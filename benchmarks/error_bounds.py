"""Error bounds of theorems against true errors: random problems with known solutions.

    python -m benchmarks.error_bounds                        # 17 kinds of equations, 60 of each
    python -m benchmarks.error_bounds --kinds heat burgers poisson --instances 200
    python -m benchmarks.error_bounds --family burgers-family --budget 15 --instances 100

A line is a kind of equation and a norm: the bound over the true error, least, median and 95 %
quantile. Nothing is trained for the kinds: trial solutions are random networks, so that errors of
all sizes occur; with --family a network learns the family first, and members are those that it
never saw. A true error is the largest over time, by the closed form or the family's reference.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from pinn.bounds.error_bound import Norm
from pinn.families.learned import UNSEEN, Learned
from pinn.families.learning import learn
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.registry import find_family
from pinn.problem.problem import Problem
from sciformer.cli.console import print_table
from sciformer.errors import UsageError
from tests.pinn.bounds.instances import LINEAR, NONLINEAR, Draw, ratio, solved

KINDS = {kind.__name__: kind for kind in (*LINEAR, *NONLINEAR)}
FIRST = 100  # seed of the first instance, as in the slow test of the bounds
Ratios = dict[Norm, list[float]]


def of_kind(kind: Callable[[Draw], Problem], instances: int) -> Ratios:
    """Bound over true error of random instances, by norm."""
    found: Ratios = {norm: [] for norm in Norm}
    for seed in range(FIRST, FIRST + instances):
        solution = solved(kind(Draw(np.random.default_rng([seed, 77]))), seed)
        for norm in Norm:
            try:
                found[norm].append(ratio(solution, solution.error_bound(norm)))
            except UsageError:
                continue  # no theorem in this norm
    return found


def of_family(name: str, budget: float, instances: int) -> Ratios:
    """Bound over true error of members of a family that a network learned."""
    family = find_family(name)
    learned = learn(family, network=SpectralBranch(), budget=budget)
    members = family.draw(instances, UNSEEN)
    found: Ratios = {norm: [] for norm in Norm}
    for i in range(instances):
        solution = learned.solution(members[i : i + 1])
        for norm in Norm:
            try:
                bound = solution.error_bound(norm)
            except UsageError:
                continue
            found[norm].append(bound.bound / _largest(learned, members[i : i + 1], norm))
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


def lines(name: str, ratios: Ratios) -> Iterator[tuple[object, ...]]:
    """One line for each norm in which there is a bound."""
    for norm, found in ratios.items():
        if found:
            below = sum(r < 1 - 1e-6 for r in found)  # rounding of the closed form
            least, median, high = np.quantile(found, [0, 0.5, 0.95])
            yield name, norm.value, len(found), below, float(least), float(median), float(high)


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
            ratios = of_family(name, arguments.budget, arguments.instances)
        else:
            ratios = of_kind(KINDS[name], arguments.instances)
        for row in lines(name, ratios):
            rows.append(row)
            print(*row, flush=True)
        print(f"{name}: {time.process_time() - begun:.0f} CPU s", flush=True)
    print_table(rows, ("equation", "norm", "bounds", "below", "least", "median", "95 %"))


if __name__ == "__main__":
    main()
