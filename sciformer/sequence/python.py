"""Training from Python, as `sciformer train` does it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sciformer.errors import UsageError, unknown_name
from sciformer.runs import Run
from sciformer.sequence.choice import Choice, odd_fields
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.saved import KIND, save_model
from sciformer.sequence.summary import summarise
from sciformer.sequence.training import train as train_model

OF_DATA = ("dataset", "features", "classes", "length", "source", "digest", "task")


@dataclass(frozen=True)
class Trained:
    """A model that was trained, and where its run lies.

    Attributes:
        model: in evaluation mode; `Streamer(model)` runs it frame by frame.
        path: run directory, for `sciformer stream`, `export` and `compress`.
        summary: score on the test split, parameters, operations.
    """

    model: SequenceClassifier
    path: Path
    summary: dict[str, Any]


def train(
    data: SequenceData, *, task: str = "classify", out: Path | str | None = None, **options: Any
) -> Trained:
    """Train a sequence model on one's own data.

    Args:
        data: for example `own_data(x, y)`.
        task: classify, regress or forecast; must fit the targets of the data.
        out: run directory; a new one under `runs` by default.
        options: fields of `sciformer.sequence.choice.Choice`, for example epochs, mixer, seed,
            budget (seconds).

    Raises:
        UsageError: a directory that holds something, a name that does not exist, or a number
            outside of its range.
        DataError: targets that do not fit the task.

    Examples:
        >>> import numpy as np, sciformer, tempfile
        >>> labels = np.arange(60) % 2
        >>> waves = np.random.default_rng(0).normal(size=(60, 16)) + 3 * labels[:, None]
        >>> folder = tempfile.mkdtemp() + "/run"
        >>> trained = sciformer.train(sciformer.own_data(waves, labels), epochs=1, out=folder)
        >>> trained.path.name
        'run'
    """
    _check_names(data, options)
    settings: dict[str, Any] = {
        "model": "lmuformer",
        "preset": "small",
        "mixer": "lmu",
        "epochs": 25,
        "batch": 100,
        "rate": 6e-3,
        "seed": 0,
        "dtype": "float32",
        **options,
    }
    blank = Choice(
        dataset=data.name,
        features=1,
        classes=("",),
        length=1,
        source=data.name,  # own data, whose units the model takes over
        task=task,
        **settings,
    )
    choice = blank.of_data(data)
    if odd := odd_fields(choice):
        raise UsageError(
            f"sciformer.train: {odd[0]} = {getattr(choice, odd[0])!r} is outside of what a "
            "training takes; see sciformer.sequence.choice.Choice."
        )
    model = choice.make()
    choice.fit_statistics(model, data)
    run = Run.create(out, KIND, choice.record())
    progress = train_model(model, data, choice.recipe(), run)
    save_model(model, run)
    summary = summarise(model.eval(), data, progress) | {"run": str(run.path)}
    run.write_json("summary.json", summary)
    return Trained(model, run.path, summary)


def _check_names(data: object, options: dict[str, Any]) -> None:
    if not isinstance(data, SequenceData):
        raise UsageError(
            f"sciformer.train: data are a SequenceData, such as own_data(x, y); got "
            f"{type(data).__name__}."
        )
    known = [field.name for field in fields(Choice) if field.name not in OF_DATA]
    for name in options:
        if name not in known:
            raise unknown_name("sciformer.train", "option", name, known)
