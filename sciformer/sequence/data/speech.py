"""Speech Commands from the user's directory in its usual layout, as log-mel frames."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.data.vowels import padded

RATE_HZ, WINDOW, HOP, TRANSFORM, BANDS = 16_000, 400, 160, 1024, 128


def load(directory: Path | None, seed: int) -> SequenceData:
    """Words as directories of wav files, with validation_list.txt and testing_list.txt.

    Cost: 50 kB a second of speech in memory; the whole of version 2 takes 5.3 GB.
    """
    if directory is None:
        raise DataError(
            "speech-commands: its files are not part of this package; name the directory that "
            "holds one directory of wav files per word with --data."
        )
    words = sorted(
        path.name for path in directory.glob("*/") if path.is_dir() and path.name[0] not in "_."
    )
    if not words:
        raise DataError(f"speech-commands: {directory} holds no directory of a word; name another.")
    validation, test = _list(directory, "validation"), _list(directory, "testing")
    everything = {f"{path.parent.name}/{path.name}" for path in directory.glob("[!_.]*/*.wav")}
    parts = (everything - validation - test, validation, test)
    splits = (_split(directory, sorted(part), words) for part in parts)
    return SequenceData("speech-commands", tuple(words), *splits)


def read_wav(path: Path) -> Tensor:
    """Samples in [-1, 1] of a 16 kHz wav file, channels averaged.

    Raises:
        DataError: no wav file, another rate, or no sample.
    """
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that are not sound
            warnings.filterwarnings("error", "Reached EOF|Incomplete", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except (OSError, ValueError, EOFError, wavfile.WavFileWarning) as error:
        raise DataError(
            f"{path}: is not a readable wav file ({error}); repair or remove it."
        ) from error
    if rate != RATE_HZ or samples.size == 0:
        raise DataError(
            f"{path}: expects samples at {RATE_HZ} Hz; got {samples.size} at {rate} Hz; resample "
            "it."
        )
    scale = np.iinfo(samples.dtype).max + 1 if np.issubdtype(samples.dtype, np.integer) else 1
    wave = torch.from_numpy(samples.astype(np.float32) / scale)
    return wave if wave.dim() == 1 else wave.mean(1)


def log_mel(wave: Tensor) -> Tensor:
    """Log energies of 128 mel bands every 10 ms, over windows of 25 ms.

    frame_t = (log(mel |FFT(hann * wave[160 t : 160 t + 400])|^2 + 1e-6) + 6) / 4

    Args:
        wave: (s,) at 16 kHz; shorter than a window is filled up with zeros.

    Returns:
        (1 + (s - 400) // 160, 128): one second gives 98 frames. A frame needs no later sample.

    Deviates: fixed offset and scale instead of statistics of the data, so that a stream needs none.
    """
    wave = torch.nn.functional.pad(wave, (0, max(WINDOW - len(wave), 0)))
    windows = wave.unfold(0, WINDOW, HOP) * torch.hann_window(WINDOW)
    energy = torch.fft.rfft(windows, TRANSFORM).abs().square()
    return (torch.log(energy @ mel_filters() + 1e-6) + 6) / 4


@functools.lru_cache(maxsize=1)
def mel_filters() -> Tensor:
    """Triangles of equal width on the mel scale, (TRANSFORM / 2 + 1, BANDS).

    mel(f) = 2595 log10(1 + f / 700)
    """
    top = 2595 * math.log10(1 + RATE_HZ / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, BANDS + 2, dtype=torch.float64) / 2595) - 1)
    bins = torch.linspace(0, RATE_HZ / 2, TRANSFORM // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0).float()


def _list(directory: Path, name: str) -> set[str]:
    path = directory / f"{name}_list.txt"
    try:
        return set(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"speech-commands: {path} cannot be read ({error}); it belongs to the data set."
        ) from error


def _split(directory: Path, names: Iterable[str], words: list[str]) -> Split:
    names = list(names)
    if not names:
        raise DataError(f"speech-commands: a split of {directory} has no file; complete the data.")
    unknown = sorted({name.split("/")[0] for name in names} - set(words))
    if unknown:
        raise DataError(
            f"speech-commands: the lists name the word {unknown[0]!r}, which has no directory in "
            f"{directory}; complete the data."
        )
    frames = [log_mel(read_wav(directory / name)) for name in names]
    return padded(frames, torch.tensor([words.index(name.split("/")[0]) for name in names]))
