"""The embedded wake against Raissi's data: python -m benchmarks.wake_against_raissi FILE.

Only the phase and the period are fitted. The two differ by mesh, solver and time step.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from pinn.data.files import load_flow
from pinn.references.wake import embedded_wake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def compare(path: Path) -> dict[str, float]:
    """Relative L2 distances of u, v and p (less its mean in each snapshot), and the periods."""
    data, wake = load_flow(path), embedded_wake()
    every = data.points[::7]

    def fields(points: Array, shift: float, rate: float, time: Array) -> dict[str, Array]:
        p, n_t = len(points), len(time)
        moments = np.tile(shift + rate * time, p)
        places = np.repeat(points, n_t, axis=0)
        values = wake(np.column_stack([places, moments]))
        return {name: value.reshape(p, n_t) for name, value in values.items()}

    def misfit(shift: float, rate: float) -> float:
        ours = fields(every, shift, rate, data.time[::10])
        return float(np.linalg.norm(ours["v"] - data.velocity[::7, 1, ::10]))

    scan = np.linspace(0, wake.period, 16, endpoint=False)
    start = min(scan, key=lambda shift: misfit(shift, 1.0))
    found = minimize(lambda z: misfit(*z), [start, 1.0], method="Nelder-Mead").x
    ours = fields(data.points[::3], *found, data.time[::4])
    wanted = {"u": data.velocity[::3, 0, ::4], "v": data.velocity[::3, 1, ::4]}
    if data.pressure is not None:
        p = data.pressure[::3, ::4]
        wanted["p"] = p - p.mean(0)
        ours["p"] = ours["p"] - ours["p"].mean(0)
    distances = {
        f"relative_l2_{name}": float(np.linalg.norm(ours[name] - field) / np.linalg.norm(field))
        for name, field in wanted.items()
    }
    return {"period": wake.period, "period_raissi": wake.period / found[1], **distances}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    for name, value in compare(parser.parse_args().file).items():
        print(f"{name:<16}{value:.6g}")
