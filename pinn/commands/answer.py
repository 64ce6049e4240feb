"""`sciformer solve FAMILY --from RUN`: the solution of one member of a learned family."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.errors import ConvergenceError, DataError, UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.bounds.error_bound import ErrorBound
    from pinn.families.learned import Learned
    from pinn.families.refining import RefinedSolution
    from pinn.families.solutions import LearnedSolution
    from pinn.solution import Solution

WHO = "sciformer solve"
MOST_BYTES = 16 << 20  # half a million readings
CALIBRATED = 100
"""Members on which a band is calibrated anew: it then holds 85 to 95 % (5 % and 95 % quantiles)."""
NOISE = "noise"
"""Column of standard deviations of the readings, in their units."""


def answer(arguments: argparse.Namespace) -> int:
    """Reads the readings, answers, writes fields, picture and summary.

    Raises:
        UsageError: no run, another family than the run's, or a number that is missing.
        DataError: a file that is not a table of readings.
    """
    from pinn.families.saved import load
    from pinn.problem.source import is_file
    from sciformer.cli.console import note, print_json, print_table
    from sciformer.runs import Run

    if arguments.learned is None:
        option = "--readings" if arguments.readings else "--refine"
        raise UsageError(f"{WHO}: {option} needs --from RUN, a run of `sciformer learn`.")
    learned = load(arguments.learned, trust=arguments.trust)
    name = arguments.problem or learned.family.name
    if not is_file(name) and name != learned.family.name:
        raise UsageError(
            f"{WHO}: {arguments.learned} has learned {learned.family.name}, not {name}; name that."
        )
    given = {**_numbers(learned, arguments.pairs), **_readings(learned, arguments.readings)}
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the doubts are said below
        solution = learned(**given)
    axes, fields = solution.on_grid()
    spent = time.process_time() - begun
    refined = _refined(solution) if arguments.refine else None
    if refined is not None:
        axes, fields = refined.on_grid()
    for doubt in solution.doubts:
        note(f"{learned.family.name}: DOUBTFUL: {doubt}.")
    config = {
        "family": name,
        "from": str(arguments.learned),
        "readings": list(map(str, arguments.readings)),
        "refine": arguments.refine,
        "set": list(arguments.pairs),
    }
    with Run.whole(arguments.out, learned.family.name, config) as run:
        run.write_array("solution.npz", **axes, **fields)
        with run.file("figure.png") as path:
            (solution if refined is None else refined).plot().savefig(path, format="png")
        band = _band(learned, solution, given) if learned.calibration is not None else None
        bound = None if band and refined is None else _bound(refined or solution)
        summary: dict[str, Any] = {
            "family": learned.family.name,
            "network": learned.about["network"],
            "doubts": list(solution.doubts),
            "unknown": {n: found.unknown for n, found in solution.posterior.items()},
            "band": band,
            "error_bound": None if bound is None else bound.summary(),
            "points": int(np.prod([len(axis) for axis in axes.values()])),
            "milliseconds": 1e3 * spent,
            "refined": None if refined is None else _gain(refined),
            "run": str(run.path),
        }
        run.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
    else:
        told = {**summary, "error_bound": None if bound is None else [str(bound)]}
        rows = [(key, _shown(value)) for key, value in told.items() if value not in (None, [])]
        print_table(rows, ("", "answer"))
    return 0


def _band(
    learned: Learned, solution: LearnedSolution, given: dict[str, Any]
) -> dict[str, float] | None:
    """Half widths at 90 %, calibrated at the user's places where their readings leave much open."""
    from sciformer.cli.console import note

    try:
        return solution.band(0.9)
    except UsageError as error:
        if any(found.unlike(name) for name, found in solution.posterior.items()):
            note(str(error))
            return None
    sensors = {name: (given[name][0], *given[name][2:]) for name in learned.family.fields}
    learned.calibrate(CALIBRATED, sensors=sensors)
    note(f"{learned.family.name}: band calibrated on {CALIBRATED} members read at these places.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return learned(**given).band(0.9)


def _bound(solution: Solution) -> ErrorBound | None:
    """What a theorem says of the error, where no band does or more digits were asked for."""
    from sciformer.cli.console import note

    try:
        return solution.error_bound()
    except (UsageError, ConvergenceError) as error:
        note(str(error))
        return None


def _refined(solution: LearnedSolution) -> RefinedSolution:
    from sciformer.cli.console import note

    refined = solution.refined()
    if len(refined.report.iterates) < 2:
        note(f"{WHO}: refining gained nothing ({refined.report.stopped}).")
    return refined


def _gain(refined: RefinedSolution) -> dict[str, float]:
    """The root of the mean square residual on points of validation, before and after."""
    iterates = refined.report.iterates
    return {
        "residual_before": iterates[0].validation ** 0.5,
        "residual_after": iterates[-1].validation ** 0.5,
        "seconds": refined.report.seconds,
    }


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:.3g}" for name, number in value.items())
    return "; ".join(value) if isinstance(value, list) else value


def _numbers(learned: Learned, pairs: list[str]) -> dict[str, float]:
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{WHO}: --set expects key=value; got {pair!r}.")
        if key not in learned.family.distributions:
            raise unknown_name(WHO, "number of the family", key, learned.family.distributions)
        try:
            found[key] = float(text)
        except ValueError:
            raise UsageError(f"{WHO}: --set {key} expects a number; got {text!r}.") from None
    return found


def _readings(learned: Learned, paths: list[str]) -> dict[str, Any]:
    """Places, values and noise by the functions that the headers name."""
    from sciformer.runs.reading import read_bytes

    found: dict[str, Any] = {}
    for path in map(Path, paths):
        for name, reading in _table(learned, path, read_bytes(path, MOST_BYTES)).items():
            if name in found:
                raise DataError(f"{path}: {name} has its readings from another file already.")
            found[name] = reading
    return found


def _table(learned: Learned, path: Path, content: bytes) -> dict[str, Any]:
    """Readings of the functions of one table: their coordinate, values, and perhaps noise."""
    from pinn.data.tables import Table

    functions = {name: str(g.args[0]) for name, g in learned.family.functions.items()}
    wanted = " or ".join(f"{x},{name}" for name, x in functions.items())
    table = Table(str(path), content, {NOISE, *functions, *functions.values()})
    named = [name for name in table.header if name in functions]
    spare = [n for n in table.header if n not in {NOISE, *named, *(functions[n] for n in named)}]
    lacking = [functions[name] for name in named if functions[name] not in table.header]
    if not named or spare or lacking or len(set(table.header)) < len(table.header):
        raise DataError(
            f"{table.where}: the header must be {wanted}, perhaps with {NOISE}, each once; got "
            f"{','.join(table.header)[:60]!r}."
        )
    if NOISE in table.header and len(named) > 1:
        raise DataError(
            f"{table.where}: {NOISE} belongs to one function, and there are {', '.join(named)}; "
            "write a file for each."
        )
    columns = table.columns()
    noise = (columns[NOISE],) if NOISE in columns else ()
    return {name: (columns[functions[name]], columns[name], *noise) for name in named}
