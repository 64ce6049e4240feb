"""Whether a linear equation in one coordinate has solutions beside the one that is looked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.problem.orders import order_of
from pinn.problem.reading import difference, normal
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

TOLERANCE = 1e-11  # of the integration, relative
# Rows of conditions are dependent up to this share of their size: the integration is good to a few
# hundred of its tolerances, and a problem that is so near to a resonance loses all of six digits.
DEPENDENT = 1e-8
# Solutions that grow more hide each other: conditions at the end then look dependent and are not.
LARGEST_GROWTH = 1e3
# Larger coefficients (times the interval to the power of their order) would take seconds.
LARGEST_COEFFICIENT = 1e5


def check_resonance(problem: Problem) -> None:
    """Refuses a linear boundary value problem that 0 does not solve alone without its sources.

    Its fundamental solutions are integrated over the interval; if a combination of them satisfies
    all conditions with 0 on their right sides, there are many solutions or none.

    Args:
        problem: only one with one coordinate, one linear equation whose solutions grow moderately,
            and linear conditions at both ends is looked at.

    Raises:
        UsageError: the sentence says so.

    Source: the alternative of Fredholm; Ascher, Mattheij, Russell 1995, section 3.1.
    """
    if len(problem.coordinates) != 1 or len(problem.fields) != 1 or len(problem.equations) != 1:
        return
    if problem.unknown or problem.periodic or problem.ansatz or problem.gauge:
        return
    if len({problem.domain.part(c.on) for c in problem.conditions}) < 2:
        return  # an initial value problem
    order = order_of(problem, problem.fields[0], problem.coordinates[0])
    factors = _factors(problem, difference(problem.equations[0]), order)
    rows = [_factors(problem, difference(c.equation), order - 1) for c in problem.conditions]
    if order < 2 or factors is None or len(rows) != order or any(row is None for row in rows):
        return
    [(low, high)] = problem.domain.intervals.values()
    across = _across(_slopes(problem, factors, low, high), order)
    if across is None:
        return
    conditions = []
    for condition, row in zip(problem.conditions, rows, strict=True):
        face = problem.domain.part(condition.on)
        is_high = bool((face.sample(1) > (low + high) / 2).all())
        at = {problem.coordinates[0]: high if is_high else low}
        at |= {normal(problem.coordinates[0]): 1 if is_high else -1}
        numbers = [float(b.subs(at)) / (high - low) ** k for k, b in enumerate(row or [])]
        conditions.append(np.array(numbers) @ (across if is_high else np.eye(order)))
    sizes = [float(np.linalg.norm(row)) for row in conditions]
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return
    values = np.linalg.svd(np.stack(conditions) / np.array(sizes)[:, None], compute_uv=False)
    if values[-1] <= DEPENDENT * values[0]:
        raise UsageError(
            f"{problem.name}: without its known terms the equation has solutions other than 0 that "
            f"satisfy all conditions (it is at resonance), so there are many solutions or "
            f"none; change a coefficient or a condition, or let the coefficient be an unknown and "
            f"add a condition that fixes the size."
        )


def _factors(problem: Problem, form: Any, highest: int) -> list[Any] | None:
    """The known factors of the field and its derivatives; None where the form is not linear."""
    [field], [coordinate] = problem.fields, problem.coordinates
    names = [sympy.Dummy() for _ in range(highest + 1)]
    plain = sympy.sympify(form).doit()
    for k in reversed(range(1, highest + 1)):
        plain = plain.xreplace({field.diff(coordinate, k): names[k]})
    plain = plain.xreplace({field: names[0]}).subs(
        {s: problem.parameter_values[str(s)] for s in problem.symbols}
    )
    factors = [plain.diff(name) for name in names]
    is_linear = not any(factor.has(*names, field.func) for factor in factors)
    return factors if is_linear and not plain.has(field.func) else None


def _slopes(
    problem: Problem, factors: list[Any], low: float, high: float
) -> Callable[[float, Array], Array]:
    """The right side of z' = C z for z = (u, w u', w^2 u'', ...), w = high - low, on 0 < s < 1."""
    width, order = high - low, len(factors) - 1
    known = sympy.lambdify(problem.coordinates, factors, modules=["scipy", "numpy"])

    def slopes(s: float, flat: Array) -> Array:
        z = flat.reshape(order, order)
        *lower, top = (float(f) for f in known(low + s * width))
        last = [-f / top * width ** (order - k) for k, f in enumerate(lower)]
        if not max(map(abs, last)) <= LARGEST_COEFFICIENT:
            raise ArithmeticError
        return np.concatenate([z[1:], (np.array(last) @ z)[None]]).ravel()

    return slopes


def _across(slopes: Callable[[float, Array], Array], order: int) -> Array | None:
    """The fundamental solutions at the end; None where they grow too much or are not finite."""
    from scipy.integrate import solve_ivp

    try:
        with np.errstate(all="ignore"):
            found = solve_ivp(
                slopes, (0, 1), np.eye(order).ravel(), "DOP853", rtol=TOLERANCE, atol=TOLERANCE
            )
    except (ArithmeticError, TypeError, ValueError, NameError):
        return None  # an end at which it degenerates, or a function that NumPy does not know
    across = np.asarray(found.y[:, -1].reshape(order, order))
    is_fine = found.success and np.isfinite(across).all() and np.abs(across).max() < LARGEST_GROWTH
    return across if is_fine else None
