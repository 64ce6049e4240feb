"""Search for the largest error of a layer: samples, then ascent. An anchor, never a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from theory.universal.arrays import Array
from theory.universal.fitting.fit import sample_cube
from theory.universal.formula.target import Target, read_target, sequences_in
from theory.universal.layer import apply, numbers_in_flight, representable

if TYPE_CHECKING:
    from theory.universal.certificate import CompiledLayer

_SAMPLES = 40_000
_MOST_NUMBERS = 2**28
"""Numbers that the forward passes of all samples may hold together; seconds of work."""
# What is tried whatever it costs; the best samples climb by short steps. No bound rests on them.
_FEWEST = 256
_CLIMBERS = 24
_STEPS = 40


def observed_error(layer: CompiledLayer) -> float:
    """Largest |layer - formula| that `attack` finds on the domain of a compiled layer."""
    certificate = layer.certificate
    target = read_target(
        certificate.formula, certificate.tokens, certificate.width, certificate.domain
    )
    return float(attack(layer.module, target).max())


def attack(module: nn.Module, target: Target) -> Array:
    """Largest errors found, (n, m): random and extreme points, then compass search from the worst.

    Large layers are searched with fewer samples, and only their worst entries by compass search.

    Args:
        module: the layer.
        target: formula and domain.
    """
    rng = np.random.default_rng(1)
    size = target.dimension
    affordable = _MOST_NUMBERS // numbers_in_flight(module, target.tokens)
    samples = min(_SAMPLES, max(_FEWEST, affordable))
    cube = np.concatenate([sample_cube(size)[:samples], rng.uniform(-1, 1, (samples, size))])
    error = _errors(module, target, cube)
    found = error.max(0)
    climbers = min(_CLIMBERS, max(1, affordable // (_STEPS * 3 * size)))
    climbs = max(1, affordable // (_STEPS * 3 * size * climbers))
    for entry in np.argsort(-found, axis=None)[:climbs]:
        token, output = divmod(int(entry), target.outputs)
        best = cube[np.argsort(-error[:, token, output])[:climbers]]
        climbed = _climb(module, target, best, (token, output))
        found[token, output] = max(found[token, output], climbed)
    return np.asarray(found)


def _errors(module: nn.Module, target: Target, cube: Array) -> Array:
    shape = (target.tokens, target.width)
    ends = target.lower.reshape(shape), target.upper.reshape(shape)
    sequences = representable(sequences_in(target, cube), ends, module)
    error: Array = apply(module, sequences) - target.values(sequences)
    return np.abs(error)


def _climb(module: nn.Module, target: Target, points: Array, entry: tuple[int, int]) -> float:
    """Compass search: steps along the axes and at random, halved where none helps."""
    token, output = entry
    rng = np.random.default_rng(2)
    size = target.dimension
    axes = np.concatenate([np.eye(size), -np.eye(size)])
    reached = _errors(module, target, points)[:, token, output]
    step = np.full(len(points), 0.05)
    for _ in range(_STEPS):
        moves = np.concatenate([axes, rng.choice((-1.0, 1.0), (size, size))])
        trials = np.clip(points[:, None] + step[:, None, None] * moves, -1.0, 1.0)
        error = _errors(module, target, trials.reshape(-1, size))[:, token, output]
        error = error.reshape(len(points), -1)
        best = error.argmax(1)
        better = error.max(1) > reached
        points = np.where(better[:, None], trials[np.arange(len(points)), best], points)
        reached = np.maximum(reached, error.max(1))
        step = np.where(better, step * 1.2, step / 2)
    return float(reached.max())
