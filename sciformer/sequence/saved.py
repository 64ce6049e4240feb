"""Trained models in their run directories: the weights, and reading them back."""

from __future__ import annotations

from pathlib import Path

from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.runs.reading import read_tensors
from sciformer.sequence.choice import Choice, chosen
from sciformer.sequence.classifier import SequenceClassifier

WEIGHTS = "model.safetensors"
KIND = "train"


def save_model(model: SequenceClassifier, run: Run) -> None:
    """Writes the weights into the run."""
    from safetensors.torch import save_file

    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    with run.file(WEIGHTS) as path:
        save_file(tensors, path, {"run": run.digest})


def load_model(directory: Path | str) -> tuple[SequenceClassifier, Choice]:
    """The trained model of a run, in evaluation mode, and what it was made with.

    Raises:
        DataError: the directory is not a run, its training has not ended, or its weights are
            damaged, not finite or those of another network.
    """
    run = Run.open(directory)
    choice = chosen(run)
    path = run.path / WEIGHTS
    if not path.exists():
        raise DataError(
            f"run: {path} does not exist; finish the training with `sciformer train --resume`."
        )
    try:
        model = choice.make()
    except TypeError as error:
        raise DataError(
            f"run: {run.path} has a configuration that no training writes ({error}); name another."
        ) from error
    try:
        tensors, texts = read_tensors(path, model.state_dict(), inside=run.path)
        run.refuse_foreign(path, texts.get("run", ""))
    except DataError as error:
        raise DataError(
            f"run: {path} does not hold the weights of {choice.model}, preset {choice.preset}, as "
            f"this version has it; train again: {error}"
        ) from error
    model.load_state_dict(tensors)
    return model.eval(), choice
