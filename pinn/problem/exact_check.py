"""Check of a closed form against the equations and conditions of a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.problem.functionals import functionals_in
from pinn.problem.reading import difference, normal
from pinn.problem.weak_form import missed_across
from pinn.references.exact import largest, substitute
from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.problem.stated import Stated

    Array = NDArray[np.float64]

# A closed form is one up to this share of the sizes of its terms: a wrong one misses by far more,
# and what cancels in it may cost half of the digits.
EXACT = 1e-9
# Removable singularities, such as sin(r)/r on r = 0, are looked at so far inside, as a share of the
# domain, and in so many digits: 1/r**4 still leaves 20 of them there.
INWARD, DIGITS = 1e-20, 100
# A coefficient that jumps under a derivative has lost its jump before any check sees it.
FLUX = (
    " If a coefficient that jumps stood under a derivative there, make the flux a field of its "
    "own, q = coefficient * slope: sympy drops the derivative of a jump."
)
# Points inside and on each part of the boundary.
INSIDE, ON_PART = 64, 16


def check_exact(problem: Stated) -> None:
    """Refuses a closed form that misses an equation inside, across its own kinks and jumps as well,
    or a condition on its part.

    Raises:
        DataError: the sentence gives the residual and the size of the terms.
    """
    inside = problem.domain.sample(INSIDE)
    claims = [("the equation", e, inside, torch.zeros_like(inside)) for e in problem.equations]
    for condition in problem.conditions:
        part = problem.domain.part(condition.on)
        points = part.sample(ON_PART)
        claims.append(("the condition", condition.equation, points, part.normal(points)))
    symbols = (*problem.coordinates, *map(normal, problem.coordinates))
    for what, equation, points, normals in claims:
        # Term by term: sympy would merge terms that cancel, and their sizes with them.
        terms = sympy.Add.make_args(sympy.expand(difference(equation)))
        known = [_put_in(problem, term) for term in terms]
        gap, where = sympy.Add(*known), torch.cat([points, normals], dim=-1).numpy()
        worst, scale = largest(gap, symbols, where)
        # Where a term is 0 it carries the rounding of its size elsewhere, as sin(pi x) at 1.
        elsewhere = torch.cat([inside[: len(points)], normals], dim=-1).numpy()
        sizes = [largest(t, symbols, at)[1] for t in known for at in (where, elsewhere)]
        if not np.isfinite(worst):
            worst = _limit(problem, gap, symbols, where)
            scale = largest(gap, symbols, elsewhere)[1]
        scale = max(s for s in (scale, *sizes) if np.isfinite(s) or not np.isfinite(worst))
        if not worst <= EXACT * scale:
            raise DataError(
                f"{problem.name}: the exact solution does not satisfy {what} {equation}: "
                f"its residual is up to {worst:.3g} where the terms are up to {scale:.3g}."
            )
    missed = missed_across(problem, problem.exact, problem.parameters)
    if missed:
        jumps = any(
            sympy.sympify(e).has(sympy.Piecewise, sympy.Heaviside) for e in problem.equations
        )
        hint = FLUX if jumps else ""
        raise DataError(f"{problem.name}: the exact solution does not satisfy {missed}.{hint}")


def _put_in(problem: Stated, term: Any) -> Any:
    """A term of the closed form."""
    elsewhere = {f: f.of(problem.exact) for f in functionals_in(term)}
    return substitute(term.xreplace(elsewhere), problem.exact, problem.parameters)


def _limit(problem: Stated, gap: Any, symbols: tuple[Any, ...], where: Array) -> float:
    """The largest size of an expression just beside points (p, c + normals), towards the middle."""
    import mpmath

    middle = [(low + high) / 2 for low, high in problem.domain.intervals.values()]
    count = len(middle)
    function = sympy.lambdify(list(symbols), gap, modules="mpmath")
    with mpmath.workdps(DIGITS):
        share = mpmath.mpf(INWARD)

        def beside(row: Array) -> Any:
            at = zip(map(mpmath.mpf, row[:count]), middle, strict=True)
            return abs(function(*(x + share * (m - x) for x, m in at), *row[count:].tolist()))

        try:
            return float(max(map(beside, where)))
        except (ZeroDivisionError, ValueError, TypeError, NameError):
            return float("nan")
