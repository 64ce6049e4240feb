"""Burgers' equation over several seeds: default, longer budgets, one token, and the MLP.

Run on an idle machine: python -m benchmarks.burgers [--seeds N] [--cases default budget-60 ...]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CASES: dict[str, list[str]] = {
    "default": [],
    "budget-60": ["--budget", "60"],
    "budget-120": ["--budget", "120"],
    "one-token": ["--steps", "1"],
    "mlp": ["--model", "mlp"],
}


def solve(arguments: list[str], seed: int) -> dict[str, float]:
    """One run of the command in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "sciformer", "solve", "burgers", *arguments]
        command += ["--seed", str(seed), "--json", "--out", str(Path(scratch) / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    """Prints median, least and largest relative L2 error of every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    chosen = parser.parse_args()
    print("| case | parameters | steps | seconds | relative L2: median | least | largest |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in chosen.cases:
        runs = [solve(CASES[case], seed) for seed in range(chosen.seeds)]
        errors = [run["relative_l2"] for run in runs]
        cells = [
            case,
            f"{runs[0]['parameters']}",
            f"{statistics.median(run['iterations'] for run in runs):.0f}",
            f"{statistics.median(run['wall_seconds'] for run in runs):.0f}",
            *(f"{value:.1e}" for value in (statistics.median(errors), min(errors), max(errors))),
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
