"""Train a sequence classifier on Legendre memories, spiking neurons or attention."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciformer.runs import Run
    from sciformer.sequence.choice import Choice
    from sciformer.sequence.classifier import SequenceClassifier
    from sciformer.sequence.data import SequenceData
    from sciformer.sequence.training import Progress

EPILOG = """examples:
  sciformer train lmuformer --dataset mnist1d
  sciformer train spiking-lmuformer --dataset mnist1d --epochs 60 --out runs/spikes
  sciformer train lmuformer --dataset mnist1d --mixer urpe --json
  sciformer train lmuformer --dataset mnist1d --mixer attention --spans 8,full
  sciformer train lmuformer --dataset mnist1d --mixer linear
  sciformer train lmuformer --dataset speech-commands --data ~/speech_commands_v0.02
  sciformer train lmuformer --data sensors.npz
  sciformer train lmuformer --data sensors.npz --task regress --budget 60
  sciformer train lmuformer --data sensors.npz --task forecast --horizon 5
  sciformer train --resume runs/spikes

Your own sequences: --data without --dataset names a npz file with x (N, n, c) and y (N,), a csv
file with the columns sequence, label and features, a .ts file, or a folder with one folder per
class of csv, npy or wav files. Splits are drawn by --seed where the data have none. For regress y
holds numbers (N,) or (N, k); for forecast the last --horizon frames are predicted, and y is not
read. Their score r2 is 1 - squared error / variance of the training targets.

Data sets: mnist1d, digits, japanese-vowels, listops and listops-full (of the published size) come
from packages or are generated, as are the sounds of tones; psmnist, fashion-psmnist and
speech-commands are read from --data. The weights that are kept are those of the best epoch on a
validation split; the test split is used once, at the end."""
EARLY_EXIT_SEQUENCES = 1000  # of the test split, for the curve
DEFAULT_PRESETS = {
    "psmnist": "psmnist",
    "fashion-psmnist": "psmnist",
    "speech-commands": "causal",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_run_arguments, positive_integer, positive_number

    parser.epilog = EPILOG
    parser.add_argument("model", nargs="?", help="lmuformer or spiking-lmuformer")
    parser.add_argument("--dataset", metavar="NAME", help="data set by name, see below")
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="your own sequences, or the files of --dataset"
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="small, causal, speech-commands, psmnist or psmnist-last (default: by data set)",
    )
    _add_mixing(parser)
    parser.add_argument(
        "--task", default="classify", metavar="NAME", help="classify (default), regress or forecast"
    )
    parser.add_argument(
        "--horizon",
        type=positive_integer,
        default=1,
        metavar="N",
        help="number of frames to forecast (default 1)",
    )
    parser.add_argument(
        "--budget",
        type=positive_number,
        default=0.0,
        metavar="S",
        help="seconds of training at most",
    )
    parser.add_argument(
        "--epochs",
        type=positive_integer,
        default=25,
        metavar="N",
        help="passes over the training split (default 25)",
    )
    parser.add_argument(
        "--batch",
        type=positive_integer,
        default=100,
        metavar="N",
        help="sequences per step (default 100)",
    )
    parser.add_argument(
        "--rate",
        type=positive_number,
        default=6e-3,
        metavar="R",
        help="largest learning rate (default 0.006)",
    )
    parser.add_argument(
        "--export", choices=("nir",), help="also write the spiking network for other tools"
    )
    add_run_arguments(parser, dtype="float32")


def _add_mixing(parser: argparse.ArgumentParser) -> None:
    from sciformer.cli.arguments import positive_integer

    parser.add_argument(
        "--mixer",
        default="lmu",
        metavar="NAME",
        help="lmu (default), attention, urpe, window, linear (these stream), latents, slices, "
        "regions, or one that another package registers",
    )
    sizes = {
        "--window": (16, "frames that the mixer window reaches back; 16"),
        "--latents": (32, "number of latents or slices; 32"),
        "--block": (16, "frames in a region of the mixer regions; 16"),
    }
    for name, (default, text) in sizes.items():
        parser.add_argument(name, type=positive_integer, default=default, metavar="N", help=text)
    parser.add_argument(
        "--spans",
        type=_spans,
        default=(),
        metavar="N,N",
        help="frames each attention block reaches back, such as full,16",
    )
    parser.add_argument(
        "--core", default="", metavar="NAME", help="attention core (default: by size)"
    )


def _spans(text: str) -> tuple[int, ...]:
    """Frames for each block; 0 for full."""
    try:
        spans = tuple(0 if part == "full" else int(part) for part in text.split(","))
    except ValueError:
        spans = (-1,)
    if min(spans) < 0:
        raise argparse.ArgumentTypeError(
            f"expects whole numbers of frames or `full`, separated by commas; got {text!r}"
        )
    return spans


def run(arguments: argparse.Namespace) -> None:
    """Trains, writes the run directory, prints the result."""
    from dataclasses import replace

    from sciformer.cli.arguments import resolve_device, resolve_dtype, set_threads
    from sciformer.cli.console import note, training_progress
    from sciformer.sequence.training import train

    set_threads(arguments.threads)
    device, run, choice, data = (resolve_device(arguments.device), *_opened(arguments))
    dtype = resolve_dtype(choice.dtype)
    splits = ("train", "validation", "test")
    data = replace(data, **{name: getattr(data, name).to(device, dtype) for name in splits})
    model = choice.make().to(device)
    choice.fit_statistics(model, data)
    note(f"{choice.model} on {choice.dataset}: {model.parameter_count():,} parameters, {run.path}")
    with training_progress(choice.dataset) as observe:
        progress = train(model, data, choice.recipe(), run, observe)
    _finish(arguments, model, data, run, progress)


def _opened(arguments: argparse.Namespace) -> tuple[Run, Choice, SequenceData]:
    """The run, new or resumed, its choices, and its data."""
    from sciformer.errors import UsageError
    from sciformer.runs import Run
    from sciformer.sequence.choice import chosen
    from sciformer.sequence.chosen_data import load_chosen, load_trained_on
    from sciformer.sequence.saved import KIND

    if arguments.resume:
        started = Run.open(arguments.resume)
        if started.kind != KIND:
            raise UsageError(
                f"sciformer train: {started.path} is a run of {started.kind!r}, not of `sciformer "
                "train`; name another."
            )
        choice = chosen(started)
        run = Run.resume(arguments.resume, choice.record())
        source = arguments.data or (Path(choice.source) if choice.source else None)
        return run, choice, load_trained_on(choice, source)
    if arguments.model is None or (arguments.dataset is None and arguments.data is None):
        raise UsageError(
            "sciformer train: name a model and a data set, for example "
            "`sciformer train lmuformer --dataset mnist1d`, or your own by --data FILE."
        )
    asked = _choice(arguments)
    data = load_chosen(asked, arguments.data)
    choice = asked.of_data(data)
    # Refuses wrong names, and targets of another task, before a directory is made.
    choice.fit_statistics(choice.make(), data)
    return Run.create(arguments.out, KIND, choice.record()), choice, data


def _choice(arguments: argparse.Namespace) -> Choice:
    """The choices of the arguments; sizes are those of the data, which are not read yet."""
    from sciformer.sequence.architecture import Mixing
    from sciformer.sequence.choice import Choice
    from sciformer.sequence.chosen_data import OWN

    return Choice(
        model=arguments.model,
        preset=arguments.preset or DEFAULT_PRESETS.get(arguments.dataset, "small"),
        dataset=arguments.dataset or OWN,
        mixer=arguments.mixer,
        features=1,
        classes=("",),
        length=1,
        task=arguments.task,
        horizon=arguments.horizon,
        budget=arguments.budget,
        epochs=arguments.epochs,
        batch=arguments.batch,
        rate=arguments.rate,
        seed=arguments.seed,
        dtype=arguments.dtype,
        source="" if arguments.dataset else str(arguments.data.resolve()),
        mixing=Mixing(
            window=arguments.window,
            latents=arguments.latents,
            block=arguments.block,
            spans=arguments.spans,
            core=arguments.core,
        ),
    )


def _finish(
    arguments: argparse.Namespace,
    model: SequenceClassifier,
    data: SequenceData,
    run: Run,
    progress: Progress,
) -> None:
    """Tests, draws, writes and prints."""
    import torch

    from sciformer.cli.console import print_json, print_table
    from sciformer.sequence.figures import confusion_matrix, early_exit, learning_curve
    from sciformer.sequence.saved import save_model
    from sciformer.sequence.streaming import early_exit_curve, frames_needed
    from sciformer.sequence.summary import labelled, summarise
    from sciformer.sequence.training import evaluate

    save_model(model, run)
    summary: dict[str, Any] = {
        **summarise(model, data, progress),
        "run": str(run.path),
    }
    metric = model.task.metric
    _draw(run, "learning_curve.png", learning_curve(run.metrics(), progress.best_epoch, metric))
    confusion = evaluate(model, data.test).confusion
    if confusion is not None:
        _draw(run, "confusion.png", confusion_matrix(confusion, data.classes))
    if confusion is not None and model.body.causal and data.test.lengths is None:
        some = data.test.select(torch.arange(min(EARLY_EXIT_SEQUENCES, len(data.test))))
        curve = early_exit_curve(model, some.inputs, some.labels)
        summary["frames_for_99_percent"] = frames_needed(curve)
        run.write_array("early_exit.npz", accuracy=curve)
        _draw(run, "early_exit.png", early_exit(curve, frames_needed(curve)))
    if arguments.export:
        from sciformer.sequence.nir_export import write_nir

        with run.file("model.nir") as path:
            write_nir(model, path)
    run.write_json("summary.json", summary)
    if arguments.json:
        print_json(summary)
    else:
        print_table(labelled(summary), ("train", "value"))


def _draw(run: Run, name: str, figure: Any) -> None:
    with run.file(name) as path:
        figure.savefig(path, format="png")
