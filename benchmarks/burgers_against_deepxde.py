"""Burgers' equation: DeepXDE's documented example and `sciformer solve burgers` in one run.

DeepXDE trains what its documentation describes (2,540 + 80 + 160 points, a 3x20 tanh network,
15,000 steps of Adam, then L-BFGS); both errors are taken against Cole-Hopf on one grid, and the
seconds in which they are taken count for neither. Each solver has a process of its own and its
own default threads. Run on an idle machine:

    pip install deepxde && python -m benchmarks.burgers_against_deepxde [--float64] [--budget 60]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sciformer.pictures import WIDTH, styled

Curve = list[tuple[float, float]]  # (seconds of training, relative L2)

LAST_TIME = 0.99  # where DeepXDE's example ends
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "burgers-against-deepxde.png"


def deepxde_curve(precision: str, adam_steps: int) -> Curve:
    """Trains DeepXDE's example in this process."""
    import deepxde as dde

    from pinn.references.cole_hopf import ColeHopf

    dde.config.set_default_float(precision)
    dde.config.set_random_seed(0)
    viscosity = 0.01 / np.pi
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 255), np.linspace(0, LAST_TIME, 103)), -1)
    points = grid.reshape(-1, 2)
    exact = ColeHopf(viscosity)(points)["u"]

    def residual(x: Any, u: Any) -> Any:
        du_dx, du_dt = (dde.grad.jacobian(u, x, i=0, j=j) for j in (0, 1))
        return du_dt + u * du_dx - viscosity * dde.grad.hessian(u, x, i=0, j=0)

    domain = dde.geometry.GeometryXTime(
        dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, LAST_TIME)
    )
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(
        domain, lambda x: -np.sin(np.pi * x[:, :1]), lambda _, on_initial: on_initial
    )
    data = dde.data.TimePDE(
        domain, residual, [sides, start], num_domain=2540, num_boundary=80, num_initial=160
    )
    model = dde.Model(data, dde.nn.FNN([2, 20, 20, 20, 1], "tanh", "Glorot normal"))

    class Watch(dde.callbacks.Callback):  # type: ignore[misc]
        """Notes the error about every second, with the clock stopped."""

        def __init__(self) -> None:
            super().__init__()
            self.curve: Curve = []
            self.spent, self.last = 0.0, time.perf_counter()

        def on_epoch_end(self) -> None:
            if time.perf_counter() - self.last > 1.0:
                self.look()

        def look(self) -> None:
            self.spent += time.perf_counter() - self.last
            gap = model.predict(points.astype(precision))[:, 0] - exact
            self.curve.append((self.spent, float(np.linalg.norm(gap) / np.linalg.norm(exact))))
            self.last = time.perf_counter()

    watch = Watch()
    model.compile("adam", lr=1e-3)
    model.train(iterations=adam_steps, callbacks=[watch], display_every=adam_steps)
    model.compile("L-BFGS")
    model.train(callbacks=[watch], display_every=adam_steps)
    watch.look()
    return watch.curve


def own_curve(model: str, budget: float) -> Curve:
    """Runs the command; its metrics hold the error, its clock includes looking at it."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "sciformer", "solve", "burgers", "--model", model]
        command += ["--budget", f"{budget:g}", "--json", "--out", str(run)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = (run / "metrics.jsonl").read_text().splitlines()
    metrics = [json.loads(line) for line in lines]
    curve = [(m["elapsed"], m["error"]) for m in metrics if m["error"] is not None]
    return [*curve, (curve[-1][0], json.loads(done.stdout)["relative_l2"])]


def in_a_process(*arguments: str) -> Curve:
    """DeepXDE's curve from a fresh process (it chooses its backend when it is imported)."""
    environment = {**os.environ, "DDE_BACKEND": "pytorch"}
    command = [sys.executable, "-m", "benchmarks.burgers_against_deepxde", "--child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [(s, e) for s, e in json.loads(done.stdout.splitlines()[-1])]


@styled()
def draw(curves: dict[str, Curve]) -> None:
    """Error against time, both logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for name, curve in curves.items():
        axes.loglog(*zip(*curve, strict=True), label=name, marker=".", markersize=3)
    axes.set(xlabel="seconds of training", ylabel="relative L2 error against Cole-Hopf")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE)


def main() -> None:
    """Prints a table and draws the figure of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each of ours")
    parser.add_argument("--float64", action="store_true", help="DeepXDE in double precision too")
    parser.add_argument("--adam", type=int, default=15_000, help="DeepXDE's steps of Adam")
    parser.add_argument("--child", metavar="PRECISION", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(deepxde_curve(chosen.child, chosen.adam)))
        return
    curves = {
        "sciformer, PhysicsFormer (float64)": own_curve("physicsformer", chosen.budget),
        "sciformer, MLP (float64)": own_curve("mlp", chosen.budget),
    }
    for precision in ["float32", "float64"] if chosen.float64 else ["float32"]:
        curves[f"DeepXDE's example ({precision})"] = in_a_process(
            precision, "--adam", str(chosen.adam)
        )
    print("| solver | seconds | relative L2 at the end | after 10 s | after 30 s |")
    print("| --- | --- | --- | --- | --- |")
    for name, curve in curves.items():
        early = [[e for s, e in curve if s <= limit][-1:] for limit in (10, 30)]
        cells = [f"{e[0]:.1e}" if e else "-" for e in early]
        print(f"| {name} | {curve[-1][0]:.0f} | {curve[-1][1]:.1e} | {' | '.join(cells)} |")
    draw(curves)
    print(f"figure: {FIGURE}")


if __name__ == "__main__":
    main()
