"""The choices of a training: what is asked for, what its run keeps, and what is made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import sciformer.compression.spiking  # noqa: F401  so that units of spiking models are known
from sciformer.compression.edits import Edit, rebuild
from sciformer.errors import DataError, unknown_name
from sciformer.mixers import Pipeline
from sciformer.mixers.normalisation import Standardise
from sciformer.runs import Run
from sciformer.sequence.architecture import Mixing
from sciformer.sequence.augmentation import Augmentation, Noise, Rescale, Roll, Tilt
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.data.targets import Classes, NextFrames, Numbers, Targets
from sciformer.sequence.presets import make_model
from sciformer.sequence.tasks import TASKS
from sciformer.sequence.training import Recipe

LARGEST = 1 << 20  # features, classes, tokens or epochs: far above any data set
# Changes that leave the class as it is, data set by data set.
AUGMENTATIONS: dict[str, tuple[Augmentation, ...]] = {
    "mnist1d": (Roll(39), Rescale(0.1), Tilt(0.3), Noise(0.03)),
    "speech-commands": (Rescale(0.05), Noise(0.05)),
}


@dataclass(frozen=True)
class Choice:
    """Choices of a training, which together with the data determine the result.

    Attributes:
        model: family, see `make_model`.
        preset: its sizes.
        dataset: name of the data set.
        mixer: see `Architecture`.
        features, classes, length: of the data set.
        epochs, batch, rate: see `Recipe`.
        seed: of the weights, the validation split and the training.
        dtype: of weights and data.
        source: where the user's own data lie; empty for data sets by name.
        mixing: see `Mixing`.
        edits: where it was made smaller afterwards.
        task: classify, regress or forecast.
        horizon: frames to forecast.
        budget: seconds of training, see `Recipe`.
        digest: of own data, see `SequenceData.digest`; empty where it was not kept.
    """

    model: str
    preset: str
    dataset: str
    mixer: str
    features: int
    classes: tuple[str, ...]
    length: int
    epochs: int
    batch: int
    rate: float
    seed: int
    dtype: str
    source: str = ""
    mixing: Mixing = field(default_factory=Mixing)
    edits: tuple[Edit, ...] = ()
    task: str = "classify"
    horizon: int = 1
    budget: float = 0.0
    digest: str = ""

    def record(self) -> dict[str, Any]:
        """The configuration that its run keeps."""
        return asdict(self)

    def of_data(self, data: SequenceData) -> Choice:
        """The choice with the sizes of the data, and the digest of own ones."""
        return replace(
            self,
            features=data.features,
            classes=data.classes,
            length=data.length,
            digest=data.digest if self.source else "",
        )

    def targets(self) -> Targets:
        """The targets of sequences of own data."""
        if self.task == "forecast":
            return NextFrames(self.horizon)
        return Numbers() if self.task == "regress" else Classes()

    def make(self) -> SequenceClassifier:
        """The model with fresh weights; sets the global seed, as torch's initialisers want it."""
        torch.manual_seed(self.seed)
        sizes: dict[str, Any] = {
            "features": self.features,
            "classes": len(self.classes),
            "length": self.length,
        }
        if self.mixing != Mixing():
            sizes["mixing"] = self.mixing
        if self.preset == "small":
            sizes["theta"] = self.length
        model = make_model(self.model, self.preset, **sizes, mixer=self.mixer)
        if self.source:
            # Own data come in any unit; the statistics are saved with the weights.
            model.body = Pipeline(standardise=Standardise(self.features), body=model.body)
        rebuild(model, self.edits)
        if self.task not in TASKS:
            raise unknown_name("sciformer train", "task", self.task, TASKS)
        TASKS[self.task]().prepare(model)
        return model.to(getattr(torch, self.dtype))

    def fit_statistics(self, model: SequenceClassifier, data: SequenceData) -> None:
        """Gives a fresh model the mean and deviation of own training frames, and of targets.

        Raises:
            DataError: classes where the task needs numbers, or the other way round.
        """
        is_number = data.train.labels.is_floating_point()
        if is_number is not (self.task != "classify"):
            found = "numbers" if is_number else "classes"
            raise DataError(
                f"train: the targets of {data.name} are {found}, which the task {self.task} does "
                "not take; name another task."
            )
        model.task.prepare(model, data.train)
        stage = next((m for m in model.modules() if isinstance(m, Standardise)), None)
        if stage is not None:
            mask = data.train.mask
            stage.fit(data.train.inputs.flatten(0, 1) if mask is None else data.train.inputs[mask])

    def recipe(self) -> Recipe:
        """The recipe of the training."""
        return Recipe(
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate,
            seed=self.seed,
            budget=self.budget,
            augmentations=AUGMENTATIONS.get(self.dataset, ()),
        )


def chosen(run: Run) -> Choice:
    """The choices with which a run was made.

    Raises:
        DataError: the run does not hold a trained sequence model.
    """
    try:
        config = dict(run.config)
        mixing = dict(config.get("mixing", {}))
        mixing["spans"] = tuple(int(span) for span in mixing.get("spans", ()))
        mixing["core"] = str(mixing.get("core", ""))
        config |= {"classes": tuple(config["classes"]), "mixing": Mixing(**mixing)}
        config["edits"] = tuple(Edit(**edit) for edit in config.get("edits", ()))
        choice = Choice(**config)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"run: {run.path} is a run of {run.kind!r}, not of `sciformer train`; name another."
        ) from error
    _check(choice, run.path)
    return choice


def odd_fields(choice: Choice) -> list[str]:
    """The names of fields whose values are of other types or sizes than a training takes."""
    texts = ("model", "preset", "dataset", "mixer", "dtype", "source", "task", "digest")
    numbers = ("features", "length", "epochs", "batch", "horizon")
    odd = [name for name in texts if not isinstance(getattr(choice, name), str)]
    odd += [n for n in numbers if type(v := getattr(choice, n)) is not int or not 0 < v <= LARGEST]
    mixing = choice.mixing
    counts = (mixing.window, mixing.latents, mixing.block, *(span + 1 for span in mixing.spans))
    if any(type(v) is not int or not 0 < v <= LARGEST for v in counts):
        odd.append("mixing")
    if not all(_is_edit(edit) for edit in choice.edits):
        odd.append("edits")
    odd += [] if type(choice.seed) is int and 0 <= choice.seed < 2**63 else ["seed"]
    odd += [] if isinstance(choice.rate, (int, float)) and choice.rate > 0 else ["rate"]
    odd += [] if isinstance(choice.budget, (int, float)) and choice.budget >= 0 else ["budget"]
    odd += [] if isinstance(choice.task, str) and choice.task in TASKS else ["task"]
    odd += [] if choice.dtype in ("float32", "float64") else ["dtype"]
    are_names = all(isinstance(name, str) for name in choice.classes)
    odd += [] if 0 < len(choice.classes) <= LARGEST and are_names else ["classes"]
    return odd


def _check(choice: Choice, path: Path) -> None:
    """Refuses values of other types or sizes than a training writes."""
    if odd := odd_fields(choice):
        raise DataError(
            f"run: {path} has a configuration that no training writes, {odd[0]} is "
            f"{str(getattr(choice, odd[0]))[:60]!r}; name another run."
        )


def _is_edit(edit: Edit) -> bool:
    texts = isinstance(edit.kind, str) and isinstance(edit.place, str)
    counts = type(edit.size) is type(edit.nonzeros) is int
    return texts and counts and 0 < edit.size <= LARGEST and 0 <= edit.nonzeros <= edit.size
