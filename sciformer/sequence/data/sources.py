"""Every data set by name, and where it comes from."""

from __future__ import annotations

import importlib
from pathlib import Path

from sciformer.errors import unknown_name
from sciformer.sequence.data.dataset import SequenceData

# Module of each data set; it has `load(directory, seed) -> SequenceData`.
DATASETS = {
    "mnist1d": "mnist1d",
    "psmnist": "pixels",
    "fashion-psmnist": "fashion",
    "digits": "digits",
    "japanese-vowels": "vowels",
    "speech-commands": "speech",
    "listops": "listops",
}


def load_data(name: str, directory: Path | None = None, seed: int = 0) -> SequenceData:
    """A data set.

    Args:
        name: one of `DATASETS`.
        directory: where its files lie, for those that have files.
        seed: of the validation split, and of what is generated.

    Raises:
        UnknownNameError: no such data set.
        DataError: files that are missing or damaged, a package that is not installed.
    """
    if name not in DATASETS:
        raise unknown_name("load_data", "data set", name, DATASETS)
    module = importlib.import_module(f"sciformer.sequence.data.{DATASETS[name]}")
    data: SequenceData = module.load(directory, seed)
    return data
