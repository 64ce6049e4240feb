"""`sciformer identify` of samples of one's own: a problem, a file, and what is unknown."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinn.data.cloud import Cloud
    from pinn.identification.identifying import Identification
    from pinn.problem.problem import Problem
    from pinn.settings import Settings


def run(arguments: argparse.Namespace) -> int:
    """Identifies and prints; the exit status is 3 if one of the fits has not converged."""
    from pinn.commands.fit_arguments import limits, shower
    from pinn.commands.result_table import halt_after_results, status_of, warn
    from pinn.identification.identifiable import distinct
    from pinn.identification.identifying import identify
    from sciformer.cli.console import Progress, note
    from sciformer.runs.interrupts import INTERRUPTED

    problem, settings = _asked(arguments)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        problem = replace(problem, data=tuple(map(distinct, problem.data)))
    for warning in said:
        note(str(warning.message))
    runs = []
    with Progress(total=float(arguments.seeds), label=f"identify {problem.name}") as progress:
        for index in range(arguments.seeds):
            chosen = _seeded(settings, arguments.seed + index)
            show = shower(progress, index, arguments)
            runs.append(identify(problem, None, chosen, limits(arguments), observers=[show]))
            progress.update(index + 1)
            if runs[-1].stopped == INTERRUPTED:
                break
    _print(runs, arguments)
    fits = [
        {**found.summary(), "problem": f"seed {arguments.seed + n}"} for n, found in enumerate(runs)
    ]
    warn(fits)
    halt_after_results(fits)
    return status_of(fits)


def _asked(arguments: argparse.Namespace) -> tuple[Problem, Settings]:
    """The problem with its samples, and the settings of the fit."""
    from pinn.commands.fit_arguments import network_settings
    from pinn.identification.asking import with_unknown
    from pinn.identification.burgers import SCHEDULE, VISCOSITY, burgers_problem
    from pinn.problem.registry import find_problem
    from sciformer.errors import UsageError

    if arguments.method in ("weak", "both") or arguments.periodic_in_time:
        raise UsageError(
            "sciformer identify: samples are fitted by the network method only; leave out "
            "--periodic-in-time and --method."
        )
    if arguments.problem == "burgers":
        cloud = _samples(arguments, ("x", "t"), ("u",))
        viscosity = 1 / arguments.reynolds if arguments.reynolds else VISCOSITY
        problem = burgers_problem(cloud, viscosity)
        return problem, network_settings(arguments, schedule=SCHEDULE)
    problem = with_unknown(find_problem(arguments.problem), _starts(arguments.unknown))
    if not problem.unknown:
        names = ", ".join(map(str, problem.symbols)) or "none yet"
        raise UsageError(
            f"sciformer identify: which parameter of {problem.name} is unknown? Say "
            f"--unknown NAME; its parameters are {names}."
        )
    if arguments.data is None and not problem.data:
        raise UsageError(
            f"sciformer identify: {problem.name} has no samples; give --data samples.csv."
        )
    if arguments.data is not None:
        coordinates = problem.domain.coordinates
        cloud = _samples(arguments, coordinates, tuple(problem.expressions))
        problem = replace(problem, data=(*problem.data, cloud))
    return problem, network_settings(arguments)


def _starts(words: Sequence[str]) -> dict[str, float | None]:
    """Unknowns and where they start, from words such as "a" and "k=0.5"."""
    import math

    from sciformer.errors import UsageError

    starts: dict[str, float | None] = {}
    for word in words:
        name, equals, text = word.partition("=")
        try:
            start = float(text) if equals else None
        except ValueError:
            start = math.nan
        if start is not None and not math.isfinite(start):
            raise UsageError(
                f"sciformer identify: --unknown {name} starts at {text!r}, which is not a finite "
                f"number; write for example --unknown {name}=0.5."
            )
        starts[name] = start
    return starts


def _samples(
    arguments: argparse.Namespace, coordinates: Sequence[str], quantities: Sequence[str]
) -> Cloud:
    """The samples of a file, with the noise level that was given or is estimated from them."""
    from pinn.data.samples import load_samples
    from pinn.identification.asking import with_noise
    from sciformer.errors import UsageError

    count = arguments.samples
    cloud = load_samples(arguments.data, coordinates, quantities, count=count, seed=arguments.seed)
    if arguments.noise is None:
        return cloud
    if cloud.noise:
        raise UsageError(
            f"sciformer identify: {cloud.name} already gives its noise; leave out --noise, or its "
            "columns sigma."
        )
    return with_noise(cloud, arguments.noise)


def _seeded(settings: Settings, seed: int) -> Settings:
    return replace(settings, seed=seed)


def _print(runs: Sequence[Identification], arguments: argparse.Namespace) -> None:
    from sciformer.cli.console import note, print_json, print_table

    if arguments.json:
        summaries: list[dict[str, Any]] = [found.summary() for found in runs]
        print_json({**summaries[0], "data": str(arguments.data), "runs": summaries})
        return
    rows = [
        (str(found.solution.settings.seed), line, f"{found.wall_seconds:.1f}")
        for found in runs
        for line in str(found).splitlines()
    ]
    print_table(rows, ["seed", "found", "time, s"])
    for sentence in runs[0].notes():
        note(sentence)
