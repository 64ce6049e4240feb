"""Short sounds made here: tones, sweeps, beeps, clicks and noise, as log-mel frames.

A model trained on them listens to any wav file or microphone, without data that has to be fetched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sciformer.sequence.data.dataset import SequenceData, Split, hold_out
from sciformer.sequence.data.speech import RATE_HZ, log_mel

# Half a second, 48 frames: long enough for two beeps and a sweep that is heard as one.
SAMPLES = RATE_HZ // 2
TRAINING, TESTING = 1200, 300
# Fundamental frequencies in Hz, well inside the mel bands.
LOWEST_HZ, HIGHEST_HZ = 200.0, 3000.0


def load(directory: Path | None, seed: int) -> SequenceData:
    """1,200 sounds to train on, of which a fifth validates, and 300 to test."""
    whole, test = _sounds(TRAINING, seed), _sounds(TESTING, seed + 1_000_003)
    train, validation = hold_out(whole, 0.2, seed)
    return SequenceData("tones", tuple(SOUNDS), train, validation, test)


def sound(name: str, generator: torch.Generator) -> Tensor:
    """Half a second of one kind of sound, loudness and pitch at random, in noise; (8000,).

    Args:
        name: one of `SOUNDS`.
        generator: what loudness, pitch and noise are drawn from.
    """
    time = torch.arange(SAMPLES) / RATE_HZ
    loudness = 10 ** (-1.2 * _uniform(generator))
    wave = loudness * SOUNDS[name](time, generator)
    hiss = 10 ** (-3 + _uniform(generator)) * torch.randn(SAMPLES, generator=generator)
    return (wave + hiss).clamp(-1, 1)


def _sounds(count: int, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)
    names = list(SOUNDS)
    frames = [log_mel(sound(names[i % len(names)], generator)) for i in range(count)]
    return Split(torch.stack(frames), torch.arange(count) % len(names))


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _pitch(generator: torch.Generator) -> float:
    """A pitch in Hz, even on the scale of octaves."""
    octaves = math.log2(HIGHEST_HZ / LOWEST_HZ)
    return LOWEST_HZ * math.pow(2, octaves * _uniform(generator))


def _tone(time: Tensor, generator: torch.Generator) -> Tensor:
    return torch.sin(2 * math.pi * (_pitch(generator) * time + _uniform(generator)))


def _sweep(time: Tensor, generator: torch.Generator, octaves: float) -> Tensor:
    """An exponential sweep by a number of octaves, whose middle is a pitch drawn."""
    rate = octaves * math.log(2) / float(time[-1])
    start = _pitch(generator) * 2 ** (-octaves / 2)
    return torch.sin(2 * math.pi * start * torch.expm1(rate * time) / rate)


def _rising(time: Tensor, generator: torch.Generator) -> Tensor:
    return _sweep(time, generator, 0.5 + _uniform(generator))


def _falling(time: Tensor, generator: torch.Generator) -> Tensor:
    return _sweep(time, generator, -0.5 - _uniform(generator))


def _beeps(time: Tensor, generator: torch.Generator) -> Tensor:
    """A tone that is switched on and off, three to six times per half second."""
    rate = 6 + 6 * _uniform(generator)
    return _tone(time, generator) * (torch.frac(rate * time + _uniform(generator)) < 0.5)


def _clicks(time: Tensor, generator: torch.Generator) -> Tensor:
    """Decaying bursts, six to twelve per half second."""
    phase = torch.frac((12 + 12 * _uniform(generator)) * time + _uniform(generator))
    return torch.exp(-60 * phase) * torch.randn(len(time), generator=generator)


def _noise(time: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(len(time), generator=generator) / 3


def _silence(time: Tensor, generator: torch.Generator) -> Tensor:
    return torch.zeros_like(time)


SOUNDS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "tone": _tone,
    "rising": _rising,
    "falling": _falling,
    "beeps": _beeps,
    "clicks": _clicks,
    "noise": _noise,
    "silence": _silence,
}
