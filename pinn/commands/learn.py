"""Learn a family of problems once, to answer any of its members in milliseconds."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.families.family import Family
    from pinn.families.learned import Learned

WHO = "sciformer learn"
BOUNDED = 5  # members whose errors are bounded where no reference knows them: a second or two each
EPILOG = """examples:
  sciformer learn burgers-family
  sciformer learn diffusion-reaction-family --budget 40 --seed 1 --out runs/reaction
  sciformer learn burgers-family --network pooled --budget 75 --ablation
  sciformer learn burgers-family --network deeponet --start faded --set width=96 --set members=32
  sciformer learn my_family.py --data pairs.npz --loss both
  sciformer solve burgers-family --from runs/burgers --readings start.csv
  sciformer learn wake-sensors --help

A family whose solution is known in closed form is not trained unless --network asks for it. The
budget is CPU time, or with --device that of the clock. Errors are relative L2 over members never
seen, against the family's own reference; the classical method that computes it may well be as fast
as the answer."""


def choose(words: Sequence[str]) -> Any:
    """The command for a name that is not a family of problems; None for families."""
    from sciformer.cli.registry import entries

    learners = entries("learners")
    name = next((word for word in words if word in learners), None)
    return None if name is None else learners[name].load()


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pinn.commands.learn_arguments import add_learning_arguments
    from sciformer.cli.arguments import positive_integer

    parser.epilog = EPILOG
    parser.add_argument(
        "family",
        help="a name (see `sciformer list families`), a Python file, or one of `sciformer list "
        "learners`, with options of its own",
    )
    parser.add_argument(
        "--network", metavar="NAME", help="network: spectral (default), pooled, deeponet or former"
    )
    parser.add_argument(
        "--start",
        metavar="NAME",
        help="start: faded, linear-flow, cole-hopf or cole-hopf-layers (default: the best)",
    )
    parser.add_argument("--loss", default="residual", choices=("residual", "data", "both"))
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="npz or h5 file of data (default: made by the family's reference)",
    )
    parser.add_argument(
        "--functions",
        type=positive_integer,
        default=100,
        metavar="N",
        help="number of unseen members over which errors are taken (default 100)",
    )
    parser.add_argument(
        "--calibrate",
        type=positive_integer,
        default=200,
        metavar="N",
        help="number of members on which bands are calibrated (default 200)",
    )
    parser.add_argument(
        "--ablation",
        action="store_true",
        help="then compare all networks and the faded start in equal seconds",
    )
    add_learning_arguments(
        parser,
        "a size of the network (width, depth, ...) or of a step (members, points, rate, causal, "
        "batch)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Learns, writes the run directory, prints the result."""
    from pinn.commands.learn_arguments import halt_before_errors
    from pinn.commands.learned_table import learned_rows
    from pinn.families.registry import find_family
    from pinn.families.saved import save
    from pinn.problem.source import create
    from sciformer.cli.arguments import resolve_device
    from sciformer.cli.console import note, print_json, print_table

    begun = time.monotonic()
    resolve_device(arguments.device)
    family = find_family(arguments.family)
    network, schedule = _choices(arguments)
    start = _start(arguments, family)
    directory = create(arguments.out, family.name, _config(arguments))
    learned = _learned(arguments, family, network, start, schedule)
    save(learned, directory)
    halt_before_errors(family.name, learned.about, directory)
    if learned.about["network"] == "compiled":
        note(_offer(family, learned))
    summary = _summary(arguments, family, learned)
    save(learned, directory)  # with its calibration
    summary |= {"wall_seconds": time.monotonic() - begun, "run": str(directory.path)}
    if arguments.ablation:
        summary["ablation"] = _ablation(arguments, family, schedule)
    directory.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
        return 0
    print_table(learned_rows(summary), ("", family.name))
    if arguments.ablation:
        columns = (
            "network",
            "start",
            "parameters",
            "steps",
            "median",
            "mean",
            "q95",
            "milliseconds",
        )
        print_table([[row[c] for c in columns] for row in summary["ablation"]], columns)
    return 0


def _learned(
    arguments: argparse.Namespace, family: Family, network: Any, start: Any, schedule: Any
) -> Learned:
    from pinn.families.learning import learn
    from sciformer.cli.console import training_progress

    with training_progress(family.name) as observe:
        return learn(
            family,
            network=network,
            start=start,
            loss=arguments.loss,
            data=arguments.data,
            budget=arguments.budget,
            seed=arguments.seed,
            schedule=schedule,
            device=arguments.device,
            observe=observe,
        )


def _choices(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Network and schedule; sizes by name."""
    import dataclasses

    from pinn.commands.learn_arguments import sizes_and_steps
    from pinn.families.networks.shared_trunk import SpectralBranch
    from pinn.families.training import Schedule
    from pinn.names import make

    chosen = None if arguments.network is None else make("family network", arguments.network)
    default: Any = chosen or SpectralBranch()
    sizes, steps = sizes_and_steps(WHO, arguments.pairs, type(default), Schedule)
    network = dataclasses.replace(default, **sizes) if sizes else chosen
    return network, Schedule(**steps)


def _start(arguments: argparse.Namespace, family: Family) -> Any:
    from pinn.families.starts import find_start

    return None if arguments.start is None else find_start(arguments.start, family)


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("network", "start", "loss", "budget", "seed", "pairs")
    chosen = {name: getattr(arguments, name) for name in names}
    data = None if arguments.data is None else str(arguments.data)
    return {"problem": arguments.family, "data": data, **chosen}


def _offer(family: Family, learned: Learned) -> str:
    from pinn.families.cole_hopf import ColeHopf
    from pinn.families.cole_hopf_layers import LAYERS, ColeHopfLayers

    if isinstance(learned.answer.start, ColeHopfLayers):
        return (
            f"{family.name}: its solution is {LAYERS} layers of heat heads (Cole-Hopf), up to "
            "the error of the splitting. Nothing was trained; --network NAME trains one."
        )
    is_head = isinstance(learned.answer.start, ColeHopf)
    what = (
        "one head of attention (Cole-Hopf); `sciformer compile --pde burgers-periodic` gives it a "
        "certificate"
        if is_head
        else "its linear flow, wave by wave; `sciformer compile --pde heat` gives one as a "
        "Transformer with a certificate"
    )
    return (
        f"{family.name}: its solution is {what}. Nothing was trained; --network NAME "
        "trains one all the same."
    )


def _summary(arguments: argparse.Namespace, family: Family, learned: Learned) -> dict[str, Any]:
    """All results; errors only where the family has a reference."""
    from dataclasses import asdict

    about = learned.about
    summary: dict[str, Any] = {
        "family": family.name,
        **{key: about[key] for key in ("network", "start", "leaves_out", "loss", "seed")},
        "parameters": learned.parameter_count,
        **{key: about.get(key) for key in ("optimiser", "steps", "validation", "train_seconds")},
    }
    if family.reference is None:
        unknown = dict.fromkeys(("median", "mean", "q95", "worst", "milliseconds"))
        bounds = _bounds(learned, arguments.functions)
        return {**summary, "functions": None, **unknown, "error_bounds": bounds}
    summary |= asdict(learned.errors(arguments.functions))
    if arguments.calibrate >= 20:  # of fewer, half of them cannot promise 90 %
        calibration = learned.calibrate(arguments.calibrate)
        low, high = calibration.coverage(0.9)
        mean, least, most = calibration.measured(0.9)
        summary["band"] = {
            "level": 0.9,
            "half_width_over_rms": calibration.quantile(0.9).tolist(),
            "coverage_5_95": [low, high],
            "measured_coverage": mean,
            "measured_least_most": [least, most],
        }
    return summary


def _bounds(learned: Learned, functions: int) -> dict[str, Any] | None:
    """Bounds of the errors of a few unseen members, where no reference says what they are."""
    from dataclasses import asdict

    from sciformer.cli.console import note
    from sciformer.errors import ConvergenceError, UsageError

    try:
        return asdict(learned.bounds(min(functions, BOUNDED)))
    except (UsageError, ConvergenceError) as error:
        note(f"{WHO}: no reference, and no error bound either: {error}")
        return None


def _ablation(arguments: argparse.Namespace, family: Family, schedule: Any) -> list[dict[str, Any]]:
    """Results of every network from the best start and from the faded one, in equal seconds."""
    from pinn.families.learning import learn
    from pinn.families.starts import Faded, start_for
    from pinn.names import known, make

    starts = {start.name: start for start in (start_for(family, solved=False), Faded(family))}
    found = []
    for name in sorted(known("family network")):
        for start in starts.values():
            one = learn(
                family,
                network=make("family network", name),
                start=start,
                loss=arguments.loss,
                data=arguments.data,
                budget=arguments.budget,
                seed=arguments.seed,
                schedule=schedule,
                device=arguments.device,
            )
            short = argparse.Namespace(functions=arguments.functions, calibrate=0)
            found.append(_summary(short, family, one))
    return found
