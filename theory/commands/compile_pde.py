"""The part of `sciformer compile` that compiles a differential equation."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciformer.errors import UsageError
from theory.commands.results import publish

if TYPE_CHECKING:
    from sciformer.runs import Run
    from theory.flows.compile_flow import CompiledFlow
    from theory.flows.equation import ReactionDiffusion
    from theory.flows.starts import Starts


# Random starts that an observed error is the largest of.
_STARTS = 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of an equation beside epsilon, tokens and out."""
    parser.add_argument(
        "--pde",
        metavar="NAME",
        help="an equation instead of a formula: fisher-kpp, allen-cahn, heat, burgers-periodic, "
        "gray-scott (without a certificate: exit status 3), or a Python file that holds a problem",
    )
    parser.add_argument(
        "--time",
        type=float,
        metavar="T",
        help="with --pde: time until which the equation is solved",
    )
    parser.add_argument(
        "--starts",
        default="",
        metavar="RULES",
        help='with --pde: the class of starts, such as "slope<=10; 0.1<=u<=1; waves<=8"; '
        "for a file the range is -1 to 1 unless given",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compiles, writes and reports."""
    begin = time.perf_counter()
    from sciformer.cli.console import Progress, note
    from theory.flows.figures import draw
    from theory.flows.storage import save

    if arguments.pde == "burgers-periodic":
        from theory.commands.compile_burgers import run as run_burgers

        return run_burgers(arguments)
    if arguments.pde == "gray-scott":
        from theory.commands.compile_system import run as run_system

        return run_system(arguments)
    equation, starts = _asked(arguments)
    from theory.flows.compile_flow import compile_flow

    with Progress(total=1.0, label="compile") as progress:
        flow = compile_flow(
            equation,
            epsilon=arguments.epsilon,
            starts=starts,
            tokens=arguments.tokens,
            report=lambda phase, done: progress.update(done, phase=phase),
        )
    seconds = time.perf_counter() - begin
    # Hundreds of layers on several starts take longer than the proof.
    note("proven; random starts are solved beside it now, and drawn, in up to half a minute")
    config = {
        "pde": arguments.pde,
        "epsilon": arguments.epsilon,
        "starts": str(starts),
        "time": float(equation.time),
    }

    def write(run: Run) -> None:
        save(flow, run.path)
        with run.file("figure.png") as file:
            draw(flow, file)

    path = publish(arguments, config, summary(flow, seconds), write)
    if not arguments.json:
        note(f"every start with {starts}; written to {path}, with figure.png")
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[ReactionDiffusion, Starts]:
    from theory.flows.named import named
    from theory.flows.starts import Starts

    if arguments.time is not None and not math.isfinite(arguments.time):
        raise UsageError(
            f"sciformer compile: --time must be a finite number > 0; got {arguments.time:g}."
        )
    if arguments.pde.partition(":")[0].endswith(".py"):
        from dataclasses import replace
        from fractions import Fraction

        from theory.flows.equation import recognise

        equation = recognise(_from_file(arguments.pde))
        if arguments.time is not None:
            equation = replace(equation, time=Fraction(arguments.time))
        default = Starts(-1.0, 1.0, 10.0)
    else:
        equation, default = named(arguments.pde, arguments.time)
    return equation, Starts.read(arguments.starts, default)


def _from_file(name: str) -> Any:
    """The problem in a Python file, `my_pde.py` or `my_pde.py:name`; the user's own code is run."""
    import runpy

    from sciformer.errors import DataError

    path, _, wanted = name.partition(":")
    if not Path(path).is_file():
        raise DataError(f"sciformer compile: there is no file {path}.")
    try:
        found = runpy.run_path(path)
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        raise DataError(
            f"sciformer compile: {path} cannot be run ({type(error).__name__}: {error})."
        ) from error
    problems = {
        key: value
        for key, value in found.items()
        if all(hasattr(value, part) for part in ("equations", "fields", "domain", "conditions"))
        and not isinstance(value, type)
    }
    if wanted:
        problems = {key: value for key, value in problems.items() if key == wanted}
    if len(problems) != 1:
        raise DataError(
            f"sciformer compile: {path} must hold one problem, or be named as {path}:name; it "
            f"holds {', '.join(problems) or 'none'}."
        )
    return next(iter(problems.values()))


def summary(flow: CompiledFlow, seconds: float) -> dict[str, Any]:
    """Results of a compilation as JSON values."""
    from dataclasses import asdict

    from theory.flows.reference import affordable_starts, observed_error

    seen = affordable_starts(flow, _STARTS)
    certificate, design = flow.certificate, flow.certificate.design
    weights = sum(p.numel() for p in flow.module.parameters())
    places = sum(b.numel() for b in flow.module.buffers())
    return {
        "epsilon": certificate.epsilon,
        "certified_bound": certificate.bound,
        "observed_error": observed_error(flow, seen),
        "observed_starts": seen,
        "layers": design.depth,
        "heads": 2 if design.has_reading_head else 1,
        "tokens": design.tokens,
        "sensors": design.sensors,
        "hidden_units": design.units,
        "parameters": weights + places,
        "budget": asdict(certificate.budget),
        "starts": str(certificate.starts),
        "seconds": seconds,
    }
