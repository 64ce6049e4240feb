"""Units and boxes against epsilon and dimension, beside the worst-case width of theorem T0.

Run: python benchmarks/universal_scaling.py scaling.png
The figure is drawn again after each formula, so that an interrupted run leaves what it measured.
"""

from __future__ import annotations

import math
import sys
import time

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import theory
from sciformer.pictures import WIDTH, styled
from theory.universal.layer import weights_of

EPSILONS = (0.4, 0.2, 0.1, 0.05)
UNITS = (3, 5, 10, 20, 30)  # ticks
FORMULAS = {
    2: "tanh(x1*x2)",
    3: "tanh(x2 + x1*x3)",
    4: "tanh(x1*x2 + x3*x4)",
    6: "(x1*x2 + x3*x4 + x5*x6)/3",
}
"""All with |f| <= 1 and Lipschitz constant at most 2 on [-1, 1]^D, as `worst_case` assumes."""


def worst_case(dimension: int, epsilon: float, lipschitz: float = 2.0) -> float:
    """Theorem T0's width for |f| <= 1, half of epsilon for each of its two errors."""
    degree = max(1, math.ceil(lipschitz * math.sqrt(dimension) * math.pi / epsilon) - 2)
    eta = epsilon / (2 * (2 * degree + 1) ** (dimension / 2))
    pieces = math.ceil(math.pi * dimension * degree / math.sqrt(8 * eta))
    return ((2 * degree + 1) ** dimension - 1) / 2 * pieces + 1


def measure(path: str) -> None:
    """Dimension, epsilon, units, boxes and seconds of every case; printed and drawn as it goes."""
    rows: list[tuple[int, float, int, int, float]] = []
    for dimension, formula in FORMULAS.items():
        for epsilon in EPSILONS if dimension != 4 else EPSILONS[:2]:
            start = time.perf_counter()
            layer = theory.compile(formula, dimension, epsilon=epsilon)
            seconds = time.perf_counter() - start
            units = weights_of(layer.module).hidden_units
            rows.append((dimension, epsilon, units, layer.certificate.boxes, seconds))
            print(*rows[-1], f"{worst_case(dimension, epsilon):.1e}", sep="\t", flush=True)
        draw(rows, path)


@styled()
def draw(rows: list[tuple[int, float, int, int, float]], path: str) -> None:
    """Units and boxes; the width of T0, many powers of ten above, stands in the legend."""
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    units, boxes = figure.subplots(1, 2)
    for dimension, formula in FORMULAS.items():
        mine = [row for row in rows if row[0] == dimension]
        if not mine:
            continue
        epsilons = [row[1] for row in mine]
        worst = worst_case(dimension, min(epsilons))
        label = f"{formula}  (T0: {worst:.0e})"
        units.loglog(epsilons, [r[2] for r in mine], "o-", label=label)
        boxes.loglog(epsilons, [r[3] for r in mine], "o-")
    units.set(xlabel="epsilon", title="hidden units")
    boxes.set(xlabel="epsilon", title="boxes of the certificate")
    for axes in (units, boxes):
        axes.set_xticks(EPSILONS, [str(e) for e in EPSILONS])
        axes.grid(True)
    units.set_yticks(UNITS, [str(n) for n in UNITS])
    for axes in (units, boxes):
        axes.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2)
    figure.savefig(path)


if __name__ == "__main__":
    measure(sys.argv[1] if len(sys.argv) > 1 else "scaling.png")
