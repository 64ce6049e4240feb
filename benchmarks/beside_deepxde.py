"""Three problems by sciformer and by DeepXDE: the same CPU seconds, double precision, one thread.

    pip install deepxde && OMP_NUM_THREADS=1 python -m benchmarks.beside_deepxde [--seconds 30]

DeepXDE is used as its documentation advises for such problems: a tanh network, half of the seconds
for Adam, the rest for L-BFGS; boundary and initial conditions are terms of its loss. Both errors
are relative L2 errors against the problem's own reference on one grid. Seconds are CPU seconds of
solving: neither imports nor the grid's errors count. "Lines" are those of the function that states
problem and training here; for sciformer those of its problem's file, docstring left out.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DOMAIN, BOUNDARY, INITIAL = 2540, 160, 160  # points, about as in DeepXDE's own examples
LAYERS = [2, 32, 32, 32, 1]


def burgers(dde: Any) -> Any:
    """u_t + u u_x = 0.01 / pi u_xx from -sin(pi x), 0 at both ends."""

    def residual(x: Any, u: Any) -> Any:
        du_x, du_t = (dde.grad.jacobian(u, x, i=0, j=j) for j in (0, 1))
        return du_t + u * du_x - 0.01 / np.pi * dde.grad.hessian(u, x, i=0, j=0)

    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(domain, lambda x: -np.sin(np.pi * x[:, :1]), lambda _, on: on)
    return dde.data.TimePDE(domain, residual, [sides, start], DOMAIN, BOUNDARY, num_initial=INITIAL)


def wave(dde: Any) -> Any:
    """u_tt = 4 u_xx from sin(pi x) + sin(3 pi x) / 2 at rest, 0 at both ends."""

    def residual(x: Any, u: Any) -> Any:
        return dde.grad.hessian(u, x, i=1, j=1) - 4 * dde.grad.hessian(u, x, i=0, j=0)

    def tones(x: Any) -> Any:
        return np.sin(np.pi * x[:, :1]) + np.sin(3 * np.pi * x[:, :1]) / 2

    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(domain, tones, lambda _, on: on)
    rest = dde.icbc.OperatorBC(
        domain,
        lambda x, u, _: dde.grad.jacobian(u, x, i=0, j=1),
        lambda x, _: bool(np.isclose(x[1], 0)),
    )
    conditions = [sides, start, rest]
    return dde.data.TimePDE(domain, residual, conditions, DOMAIN, BOUNDARY, num_initial=INITIAL)


def poisson(dde: Any) -> Any:
    """-(u_xx + u_yy) = f in the unit square, 0 on its boundary."""
    import torch

    def source(x: Any, y: Any) -> Any:
        wave = 5 * np.pi**2 * torch.sin(np.pi * x) * torch.sin(2 * np.pi * y)
        bump = torch.exp(x) * (x * (x + 3) * y * (1 - y) + 2 * x * (1 - x))
        return wave + bump

    def residual(x: Any, u: Any) -> Any:
        second = (dde.grad.hessian(u, x, i=k, j=k) for k in (0, 1))
        return -sum(second) - source(x[:, :1], x[:, 1:])

    domain = dde.geometry.Rectangle([0, 0], [1, 1])
    walls = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    return dde.data.PDE(domain, residual, [walls], DOMAIN, BOUNDARY)


PROBLEMS: dict[str, Callable[[Any], Any]] = {"burgers": burgers, "wave": wave, "poisson": poisson}


def by_deepxde(name: str, seconds: float) -> dict[str, float]:
    """Error and CPU seconds of DeepXDE, in this process."""
    import deepxde as dde

    from pinn import find_problem
    from pinn.accuracy import ReferenceGrid

    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)
    data = PROBLEMS[name](dde)
    model = dde.Model(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"))

    class Until(dde.callbacks.Callback):  # type: ignore[misc]
        """Ends a training when the process has used so many CPU seconds."""

        def __init__(self, end: float) -> None:
            super().__init__()
            self.end = end

        def on_epoch_end(self) -> None:
            if time.process_time() > self.end:
                self.model.stop_training = True

    begun = time.process_time()
    model.compile("adam", lr=1e-3)
    rarely = 1_000_000
    model.train(rarely, callbacks=[Until(begun + seconds / 2)], display_every=rarely)
    dde.optimizers.set_LBFGS_options(maxiter=rarely)
    model.compile("L-BFGS")
    model.train(callbacks=[Until(begun + seconds)], display_every=rarely)
    spent = time.process_time() - begun
    grid = ReferenceGrid(find_problem(name))
    found = grid.errors(
        lambda points: {"u": points.new_tensor(model.predict(points.numpy())[:, 0])}
    )
    return {"error": found.relative_l2, "seconds": spent}


def by_sciformer(name: str, seconds: float) -> dict[str, float]:
    """Error and CPU seconds of `sciformer solve NAME --model mlp`."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "sciformer", "solve", name, "--model", "mlp"]
        command += ["--budget", f"{seconds:g}", "--json", "--out", f"{scratch}/run"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {"error": found["relative_l2"], "seconds": seconds}


def in_a_process(name: str, seconds: float) -> dict[str, float]:
    """DeepXDE in a fresh process: it chooses its backend when it is imported."""
    command = [sys.executable, "-m", "benchmarks.beside_deepxde"]
    command += ["--child", name, "--seconds", f"{seconds:g}"]
    environment = {**os.environ, "DDE_BACKEND": "pytorch"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def lines(source: str) -> int:
    """Lines of code, docstrings and blank ones left out."""
    return len(ast.unparse(_bare(ast.parse(source))).splitlines())


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Module) and ast.get_docstring(node):
            node.body = node.body[1:]
    return tree


def main() -> None:
    """Prints the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="CPU seconds of each solve")
    parser.add_argument("--child", metavar="NAME", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(by_deepxde(chosen.child, chosen.seconds)))
        return
    own = Path(__file__).parents[1] / "pinn" / "problems"
    training = 6  # statements from network to the second training, in `by_deepxde`
    print("| problem | solver | lines | relative L2 error | CPU, s |")
    print("| --- | --- | --- | --- | --- |")
    for name, stated in PROBLEMS.items():
        ours, theirs = by_sciformer(name, chosen.seconds), in_a_process(name, chosen.seconds)
        written = lines((own / f"{name}.py").read_text(encoding="utf-8"))
        counted = lines(inspect.getsource(stated)) + training
        for solver, count, found in (("sciformer", written, ours), ("DeepXDE", counted, theirs)):
            print(
                f"| {name} | {solver} | {count} | {found['error']:.1e} | {found['seconds']:.0f} |"
            )


if __name__ == "__main__":
    main()
