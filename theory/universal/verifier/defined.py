"""Whether a formula is finite and real on the whole domain, by the verifier's own arithmetic."""

from __future__ import annotations

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.formula.target import Target
from theory.universal.verifier.bisection import halves
from theory.universal.verifier.blocks import Domain
from theory.universal.verifier.expressions import enclose

_MOST_BOXES = 100_000


def prove_defined(target: Target) -> None:
    """Splits the domain into boxes on which every entry has a finite enclosure, or refuses.

    A root, logarithm, power or quotient has an enclosure only where its argument is proven to lie
    in the real domain.

    Raises:
        DomainError: names an entry for which no such split was found.
    """
    for entry in dict.fromkeys(entry for row in target.entries for entry in row):
        _prove_entry(entry, target)


def _prove_entry(entry: sympy.Expr, target: Target) -> None:
    domain = Domain.of(target)
    used = [k for k, v in enumerate(target.variables) if v in entry.free_symbols] or [0]
    symbols = tuple(target.variables[k] for k in used)
    lower, upper = domain.lower[None, used], domain.upper[None, used]
    looked = 0
    while len(lower):
        looked += len(lower)
        found = enclose(entry, symbols, lower, upper)[1].range
        clear = np.isfinite(found.lower) & np.isfinite(found.upper)
        clear = np.broadcast_to(clear, len(lower))
        lower, upper = lower[~clear], upper[~clear]
        doubt = _undefined_centre(entry, symbols, lower, upper) if len(lower) else None
        if len(lower) and looked > _MOST_BOXES:
            doubt = lower[0]
        if doubt is not None:
            near = ", ".join(f"{s} = {x:.4g}" for s, x in zip(symbols, doubt, strict=True))
            raise DomainError(
                f"verify: could not prove that {entry} is finite and real on the whole domain; "
                f"look near {near}."
            )
        if len(lower):
            lower, upper = halves(lower, upper, (upper - lower).argmax(1))


def _undefined_centre(
    entry: sympy.Expr, symbols: tuple[sympy.Symbol, ...], lower: Array, upper: Array
) -> Array | None:
    """The centre of a box at which the entry has no enclosure; no box that holds it has one."""
    centre = np.clip(lower + (upper - lower) / 2, lower, upper)
    found = enclose(entry, symbols, centre, centre)[1].range
    bad = ~(np.isfinite(found.lower) & np.isfinite(found.upper))
    bad = np.broadcast_to(bad, len(lower))
    return np.asarray(centre[int(bad.argmax())]) if bad.any() else None
