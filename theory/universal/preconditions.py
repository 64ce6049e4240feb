"""Preconditions of a compilation: a continuous and affordable target."""

from __future__ import annotations

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.enclosure.defined import shown
from theory.universal.formula.decompose import decompose
from theory.universal.formula.program import Program, evaluate
from theory.universal.formula.target import Target

MOST_COUPLED = 5
"""Coordinates of one block up to which a certificate is within reach."""
_BOXES_PER_COORDINATE = 15.0
_SEGMENTS = 400
_JUMP = 1e-6


def check_continuous(target: Target) -> None:
    """Refuses a target with a jump: nothing continuous comes nearer to it than half of it (N6).

    Raises:
        DomainError: names the entry, the jump, where it is, and the bound.
    """
    for row, programs in zip(target.entries, target.programs, strict=True):
        for entry, program in zip(row, programs, strict=True):
            if not entry.has(sympy.Piecewise):
                continue
            jump, point = largest_jump(program, target)
            if jump > _JUMP:
                raise DomainError(
                    f"compile: {entry} is discontinuous, it jumps by {jump:.4g} near "
                    f"{shown(target, point)}, and no continuous layer comes nearer than "
                    f"{jump / 2:.4g}; join the branches."
                )


def largest_jump(program: Program, target: Target) -> tuple[float, Array]:
    """The largest jump found on segments of the domain, and where: bisection towards the change."""
    rng = np.random.default_rng(0)
    shape = (_SEGMENTS, target.dimension)
    start = rng.uniform(target.lower, target.upper, shape)
    stop = rng.uniform(target.lower, target.upper, shape)
    left, right = evaluate(program, start), evaluate(program, stop)
    for _ in range(60):
        middle = start + (stop - start) / 2
        value = evaluate(program, middle)
        is_left = np.abs(value - left) > np.abs(right - value)
        start = np.where(is_left[:, None], start, middle)
        stop = np.where(is_left[:, None], middle, stop)
        left, right = np.where(is_left, left, value), np.where(is_left, value, right)
    jumps = np.nan_to_num(np.abs(left - right))
    worst = int(jumps.argmax())
    return float(jumps[worst]), start[worst]


def check_cost(target: Target, epsilon: float) -> None:
    """Refuses a target that couples too many coordinates, with an estimate of the boxes.

    Raises:
        DomainError: more than `MOST_COUPLED` coordinates in one block.
    """
    for row in target.entries:
        for entry in row:
            size = max(b.dimension for b in decompose(entry, target.variables))
            if size > MOST_COUPLED:
                boxes = 200.0 / max(epsilon, 1e-3) * _BOXES_PER_COORDINATE ** (size - 1)
                raise DomainError(
                    f"compile: {entry} couples {size} coordinates that do not separate, about "
                    f"{boxes:.0e} boxes would be needed and at most {MOST_COUPLED} coordinates are "
                    "within reach; split the formula, or compile it with force."
                )
