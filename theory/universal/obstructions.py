"""Exact lower bounds for layers without positions, attention, heads or bits.

Each function returns a proven lower bound of the sup error of every network of its class: the
suprema are taken over finitely many sequences, each of which proves its own bound.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.enclosure.defined import domain_text
from theory.universal.fitting.fit import sample_cube
from theory.universal.formula.target import Target, sequences_in

_FULL_PERMUTATIONS = 6
"""Up to 6! = 720 permutations all are tried."""
_ALL_SWAPS = 24
"""Up to 276 transpositions all are tried; any subset of permutations proves a lower bound."""
_ROWS = 33


@dataclass(frozen=True)
class Obstruction:
    """A lower bound: no network of a class comes nearer to the target than `bound`.

    Args:
        name: the theorem, N1 to N8.
        lacks: what the class lacks.
        bound: lower bound of the sup error.
        witness: a counterexample, a sequence (n, d) that proves it, or None where none is needed.
    """

    name: str
    lacks: str
    bound: float
    witness: Array | None = None


def permutations(tokens: int) -> list[tuple[int, ...]]:
    """All permutations of up to 6 tokens; beyond that transpositions and rotations.

    Beyond 24 tokens only the transpositions of neighbours and of the first token with another.
    """
    if tokens <= _FULL_PERMUTATIONS:
        return list(itertools.permutations(range(tokens)))
    found = [tuple(range(tokens))]
    for i, j in itertools.combinations(range(tokens), 2):
        if tokens > _ALL_SWAPS and i > 0 and j > i + 1:
            continue
        swapped = list(range(tokens))
        swapped[i], swapped[j] = j, i
        found.append(tuple(swapped))
    return found + [tuple(np.roll(range(tokens), k)) for k in range(1, tokens)]


def orbit(target: Target, sequences: Array) -> tuple[Array, Array]:
    """Smallest and largest of sigma^-1 f(sigma X) over permutations sigma, each (p, n, m)."""
    low, high = np.array(np.inf), np.array(-np.inf)
    sides = np.array(target.box).reshape(target.tokens, -1)
    for sigma in permutations(target.tokens):
        if not np.array_equal(sides[list(sigma)], sides):
            continue  # the permuted sequence need not lie in the domain
        moved = target.values(sequences[:, list(sigma)])[:, np.argsort(sigma)]
        low, high = np.minimum(low, moved), np.maximum(high, moved)
    return low, high


def without_positions(target: Target) -> Obstruction:
    """N1: a permutation-equivariant network has an error of at least half the spread over an orbit.

    sup |F - f| >= 1/2 sup_X max_ik (max_sigma - min_sigma) (sigma^-1 f(sigma X))_ik

    The coordinate-wise mid-range over the orbit is equivariant, continuous, and attains it.
    """
    sequences = _sequences(target)
    low, high = orbit(target, sequences)
    return _worst("N1", "positions", (high - low).max(axis=(1, 2)) / 2, sequences)


def without_attention(target: Target) -> Obstruction:
    """N2: a token-wise network has an error of at least half the oscillation in the other tokens.

    sup |F - f| >= 1/2 max_ik sup_(x_i) (sup - inf over the other tokens) f_ik

    The mid-range over the other tokens attains it.
    """
    points = _sequences(target)
    own = points[:: max(1, len(points) // _ROWS)]
    best = Obstruction("N2", "attention", 0.0, points[0])
    for token in range(target.tokens):
        for row in own[:, token]:
            sequences = points.copy()
            sequences[:, token] = row
            values = target.row_values(sequences, token)
            gap = values.max(0) - values.min(0)
            if gap.max() / 2 > best.bound:
                at = int(values[:, int(gap.argmax())].argmax())
                best = Obstruction("N2", "attention", float(gap.max()) / 2, sequences[at])
    return best


def with_relative_positions_only(target: Target) -> Obstruction:
    """N3: rows of attention sum to 1, so a constant sequence stays constant at any depth.

    sup |F - f| >= 1/2 sup_c max_(i, i', k) |f_ik(c, ..., c) - f_i'k(c, ..., c)|
    """
    shape = (target.tokens, target.width)
    lower, upper = target.lower.reshape(shape).max(0), target.upper.reshape(shape).min(0)
    if np.any(lower > upper):
        return Obstruction("N3", "absolute positions", 0.0)  # no constant sequence in the domain
    rows = (upper + lower) / 2 + (upper - lower) / 2 * sample_cube(target.width)
    sequences = np.repeat(rows[:, None], target.tokens, 1)
    values = target.values(sequences)
    gaps = (values.max(1) - values.min(1)).max(1)
    return _worst("N3", "absolute positions", gaps / 2, sequences)


def heads_needed(tokens: int, width: int) -> tuple[int, int]:
    """N4: heads that a copy of the whole sequence into every token needs, and that suffice.

    With H heads the state of a token depends continuously on d + H (d + n - 1) numbers; fewer than
    n d of them make some X and -X equal (Borsuk-Ulam), so that the error of the copy map is at
    least that of the zero net. Needed: H >= d (n - 1) / (d + n - 1). Enough: min(n - 1, d).
    """
    needed = math.ceil(width * (tokens - 1) / (width + tokens - 1))
    return needed, max(min(tokens - 1, width), needed)


def bits_needed(dimension: int, outputs: int, epsilon: float) -> int:
    """N5: parameters x bits for all 1-Lipschitz maps [-1, 1]^D -> R^m (max norm) within epsilon.

    Bumps of a height above epsilon on (ceil(1 / epsilon) - 1)^D disjoint balls, with free signs.
    """
    if not (epsilon > 0 and math.isfinite(1.0 / epsilon)):
        raise DomainError(f"bits_needed: epsilon must be > 0; got {epsilon:g}.")
    return int(outputs * (math.ceil(1.0 / epsilon) - 1) ** dimension)


def with_a_jump(jump: float) -> Obstruction:
    """N6: a continuous map and one with a jump J differ by at least J / 2 somewhere near it.

    Both ways: softmax layers and a discontinuous target, hard attention and a continuous one.
    """
    return Obstruction("N6", "continuity", abs(jump) / 2)


def with_hinges_through_the_origin(target: Target, token: int, output: int) -> Obstruction:
    """N7: for an odd target, hinges through the origin are worth no more than a linear function.

    relu(a x) = (a x + |a x|) / 2, so the odd part of sum c relu(a x) is linear, and
    sup |F - f| >= min over linear L of sup |L - f|, which a linear net attains.

    Raises:
        DomainError: the entry is not odd, or the domain not symmetric.
    """
    from scipy.optimize import linprog

    points = sequences_in(target, sample_cube(target.dimension))
    values = target.values(points)[:, token, output]
    mirrored = target.values(-points)[:, token, output]
    if np.any(target.lower != -target.upper) or np.abs(values + mirrored).max() > 1e-9:
        raise DomainError(
            "obstructions: N7 needs an odd entry on a symmetric domain; "
            f"{target.entries[token][output]} on {domain_text(target)} is not."
        )
    flat = points.reshape(len(points), -1)
    ones = np.ones((len(flat), 1))
    sides = np.vstack([np.hstack([flat, -ones]), np.hstack([-flat, -ones])])
    cost = np.zeros(flat.shape[1] + 1)
    cost[-1] = 1.0
    free = [(None, None)] * flat.shape[1] + [(0, None)]
    found = linprog(cost, A_ub=sides, b_ub=np.concatenate([values, -values]), bounds=free)
    gaps = np.abs(flat @ found.x[:-1] - values)
    return Obstruction("N7", "hinges off the origin", float(found.fun), points[int(gaps.argmax())])


def with_rounded_inputs(target: Target, spacing: float) -> Obstruction:
    """N8: inputs rounded to a grid are equal within a cell: half the oscillation there.

    Args:
        target: the formula.
        spacing: of the grid of representable inputs, > 0.
    """
    if not spacing > 0:
        raise DomainError(f"obstructions: the spacing must be > 0; got {spacing:g}.")
    points = _sequences(target)
    cells = np.round(points / spacing) * spacing
    inside = spacing / 2 * (1 - 1e-9)
    low, high = np.array(np.inf), np.array(-np.inf)
    size = target.dimension
    corners = itertools.product((-inside, inside), repeat=size) if size <= 8 else [(0.0,) * size]
    for corner in corners:
        shift = np.array(corner).reshape(1, target.tokens, target.width)
        shape = (target.tokens, target.width)
        ends = target.lower.reshape(shape), target.upper.reshape(shape)
        values = target.values(np.clip(cells + shift, *ends))
        low, high = np.minimum(low, values), np.maximum(high, values)
    gaps = (high - low).max(axis=(1, 2))
    return _worst("N8", "precision", gaps / 2, points)


def _sequences(target: Target) -> Array:
    return sequences_in(target, sample_cube(target.dimension))


def _worst(name: str, lacks: str, bounds: Array, sequences: Array) -> Obstruction:
    at = int(np.nanargmax(bounds))
    return Obstruction(name, lacks, float(bounds[at]), sequences[at])
