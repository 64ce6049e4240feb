"""`sciformer solve cavity` and `sciformer solve cylinder-wake`: flows in either of two forms."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn.identification.fit import FitReport
    from pinn.identification.forward import FlowSolved
    from pinn.identification.network import FitSettings

FLOWS = ("cavity", "cylinder-wake")
UNUSED = ("resume", "optimiser", "steps", "ablation", "device", "dtype")


def run(arguments: argparse.Namespace) -> None:
    """Solves a flow, writes the run directory, prints the result."""
    from pinn.identification.forward import CAVITY, WAKE, reconstruct_wake, solve_cavity
    from pinn.identification.network import on_grid
    from sciformer.cli.console import Progress, print_json, print_table
    from sciformer.runs import Run

    name, form = arguments.problem, _form(arguments)
    settings = _settings(arguments, CAVITY if name == "cavity" else WAKE)
    solve = solve_cavity if name == "cavity" else reconstruct_wake
    config = {"problem": name, "form": form, "seed": settings.seed, "budget": settings.budget}
    directory = Run.create(arguments.out, name, config)
    with Progress(total=1.0, label=name) as progress:

        def show(report: FitReport) -> None:
            directory.log(iteration=report.iteration, elapsed=report.elapsed, loss=report.loss)
            share = min(1.0, report.elapsed / settings.budget)
            progress.update(share, step=report.iteration, loss=report.loss)

        solved = solve(form, settings, [show])
    summary = {**solved.summary(), "run": str(directory.path)}
    directory.write_array("solution.npz", **on_grid(solved.fields))
    directory.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
    else:
        print_table(_rows(solved, summary), ["", name])


def _form(arguments: argparse.Namespace) -> str:
    """The form that --set form=... asks for."""
    from pinn.problems.navier_stokes import FORMS
    from sciformer.errors import UsageError, unknown_name

    who = f"sciformer solve {arguments.problem}"
    given = [option for option in UNUSED if getattr(arguments, option, None)]
    if given:
        raise UsageError(f"{who}: has no --{given[0]}; leave it out.")
    form = "streamfunction"
    for pair in arguments.pairs:
        key, _, value = pair.partition("=")
        if key != "form":
            raise unknown_name(who, "--set key", key, ["form"])
        if value not in FORMS:
            raise unknown_name(who, "form", value, FORMS)
        form = value
    return form


def _settings(arguments: argparse.Namespace, default: FitSettings) -> FitSettings:
    from dataclasses import replace

    from pinn.identification.network import MODELS
    from sciformer.errors import unknown_name

    model = arguments.model or "mlp"
    if model not in MODELS:
        raise unknown_name(f"sciformer solve {arguments.problem}", "model", model, MODELS)
    return replace(
        default,
        network=MODELS[model] if arguments.model else default.network,
        budget=arguments.budget or (1e9 if arguments.iterations else default.budget),
        iterations=arguments.iterations,
        seed=arguments.seed or 0,
        threads=arguments.threads or default.threads,
    )


def _rows(solved: FlowSolved, summary: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        (label, summary[key])
        for key, label in (
            ("form", "form"),
            ("seed", "seed"),
            ("parameters", "parameters"),
            ("iterations", "steps"),
            ("loss", "loss"),
            ("stopped", "stopped"),
            ("wall_seconds", "all, s"),
        )
    ]
    for name, error in solved.errors.items():
        centred = ", mean removed" if name == "p" else ""
        rows.append((f"relative L2 of {name}{centred}", error.relative_l2))
        rows.append((f"mean squared error of {name}{centred}", error.mse))
    for name, value in solved.centre_lines.items():
        rows.append((f"largest error of {name} on its centre line", value))
    return [*rows, ("run", summary["run"])]
