"""Make a trained sequence model smaller, and report the loss of accuracy or of r2."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sciformer.runs import Run
    from sciformer.sequence.choice import Choice
    from sciformer.sequence.classifier import SequenceClassifier
    from sciformer.sequence.compressing import Metrics
    from sciformer.sequence.data import SequenceData

EPILOG = """examples:
  sciformer compress runs/words --how prune --budget 0.5
  sciformer compress runs/words --how prune --budget 0.3 --tune 10 --drop 0.01
  sciformer compress runs/words --how elastic --tune 10 --at 0.75,0.5,0.25
  sciformer compress runs/words --compare

prune removes hidden units, memory channels and heads, those first that matter least to the loss on
the training split; elastic trains every width in turn and keeps the first units, so that one
training serves all budgets of --at; low-rank replaces linear maps and convolutions by products of
two thinner ones, dense-sparse by a dense one and one of few weights, whose savings in time need a
device that skips zeros. prune, low-rank and dense-sparse are trained by --tune after the cut.
The budget is a share of the operations. Batch norms are measured anew; beside the result stands the
plain cut, which keeps the first units of every place. Scores are on the test split, with 95 %
intervals: the accuracy, or r2 of models that regress or forecast. The result is a run that streams,
is exported and compressed again. It runs on the CPU only, whatever the model was trained on."""
# Shares of the weights that --compare tries: from what costs little to what shows differences.
BUDGETS = (0.75, 0.5, 0.35, 0.25)
KIND = "compress"
# Weights that were trained before are near where they should be: a third of the rate they had.
TUNING_RATE = 1 / 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import (
        add_json_argument,
        natural_number,
        positive_integer,
        positive_number,
    )

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer train`")
    parser.add_argument(
        "--how",
        default="prune",
        metavar="NAME",
        help="prune (default), elastic, low-rank, dense-sparse",
    )
    parser.add_argument(
        "--budget",
        type=positive_number,
        default=0.5,
        metavar="SHARE",
        help="share of the operations that is kept (default 0.5)",
    )
    parser.add_argument(
        "--at",
        type=_shares,
        metavar="SHARE,SHARE",
        help="several budgets, each with a run in OUT/SHARE",
    )
    parser.add_argument(
        "--tune",
        type=natural_number,
        default=0,
        metavar="EPOCHS",
        help="epochs of further training (default 0)",
    )
    parser.add_argument(
        "--drop",
        type=positive_number,
        metavar="SHARE",
        help="exit with status 1 if the validation split loses more accuracy, or r2, than this",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="compare all ways at four budgets, or at those of --at, without writing a run",
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="location of the data, if they have moved"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory of the result")
    parser.add_argument(
        "--threads",
        type=positive_integer,
        metavar="N",
        help="CPU threads (default: torch's choice)",
    )
    add_json_argument(parser)


def _shares(text: str) -> tuple[float, ...]:
    """Argument type: distinct budgets, separated by commas."""
    from sciformer.cli.arguments import positive_number

    shares = tuple(positive_number(part) for part in text.split(","))
    if len(set(shares)) < len(shares):
        raise argparse.ArgumentTypeError(f"expects each budget once; got {text!r}")
    return shares


def run(arguments: argparse.Namespace) -> int:
    """Makes the smaller model, writes its run and prints what it reaches."""
    from sciformer.cli.arguments import set_threads
    from sciformer.errors import UsageError, unknown_name
    from sciformer.sequence.chosen_data import load_trained_on
    from sciformer.sequence.compressing import WAYS, on
    from sciformer.sequence.saved import load_model

    set_threads(arguments.threads)
    if arguments.how not in WAYS:
        raise unknown_name("sciformer compress", "way", arguments.how, WAYS)
    model, choice = load_model(arguments.run)
    if arguments.compare and (arguments.out or arguments.tune or arguments.drop):
        raise UsageError(
            "sciformer compress: --compare trains nothing and writes no run; leave out --out, "
            "--tune and --drop."
        )
    data = on(load_trained_on(choice, arguments.data), model.head.weight)
    if arguments.compare:
        return _compare(arguments, model, data)
    return _compress(arguments, model, choice, data)


def _compress(
    arguments: argparse.Namespace, model: SequenceClassifier, choice: Choice, data: SequenceData
) -> int:
    from sciformer.cli.console import print_json, print_table
    from sciformer.sequence.compressing import WAYS, metrics, ready
    from sciformer.sequence.saved import save_model
    from sciformer.sequence.summary import labelled

    way, before = WAYS[arguments.how](), metrics(model, data)

    with contextlib.ExitStack() as begun:
        wholes: list[Run] = []

        def trained(whole: SequenceClassifier) -> None:
            wholes.append(begun.enter_context(_whole_run(arguments, choice)))
            _tune(whole, choice, data, wholes[0], arguments.tune)

        start = ready(model, way, data, trained if arguments.tune else None)
        for whole in wholes:
            save_model(start, whole)
    summaries = []
    for share, place in _places(arguments).items():
        summary = _smaller(arguments, (model, start), choice, data, (share, place))
        summaries.append({**_before(arguments, before), **summary})
    if arguments.json:
        print_json(summaries if arguments.at else summaries[0])
    else:
        for summary in summaries:
            print_table(labelled(summary), ("compress", "value"))
    return max(_status(arguments, summary) for summary in summaries)


def _places(arguments: argparse.Namespace) -> dict[float, Path | None]:
    """The directory of each budget; None for one that is named by the time."""
    if not arguments.at:
        return {arguments.budget: arguments.out}
    parent: Path | None = arguments.out
    return {share: None if parent is None else parent / f"{share:g}" for share in arguments.at}


def _before(arguments: argparse.Namespace, before: Metrics) -> dict[str, Any]:
    from sciformer.sequence.saved import WEIGHTS

    return {
        "how": arguments.how,
        "tuned_epochs": arguments.tune,
        f"{before.metric}_before": before.value,
        "validation_before": before.validation,
        "parameters_before": before.parameters,
        "macs_before": before.macs,
        "bytes_before": (arguments.run / WEIGHTS).stat().st_size,
        "of": str(arguments.run),
    }


def _smaller(
    arguments: argparse.Namespace,
    models: tuple[SequenceClassifier, SequenceClassifier],
    choice: Choice,
    data: SequenceData,
    where: tuple[float, Path | None],
) -> dict[str, Any]:
    """Writes the run of one budget.

    Args:
        models: as it was given, and what is cut.
        where: budget and directory.
    """
    from dataclasses import replace

    from sciformer.runs import Run
    from sciformer.sequence.compressing import WAYS, metrics, shrink
    from sciformer.sequence.saved import WEIGHTS, save_model

    (given, start), (budget, place), way = models, where, WAYS[arguments.how]()
    smaller, edits = shrink(start, way, budget, data)
    made = replace(choice, edits=(*choice.edits, *edits))
    with Run.whole(place, KIND, made.record()) as result:
        if arguments.tune and not way.trains_first:
            _tune(smaller, made, data, result, arguments.tune)
        after = metrics(smaller, data)
        save_model(smaller, result)
        summary = {
            "budget": budget,
            f"{after.metric}_after": after.value,
            f"{after.metric}_after_low": after.low,
            f"{after.metric}_after_high": after.high,
            f"{after.metric}_of_plain_cut": _plain(given, budget, data),
            "validation_after": after.validation,
            "parameters": after.parameters,
            "macs": after.macs,
            "acs": after.acs,
            "bytes": (result.path / WEIGHTS).stat().st_size,
            "run": str(result.path),
        }
        result.write_json("summary.json", {**_costs(smaller, data), **summary})
    return summary


def _status(arguments: argparse.Namespace, summary: dict[str, Any]) -> int:
    """The exit status, 1 for a loss that was not allowed."""
    from sciformer.cli.console import note

    lost = summary["validation_before"] - summary["validation_after"]
    if arguments.drop is None or lost <= arguments.drop:
        return 0
    note(
        f"sciformer compress: at {summary['budget']:g} the score of the validation split falls by "
        f"{lost:.4f}, more than --drop {arguments.drop:g}; raise --budget or --tune."
    )
    return 1


def _tune(
    model: SequenceClassifier, choice: Choice, data: SequenceData, run: Run, epochs: int
) -> None:
    from dataclasses import replace

    from sciformer.cli.console import training_progress
    from sciformer.sequence.training import train

    recipe = replace(choice.recipe(), epochs=epochs, rate=TUNING_RATE * choice.rate)
    with training_progress("tune") as observe:
        train(model, data, recipe, run, observe)
    model.eval()


def _whole_run(arguments: argparse.Namespace, choice: Choice) -> AbstractContextManager[Run]:
    """The run from which every budget is cut, beside the smaller ones."""
    from sciformer.runs import Run

    out: Path | None = arguments.out
    if out is not None:
        out = out / "whole" if arguments.at else out.with_name(f"{out.name}-whole")
    return Run.whole(out, KIND, choice.record())


def _plain(model: SequenceClassifier, budget: float, data: SequenceData) -> float | None:
    """The score of the plain cut; None where it does not reach the budget."""
    from sciformer.compression.prune import PlainCut
    from sciformer.errors import UsageError
    from sciformer.sequence.compressing import shrink
    from sciformer.sequence.training import evaluate

    try:
        return evaluate(shrink(model, PlainCut(), budget, data)[0], data.test).value
    except UsageError:
        return None


def _costs(model: SequenceClassifier, data: SequenceData) -> dict[str, Any]:
    """The costs of every run, as `sciformer cost` reads them."""
    import torch

    from sciformer.sequence.operations import summary_of
    from sciformer.sequence.training import evaluate

    some = data.test.select(torch.arange(min(100, len(data.test)))).inputs
    score = evaluate(model, data.test).value
    return {model.task.metric: score, **summary_of(model, some, data.length)}


def _compare(arguments: argparse.Namespace, model: SequenceClassifier, data: SequenceData) -> int:
    from sciformer.cli.console import print_json, print_table
    from sciformer.sequence.compressing import Row, compare, metrics

    whole = metrics(model, data)
    rows = [Row("whole", 1.0, whole), *compare(model, data, arguments.at or BUDGETS)]
    if arguments.json:
        print_json([row.record() for row in rows])
    else:
        score = f"{whole.metric} %"
        names = ("how", "budget", score, "95 %", "validation %", "parameters", "macs")
        print_table([row.cells() for row in rows], names)
    return 0
