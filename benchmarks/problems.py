"""The problems of the package over several seeds, every run as its command prints it.

Run on an idle machine: python -m benchmarks.problems [--seeds N] [--cases kdv wave ...]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# With imports, figure and files, about 40 seconds in all by default, and 120 for these.
LONG = ["--budget", "110"]
CASES: dict[str, list[str]] = {
    "convection": ["convection", "--set", "beta=50", "--budget", "50"],
    "reaction": ["reaction"],
    "wave": ["wave"],
    "kovasznay": ["kovasznay"],
    "taylor-green": ["taylor-green"],
    "allen-cahn": ["allen-cahn", *LONG],
    "kdv": ["kdv", *LONG],
    "heat": ["heat"],
    "poisson": ["poisson"],
    "helmholtz": ["helmholtz"],
    "ethier-steinman": ["ethier-steinman", *LONG],
}


def solve(arguments: list[str], seed: int) -> dict[str, object]:
    """One run of the command in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "sciformer", "solve", *arguments]
        command += ["--seed", str(seed), "--json", "--out", str(Path(scratch) / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    """Prints every run, and the median of each field's relative L2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    chosen = parser.parse_args()
    print("| case | seed | parameters | steps | seconds | relative L2 of all fields and of each |")
    print("| --- | --- | --- | --- | --- | --- |")
    found: dict[str, list[dict[str, float]]] = {case: [] for case in chosen.cases}
    for seed in range(chosen.seeds):
        for case, errors in found.items():
            run: Any = solve([*CASES[case], *chosen.options], seed)
            errors.append({"all": run["relative_l2"], **run["relative_l2_by_field"]})
            counts = f"{run['parameters']} | {run['iterations']} | {run['wall_seconds']:.0f}"
            print(f"| {case} | {seed} | {counts} | {_listed(errors[-1])} |", flush=True)
    for case, errors in found.items():
        medians = {name: statistics.median(one[name] for one in errors) for name in errors[0]}
        print(f"| {case} | median | | | | {_listed(medians)} |", flush=True)


def _listed(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1e}" for name, value in errors.items())


if __name__ == "__main__":
    main()
