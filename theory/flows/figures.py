"""Pictures of a compiled flow: solutions beside their reference, error against depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sciformer.errors import CertificateError, ConvergenceError
from sciformer.pictures import BLACK, BLUE, WIDTH, styled
from theory.flows.budget import certify, solution_range
from theory.flows.cold_wall import ColdRow
from theory.flows.compile_flow import CompiledFlow
from theory.flows.design import build
from theory.flows.reference import Observer, affordable_starts, solve
from theory.flows.smoothness import Reaction

# A smooth line in the picture, and starts enough for the largest of their errors.
_POINTS = 2048
_STARTS = 8


@styled()
def draw(flow: CompiledFlow, path: Path) -> None:
    """Draws three random starts, their ends, and the error against depth with its bound."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    equation = flow.certificate.equation
    period = float(equation.length * equation.ends.copies())
    grid = np.arange(_POINTS) * period / _POINTS
    generator, observer = np.random.default_rng(0), Observer(flow)
    inside, left_end = grid < float(equation.length), float(equation.left)
    shown = grid[inside] + left_end
    for _ in range(3):
        start = observer.draw(generator)
        (line,) = left.plot(shown, start(grid)[inside], lw=0.6, alpha=0.6)
        left.plot(shown, solve(equation, start(grid))[inside], color=line.get_color())
        found = flow(torch.from_numpy(start(flow.sensors().numpy() - left_end)))
        left.plot(flow.places(), found, ".", ms=2, color=line.get_color())
    left.set(
        xlabel="x",
        ylabel="u",
        title="starts (thin), reference (lines), Transformer (dots)",
    )
    depths, errors, bounds = depth_study(flow)
    right.loglog(depths, bounds, "k--", label="proven")
    right.loglog(depths, errors, "o-", label=f"observed, {affordable_starts(flow, _STARTS)} starts")
    right.set(xlabel="layers", ylabel="sup error", title="error against depth")
    right.set_xticks(depths, [str(depth) for depth in depths])
    right.set_xticks([], minor=True)  # those of a logarithm collide within a decade
    right.legend()
    figure.savefig(path)


@styled()
def draw_cold_walls(rows: Sequence[ColdRow], path: Path) -> None:
    """Draws the error from a constant start, one bar per scheme, and the floor of blind schemes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1.4 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    least = min(row.constant for row in rows if row.constant > 0) / 2
    for k, row in enumerate(rows):
        axes.barh(k, row.constant, 0.6, left=0, color=BLUE)
        if row.floor:
            axes.plot([row.floor] * 2, [k - 0.4, k + 0.4], color=BLACK, linewidth=2)
        axes.text(row.constant * 1.05, k, f"{row.constant:.2g}", va="center", fontsize=8)
    names = [f"{row.scheme} ({'blind' if row.is_blind else 'sees'})" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xscale="log", xlim=(least, 2 * max(row.constant for row in rows)))
    axes.set_xlabel("sup error from the constant start; black: no blind network goes below")
    axes.set_title("Heat between cold walls")
    figure.savefig(path)


def depth_study(flow: CompiledFlow) -> tuple[list[int], list[float], list[float]]:
    """Depths below the compiled one, observed errors, and proven bounds (NaN: none is found)."""
    c = flow.certificate
    reaction = solution_range(c.equation, c.starts)
    count = affordable_starts(flow, _STARTS)
    depths = sorted({max(1, math.ceil(c.design.depth / 2**k)) for k in range(5)})
    errors, bounds = [], []
    for depth in depths:
        design = replace(c.design, depth=depth)
        module = build(c.equation, reaction, design)
        shallow = CompiledFlow(module, replace(c, design=design))
        errors.append(float(Observer(shallow).random(count, seed=1).max()))
        bounds.append(_proven(shallow, reaction))
    return depths, errors, bounds


def _proven(flow: CompiledFlow, reaction: Reaction) -> float:
    c = flow.certificate
    try:
        return certify(c.equation, c.starts, reaction, c.design, flow.module).total
    except (CertificateError, ConvergenceError):  # a step too long for the proof
        return math.nan
