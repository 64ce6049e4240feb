"""The data that a model is trained on, or was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from sciformer.sequence.choice import Choice
    from sciformer.sequence.data.dataset import SequenceData

OWN = "own"  # the data set of a user's own file


def load_chosen(choice: Choice, source: Path | None = None) -> SequenceData:
    """The data that a model was or will be trained on.

    Args:
        choice: what is asked for.
        source: where the data lie now; as the choice says by default.

    Raises:
        UsageError: another task than classify on a data set of classes.
    """
    from sciformer.sequence import data

    place = source or (Path(choice.source) if choice.source else None)
    if choice.dataset in data.DATASETS and choice.dataset != OWN:
        if choice.task != "classify":
            raise UsageError(
                f"sciformer train: {choice.dataset} is a data set of classes; the task "
                f"{choice.task} needs your own data with --data."
            )
        return data.load_data(choice.dataset, place, choice.seed)
    return data.load_data(OWN, place, choice.seed, choice.targets())


def load_trained_on(choice: Choice, source: Path | None = None) -> SequenceData:
    """The data that a model was trained on, and no others.

    Args:
        choice: of the training.
        source: where the data lie now; as the choice says by default.

    Raises:
        DataError: frames of another width, other classes or outputs, or other training sequences.
            Splits are drawn from the whole file, so a file that grew would put sequences of the
            training among those that judge it.
    """
    data = load_chosen(choice, source)
    found, wanted = (data.features, data.classes), (choice.features, choice.classes)
    if found != wanted:
        raise DataError(
            f"{data.name}: has frames of {found[0]} numbers and the outputs {_few(found[1])}; the "
            f"model was trained on {wanted[0]} and {_few(wanted[1])}, so name its own data by "
            "--data."
        )
    if choice.digest and data.digest != choice.digest:
        raise DataError(
            f"{data.name}: holds other training sequences than those that the model was trained "
            "on; restore the file, or train anew."
        )
    return data


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:6])) + (" ..." if len(names) > 6 else "")
