"""Directions in which a solution can be moved without leaving any equation or condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.problem.spectral.collocation import Collocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pinn.problem.spectral.collocation import Block

    Array = NDArray[np.float64]

# Directions that are looked at, and turns of the inverse iteration that finds them: each takes
# what is away from a resonance down by its distance.
CANDIDATES = 4
TURNS = 4
SEED = 16
# Least singular values below this share leave whole functions open, and smooth ones are then chosen
# by a weight on each degree, too small to hide what the rows say.
OPEN = 1e-10
ROUGHNESS = 1e-12
# A direction of which more than this share is in the highest degrees is not resolved.
RESOLVED = 1e-3
# Terms that are smaller than this share of those of a plain function are no measure.
SMALLEST = 1e-4
# Fields that are smaller than this share at a face, as growing ones are at their start, may well
# be 0 there but for rounding, and tell nothing.
FAINT = 1e-5
# More nodes than those on which it was found, on which a direction is judged.
FINER = 5


def null_direction(
    collocation: Collocation, tolerance: float, state: Array | None = None
) -> Array | None:
    """Coefficients (f, n) of a change of the fields that changes nothing that is stated.

    Least singular directions of the linearised equations and conditions are sought on one grid and
    judged on a finer one: each equation must vanish relative to its terms, and each condition
    relative to its terms and the fields where it holds, so that growth from a start that is nearly
    0 is no such direction.

    Args:
        collocation: of a problem.
        tolerance: relative size of what may be left.
        state: coefficients at which it is linearised; 0 by default, as is right for linear ones.

    Raises:
        ArithmeticError: a value is not finite.

    Source: the alternative of Fredholm; Trefethen 2000, chapter 9 (the matrices).
    """
    blocks = collocation.blocks(state)
    rows, columns = collocation.scales(blocks)
    finer = collocation.blocks(state, collocation.nodes + FINER)
    for values in _candidates(collocation, blocks, rows, columns):
        if collocation.space.tail(values) > RESOLVED:
            continue
        left = [
            _left(block, values, columns, scale) for block, scale in zip(finer, rows, strict=True)
        ]
        if max(left) <= tolerance:
            return values * columns[:, None]
    return None


def directions(collocation: Collocation, state: Array, count: int = 2) -> list[Array]:
    """Resolved changes of the fields (f, n) of which the problem says least, the least first.

    Args:
        collocation: of a problem.
        state: coefficients at which it is linearised.
        count: how many at most.

    Raises:
        ArithmeticError: a value is not finite.
    """
    blocks = collocation.blocks(state)
    rows, columns = collocation.scales(blocks)
    found = [
        values * columns[:, None]
        for values in _candidates(collocation, blocks, rows, columns)
        if collocation.space.tail(values) <= RESOLVED
    ]
    return found[:count]


def _candidates(
    collocation: Collocation, blocks: Sequence[Block], rows: Array, columns: Array
) -> Iterator[Array]:
    """Scaled coefficients (f, n) of norm 1, in which the rows are least."""
    space = collocation.space
    matrix = np.concatenate(
        [scale * block.matrix(space) for block, scale in zip(blocks, rows, strict=True)]
    )
    matrix *= np.repeat(columns, space.size)
    # High degrees by the size of what they leave; the smooth ones keep their own.
    norms = np.maximum(np.linalg.norm(matrix, axis=0), 1.0)
    factor = np.asarray(np.linalg.qr(matrix / norms, mode="r"))
    if len(factor) < space.columns:
        return
    vectors, sizes = _least(factor)
    if sizes.max() < OPEN:
        rough = np.diag(ROUGHNESS * (1.0 + np.tile(space.degrees, space.fields)) ** 2)
        vectors, _ = _least(np.asarray(np.linalg.qr(np.vstack([factor, rough]), mode="r")))
    for vector in vectors / norms:
        yield space.split(vector / np.linalg.norm(vector))


def _least(factor: Array) -> tuple[Array, Array]:
    """Least singular directions (candidates, n) of a triangular factor, and what they leave."""
    from scipy.linalg import solve_triangular

    factor = factor.copy()
    own = np.diag(factor)
    floor = np.finfo(np.float64).eps * np.abs(own).max()
    factor[np.diag_indices_from(factor)] = np.where(np.abs(own) < floor, floor, own)
    vectors = np.random.default_rng(SEED).standard_normal(
        (len(factor), min(CANDIDATES, len(factor)))
    )
    for _ in range(TURNS):
        vectors, _ = np.linalg.qr(vectors)
        vectors = solve_triangular(factor, vectors, trans="T")
        vectors, _ = np.linalg.qr(vectors)
        vectors = solve_triangular(factor, vectors)
    vectors, _ = np.linalg.qr(vectors)
    _, sizes, turned = np.linalg.svd(factor @ vectors, full_matrices=False)
    return turned[::-1] @ vectors.T, sizes


def _left(block: Block, values: Array, columns: Array, scale: float) -> float:
    """What a direction leaves of an equation or condition, relative to its terms."""
    change = values * columns[:, None]
    terms = [scale * piece.of(change) for piece in block.pieces]
    left = _size(sum(terms, np.zeros(len(block.weights))), block)
    size = _size(sum((np.abs(t) for t in terms), np.zeros(len(block.weights))), block)
    if not block.local:
        return left / max(size, SMALLEST)
    size = max(size, *(_size(piece.of(values), block) for piece in block.local))
    return left / size if size > FAINT else np.inf


def _size(values: Array, block: Block) -> float:
    return float(np.linalg.norm(values * block.weights))
