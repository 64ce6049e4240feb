"""Readers and generators of sequences, and what they refuse."""

from __future__ import annotations

import gzip
import random
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from sciformer.errors import DataError, UnknownNameError
from sciformer.sequence.data import SequenceData, Split, load_data
from sciformer.sequence.data.dataset import SymbolSplit, hold_out
from sciformer.sequence.data.listops import LONGEST, SHORTEST, TOKENS, evaluate, expression
from sciformer.sequence.data.pixels import pixel_order, read_idx
from sciformer.sequence.data.speech import log_mel, mel_filters, read_wav
from sciformer.sequence.data.vowels import padded


def idx(array: np.ndarray) -> bytes:
    return (
        b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    ) + array.astype(np.uint8).tobytes()


def write_pixels(directory: Path, *, compressed: bool) -> np.ndarray:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (24, 4, 3))
    for part in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(24) % 10)):
            content = idx(array)
            name = f"{part}-{kind}-ubyte" + (".gz" if compressed else "")
            (directory / name).write_bytes(gzip.compress(content) if compressed else content)
    return images


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["psmnist", "fashion-psmnist"])
def test_pixels_come_from_idx_files(name: str, compressed: bool, tmp_path: Path) -> None:
    """Kills: little-endian lengths, an order that differs between splits, no scaling."""
    images = write_pixels(tmp_path, compressed=compressed)
    data = load_data(name, tmp_path)
    order = pixel_order(12)
    expected = torch.from_numpy(images).flatten(1)[:, order] / 255
    assert torch.allclose(data.test.inputs[..., 0], expected.float())
    assert len(data.train) == 22
    assert len(data.validation) == 2
    assert data.features == 1
    assert data.length == 12
    assert data.classes[9] == ("9" if name == "psmnist" else "ankle boot")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00",
            r"is not an IDX file of unsigned bytes, .*00000d01",
        ),
        (idx(np.zeros((2, 3)))[:-1], r"the header promises \(2, 3\) .* holds 5 bytes after it"),
        (idx(np.zeros((2, 3)))[:7], r"the header promises 2 values or axes"),
        (b"", r"is not an IDX file"),
        (b"\x1f\x8b\x08", r"cannot be read"),
        (gzip.compress(idx(np.zeros(50)), mtime=0)[:-9] + b"\x00" * 9, r"cannot be read"),
        (gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20, r"cannot be read"),
    ],
)
def test_damaged_idx_files_are_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_idx(tmp_path / "file")


def test_missing_pixels_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"psmnist: its files are not part .* with --data"):
        load_data("psmnist")
    with pytest.raises(DataError, match=r"holds neither train-images-idx3-ubyte nor"):
        load_data("psmnist", tmp_path)
    write_pixels(tmp_path, compressed=False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3)))
    with pytest.raises(DataError, match=r"expects images \(N, rows, columns\) and N labels"):
        load_data("psmnist", tmp_path)


def split(**changes: torch.Tensor) -> Split:
    return Split(**{"inputs": torch.zeros(3, 4, 2), "labels": torch.tensor([0, 1, 1]), **changes})


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        (split(inputs=torch.zeros(3, 4)), r"toy: train: expects sequences \(N, n, c\)"),
        (split(labels=torch.tensor([0, 1])), r"labels \(2,\)"),
        (split(inputs=torch.full((3, 4, 2), torch.nan)), r"sequence 0 holds values that are not"),
        (split(labels=torch.tensor([0, 1, 2])), r"labels must lie in 0 \.\. 1; got 0 \.\. 2"),
        (split(labels=torch.tensor([0, 1, -1])), r"got -1 \.\. 1"),
        (split(labels=torch.tensor([0, 0, 0])), r"the class 'b' has no training sequence"),
    ],
)
def test_unusable_sequences_are_refused(train: Split, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        SequenceData("toy", ("a", "b"), train, split(), split())


def test_holding_out_is_a_partition() -> None:
    """Kills: overlap of training and validation, a seed that is ignored."""
    whole = Split(torch.arange(20.0).view(20, 1, 1), torch.arange(20))
    rest, part = hold_out(whole, 0.25, 1)
    assert sorted([*rest.labels.tolist(), *part.labels.tolist()]) == list(range(20))
    assert len(part) == 5
    assert torch.equal(part.inputs.flatten().long(), part.labels)
    assert not torch.equal(hold_out(whole, 0.25, 2)[1].labels, part.labels)


def test_padding_knows_the_lengths() -> None:
    made = padded([torch.ones(2, 3), torch.ones(5, 3)], torch.tensor([1, 0]))
    assert made.mask is not None
    assert made.mask.sum(1).tolist() == [2, 5]
    assert made.inputs.sum((1, 2)).tolist() == [6, 15]


def test_listops_values_are_right() -> None:
    """Kills: a sum not taken modulo 10, an upper median. Two independent evaluations."""
    source = random.Random(0)
    for _ in range(200):
        tokens, value = expression(source)
        assert evaluate(tokens) == value
    assert evaluate(["[MED", "4", "1", "9", "[SM", "7", "8", "]", "]"]) == 4
    assert evaluate(["[MAX", "2", "[MIN", "5", "9", "3", "]", "1", "]"]) == 3


@pytest.mark.slow
def test_listops_sequences() -> None:
    data = load_data("listops")
    lengths = data.train.lengths
    assert lengths is not None
    assert SHORTEST < int(lengths.min()) <= int(lengths.max()) < LONGEST
    assert data.features == len(TOKENS) == 15
    part = data.test.select(torch.tensor([3, 0]))
    for row, length, label in zip(part.inputs, part.lengths, part.labels, strict=True):
        tokens = [TOKENS[i] for i in row[:length].argmax(1).tolist()]
        assert evaluate(tokens) == label


def test_symbols_become_frames_when_selected() -> None:
    """Kills: padding taken for a symbol, lengths of other sequences, a dtype that is forgotten."""
    inputs = torch.tensor([[2, 0, 1, 9], [1, 2, 9, 9], [0, 0, 0, 0]], dtype=torch.uint8)
    whole = SymbolSplit(inputs, torch.tensor([0, 1, 1]), torch.tensor([3, 2, 4]), symbols=10)
    part = whole.to(torch.device("cpu"), torch.float64).select(torch.tensor([1, 0]))
    assert part.inputs.shape == (2, 3, 10)
    assert part.inputs.dtype == torch.float64
    assert part.inputs.nonzero().tolist() == [[0, 0, 1], [0, 1, 2], [1, 0, 2], [1, 1, 0], [1, 2, 1]]
    assert part.labels.tolist() == [1, 0]
    assert SequenceData("toy", ("a", "b"), whole, whole, whole).features == 10
    with pytest.raises(DataError, match=r"toy: test: expects symbols \(N, n\) as bytes"):
        SequenceData("toy", ("a", "b"), whole, whole, replace(whole, inputs=inputs.long()))


def write_words(directory: Path, count: int = 4) -> None:
    generator = np.random.default_rng(1)
    names = []
    for word in ("yes", "no", "_background_noise_"):
        (directory / word).mkdir()
        for i in range(count):
            samples = generator.integers(-9000, 9000, 16000 - 800 * i).astype(np.int16)
            wavfile.write(directory / word / f"{i}.wav", 16000, samples)
            names.append(f"{word}/{i}.wav")
    (directory / "validation_list.txt").write_text("yes/1.wav\nno/1.wav\n")
    (directory / "testing_list.txt").write_text("yes/2.wav\nno/2.wav\n")


def test_speech_comes_from_the_usual_layout(tmp_path: Path) -> None:
    """Kills: a test file in the training split, background noise as a word, no lengths."""
    write_words(tmp_path)
    data = load_data("speech-commands", tmp_path)
    assert data.classes == ("no", "yes")
    assert (len(data.train), len(data.validation), len(data.test)) == (4, 2, 2)
    assert data.train.lengths.tolist() == [98, 83, 98, 83]
    assert torch.equal(data.validation.inputs[0, :93], log_mel(read_wav(tmp_path / "no/1.wav")))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda d: (d / "yes/0.wav").write_bytes(b"RIFFxxxx"),
            r"yes/0.wav: is not a readable wav file",
        ),
        (
            lambda d: (d / "yes/0.wav").write_bytes((d / "no/0.wav").read_bytes()[:-1001]),
            r"yes/0.wav: is not a readable wav file",
        ),
        (
            lambda d: wavfile.write(d / "yes/0.wav", 8000, np.zeros(9, np.int16)),
            r"expects samples at 16000 Hz; got 9 at 8000 Hz",
        ),
        (lambda d: (d / "testing_list.txt").unlink(), r"testing_list.txt cannot be read"),
        (lambda d: (d / "testing_list.txt").write_text("yo/0.wav"), r"name the word 'yo'"),
        (lambda d: (d / "testing_list.txt").write_text(""), r"has no file; complete the data"),
    ],
)
def test_damaged_speech_is_refused(damage: object, sentence: str, tmp_path: Path) -> None:
    write_words(tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(DataError, match=sentence):
        load_data("speech-commands", tmp_path)


def test_speech_needs_a_directory_with_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"speech-commands: its files are not part"):
        load_data("speech-commands")
    with pytest.raises(DataError, match=r"holds no directory of a word"):
        load_data("speech-commands", tmp_path)


def test_a_tone_lights_its_band() -> None:
    """Kills: a linear scale, a transform of the wrong length, frames off by one."""
    times = torch.arange(16000) / 16000
    for hertz in (440.0, 3000.0):
        frames = log_mel(torch.sin(2 * torch.pi * hertz * times))
        assert frames.shape == (98, 128)
        band = int(frames.mean(0).argmax())
        top = 2595 * np.log10(1 + 8000 / 700)
        assert abs(band - (2595 * np.log10(1 + hertz / 700) / top * 129 - 1)) < 1.5
    assert (mel_filters() > 0).any(0).all()


def test_a_frame_of_sound_needs_no_later_sample() -> None:
    wave = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(log_mel(wave)[:30], log_mel(wave[: 29 * 160 + 400]), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "package", "sizes"),
    [
        ("mnist1d", "mnist1d", (3600, 400, 1000, 40)),
        ("digits", "sklearn", (1294, 144, 359, 64)),
        ("japanese-vowels", "aeon", (216, 54, 370, None)),
    ],
)
def test_data_from_packages(name: str, package: str, sizes: tuple) -> None:
    pytest.importorskip(package)
    data = load_data(name)
    found = (len(data.train), len(data.validation), len(data.test))
    assert found == sizes[:3]
    assert sizes[3] in (None, data.length)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mnist1d.data", None)
    with pytest.raises(DataError, match=r"package mnist1d is needed .* `pip install mnist1d`"):
        load_data("mnist1d")


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown data set 'mnist1e'. Did you mean 'mnist1d'"
    ):
        load_data("mnist1e")


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """Two GB of zeros behind a header of 160 bytes. Kills: everything unpacked before a look."""
    import resource

    with gzip.open(tmp_path / "file", "wb", 1) as file:
        file.write(idx(np.zeros((10, 4, 4))))
        for _ in range(200):
            file.write(bytes(10_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="the file holds more bytes after it"):
        read_idx(tmp_path / "file")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize("shape", [(65536,) * 4, (2**31, 2**31), (0, 4, 4)])
def test_lengths_that_wrap_or_vanish_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Kills: a product in int64, an array of nothing."""
    header = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    (tmp_path / "file").write_bytes(header)
    with pytest.raises(DataError, match="which is nothing or more than"):
        read_idx(tmp_path / "file")
