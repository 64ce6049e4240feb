"""Error estimates against true errors over the problems of the package.

python -m benchmarks.error_estimates [--seeds N] [--budget SECONDS] [--cases heat wave ...]

For every case: a solve with its wide layer and one without, the estimate that the wide layer makes
by itself, the estimate of a second look, and what a theorem says, each over the true error.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import pinn
from pinn.networks import MLP
from pinn.problem.registry import find_problem
from pinn.refinement.refine import Refiner

CASES: dict[str, dict[str, Any]] = {
    "heat": {},
    "burgers": {"viscosity": 0.05},
    "convection": {"beta": 5.0},
    "reaction": {},
    "wave": {},
    "poisson": {},
    "helmholtz": {},
    "kdv": {},
    "allen-cahn": {},
    "kovasznay": {},
    "taylor-green": {},
}
FACTOR = 3.0
# Neurons of the layers: fewer than a solve would take, so that all cases end within minutes.
NEURONS = 500


def measure(name: str, seed: int, budget: float, refined: bool) -> dict[str, Any]:
    """One solve with its estimates."""
    solved = pinn.solve(
        find_problem(name, CASES[name]),
        budget=budget,
        seed=seed,
        network=MLP.Sizes(width=16, layers=3),
        digits=Refiner(neurons=NEURONS) if refined else None,
        progress=False,
        estimate_error=True,
    )
    digits = solved.training.get("digits") or {}
    bound = solved.error_bound
    return {
        "true": solved.errors.relative_l2 if solved.errors else float("nan"),
        "layer": digits.get("error_estimate"),
        "second": solved.error_estimate,
        "basis": solved.training.get("error_estimate", "none"),
        "bound": None if bound is None else bound.relative,
        "norm": "" if bound is None else bound.norm.value,
    }


def main() -> None:
    """Prints every case, and the share of estimates within a factor of 3."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=float, default=8.0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    chosen = parser.parse_args()
    print("| case | layer | seed | true | second look | ratio | by | layer alone | bound |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    ratios: dict[str, list[float]] = {"second look": [], "layer alone": [], "bound": []}
    for seed in range(chosen.seeds):
        for name in chosen.cases:
            for refined in (True, False):
                one = measure(name, seed, chosen.budget, refined)
                ratio = {
                    "second look": _over(one["second"], one["true"]),
                    "layer alone": _over(one["layer"], one["true"]),
                    "bound": _over(one["bound"], one["true"]),
                }
                for kind, found in ratios.items():
                    if ratio[kind] is not None:
                        found.append(ratio[kind])
                cells = [_shown(ratio[k]) for k in ("second look", "layer alone", "bound")]
                print(
                    f"| {name} | {'yes' if refined else 'no'} | {seed} | {one['true']:.1e} "
                    f"| {_shown(one['second'], '.1e')} | {cells[0]} | {one['basis']} "
                    f"| {cells[1]} | {cells[2]} {one['norm']} |",
                    flush=True,
                )
    for kind, found in ratios.items():
        if found:
            within = sum(1 / FACTOR <= r <= FACTOR for r in found)
            print(
                f"{kind}: {within} of {len(found)} within a factor {FACTOR:g}, median "
                f"{statistics.median(found):.2f}, least {min(found):.2f}, largest {max(found):.2f}"
            )


def _over(value: float | None, true: float) -> Any:
    return None if value is None else value / true


def _shown(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)


if __name__ == "__main__":
    main()
