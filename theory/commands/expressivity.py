"""Train or construct position schemes and show which can tell positions apart."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory.commands import expressivity_flows

if TYPE_CHECKING:
    from theory.expressivity.survey import Row
    from theory.expressivity.training import Recipe

DEFAULT = [
    "none",
    "alibi",
    "t5",
    "relative",
    "rotary",
    "shaw-key",
    "shaw-key-value",
    "absolute",
    "urpe",
]
TITLES = {"position": "Position identification", "even": "Even-token prediction"}
STEPS = {"position": 800, "even": 1500}
HEADERS = [
    "scheme", "blind?", "constant: ceiling", "reached", "random: ceiling", "reached", "steps", "s",
]  # fmt: skip

EPILOG = """examples:
  sciformer expressivity
  sciformer expressivity --position rotary urpe --steps 300 --out runs/positions
  sciformer expressivity --task even --length 12
  sciformer expressivity --task kernels

It runs on the CPU only: its networks are small."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the schemes, the task and its size."""
    parser.epilog = EPILOG
    from sciformer.cli.arguments import add_json_argument, natural_number, positive_integer

    parser.add_argument(
        "--position",
        nargs="+",
        default=DEFAULT,
        metavar="NAME",
        help=f"position schemes (default {' '.join(DEFAULT)})",
    )
    parser.add_argument(
        "--task",
        choices=sorted([*TITLES, *expressivity_flows.TASKS]),
        default="position",
        help="position (default), even, cold-wall (heat between walls at 0) or kernels (linear "
        "flows that one head can represent)",
    )
    parser.add_argument(
        "--length",
        type=positive_integer,
        default=16,
        metavar="N",
        help="sequence length (default 16)",
    )
    parser.add_argument(
        "--vocabulary",
        type=positive_integer,
        default=10,
        metavar="V",
        help="number of different tokens (default 10)",
    )
    parser.add_argument(
        "--steps",
        type=positive_integer,
        metavar="N",
        help="largest number of steps (default 800, even 1500)",
    )
    parser.add_argument(
        "--construct", action="store_true", help="construct weights instead of training them"
    )
    parser.add_argument(
        "--seed", type=natural_number, default=0, metavar="N", help="random seed (default 0)"
    )
    parser.add_argument(
        "--threads",
        type=positive_integer,
        default=1,
        metavar="N",
        help="CPU threads (default 1, the fastest here)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="new run directory")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Surveys the schemes and reports."""
    start = time.perf_counter()
    if arguments.task in expressivity_flows.TASKS:
        return expressivity_flows.run(arguments)
    import torch

    from sciformer.cli.console import print_json
    from sciformer.runs import Run
    from theory.expressivity.figures import draw_survey
    from theory.expressivity.schemes import mechanism
    from theory.expressivity.survey import constructed_rows
    from theory.expressivity.tasks import TASKS
    from theory.expressivity.training import Recipe

    torch.set_num_threads(arguments.threads)
    task = TASKS[arguments.task](arguments.vocabulary, arguments.length)
    for name in arguments.position:
        mechanism(name, "sciformer expressivity")
    arguments.steps = arguments.steps or STEPS[arguments.task]
    recipe = Recipe(steps=arguments.steps)
    config = {
        name: getattr(arguments, name)
        for name in ("position", "task", "length", "vocabulary", "steps", "construct", "seed")
    }
    title = f"{TITLES[arguments.task]}, length {arguments.length}, {arguments.vocabulary} tokens"
    with Run.whole(arguments.out, "expressivity", config) as folder:
        rows = [] if arguments.construct else _train(arguments, task, recipe)
        rows += constructed_rows(task, arguments.seed)
        with folder.file("figure.png") as path:
            draw_survey(rows, title, path)
        summary = {
            **config,
            "schemes": [asdict(row) for row in rows],
            "wall_seconds": time.perf_counter() - start,
            "run": str(folder.path),
        }
        folder.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
    else:
        _tell(rows, title, str(folder.path))
    return 0


def _train(arguments: argparse.Namespace, task: Any, recipe: Recipe) -> list[Row]:
    from sciformer.cli.console import Progress
    from theory.expressivity.survey import trained_row

    rows = []
    names = arguments.position
    with Progress(total=len(names) * recipe.steps, label="expressivity") as progress:
        for k, name in enumerate(names):

            def report(step: int, constant: float, random: float, k: int = k) -> None:
                progress.update(
                    k * recipe.steps + step, scheme=names[k], constant=constant, random=random
                )

            rows.append(trained_row(name, task, recipe, seed=arguments.seed, report=report))
    return rows


def _tell(rows: list[Row], title: str, folder: str) -> None:
    from sciformer.cli.console import note, print_table

    note(title)
    note(
        "ceiling and reached: shares of correct answers, first on all constant sequences, then on "
        "512 random ones, whose share may by chance exceed what is possible on average"
    )
    print_table(
        [
            [
                row.scheme,
                "blind" if row.is_blind else "sees",
                row.limit.constant,
                row.constant,
                row.limit.random,
                row.random,
                row.steps,
                row.seconds,
            ]
            for row in rows
        ],
        HEADERS,
    )
    solved = [row.scheme for row in rows if row.is_blind and row.random > 0.99 and row.steps]
    if solved:
        note(
            f"{', '.join(solved)}: blind, yet correct on random sequences. Relative positions "
            "can count from a place where the tokens change; on constant sequences there is none."
        )
    note(f"figure and summary in {folder}")
