"""`sciformer solve cavity` and `sciformer solve cylinder-wake`: flows in either of two forms."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.identification.fit import FitReport
    from pinn.identification.forward import FlowSolved
    from pinn.identification.network import FitSettings
    from sciformer.runs import Run

FLOWS = ("cavity", "cylinder-wake")
UNUSED = ("optimiser", "steps", "mixer", "ablation", "device", "dtype")


def takes(arguments: argparse.Namespace) -> bool:
    """Whether a flow is to be solved, or the run of one to be continued."""
    if arguments.problem is not None or arguments.resume is None:
        return arguments.problem in FLOWS
    from sciformer.runs import Run

    return Run.open(arguments.resume).kind in FLOWS


def run(arguments: argparse.Namespace) -> None:
    """Solves a flow, writes the run directory, prints the result."""
    from pinn.identification.flow_figure import flow_figure
    from pinn.identification.forward import reconstruct_wake, solve_cavity
    from pinn.identification.network import on_grid
    from sciformer.cli.console import Progress, print_json, print_table

    directory = _directory(arguments)
    name, form = directory.config["problem"], directory.config["form"]
    settings = _settings(arguments, directory.config)
    solve = solve_cavity if name == "cavity" else reconstruct_wake
    with Progress(total=1.0, label=name) as progress:

        def show(report: FitReport) -> None:
            directory.log(iteration=report.iteration, elapsed=report.elapsed, loss=report.loss)
            share = min(1.0, report.elapsed / settings.budget)
            progress.update(share, step=report.iteration, loss=report.loss)

        solved = solve(form, settings, [show], directory)
    summary = {**solved.summary(), "run": str(directory.path)}
    directory.write_array("solution.npz", **on_grid(solved.fields))
    figure = flow_figure(solved)
    with directory.file("figure.png") as path:
        figure.savefig(path, dpi=130, format="png")
    directory.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
    else:
        print_table(_rows(solved, summary), ["", name])


def _directory(arguments: argparse.Namespace) -> Run:
    """A new run, or the one to be continued; what was not given is as it was there."""
    from sciformer.errors import UsageError
    from sciformer.runs import Run

    old = {} if arguments.resume is None else Run.open(arguments.resume).config
    name: str = arguments.problem or old["problem"]
    given = [option for option in UNUSED if getattr(arguments, option, None)]
    if given:
        raise UsageError(f"sciformer solve {name}: has no --{given[0]}; leave it out.")
    config = {
        "problem": name,
        "form": _form(arguments, name, old.get("form", "streamfunction")),
        "model": _model(arguments, name, old.get("model")),
        "seed": old.get("seed", 0) if arguments.seed is None else arguments.seed,
    }
    if arguments.resume is None:
        return Run.create(arguments.out, name, config)
    return Run.resume(arguments.resume, config)


def _form(arguments: argparse.Namespace, name: str, default: str) -> str:
    """The form that --set form=... asks for."""
    from pinn.problems.navier_stokes import FORMS
    from sciformer.errors import unknown_name

    who, form = f"sciformer solve {name}", default
    for pair in arguments.pairs:
        key, _, form = pair.partition("=")
        if key != "form":
            raise unknown_name(who, "--set key", key, ["form"])
        if form not in FORMS:
            raise unknown_name(who, "form", form, FORMS)
    return form


def _model(arguments: argparse.Namespace, name: str, default: str | None) -> str | None:
    """What --model asks for; None is the network of the problem's own settings."""
    from pinn.identification.network import MODELS
    from sciformer.errors import unknown_name

    if arguments.model and arguments.model not in MODELS:
        raise unknown_name(f"sciformer solve {name}", "model", arguments.model, MODELS)
    return arguments.model or default


def _settings(arguments: argparse.Namespace, config: Mapping[str, Any]) -> FitSettings:
    from dataclasses import replace

    from pinn.identification.forward import CAVITY, WAKE
    from pinn.identification.network import MODELS

    default = CAVITY if config["problem"] == "cavity" else WAKE
    return replace(
        default,
        network=MODELS[config["model"]] if config["model"] else default.network,
        budget=arguments.budget or (1e9 if arguments.iterations else default.budget),
        iterations=arguments.iterations,
        seed=config["seed"],
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
