"""The part of `sciformer expressivity` that asks which linear flows attention can solve."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory.flows.cold_wall import ColdRow

TASKS = ("cold-wall", "kernels")
_STEPS = 800


def run(arguments: argparse.Namespace) -> int:
    """Surveys and reports."""
    start = time.perf_counter()
    import torch

    from sciformer.cli.console import note, print_json, print_table
    from sciformer.runs import Run

    torch.set_num_threads(arguments.threads)
    names = ("position", "task", "length", "construct", "seed")
    config = {name: getattr(arguments, name) for name in names}
    config["steps"] = arguments.steps or _STEPS
    survey = _cold_wall if arguments.task == "cold-wall" else _kernels
    rows, headers, cells, title, draw = survey(arguments, config["steps"])
    with Run.whole(arguments.out, "expressivity", config) as folder:
        if draw is not None:
            with folder.file("figure.png") as path:
                draw(path)
        summary = {
            **config,
            "rows": rows,
            "wall_seconds": time.perf_counter() - start,
            "run": str(folder.path),
        }
        folder.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
        return 0
    note(title)
    print_table(cells, headers)
    note(f"written to {folder.path}")
    return 0


Survey = tuple[list[dict[str, Any]], list[str], list[list[Any]], str, Callable[[Path], None] | None]


def _cold_wall(arguments: argparse.Namespace, steps: int) -> Survey:
    from sciformer.cli.console import Progress
    from theory.expressivity.schemes import mechanism
    from theory.expressivity.training import Recipe
    from theory.flows.cold_wall import ColdWall, constructed_rows, trained_row
    from theory.flows.figures import draw_cold_walls

    task, recipe = ColdWall(arguments.length), Recipe(steps=steps)
    names = [] if arguments.construct else arguments.position
    for name in names:
        mechanism(name, "sciformer expressivity")
    rows: list[ColdRow] = []
    with Progress(total=max(1, len(names) * steps), label="expressivity") as progress:
        for k, name in enumerate(names):

            def report(step: int, constant: float, random: float, k: int = k) -> None:
                progress.update(k * steps + step, scheme=names[k], constant=constant, random=random)

            rows.append(trained_row(name, task, recipe, seed=arguments.seed, report=report))
    rows += constructed_rows(task)
    title = (
        f"Heat between cold walls, {task.length} places: sup errors from a constant start and from "
        "sums of sines. A blind network cannot go below its floor, at any depth and width."
    )
    headers = ["scheme", "blind?", "floor", "constant", "sines", "steps", "s"]
    cells = [
        [
            row.scheme,
            "blind" if row.is_blind else "sees",
            row.floor,
            row.constant,
            "-" if row.random is None else row.random,
            row.steps,
            row.seconds,
        ]
        for row in rows
    ]
    return (
        [asdict(row) for row in rows],
        headers,
        cells,
        title,
        lambda path: draw_cold_walls(rows, path),
    )


def _kernels(arguments: argparse.Namespace, steps: int) -> Survey:
    from theory.flows.signed_kernels import kernel_rows

    rows = kernel_rows(arguments.length)
    title = (
        f"Linear flows on {arguments.length} periodic tokens: distance of one RPE head (a kernel "
        "of one sign) over starts with |u| <= 1, by its formula and by a linear programme; heads "
        "that do it, and their error."
    )
    headers = ["flow", "distance of one head", "linear programme", "heads", "error"]
    found = [asdict(row) for row in rows]
    return found, headers, [list(row.values()) for row in found], title, None
