"""Every data set by name, and its source."""

from __future__ import annotations

import importlib
from pathlib import Path

from sciformer.errors import unknown_name
from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.data.targets import Targets

# Module and function of each data set: (directory, seed) -> SequenceData.
DATASETS = {
    "mnist1d": ("mnist1d", "load"),
    "psmnist": ("pixels", "load"),
    "fashion-psmnist": ("fashion", "load"),
    "own": ("own", "load_own"),
    "tones": ("tones", "load"),
    "digits": ("digits", "load"),
    "japanese-vowels": ("vowels", "load"),
    "speech-commands": ("speech", "load"),
    "listops": ("listops", "load"),
    "listops-full": ("listops", "load_full"),
}


def load_data(
    name: str, directory: Path | None = None, seed: int = 0, targets: Targets | None = None
) -> SequenceData:
    """A data set.

    Args:
        name: one of `DATASETS`.
        directory: where its files lie, for those that have files; the file or folder itself for
            "own".
        seed: of the validation split, and of what is generated.
        targets: what is asked of a sequence of "own".

    Raises:
        UnknownNameError: no such data set.
        DataError: files that are missing or damaged, a package that is not installed.
    """
    if name not in DATASETS:
        raise unknown_name("load_data", "data set", name, DATASETS)
    module, function = DATASETS[name]
    load = getattr(importlib.import_module(f"sciformer.sequence.data.{module}"), function)
    data: SequenceData = load(directory, seed, *([] if targets is None else [targets]))
    return data
