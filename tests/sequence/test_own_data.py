"""A user's own sequences: every format gives the same data, and bad files a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import sciformer
from sciformer.errors import DataError, UsageError
from sciformer.mixers.normalisation import Standardise
from sciformer.sequence.data import tones
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.data.own import load_own, own_data
from sciformer.sequence.data.targets import NextFrames
from sciformer.sequence.tasks import Destandardise

# Ten sequences of two classes and of different lengths; value = 100 sequence + 10 frame + feature.
LENGTHS = [3, 5, 2, 4, 3, 6, 2, 3, 4, 5]
FRAMES = [
    np.array([[100.0 * i + 10 * t + c for c in range(2)] for t in range(n)])
    for i, n in enumerate(LENGTHS)
]
LABELS = ["no", "yes"] * 5


def write_npz(folder: Path) -> Path:
    offsets = np.cumsum([0, *LENGTHS])
    np.savez(folder / "own.npz", x=np.concatenate(FRAMES), offsets=offsets, y=np.array(LABELS))
    return folder / "own.npz"


def write_csv(folder: Path) -> Path:
    lines = ["sequence,a,label,b"]
    for t in range(max(LENGTHS)):  # frame by frame: sequences do not lie together
        for i, (frames, label) in enumerate(zip(FRAMES, LABELS, strict=True)):
            if t < len(frames):
                lines.append(f"{i},{frames[t, 0]},{label},{frames[t, 1]}")
    (folder / "own.csv").write_text("\n".join(lines))
    return folder / "own.csv"


def write_folder(folder: Path) -> Path:
    for i, (frames, label) in enumerate(zip(FRAMES, LABELS, strict=True)):
        (folder / "own" / label).mkdir(parents=True, exist_ok=True)
        if i % 3:
            np.save(folder / "own" / label / f"{i}.npy", frames)
        else:
            np.savetxt(folder / "own" / label / f"{i}.csv", frames, delimiter=",")
    return folder / "own"


def contents(data: SequenceData) -> dict[float, tuple[str, list[float]]]:
    """By the first value of each sequence, its label and all its values."""
    found = {}
    for split in (data.train, data.validation, data.test):
        for i in range(len(split)):
            n = split.inputs.shape[1] if split.lengths is None else int(split.lengths[i])
            values = split.inputs[i, :n].flatten().tolist()
            found[values[0]] = data.classes[int(split.labels[i])], values
    return found


WRITERS = {"npz": write_npz, "csv": write_csv, "folder": write_folder}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_format_holds_the_same_sequences(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    """Kills: offsets off by one, frames of a csv mixed up, labels by the order of files."""
    data = load_own(write(tmp_path), 0)
    wanted = {
        float(f[0, 0]): (label, f.flatten().tolist())
        for f, label in zip(FRAMES, LABELS, strict=True)
    }
    assert contents(data) == wanted
    assert data.classes == ("no", "yes")
    assert data.features == 2


def test_padding_is_zero_and_masked(tmp_path: Path) -> None:
    data = load_own(write_npz(tmp_path), 0)
    for split in (data.train, data.validation, data.test):
        assert split.mask is not None
        assert not split.inputs[~split.mask].any()


def test_splits_are_drawn_by_the_seed_and_share_nothing(tmp_path: Path) -> None:
    """Kills: a test sequence that is also trained on."""
    path = write_npz(tmp_path)
    first, again, other = (load_own(path, seed) for seed in (0, 0, 1))
    assert torch.equal(first.test.inputs, again.test.inputs)
    assert not torch.equal(first.test.labels, other.test.labels) or not torch.equal(
        first.test.inputs, other.test.inputs
    )
    assert len(contents(first)) == len(FRAMES)
    assert [len(s) for s in (first.train, first.validation, first.test)] == [6, 2, 2]


def test_given_splits_are_kept(tmp_path: Path) -> None:
    x, y = np.arange(24.0).reshape(6, 4), np.array([2, 10, 2, 10, 2, 10])
    parts = {"train": slice(0, 2), "validation": slice(2, 4), "test": slice(4, 6)}
    arrays = {f"{k}_{name}": v[s] for name, s in parts.items() for k, v in (("x", x), ("y", y))}
    np.savez(tmp_path / "own.npz", **arrays)
    data = load_own(tmp_path / "own.npz", 0)
    for name, part in parts.items():
        split: Split = getattr(data, name)
        assert split.inputs.flatten().tolist() == x[part].flatten().tolist()
        assert split.lengths is None
    assert data.classes == ("2", "10")  # by value, not by the alphabet


def refused(name: str, **arrays: np.ndarray) -> tuple[str, Callable[[Path], object]]:
    return name, lambda path: np.savez(path, **arrays)


X, Y = np.zeros((4, 3, 2)), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("no-labels", {"x": X}, r"needs labels y of shape .* got none"),
        ("columns", {"x": X, "y": Y[:, None]}, r"needs labels y of shape .* got \(4, 1\)"),
        ("empty", {"x": X[:0], "y": Y[:0]}, "holds no sequence"),
        ("counts", {"x": X, "y": Y[:3]}, "4 sequences and 3 labels"),
        ("text", {"x": np.full((4, 3), "a"), "y": Y}, "must hold real numbers"),
        ("nothing", {"z": X}, "needs the arrays x and y"),
        ("one-class", {"x": X, "y": 0 * Y}, "has only the class 0"),
        ("offsets", {"x": X[0], "offsets": np.array([0, 2, 2, 3]), "y": Y[:3]}, "rising offsets"),
        ("end", {"x": X[0], "offsets": np.array([0, 2]), "y": Y[:1]}, "rising offsets"),
        ("infinite", {"x": np.full((8, 3), np.inf), "y": np.tile(Y, 2)}, "not finite"),
        ("faint", {"x": np.full((8, 3), 1e-300), "y": np.tile(Y, 2)}, "choose a smaller unit"),
        ("fractions", {"x": X, "y": 0.5 * Y}, "labels with fractions, .* use the task regress"),
        ("pickle", {"x": np.array([{}] * 4, dtype=object), "y": Y}, "holds Python objects"),
    ],
)
def test_bad_arrays_are_refused(
    tmp_path: Path, name: str, arrays: dict[str, np.ndarray], message: str
) -> None:
    """Kills: a pickle that is loaded, a count that is not compared."""
    np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / f"{name}.npz", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a header, separated by commas, with the columns sequence, label"),
        ("sequence;label;v\n1;a;2\n", r"separated by commas, .* got sequence;label;v"),
        ("sequence,label,v\n1,0.5,2\n2,1,3\n", "labels with fractions, .* use the task regress"),
        ("sequence,label\n1,a\n", "at least one feature"),
        ("sequence,label,v\n1,a,x\n", "line 2 of .* holds no number"),
        ("sequence,label,v\n1,a,2\n1,b,3\n", "line 3 of .* gives sequence '1' the label 'b'"),
        ("sequence,label,v,w\n1,a,2\n", "line 2 of .* holds no number"),
        ("sequence,label,v\n1,a,2\n2,b,nan\n", "not finite in single precision"),
        ("sequence,label,v\n1,a,2\n2,b,1e300\n", "not finite in single precision"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / "own.csv", 0)


def test_tables_of_other_encodings(tmp_path: Path) -> None:
    """Kills: a mark of UTF-8, as spreadsheets write it, taken for a part of the first name."""
    text = write_csv(tmp_path).read_text().replace("yes", "été")
    (tmp_path / "own.csv").write_text(text, encoding="utf-8-sig")
    assert load_own(tmp_path / "own.csv", 0).classes == ("no", "été")
    (tmp_path / "own.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"not a readable csv file .* save it as UTF-8"):
        load_own(tmp_path / "own.csv", 0)


@pytest.mark.parametrize("fit", [Standardise(2).fit, Destandardise(2).fit])
def test_numbers_that_single_precision_cannot_divide_by_are_refused(
    fit: Callable[[torch.Tensor], None],
) -> None:
    """Kills: a scale of 1 / 1e-40, which is infinite; a limit that refuses a usable unit."""
    numbers = torch.tensor([[0.0, 1.0], [1.0, 2.0], [3.0, 4.0]])
    fit(numbers * 1e-37)
    with pytest.raises(DataError, match=r"1 varies by 1\.25e-40, too little for single precision"):
        fit(numbers * torch.tensor([1.0, 1e-40]))


@pytest.mark.parametrize("name", ["missing.npz", "own.xlsx", "."])
def test_what_is_no_data_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "own.xlsx").write_text("")
    with pytest.raises(DataError, match="train: "):
        load_own(tmp_path / name, 0)


def test_sequences_of_different_widths_are_refused(tmp_path: Path) -> None:
    for label, width in (("a", 2), ("b", 3)):
        (tmp_path / label).mkdir()
        np.save(tmp_path / label / "1.npy", np.zeros((4, width)))
    with pytest.raises(DataError, match="different widths, 2, 3"):
        load_own(tmp_path, 0)


def test_tones_are_what_their_names_say() -> None:
    """Kills: a sweep in the wrong direction, silence that is not silent.

    The loudest band of a rising sweep rises, that of a falling one falls, a tone keeps its own.
    """
    from sciformer.sequence.data.speech import log_mel

    moves = {"tone": 0, "rising": 1, "falling": -1}
    for name, direction in moves.items():
        generator = torch.Generator().manual_seed(5)
        for _ in range(5):
            band = log_mel(tones.sound(name, generator)).argmax(1).float()
            change = float(band[-5:].mean() - band[:5].mean())
            assert change * direction > 3 if direction else abs(change) < 2, name
    generator = torch.Generator().manual_seed(5)
    quiet, loud = (tones.sound(name, generator).square().mean() for name in ("silence", "noise"))
    assert float(loud) > 3 * float(quiet)


def test_tones_are_drawn_by_the_seed() -> None:
    first, again = (tones._sounds(14, 3) for _ in range(2))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.bincount(first.labels).tolist() == [2] * len(tones.SOUNDS)


def test_a_forecast_needs_no_labels(tmp_path: Path) -> None:
    """From a table with the column sequence alone and from a folder of files, as from an archive.

    Kills: labels that are asked for, or compared, where nobody reads them.
    """
    x = np.arange(60.0).reshape(10, 6, 1) ** 2
    np.savez(tmp_path / "own.npz", x=x)
    rows = [f"{i},{i % 3 + t % 2},{x[i, t, 0]}" for i in range(10) for t in range(6)]
    (tmp_path / "labelled.csv").write_text("\n".join(["sequence,label,v", *rows]))
    rows = [f"{i},{x[i, t, 0]}" for i in range(10) for t in range(6)]
    (tmp_path / "own.csv").write_text("\n".join(["sequence,v", *rows]))
    (tmp_path / "folder").mkdir()
    for i in range(10):
        np.save(tmp_path / "folder" / f"{i}.npy", x[i])
    wanted = load_own(tmp_path / "own.npz", 0, NextFrames(2))
    for name in ("own.csv", "labelled.csv", "folder"):
        found = load_own(tmp_path / name, 0, NextFrames(2))
        assert found.digest == wanted.digest
        assert torch.equal(found.test.labels, wanted.test.labels)
    with pytest.raises(DataError, match="columns sequence, label and at least one feature"):
        load_own(tmp_path / "own.csv", 0)
    with pytest.raises(DataError, match="no folder of a class"):
        load_own(tmp_path / "folder", 0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, 2.0], r"sequence 0 must hold real numbers .* got \(\) of float64"),
        ([["a"], ["b"]], r"sequence 0 must hold real numbers"),
        ([[1 + 1j], [2.0]], r"sequence 0 must hold real numbers .* complex128"),
        ([np.ones((2, 1)), np.ones((0, 1))], r"sequence 1 of arrays has no frames"),
        ([], r"holds no sequence"),
    ],
)
def test_what_is_not_a_sequence_is_refused(x: list[object], message: str) -> None:
    """Kills: an imaginary part that is dropped, the mean of no frames."""
    with pytest.raises(DataError, match=message):
        own_data(x, np.arange(len(x)) % 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 1}, r"unknown option 'epoch'\. Did you mean 'epochs'\?"),
        ({"epochs": 0}, r"epochs = 0 is outside of what a training takes"),
        ({"epochs": "3"}, r"epochs = '3' is outside"),
        ({"budget": -1.0}, r"budget = -1\.0 is outside"),
        ({"task": "regress"}, r"are classes, which the task regress does not take"),
        ({"features": 3}, r"unknown option 'features'"),
    ],
)
def test_options_of_a_training_are_checked(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    """Before a directory is made. Kills: a training of no epoch, a text taken for a number."""
    data = own_data(np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 2)
    with pytest.raises(UsageError, match=message):
        sciformer.train(data, out=tmp_path / "run", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=r"data are a SequenceData, such as own_data\(x, y\)"):
        sciformer.train((1, 2), out=tmp_path / "run")  # type: ignore[arg-type]
