"""Problems of the package and of users over several seeds, every run as its command prints it.

    python -m benchmarks.problems [--seeds N] [--cases kdv wave ...] [--own [fisher-kpp ...]]

`--own` solves the files in `benchmarks/own/`, each written as a user would, by default settings.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# With imports, figure and files, at most 45 seconds in all by default, and 120 for these.
LONG = ["--budget", "110"]
NOT_CONVERGED = 3  # exit status of a solve that says so; its error belongs in the table
CASES: dict[str, list[str]] = {
    "burgers": ["burgers"],
    "burgers-mlp": ["burgers", "--model", "mlp"],
    "burgers-long": ["burgers", *LONG],
    "burgers-smooth": ["burgers", "--model", "mlp", "--set", "viscosity=0.01", *LONG],
    "convection": ["convection", "--set", "beta=50", "--budget", "50"],
    "reaction": ["reaction"],
    "wave": ["wave"],
    "kovasznay": ["kovasznay"],
    "taylor-green": ["taylor-green"],
    "allen-cahn": ["allen-cahn"],
    "kdv": ["kdv", *LONG],
    "heat": ["heat"],
    "poisson": ["poisson"],
    "helmholtz": ["helmholtz"],
    "helmholtz-5": ["helmholtz", "--set", "wavenumber=5", "--budget", "60"],
    "helmholtz-10": ["helmholtz", "--set", "wavenumber=10", "--budget", "60"],
    "helmholtz-20": ["helmholtz", "--set", "wavenumber=20", "--budget", "60"],
    "cavity": ["cavity", "--budget", "30"],
    "cavity-400": ["cavity", "--set", "reynolds=400", "--budget", "60"],
    "ethier-steinman": ["ethier-steinman", "--budget", "60"],
}
OWN: dict[str, list[str]] = {
    file.stem.replace("_", "-"): [str(file)]
    for file in sorted((Path(__file__).parent / "own").glob("*.py"))
}


def solve(arguments: list[str], seed: int) -> dict[str, object]:
    """One run of the command in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "sciformer", "solve", *arguments]
        command += ["--seed", str(seed), "--json", "--out", str(Path(scratch) / "run")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, NOT_CONVERGED):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result: dict[str, object] = json.loads(done.stdout)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**result, "cpu_seconds": spent}


def main() -> None:
    """Prints every run, and median and worst of each field's relative L2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES)
    parser.add_argument("--own", nargs="*", choices=OWN, help="files in benchmarks/own; all")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    chosen = parser.parse_args()
    print("| case | seed | steps | neurons | CPU, s | estimate | relative L2 of all and of each |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    asked = {**CASES, **OWN}
    cases = _cases(chosen.cases, chosen.own)
    found: dict[str, list[dict[str, float]]] = {case: [] for case in cases}
    for seed in range(chosen.seeds):
        for case, errors in found.items():
            run: Any = solve([*asked[case], *chosen.options], seed)
            errors.append({"all": run["relative_l2"], **run["relative_l2_by_field"]})
            neurons = run["training"].get("digits", {}).get("neurons", 0)
            counts = f"{run['iterations']} | {neurons} | {run['cpu_seconds']:.0f}"
            estimate = "" if run["error_estimate"] is None else f"{run['error_estimate']:.1e}"
            shown = f"{counts} | {estimate} | {_listed(errors[-1])}"
            print(f"| {case} | {seed} | {shown} |", flush=True)
    for case, errors in found.items():
        medians = {name: statistics.median(one[name] for one in errors) for name in errors[0]}
        print(f"| {case} | median | | | | | {_listed(medians)} |", flush=True)
        worst = {name: max(one[name] for one in errors) for name in errors[0]}
        print(f"| {case} | worst | | | | | {_listed(worst)} |", flush=True)


def _cases(cases: list[str] | None, own: list[str] | None) -> list[str]:
    """Those that were named: all of a kind by its option alone, all of the package by none."""
    if cases is None and own is None:
        return list(CASES)
    return [*(cases or []), *([] if own is None else own or OWN)]


def _listed(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1e}" for name, value in errors.items())


if __name__ == "__main__":
    main()
