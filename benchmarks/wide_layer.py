"""What decides in the wide layer: the trunk it stands on, and what its neurons see of it.

One trained network a seed and kind; on each the same number of random neurons that see the
coordinates alone, the last hidden layer and the coordinates, or every layer and the coordinates.
Run as: python -m benchmarks.wide_layer [--problem burgers] [--seeds 3] [--neurons 2000]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import pinn
from pinn.networks import MLP, PhysicsFormer
from pinn.refinement.refine import Refiner
from pinn.refinement.wide_layer import linear_layers, per_point
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.training.trainer import Limits
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from pinn.problem.problem import Problem

# Steps of a trunk: as many as the default solve of Burgers' equation takes before its layer.
STEPS = 75
TRUNKS = {"mlp": MLP.Sizes(), "physicsformer": PhysicsFormer.Sizes()}


def seen(trial: TrialSolution, problem: Problem) -> dict[str, tuple[int, ...]]:
    """Layers of the trunk whose inputs the neurons see, by name; coordinates come with each."""
    reached = per_point(trial.network, problem.domain.sample(2))
    widest = max(layer.in_features for layer in linear_layers(trial.network))
    last = [i for i in reached if linear_layers(trial.network)[i].in_features == widest][-1]
    return {"coordinates alone": (), "last hidden layer": (last,), "every layer": tuple(reached)}


def measured(
    problem: Problem, kind: str, seed: int, neurons: int
) -> dict[str, tuple[float, float]]:
    """Relative L2 error and CPU seconds of the trunk and of each layer on it."""
    settings = Settings.advised(problem, network=TRUNKS[kind], seed=seed, digits=None)
    begun = time.process_time()
    solution = pinn.solve(problem, settings, Limits(iterations=STEPS), progress=False).solution
    found = {"trunk alone": (solution.errors().relative_l2, time.process_time() - begun)}
    for name, layers in seen(solution.trial, problem).items():
        begun = time.process_time()
        refined = Refiner(neurons=neurons, layers=layers, seed=seed)(problem, solution.trial)
        error = Solution(problem, refined.trial, settings).errors().relative_l2
        found[name] = (error, time.process_time() - begun)
    return found


def main() -> None:
    """Prints median and worst error of each row, and the median of its own CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="burgers")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--neurons", type=int, default=2000)
    chosen = parser.parse_args()
    problem = pinn.find_problem(chosen.problem)
    print(f"{chosen.problem}, {STEPS} steps, {chosen.neurons} neurons, {chosen.seeds} seeds")
    print("| trunk | neurons see | relative L2, median | worst | CPU, s |")
    print("| --- | --- | --- | --- | --- |")
    for kind in TRUNKS:
        runs = [measured(problem, kind, s, chosen.neurons) for s in range(chosen.seeds)]
        for name in runs[0]:
            errors, seconds = zip(*(run[name] for run in runs), strict=True)
            middle = f"{statistics.median(errors):.1e} | {max(errors):.1e}"
            print(f"| {kind} | {name} | {middle} | {statistics.median(seconds):.0f} |", flush=True)


if __name__ == "__main__":
    main()
