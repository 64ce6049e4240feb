"""Newton's method on polynomials, also for solutions other than those that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.problem.spectral.null_direction import FINER, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.problem.spectral.collocation import Block, Collocation

    Array = NDArray[np.float64]

# Steps of one search, halvings of a step, and the share of the unknowns below which a step is none.
STEPS, HALVINGS, AT_REST = 25, 6, 1e-10
# Singular values below this share are directions in which nothing is said, which do not move.
SAID = 1e-9
# A relative residual that rounding keeps from falling further.
DONE = 1e-8


def solve(collocation: Collocation, start: Array, known: Sequence[Array] = ()) -> Array | None:
    """Coefficients (f, n) that satisfy all equations and conditions; None where none are found.

    Known solutions c_i are divided out: the residual is taken times the product of
    1 / |c - c_i|^2 + 1 / |c_i|^2, which lengthens or turns each Gauss-Newton step.

    Args:
        collocation: of a problem.
        start: coefficients (f, n) to begin with.
        known: solutions that are not looked for.

    Source: Farrell, Birkisson, Funke 2015, deflation techniques.
    """
    try:
        return _solve(collocation, start, known)
    except (ArithmeticError, np.linalg.LinAlgError):
        return None


def misfit(collocation: Collocation, state: Array) -> float:
    """The largest root-mean-square residual relative to its terms, on nodes of its own."""
    blocks = collocation.blocks(state, collocation.nodes + FINER)
    rows, columns = collocation.scales(blocks)
    plain = SMALLEST * float(np.linalg.norm(state / columns[:, None]))
    return max(
        _relative(block, state, plain / row) for block, row in zip(blocks, rows, strict=True)
    )


def _solve(collocation: Collocation, start: Array, known: Sequence[Array]) -> Array | None:
    space = collocation.space
    state: Array = start
    blocks = collocation.blocks(state)
    rows, columns = collocation.scales(blocks)
    sizes = np.repeat(columns, space.size)
    merit = _merit(blocks, rows, state, known)
    for _ in range(STEPS):
        matrix = np.concatenate(
            [scale * b.matrix(space) for b, scale in zip(blocks, rows, strict=True)]
        )
        matrix *= sizes
        norms = np.maximum(np.linalg.norm(matrix, axis=0), 1.0)
        step, *_ = np.linalg.lstsq(matrix / norms, -_values(blocks, rows), rcond=SAID)
        change = space.split(step / norms * sizes)
        change *= _stretch(state, change, known)
        moved = None
        for halving in range(HALVINGS):
            tried = state + change / 2**halving
            moved = _tried(collocation, tried, rows, known)
            if moved is not None and moved[1] < merit:
                break
        if moved is None or not moved[1] < merit:
            return state if misfit(collocation, state) <= DONE else None
        is_at_rest = np.abs(tried - state).max() <= AT_REST * np.abs(tried).max()
        state, (blocks, merit) = tried, moved
        if is_at_rest or merit == 0:
            return state
    return None


def _tried(
    collocation: Collocation, state: Array, rows: Array, known: Sequence[Array]
) -> tuple[list[Block], float] | None:
    try:
        blocks = collocation.blocks(state)
    except ArithmeticError:
        return None  # beyond what a function takes
    return blocks, _merit(blocks, rows, state, known)


def _values(blocks: Sequence[Block], rows: Array) -> Array:
    return np.concatenate(
        [scale * b.value * b.weights for b, scale in zip(blocks, rows, strict=True)]
    )


def _merit(blocks: Sequence[Block], rows: Array, state: Array, known: Sequence[Array]) -> float:
    factor = 1.0
    for one in known:
        factor *= 1 / max(float(np.sum((state - one) ** 2)), 1e-300) + 1 / float(np.sum(one**2))
    return factor * float(np.linalg.norm(_values(blocks, rows)))


def _stretch(state: Array, change: Array, known: Sequence[Array]) -> float:
    """1 / (1 - (grad M . step) / M) for the product M of the factors of all known solutions."""
    slope = 0.0
    for one in known:
        apart = state - one
        square = float(np.sum(apart**2))
        factor = 1 / square + 1 / float(np.sum(one**2))
        slope -= 2 * float(np.sum(apart * change)) / square**2 / factor
    return 1 / (1 - slope) if slope != 1 else 1.0


def _relative(block: Block, state: Array, least: float) -> float:
    terms = [piece.of(state) for piece in block.pieces]
    known = np.abs(block.value - sum(terms, np.zeros(len(block.weights))))
    size = known + sum((np.abs(term) for term in terms), np.zeros(len(block.weights)))
    whole = max(float(np.linalg.norm(size * block.weights)), least)
    return float(np.linalg.norm(block.value * block.weights)) / whole if whole else 0.0
