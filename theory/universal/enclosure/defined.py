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
from theory.universal.formula.parsing import Written
from theory.universal.formula.program import Program, evaluate
from theory.universal.formula.target import Target

_MOST_BOXES = 40_000
_SAMPLES = 4096


def check_defined(target: Target) -> None:
    """Proves that every entry is real and finite on the whole domain as written, or refuses.

    The operations are those of the formula before sympy simplifies it: x/x is not defined at 0.

    Raises:
        DomainError: names the entry and a point where float64 arithmetic gives no finite number;
            or says that no proof was found, and near which point.

    Cost: at most 40 000 boxes an entry; one if all its functions are defined everywhere.
    """
    judged: set[Program] = set()
    for row, programs in zip(target.written, target.programs, strict=True):
        for entry, simplified in zip(row, programs, strict=True):
            if entry.program not in judged:
                judged.add(entry.program)
                _check_entry(target, entry, simplified)


def _check_entry(target: Target, entry: Written, simplified: Program) -> None:
    witness, doubt = _judged(entry.program, target)
    if doubt is None:
        return
    where = f"on the whole domain {domain_text(target)}"
    advice = ""
    if simplified != entry.program and _judged(simplified, target)[1] is None:
        advice = (
            f" sympy simplifies it to {_short(entry.expression)}, which is; request that with "
            "--simplify (in Python: simplify=True)."
        )
    if witness is not None:
        raise DomainError(
            f"formula: {entry.text} is not finite and real {where}: float64 has no value for it at "
            f"{shown(target, witness)}; choose a domain without such points.{advice}"
        )
    raise DomainError(
        f"formula: could not prove that {entry.text} is finite and real {where}: look near "
        f"{shown(target, doubt)}; choose a domain that keeps away from it, or write "
        f"sqrt(max(..., 0)) for a root that touches zero.{advice}"
    )


def _judged(program: Program, target: Target) -> tuple[Array | None, Array | None]:
    """A point without a value if one is known, and a point near which there is no proof."""
    witness = _undefined(program, _samples(target))
    if witness is not None:
        return witness, witness
    doubt = _unproven_near(program, target)
    return (None if doubt is None else _undefined(program, doubt[None])), doubt


def _short(expression: sympy.Expr) -> str:
    text = str(expression)
    return text if len(text) <= 60 else f"{text[:57]}..."


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


_MOST_SHOWN = 8
"""Coordinates of a point, cut to the length of a message."""


def shown(target: Target, point: Array) -> str:
    """A point of the domain as 'x1 = ..., x2 = ...'."""
    pairs = list(zip(target.variables, point, strict=True))
    text = ", ".join(f"{name} = {value:.4g}" for name, value in pairs[:_MOST_SHOWN])
    return text if len(pairs) <= _MOST_SHOWN else f"{text}, ..."


def domain_text(target: Target) -> str:
    """The domain as it is written in messages."""
    sides = [f"[{low:g}, {high:g}]" for low, high in target.box]
    if len(set(sides)) == 1:
        return sides[0]
    text = " x ".join(sides[:_MOST_SHOWN])
    return text if len(sides) <= _MOST_SHOWN else f"{text} x ..."
