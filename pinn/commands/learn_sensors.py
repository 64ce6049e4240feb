"""Learn to reconstruct a flow from a stream of a few velocity sensors; compare with gappy POD."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.sensing.comparison import Outcome
    from pinn.sensing.record import Corruption, Record
    from pinn.sensing.sensed import SensedFlow

WHO = "sciformer learn wake-sensors"
NOT_BETTER = 3  # exit status
EPILOG = """examples:
  sciformer learn wake-sensors
  sciformer learn wake-sensors --sensors 8 --mixer window --seed 1 --out runs/wake
  sciformer learn wake-sensors --data cylinder_nektar_wake.mat --places sensors.csv
  sciformer learn wake-sensors --noise 0.05 --failed 4 --set width=96 --set rate=1e-3
  sciformer stream runs/wake --input readings.csv --points points.csv

The first part of the record is learned from, the later part is tested on. Errors are relative to
what changes in time, over all fields, points and frames. Gappy POD and the linear estimations have
the same sensors and snapshots; they choose rank and ridge for the very noise that they are tested
with, and what is learned finds the noise by itself. The budget is CPU time, or with --device that
of the clock. The exit status is 3 where no noise makes the learned filter better than all of
them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pinn.commands.learn_arguments import add_learning_arguments
    from sciformer.cli.arguments import natural_number, positive_integer
    from sciformer.cli.arguments import positive_number as positive

    parser.epilog = EPILOG
    parser.add_argument("family", choices=("wake-sensors",), help="the learner, wake-sensors")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="flow as mat, npz, h5 or nc file (default: the embedded wake)",
    )
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--sensors",
        type=positive_integer,
        default=16,
        metavar="N",
        help="number of sensors at random points (default 16)",
    )
    places.add_argument(
        "--places",
        type=Path,
        metavar="FILE",
        help="csv file of sensors, one x,y per line; the nearest points are taken",
    )
    parser.add_argument(
        "--mixer",
        default="lmu",
        metavar="NAME",
        help="causal token mixer (default lmu), see `sciformer list mixers`",
    )
    parser.add_argument(
        "--first",
        type=positive,
        default=0.6,
        metavar="SHARE",
        help="share of the record to learn from (default 0.6)",
    )
    parser.add_argument(
        "--noise",
        type=positive,
        default=0.03,
        metavar="SHARE",
        help="noise in the test, as a share of the velocities' size (default 0.03)",
    )
    parser.add_argument(
        "--failed",
        type=natural_number,
        metavar="N",
        help="number of silent sensors in the test (default: an eighth of all)",
    )
    parser.add_argument(
        "--draws",
        type=positive_integer,
        default=5,
        metavar="N",
        help="number of draws of the noise (default 5)",
    )
    add_learning_arguments(
        parser,
        "a size of the network (width, order, window, ...) or of a step (batch, length, rate, "
        "noisiest, failing, steps, ...)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Learns, compares, writes the run directory, prints the result."""
    from pinn.commands.learn_arguments import halt_before_errors
    from pinn.sensing.comparison import compare, milliseconds, verdict
    from pinn.sensing.learning import wake_record
    from pinn.sensing.saved import KIND, save
    from sciformer.cli.arguments import resolve_device
    from sciformer.cli.console import note, print_json
    from sciformer.runs import Run

    begun = time.monotonic()
    resolve_device(arguments.device)
    sizes, schedule = _choices(arguments)
    record = wake_record(arguments.data)
    sensors = arguments.sensors if arguments.places is None else _table(arguments.places)
    corruptions = _corruptions(arguments, sensors)
    directory = Run.create(arguments.out, KIND, _config(arguments))
    with directory.or_nothing():
        sensed = _learned(arguments, record, sensors, sizes, schedule)
        save(sensed, directory)
    halt_before_errors(arguments.family, sensed.about, directory)
    with directory.or_nothing():
        outcomes = compare(sensed, record, corruptions, arguments.draws)
        judged = verdict(outcomes)
        _draw(sensed, record, corruptions[-1], directory)
        summary = {
            "family": arguments.family,
            **judged,
            "network": sensed.network.sizes.mixer,
            "seed": arguments.seed,
            "sensors": sensed.places.tolist(),
            "modes": len(sensed.sizes),
            "parameters": sensed.parameter_count,
            **{k: sensed.about[k] for k in ("optimiser", "steps", "validation", "train_seconds")},
            "errors": [outcome.summary() for outcome in outcomes],
            "milliseconds": milliseconds(sensed, record),
            "wall_seconds": time.monotonic() - begun,
            "run": str(directory.path),
        }
        directory.write_json("summary.json", summary)
    if judged["verdict"] != "better":
        note(f"{WHO}: {judged['verdict'].upper()}: " + "; ".join(judged["reasons"]) + ".")
    if arguments.json:
        print_json(summary)
    else:
        _print(summary, outcomes)
    return NOT_BETTER if judged["verdict"] == "not better" else 0


def _choices(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Sizes of the network and schedule by name."""
    from pinn.commands.learn_arguments import sizes_and_steps
    from pinn.sensing.filter import Sizes
    from pinn.sensing.practice import Schedule

    sizes, schedule = sizes_and_steps(WHO, arguments.pairs, Sizes, Schedule, apart=("mixer",))
    return Sizes(mixer=arguments.mixer, **sizes), Schedule(**schedule)


def _corruptions(arguments: argparse.Namespace, sensors: Any) -> list[Corruption]:
    from pinn.sensing.record import Corruption
    from sciformer.errors import DomainError

    count = sensors if isinstance(sensors, int) else len(sensors)
    failed = min(count - 1, max(1, count // 8)) if arguments.failed is None else arguments.failed
    if failed >= count > 1:
        raise DomainError(f"{WHO}: of {count} sensors one must work; got --failed {failed}.")
    found = [Corruption(noise, dead) for dead in (0, failed) for noise in (0.0, arguments.noise)]
    return list(dict.fromkeys(found))


def _table(path: Path) -> NDArray[Any]:
    from pinn.sensing.tables import read_places

    return read_places(path)


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("mixer", "sensors", "first", "noise", "failed", "draws", "budget", "seed", "pairs")
    files = {key: getattr(arguments, key) for key in ("data", "places")}
    chosen = {name: getattr(arguments, name) for name in names}
    return {**chosen, **{key: None if v is None else str(v) for key, v in files.items()}}


def _learned(
    arguments: argparse.Namespace, record: Record, sensors: Any, sizes: Any, schedule: Any
) -> SensedFlow:
    from pinn.sensing.learning import learn_sensors
    from sciformer.cli.console import training_progress

    with training_progress(arguments.family) as observe:
        return learn_sensors(
            record,
            sensors=sensors,
            sizes=sizes,
            first=arguments.first,
            budget=arguments.budget,
            seed=arguments.seed,
            schedule=schedule,
            device=arguments.device,
            observe=observe,
        )


def _draw(sensed: SensedFlow, record: Record, corruption: Corruption, directory: Any) -> None:
    from pinn.sensing.comparison import gappy_pod
    from pinn.sensing.figure import draw

    with directory.file("figure.png") as path:
        draw(sensed, record, gappy_pod(sensed, record, corruption), corruption).savefig(
            path, format="png"
        )


def _print(summary: dict[str, Any], outcomes: list[Outcome]) -> None:
    from sciformer.cli.console import print_table

    shown = {
        "verdict": "verdict",
        "network": "mixer",
        "modes": "modes",
        "parameters": "parameters",
        "optimiser": "optimiser",
        "steps": "steps",
        "train_seconds": "CPU seconds",
        "milliseconds": "CPU ms per frame, 512 points",
        "run": "run",
    }
    print_table([(label, summary[key]) for key, label in shown.items()], ("", summary["family"]))
    methods = list(dict.fromkeys(o.method for o in outcomes))
    by = {(o.method, o.corruption): o.total for o in outcomes}
    rows = [
        (str(corruption), *(f"{by[method, corruption]:.2e}" for method in methods))
        for corruption in dict.fromkeys(o.corruption for o in outcomes)
    ]
    print_table(rows, ("error on the later part", *methods))
