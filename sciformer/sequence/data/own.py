"""A user's own labelled sequences: a npz file, a csv file, a `.ts` file, or one folder per class.

    npz      x (N, n, c) or (N, n), y (N,), or x_train, y_train, x_test, y_test, ...; sequences of
             different lengths as frames x (sum n_i, c) with offsets (N + 1,)
    csv      a header; columns `sequence` and, but to forecast, `label`; the others are the features
    ts       the format of the UCR and UEA archives, read by aeon; NAME_TEST.ts beside NAME_TRAIN.ts
    folder   one folder per class with csv, npy or wav files, or train/, validation/, test/ of them;
             to forecast, files suffice

Where no test or validation split is given, one is drawn: the same for the same seed.
"""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError
from sciformer.runs.arrays import read_array, read_arrays
from sciformer.sequence.data.dataset import SequenceData, Split, hold_out
from sciformer.sequence.data.packages import wanted
from sciformer.sequence.data.speech import log_mel, read_wav
from sciformer.sequence.data.targets import Classes, Labelled, Targets, single
from sciformer.sequence.data.vowels import padded

# A fifth each is enough to compare models by, and leaves most sequences for training.
TEST_SHARE = VALIDATION_SHARE = 0.2
SPLITS = ("train", "validation", "test")
READABLE = (".csv", ".npy", ".wav")
TsReader = Callable[[str], tuple[Sequence[np.ndarray], np.ndarray]]


def load_own(path: Path | None, seed: int, targets: Targets | None = None) -> SequenceData:
    """The sequences of a file or folder, split where it does not split them itself.

    Args:
        path: npz, csv or ts file, or a folder.
        seed: of the splits that are drawn.
        targets: what is asked of a sequence; its class by default.

    Raises:
        DataError: nothing readable, sequences of different widths, a class without training data.
    """
    if path is None:
        raise DataError("train: name the file or folder of your sequences with --data.")
    targets = Classes() if targets is None else targets
    readers: dict[str, Callable[[Path], dict[str, Labelled]]] = {
        ".npz": _npz,
        ".csv": functools.partial(_csv, has_labels=targets.reads_labels),
        ".ts": _ts,
    }
    if path.is_dir():
        parts = _folder(path, targets.reads_labels)
    elif not path.exists():
        raise DataError(f"train: {path} does not exist; name a npz, csv or ts file, or a folder.")
    elif path.suffix in readers:
        parts = readers[path.suffix](path)
    else:
        raise DataError(
            f"train: {path} has the ending {path.suffix!r}; expected an npz, csv or ts file, or a "
            "folder with one folder per class."
        )
    return split_own(path, parts, seed, targets)


def own_data(
    x: Any, y: Any = None, *, seed: int = 0, targets: Targets | None = None
) -> SequenceData:
    """The sequences of arrays as a data set, a fifth of which validates and a fifth tests.

    Args:
        x: (N, n, c) or (N, n), or a list of sequences (n_i, c).
        y: a class by number or name for each sequence, (N,); or numbers, (N, k).
        seed: of the splits.
        targets: what is asked of a sequence; its class by default.

    Raises:
        DataError: as `load_own`.

    Examples:
        >>> data = own_data(np.ones((20, 8)), np.arange(20) % 2)
        >>> data.classes, len(data.test.labels)
        (('0', '1'), 4)
    """
    arrays = [np.asarray(frames) for frames in x]
    for number, array in enumerate(arrays):
        if array.dtype.kind not in "fiub" or not array.ndim:
            raise DataError(
                f"train: sequence {number} must hold real numbers (n, c) or (n,); got "
                f"{array.shape} of {array.dtype}."
            )
    frames = [single(a).reshape(len(a), -1) if a.size else torch.empty(0, 1) for a in arrays]
    labels = None if y is None else np.asarray(y)
    if labels is not None and len(labels) != len(frames):
        raise DataError(f"train: got {len(frames)} sequences and {len(labels)} labels.")
    return split_own(Path("arrays"), {"train": Labelled(frames, labels)}, seed, targets)


def split_own(
    path: Path, parts: dict[str, Labelled], seed: int, targets: Targets | None = None
) -> SequenceData:
    """All three splits, of equal width; those that are missing are drawn by the seed."""
    targets = Classes() if targets is None else targets
    if not all(part.frames for part in parts.values()):
        raise DataError(f"train: {path} holds no sequence; name another file.")
    for number, frames in enumerate(itertools.chain(*(part.frames for part in parts.values()))):
        if not len(frames):
            raise DataError(f"train: sequence {number} of {path} has no frames; leave it out.")
    names = targets.names(path, [*parts.values()])
    widths = {frames.shape[1] for part in parts.values() for frames in part.frames}
    if len(widths) > 1:
        raise DataError(
            f"train: the sequences of {path} have frames of different widths, "
            f"{', '.join(map(str, sorted(widths)))}; give all the same features."
        )
    made = {name: padded(*targets.of(path, part, names)) for name, part in parts.items()}
    if "test" not in made:
        made["train"], made["test"] = hold_out(made["train"], TEST_SHARE, seed)
    if "validation" not in made:
        made["train"], made["validation"] = hold_out(made["train"], VALIDATION_SHARE, seed)
    return SequenceData(path.stem, names, *(_trimmed(made[name]) for name in SPLITS))


def _trimmed(split: Split) -> Split:
    """A split without lengths where all sequences are equally long."""
    assert split.lengths is not None
    is_even = bool((split.lengths == split.inputs.shape[1]).all())
    return Split(split.inputs, split.labels) if is_even else split


def _npz(path: Path) -> dict[str, Labelled]:
    arrays = read_arrays(path)
    names = [name for name in SPLITS if f"x_{name}" in arrays]
    if "x" in arrays and not names:
        return {"train": _arrays(path, arrays, "")}
    if "train" not in names:
        raise DataError(
            f"train: {path} needs the arrays x and y, or x_train and y_train; got "
            f"{', '.join(arrays) or 'none'}."
        )
    return {name: _arrays(path, arrays, f"_{name}") for name in names}


def _arrays(path: Path, arrays: dict[str, np.ndarray], part: str) -> Labelled:
    """Sequences of the arrays x, y and offsets with a common ending of their names."""
    x, y, offsets = (arrays.get(f"{name}{part}") for name in ("x", "y", "offsets"))
    assert x is not None
    if x.dtype.kind not in "fiu" or x.ndim not in (2, 3):
        raise DataError(
            f"train: x{part} of {path} must hold real numbers (N, n, c) or (N, n); got "
            f"{x.shape} of {x.dtype}."
        )
    if offsets is not None:
        frames = _cut(path, x, offsets)
    else:
        frames = list(x if x.ndim == 3 else x[:, :, None])
    if y is not None and len(frames) != len(y):
        raise DataError(f"train: {path} has {len(frames)} sequences and {len(y)} labels{part}.")
    return Labelled([single(f) for f in frames], y)


def _cut(path: Path, x: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    """Frames (sum n_i, c) cut at offsets 0 < ... < sum n_i."""
    fits = (
        offsets.ndim == 1
        and offsets.dtype.kind in "iu"
        and len(offsets) > 1
        and offsets[0] == 0
        and offsets[-1] == len(x)
        and bool((np.diff(offsets) > 0).all())
    )
    if not fits or x.ndim != 2:
        raise DataError(
            f"train: with offsets, {path} needs frames x (frames, c) and rising offsets from 0 to "
            f"their number, {len(x)}; got x {x.shape} and offsets {offsets[:4].tolist()} ..."
        )
    return [x[a:b] for a, b in itertools.pairwise(offsets)]


def _csv(path: Path, has_labels: bool) -> dict[str, Labelled]:
    """Frames in the order of their lines; the sequences need not lie together."""
    frames: dict[str, list[list[float]]] = {}
    labels: dict[str, str] = {}
    for number, row in enumerate(_lines(path, has_labels), start=2):
        key, label = row.pop("sequence"), row.pop("label", "")
        label = label if has_labels else ""
        if labels.setdefault(key, label) != label:
            raise DataError(
                f"train: line {number} of {path} gives sequence {key!r} the label {label!r}, an "
                f"earlier one {labels[key]!r}; a sequence has one label."
            )
        try:
            frames.setdefault(key, []).append([float(value) for value in row.values()])
        except (TypeError, ValueError) as error:
            raise DataError(f"train: line {number} of {path} holds no number ({error}).") from error
    found = np.array(list(labels.values()))
    return {"train": Labelled([single(np.array(f)) for f in frames.values()], found)}


def _lines(path: Path, has_labels: bool) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            named = ["sequence", "label"] if has_labels else ["sequence"]
            found = ", ".join(header) or "nothing"
            if not set(named) <= set(header) or not set(header) - {"sequence", "label"}:
                raise DataError(
                    f"train: {path} needs a header, separated by commas, with the columns "
                    f"{', '.join(named)} and at least one feature; got {found}."
                )
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"train: {path} is not a readable csv file ({error}); save it as UTF-8."
        ) from error


def _ts(path: Path) -> dict[str, Labelled]:
    """The splits of NAME_TRAIN.ts and NAME_TEST.ts beside it; any other file is split."""
    parts = {"train": path}
    other = path.with_name(path.name.replace("_TRAIN.ts", "_TEST.ts"))
    if other != path and other.exists():
        parts["test"] = other
    package = wanted("aeon.datasets", "aeon", "train")
    return {name: _ts_cases(package.load_from_ts_file, part) for name, part in parts.items()}


def _ts_cases(
    read: Callable[[str], tuple[Sequence[np.ndarray], np.ndarray]], path: Path
) -> Labelled:
    """Sequences (n_i, c) from the cases (c, n_i) that aeon gives."""
    try:
        cases, labels = read(str(path))
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise DataError(f"train: {path} is not a readable ts file ({error}).") from error
    frames = [single(np.asarray(case)).T.contiguous() for case in cases]
    return Labelled(frames, np.array([str(label) for label in labels]))


def _folder(path: Path, has_labels: bool) -> dict[str, Labelled]:
    parts = {name: path / name for name in SPLITS if (path / name).is_dir()}
    if "train" not in parts:
        parts = {"train": path}
    return {name: _classes(part, has_labels) for name, part in parts.items()}


def _classes(folder: Path, has_labels: bool) -> Labelled:
    """Every readable file of every class, with the class; also files of none without labels."""
    found = [*folder.glob("[!_.]*/[!.]*"), *([] if has_labels else folder.glob("[!.]*"))]
    files = sorted(file for file in found if file.suffix in READABLE and file.is_file())
    if not files:
        raise DataError(
            f"train: {folder} holds no folder of a class with csv, npy or wav files; name another."
        )
    labels = np.array([file.parent.name for file in files])
    return Labelled([_file(file) for file in files], labels)


def _file(path: Path) -> Tensor:
    """One sequence (n, c)."""
    if path.suffix == ".wav":
        return log_mel(read_wav(path))
    frames = read_array(path) if path.suffix == ".npy" else _table(path)
    frames = frames[:, None] if frames.ndim == 1 else frames
    if frames.ndim != 2 or frames.dtype.kind not in "fiu" or 0 in frames.shape:
        raise DataError(
            f"train: {path} must hold real frames (n, c); got {frames.shape} of {frames.dtype}."
        )
    return single(frames)


def _table(path: Path) -> np.ndarray:
    """A csv file of numbers alone."""
    try:
        return np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"train: {path} cannot be read ({error}); a file of frames holds numbers separated by "
            "commas, without a header."
        ) from error
