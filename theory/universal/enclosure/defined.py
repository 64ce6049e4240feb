"""Whether a formula is a finite real number on the whole domain, by proof.

A square root, logarithm, power or quotient is bounded only where it is real. Its enclosure is NaN
on a box unless the argument's interval lies inside the real domain, so a domain that splits into
boxes with finite enclosures has no point where the formula is undefined.
"""

from __future__ import annotations

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.enclosure.branch_and_bound import bisect
from theory.universal.enclosure.range import enclose
from theory.universal.formula.program import Program, evaluate
from theory.universal.formula.target import Target

_MOST_BOXES = 40_000
_SAMPLES = 4096


def check_defined(target: Target) -> None:
    """Proves that every entry is real and finite on the whole domain, or refuses.

    Raises:
        DomainError: names the entry and a point where float64 arithmetic gives no finite number;
            or says that no proof was found, and near which point.

    Cost: at most 40 000 boxes an entry; one if all its functions are defined everywhere.
    """
    for row, programs in zip(target.entries, target.programs, strict=True):
        for entry, program in zip(row, programs, strict=True):
            _check_entry(target, entry, program)


def _check_entry(target: Target, entry: sympy.Expr, program: Program) -> None:
    where = f"on the whole domain [{target.lower:g}, {target.upper:g}]"
    witness = _undefined(program, _samples(target))
    doubt = _unproven_near(program, target) if witness is None else None
    if doubt is not None:
        witness = _undefined(program, doubt[None])
    if witness is not None:
        raise DomainError(
            f"formula: {entry} is not finite and real {where}: float64 has no value for it at "
            f"{shown(target, witness)}; choose a domain without such points."
        )
    if doubt is not None:
        raise DomainError(
            f"formula: could not prove that {entry} is finite and real {where}: look near "
            f"{shown(target, doubt)}; choose a domain that keeps away from it, or write "
            "sqrt(max(..., 0)) for a root that touches zero."
        )


def _samples(target: Target) -> Array:
    """Random points, a third of the coordinates at an end or the middle of the domain."""
    rng = np.random.default_rng(0)
    share = rng.uniform(size=(_SAMPLES, target.dimension))
    share = np.where(rng.uniform(size=share.shape) < 1 / 3, np.round(2 * share) / 2, share)
    points = target.lower + share * (target.upper - target.lower)
    return np.clip(points, target.lower, target.upper)


def _undefined(program: Program, points: Array) -> Array | None:
    """The first of the points where float64 arithmetic gives no finite number."""
    bad = ~np.isfinite(evaluate(program, points))
    return np.asarray(points[int(bad.argmax())]) if bad.any() else None


def _unproven_near(program: Program, target: Target) -> Array | None:
    """The middle of a smallest box that could not be cleared, or None if all were."""
    lower = np.full((1, target.dimension), target.lower)
    upper = np.full((1, target.dimension), target.upper)
    looked = 0
    while len(lower):
        looked += len(lower)
        centre = lower + (upper - lower) / 2
        value = enclose(program, lower, centre, upper).value
        clear = np.broadcast_to(np.isfinite(value.lower) & np.isfinite(value.upper), len(lower))
        lower, upper, centre = lower[~clear], upper[~clear], centre[~clear]
        if len(lower) and looked > _MOST_BOXES:
            return np.asarray(centre[int((upper - lower).max(1).argmin())])
        if len(lower):
            lower, upper = bisect(lower, upper, (upper - lower).argmax(1))
    return None


def shown(target: Target, point: Array) -> str:
    """A point of the domain as 'x1 = ..., x2 = ...'."""
    pairs = zip(target.variables, point, strict=True)
    return ", ".join(f"{name} = {value:.4g}" for name, value in pairs)
