"""Make a trained sequence model smaller, and say what that costs in accuracy."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciformer.runs import Run
    from sciformer.sequence.data import SequenceData
    from sciformer.sequence.model import SequenceClassifier
    from sciformer.sequence.saved import Choice

EPILOG = """examples:
  sciformer compress runs/words --how prune --budget 0.5
  sciformer compress runs/words --how prune --budget 0.3 --tune 10 --drop 0.01
  sciformer compress runs/words --compare

prune removes hidden units, memory channels and heads, those first that matter least to the loss on
the training split; low-rank replaces linear maps and convolutions by products of two thinner ones.
The budget is a share of the operations. Batch norms are measured anew; beside the result stands the
plain cut, which keeps the first units of every place. Accuracies are on the test split, with 95 %
intervals. The result is a run that streams, is exported and compressed again."""
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
    parser.add_argument("--how", default="prune", metavar="NAME", help="prune (default), low-rank")
    parser.add_argument(
        "--budget",
        type=positive_number,
        default=0.5,
        metavar="SHARE",
        help="of the operations that may be left; 0.5",
    )
    parser.add_argument(
        "--tune", type=natural_number, default=0, metavar="EPOCHS", help="train on; 0"
    )
    parser.add_argument(
        "--drop",
        type=positive_number,
        metavar="SHARE",
        help="exit with 1 if the validation split loses more accuracy than that",
    )
    parser.add_argument(
        "--compare", action="store_true", help="every way at four budgets instead, without a run"
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="if the data have moved")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run directory of the result")
    parser.add_argument("--threads", type=positive_integer, metavar="N", help="by torch")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Makes the smaller model, writes its run and prints what it reaches."""
    from sciformer.cli.arguments import set_threads
    from sciformer.errors import UsageError, unknown_name
    from sciformer.sequence.compressing import WAYS, on
    from sciformer.sequence.saved import load_chosen, load_model

    set_threads(arguments.threads)
    if arguments.how not in WAYS:
        raise unknown_name("sciformer compress", "way", arguments.how, WAYS)
    model, choice = load_model(arguments.run)
    if choice.task != "classify":
        raise UsageError(
            f"sciformer compress: {arguments.run} is trained to {choice.task}; only classifiers "
            "are made smaller so far."
        )
    data = on(load_chosen(choice, arguments.data), model.head.weight)
    if arguments.compare:
        return _compare(arguments, model, data)
    return _compress(arguments, model, choice, data)


def _compress(
    arguments: argparse.Namespace, model: SequenceClassifier, choice: Choice, data: SequenceData
) -> int:
    from dataclasses import replace

    from sciformer.cli.console import note, print_json, print_table
    from sciformer.runs import Run
    from sciformer.sequence.compressing import WAYS, figures, shrink
    from sciformer.sequence.saved import WEIGHTS, save_model

    before = figures(model, data)
    smaller, edits = shrink(model, WAYS[arguments.how](), arguments.budget, data)
    made = replace(choice, edits=(*choice.edits, *edits))
    result = Run.create(arguments.out, KIND, made.record())
    if arguments.tune:
        _tune(smaller, made, data, result, arguments.tune)
    after = figures(smaller, data)
    save_model(smaller, result)
    summary = {
        "how": arguments.how,
        "budget": arguments.budget,
        "tuned_epochs": arguments.tune,
        "accuracy_before": before.accuracy,
        "accuracy_after": after.accuracy,
        "accuracy_after_low": after.low,
        "accuracy_after_high": after.high,
        "accuracy_of_plain_cut": _plain(model, arguments.budget, data),
        "validation_before": before.validation_accuracy,
        "validation_after": after.validation_accuracy,
        "parameters_before": before.parameters,
        "parameters": after.parameters,
        "macs_before": before.macs,
        "macs": after.macs,
        "acs": after.acs,
        "bytes_before": (arguments.run / WEIGHTS).stat().st_size,
        "bytes": (result.path / WEIGHTS).stat().st_size,
        "of": str(arguments.run),
        "run": str(result.path),
    }
    result.write_json("summary.json", {**_costs(smaller, data), **summary})
    if arguments.json:
        print_json(summary)
    else:
        print_table(list(summary.items()), ("figure", "value"))
    lost = before.validation_accuracy - after.validation_accuracy
    if arguments.drop is None or lost <= arguments.drop:
        return 0
    note(
        f"sciformer compress: the validation split loses {lost:.4f} of accuracy, more than --drop "
        f"{arguments.drop:g}; raise --budget or --tune."
    )
    return 1


def _tune(
    model: SequenceClassifier, choice: Choice, data: SequenceData, run: Run, epochs: int
) -> None:
    from dataclasses import replace

    from sciformer.cli.console import Progress
    from sciformer.sequence.training import train

    recipe = replace(choice.recipe(), epochs=epochs, rate=TUNING_RATE * choice.rate)
    with Progress(total=1.0, label="tune") as shown:
        train(model, data, recipe, run, lambda done, seen: shown.update(done, **seen))
    model.eval()


def _plain(model: SequenceClassifier, budget: float, data: SequenceData) -> float | None:
    """Accuracy of the plain cut; None where it does not reach the budget."""
    from sciformer.compression.prune import PlainCut
    from sciformer.errors import UsageError
    from sciformer.sequence.compressing import shrink
    from sciformer.sequence.training import evaluate

    try:
        return evaluate(shrink(model, PlainCut(), budget, data)[0], data.test).accuracy
    except UsageError:
        return None


def _costs(model: SequenceClassifier, data: SequenceData) -> dict[str, Any]:
    """What `sciformer cost` reads of every run."""
    import torch

    from sciformer.sequence.operations import summary_of
    from sciformer.sequence.training import evaluate

    some = data.test.select(torch.arange(min(100, len(data.test)))).inputs
    return {"accuracy": evaluate(model, data.test).accuracy, **summary_of(model, some, data.length)}


def _compare(arguments: argparse.Namespace, model: SequenceClassifier, data: SequenceData) -> int:
    from dataclasses import asdict

    from sciformer.cli.console import print_json, print_table
    from sciformer.sequence.compressing import Row, compare, figures

    rows = [Row("whole", 1.0, figures(model, data)), *compare(model, data, BUDGETS)]
    if arguments.json:
        print_json([asdict(row) for row in rows])
        return 0
    table: list[list[str]] = []
    for row in rows:
        found = row.figures
        if found is None:
            table.append([row.how, f"{row.budget:g}", "not reached", "", "", "", ""])
            continue
        interval = f"{100 * found.low:.1f} – {100 * found.high:.1f}"
        validation = f"{100 * found.validation_accuracy:.1f}"
        sizes = [f"{found.parameters:,}", f"{found.macs:,}"]
        accuracy = f"{100 * found.accuracy:.1f}"
        table.append([row.how, f"{row.budget:g}", accuracy, interval, validation, *sizes])
    names = ("how", "budget", "accuracy %", "95 %", "validation %", "parameters", "macs")
    print_table(table, names)
    return 0
