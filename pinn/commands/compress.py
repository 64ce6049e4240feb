"""Make the network of a solution smaller, and report the loss of accuracy."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn.compression import Pruned
    from pinn.settings import Settings
    from pinn.solution import Solution

EPILOG = """examples:
  sciformer compress runs/fine --budget 0.5
  sciformer compress runs/fine --budget 0.3 --tune 200 --json

Hidden units of perceptrons go, those first that change the residuals least, until a share of the
trained numbers is left; then the network is trained on for --tune steps, and refined by a wide
layer if the run was. Errors are against the reference of the problem, residuals mean squares on
points never trained on. Beside the result stands the plain cut, which keeps the first units of
every layer, not trained on either. The result is a run of `sciformer solve` like any other. Exit
status: 0, or 3 if it has not converged. It computes where the run was solved, or on the CPU if that
device is not here."""
WAYS = ("prune",)
STEPS = 50  # after which the residual of a pruned network for Burgers' equation has levelled off


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import add_json_argument, positive_integer, positive_number

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer solve`")
    parser.add_argument(
        "--how", default="prune", metavar="NAME", help="way to make it smaller: prune"
    )
    parser.add_argument(
        "--budget",
        type=positive_number,
        default=0.5,
        metavar="SHARE",
        help="share of the trained numbers that is kept (default 0.5)",
    )
    parser.add_argument(
        "--tune",
        type=positive_integer,
        default=STEPS,
        metavar="STEPS",
        help=f"steps of the run's optimiser after the cut (default {STEPS})",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory of the result")
    parser.add_argument(
        "--trust",
        action="store_true",
        help="execute the Python file that somebody else's run names as its problem",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prunes, trains on, writes the run and prints what it reaches."""
    from pinn.commands.result_table import status_of, warn
    from pinn.compression import prune
    from pinn.solution import Solution
    from sciformer.cli.console import print_json, print_table
    from sciformer.errors import unknown_name

    if arguments.how not in WAYS:
        raise unknown_name("sciformer compress", "way", arguments.how, WAYS)
    solution = Solution.load(arguments.run, trust=arguments.trust)
    pruned = prune(solution, arguments.budget)
    before = _before(solution, pruned)
    summary = {
        "how": arguments.how,
        "budget": arguments.budget,
        "tuned_steps": arguments.tune,
        **before,
        **_after(arguments, pruned),
    }
    if arguments.json:
        print_json(summary)
    else:
        print_table(list(summary.items()), ("compress", "value"))
    warn([summary])
    return status_of([summary])


def _before(solution: Solution, pruned: Pruned) -> dict[str, Any]:
    """Errors and residuals of the given network and of the one that is trained further."""
    from pinn.compression import bare, count, validation

    whole = bare(solution)
    kinds = {
        "before": solution,
        "before_without_wide_layer": whole,
        "pruned": pruned.solution,
        "plain_cut": pruned.plain,
    }
    found: dict[str, Any] = {}
    for name, one in kinds.items():
        found[f"error_{name}"] = _error(one)
        found[f"residual_{name}"] = validation(one)
    return {**found, "parameters_before": count(whole.trial)}


def _after(arguments: argparse.Namespace, pruned: Pruned) -> dict[str, Any]:
    from dataclasses import asdict

    from pinn.compression import bare, count
    from pinn.problem.source import create
    from pinn.saved_network import NETWORK, open_solve
    from pinn.solving import solve
    from pinn.training.trainer import Limits
    from sciformer.runs import Run

    old = open_solve(arguments.run).config
    edits = [*old.get("edits", []), *(asdict(edit) for edit in pruned.edits)]
    made: list[Run] = []

    with contextlib.ExitStack() as begun:

        def start(decided: Settings) -> Run:
            kept = {"problem": old["problem"], "parameters": old["parameters"]}
            config = {**kept, "settings": decided.to_json(), "edits": edits}
            made.append(create(arguments.out, pruned.solution.problem.name, config))
            begun.enter_context(made[0].or_nothing())
            return made[0]

        solved = solve(
            pruned.solution.problem,
            pruned.solution.settings,
            Limits(iterations=arguments.tune),
            trial=pruned.solution.trial,
            run=start,
        )
    summary = solved.summary()
    return {
        "error_after": summary.get("relative_l2"),
        "residual_after": summary["validation"],
        "parameters": count(bare(solved.solution).trial),
        "bytes_before": (arguments.run / NETWORK).stat().st_size,
        "bytes": (made[0].path / NETWORK).stat().st_size,
        "units": {edit.place: edit.size for edit in pruned.edits},
        **{key: summary[key] for key in ("verdict", "converged", "reasons", "next")},
        "problem": summary["problem"],
        "of": str(arguments.run),
        "run": str(made[0].path),
    }


def _error(solution: Solution) -> float | None:
    """The relative error against the reference; None where there is none."""
    return None if solution.problem.reference is None else solution.errors().relative_l2
