"""Theorem T0: an explicit one-hidden-layer ReLU net from samples on a grid, with its bound.

Convolution with the discrete Fejer-Korovkin kernel gives a cosine polynomial near the function
(Jackson); its terms are ridge functions; each is interpolated by straight pieces.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.fitting.ridge import Ridges

_JACKSON_SHARE = 0.6
_DROPPED = 1e-15


@dataclass(frozen=True)
class ExplicitNet:
    """A net of theorem T0.

    Args:
        ridges: the hidden units, as a function on the box.
        bound: a-priori bound of the sup error.
        degree: K, the largest frequency.
        directions: number of ridge directions.
    """

    ridges: Ridges
    bound: float
    degree: int
    directions: int


def kernel_weights(degree: int) -> Array:
    """rho_0 = 1, rho_1 = cos(pi / q), ..., rho_K with q = K + 2: the Fejer-Korovkin multipliers.

    1 + 2 sum rho_k cos(pi k s) is nonnegative, and 1 - rho_1 is as small as that allows.
    """
    q = degree + 2
    k = np.arange(degree + 1)
    rising = (q - k + 1) * np.sin((k + 1) * np.pi / q)
    falling = (q - k - 1) * np.sin((k - 1) * np.pi / q)
    return np.asarray((rising - falling) / (2 * q * np.sin(np.pi / q)))


def smoothed_coefficients(function: Callable[[Array], Array], dimension: int, degree: int) -> Array:
    """c_k for k in {0..K}^D of g(x) = sum over {-K..K}^D of c_|k| cos(pi k . x), x in [0, 1]^D.

    |g - f| <= L sqrt(D) pi / (2 (K + 2)) for a function of Lipschitz constant L (Euclidean norm).
    """
    from scipy.fft import dctn

    q = degree + 2
    axis = np.linspace(0.0, 1.0, q + 1)
    grid = np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    samples = function(grid).reshape((q + 1,) * dimension)
    found = dctn(samples, type=1) / (2 * q) ** dimension
    found = found[(slice(0, degree + 1),) * dimension]
    weights = kernel_weights(degree)
    for axis_index in range(dimension):
        shape = [-1 if a == axis_index else 1 for a in range(dimension)]
        found = found * weights.reshape(shape)
    return np.asarray(found)


def explicit_net(
    function: Callable[[Array], Array],
    dimension: int,
    lipschitz: float,
    epsilon: float,
    domain: tuple[float, float] = (-1.0, 1.0),
) -> ExplicitNet:
    """A net within epsilon of a Lipschitz function, without any search.

    Args:
        function: values (p,) at points (p, D) of the domain.
        dimension: D.
        lipschitz: Lipschitz constant in the Euclidean norm on the domain.
        epsilon: > 0.
        domain: ends of every coordinate.

    Cost: about D K^(5 D / 4 + 1) sqrt(|f| / epsilon) units, K = L (b - a) sqrt(D) pi / epsilon.
    Source: theorem T0 and lemma 1 of docs/theory/single-layer-theorem.md.
    """
    if not (epsilon > 0 and lipschitz > 0):
        raise DomainError(
            f"explicit_net: epsilon and lipschitz must be > 0; got {epsilon:g} and {lipschitz:g}."
        )
    lower, size = domain[0], domain[1] - domain[0]
    steepness = lipschitz * size * math.sqrt(dimension) * math.pi / 2
    degree = max(1, math.ceil(steepness / (_JACKSON_SHARE * epsilon)) - 2)
    found = smoothed_coefficients(lambda x: function(lower + size * x), dimension, degree)
    groups, dropped = _by_direction(found)
    knots, pieces_error = _steps(groups, (1 - _JACKSON_SHARE) * epsilon)
    bound = steepness / (degree + 2) + pieces_error + dropped
    unit = _interpolated(groups, knots, float(found.flat[0]))
    shift = np.full(dimension, -lower / size)
    ridges = unit.composed(np.eye(dimension) / size, shift)
    return ExplicitNet(ridges, bound, degree, len(groups))


Groups = dict[tuple[int, ...], dict[int, float]]


def _by_direction(coefficients: Array) -> tuple[Groups, float]:
    """Coefficients by primitive direction p and multiple m; and the sum of those left out."""
    groups: Groups = defaultdict(dict)
    dropped = 0.0
    for index in np.ndindex(coefficients.shape):
        if not any(index):
            continue
        multiple = math.gcd(*index)
        primitive = tuple(v // multiple for v in index)
        nonzero = [a for a, v in enumerate(primitive) if v]
        value = 2.0 * float(coefficients[index])
        for signs in itertools.product((1, -1), repeat=len(nonzero) - 1):
            if abs(value) < _DROPPED:
                dropped += abs(value)
                continue
            direction = list(primitive)
            for axis, sign in zip(nonzero[1:], signs, strict=True):
                direction[axis] *= sign
            groups[tuple(direction)][multiple] = value
    return dict(groups), dropped


def _steps(groups: Groups, budget: float) -> tuple[dict[tuple[int, ...], int], float]:
    """Pieces per direction, h ~ (|p|_1 / M)^(1/3), and the interpolation error h^2 M / 8 in all."""
    lengths = np.array([sum(abs(v) for v in p) for p in groups], dtype=np.float64)
    bends = np.array(
        [math.pi**2 * sum(m * m * abs(c) for m, c in g.items()) for g in groups.values()]
    )
    steps = (lengths / bends) ** (1 / 3)
    steps *= math.sqrt(8 * budget / float((steps**2 * bends).sum()))
    pieces = np.maximum(1, np.ceil(lengths / steps)).astype(int)
    error = float(((lengths / pieces) ** 2 * bends / 8).sum())
    return dict(zip(groups, pieces.tolist(), strict=True)), error


def _interpolated(groups: Groups, knots: dict[tuple[int, ...], int], constant: float) -> Ridges:
    dimension = len(next(iter(groups)))
    directions, offsets, weights = [], [], []
    slope, level = np.zeros(dimension), constant
    for p, terms in groups.items():
        row = np.array(p, dtype=np.float64)
        start = row[row < 0].sum()
        t = np.linspace(start, start + np.abs(row).sum(), knots[p] + 1)
        values = np.sum([c * np.cos(np.pi * m * t) for m, c in terms.items()], axis=0)
        slopes = np.diff(values) / np.diff(t)
        slope += slopes[0] * row
        level += float(values[0] - slopes[0] * t[0])
        directions += [row] * (len(t) - 2)
        offsets += list(-t[1:-1])
        weights += list(np.diff(slopes))
    return Ridges(
        np.array(directions).reshape(-1, dimension),
        np.array(offsets),
        np.array(weights),
        slope,
        level,
    )
