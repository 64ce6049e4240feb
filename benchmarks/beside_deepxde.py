"""Six problems by sciformer, DeepXDE and PINA: the same CPU seconds, double precision, one thread.

    pip install deepxde pina-mathlab && python -m benchmarks.beside_deepxde [--seconds 30]

Each solver is given an equation as its user would write it, and its default or documented settings:
sciformer those of `pinn.solve` for a problem of one's own, the others a tanh network with half of
the seconds for Adam and half for L-BFGS. Errors are relative L2 errors against an exact or
independent answer on one grid; of the inverse problem, that of the coefficient. Seconds are CPU
seconds of the whole call, and nobody gets fewer than sciformer took; imports and the grid's errors
do not count. "Lines" are those of the functions in `benchmarks/beside/` that state, train and
answer, all written by `ruff format`; a solver's shared training counts in each of its rows.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.beside.cases import CASES, DIFFUSIVITY

SOLVERS = {"sciformer": "by_sciformer", "DeepXDE": "by_deepxde", "PINA": "by_pina"}
PROBLEMS = (*CASES, "inverse-heat")
FOLDER = Path(__file__).parent / "beside"


def measured(solver: str, name: str, seconds: float) -> dict[str, Any]:
    """Error and CPU seconds of one solver on one problem, in this process."""
    stated = importlib.import_module(f"benchmarks.beside.{SOLVERS[solver]}")
    solve = getattr(stated, name.replace("-", "_"))
    begun = time.process_time()
    answer = solve(seconds)
    spent = time.process_time() - begun
    if name in CASES:
        return {"error": CASES[name].error(answer), "seconds": spent}
    value, half = answer
    found = {"error": abs(value / DIFFUSIVITY - 1), "seconds": spent}
    return found if half is None else {**found, "half": half / DIFFUSIVITY}


def in_a_process(solver: str, name: str, seconds: float) -> dict[str, Any]:
    """The same in a fresh process of one thread."""
    command = [sys.executable, "-m", "benchmarks.beside_deepxde", "--child", solver, name]
    command += ["--seconds", f"{seconds:g}"]
    environment = {**os.environ, "DDE_BACKEND": "pytorch", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{solver}, {name}:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def lines(solver: str, name: str) -> int | None:
    """Lines that state and solve a problem, as `ruff format` writes them; None where not stated.

    Blank lines and docstrings do not count. Read without importing, so that a solver which is not
    installed has lines all the same.
    """
    source = (FOLDER / f"{SOLVERS[solver]}.py").read_text(encoding="utf-8")
    functions = {f.name: f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)}
    needed = [name.replace("-", "_")]
    if needed[0] not in functions:
        return None
    count = 0
    for called in needed:  # grows by what each function calls
        found = functions[called]
        used = {node.id for node in ast.walk(found) if isinstance(node, ast.Name)}
        needed += [other for other in functions if other in used and other not in needed]
        body = found.body[1:] if ast.get_docstring(found) else found.body
        written = source.splitlines()[body[0].lineno - 1 : found.end_lineno]
        count += sum(bool(line.strip()) for line in written)
    return count


def is_there(solver: str) -> bool:
    """Whether a solver can be imported."""
    package = {"DeepXDE": "deepxde", "PINA": "pina", "sciformer": "pinn"}[solver]
    return importlib.util.find_spec(package) is not None


def main() -> None:
    """Prints the table of the performance page."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="CPU seconds of each solve")
    parser.add_argument("--only", nargs="*", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--child", nargs=2, metavar=("SOLVER", "NAME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(measured(*chosen.child, chosen.seconds)))
        return
    print("| problem | solver | lines | error | CPU, s |", flush=True)
    print("| --- | --- | --- | --- | --- |")
    for name in chosen.only:
        seconds = chosen.seconds
        for solver in SOLVERS:
            count = lines(solver, name)
            if count is None or not is_there(solver):
                continue
            found = in_a_process(solver, name, seconds)
            seconds = max(seconds, found["seconds"])  # nobody gets less than sciformer took
            half = f" (95 %: ± {found['half']:.1e})" if "half" in found else ""
            print(
                f"| {name} | {solver} | {count} | {found['error']:.1e}{half} "
                f"| {found['seconds']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
