"""Whether a linear equation in one coordinate has solutions beside the one that is looked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.problem.functionals import functionals_in, nodes
from pinn.problem.orders import order_of
from pinn.problem.reading import difference, normal
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pinn.problem.functionals import Functional
    from pinn.problem.problem import Condition, Problem

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
            and linear conditions, at both ends or with values elsewhere, is looked at.

    Raises:
        UsageError: the sentence says so.

    Source: the alternative of Fredholm; Ascher, Mattheij, Russell 1995, section 3.1.
    """
    if len(problem.coordinates) != 1 or len(problem.fields) != 1 or len(problem.equations) != 1:
        return
    if problem.unknown or problem.periodic or problem.ansatz or problem.gauge:
        return
    at_one_end = len({problem.domain.part(c.on) for c in problem.conditions}) < 2
    if functionals_in(*problem.equations) or (at_one_end and not problem.functionals):
        return  # an initial value problem, or one in which more than fields here are unknown
    order = order_of(problem, problem.fields[0], problem.coordinates[0])
    factors = _factors(problem, difference(problem.equations[0]), order)
    if order < 2 or factors is None or len(problem.conditions) != order:
        return
    [(low, high)] = problem.domain.intervals.values()
    states = _states(_slopes(problem, factors, low, high), order)
    if states is None:
        return
    fundamental = _Fundamental(states, low, high - low, order)
    rows = [_row(problem, condition, fundamental) for condition in problem.conditions]
    conditions = [row for row in rows if row is not None]
    if len(conditions) < order:
        return
    values = np.linalg.svd(np.stack(conditions), compute_uv=False)
    if values[-1] <= DEPENDENT:
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


def _states(slopes: Callable[[float, Array], Array], order: int) -> Callable[[float], Array] | None:
    """The fundamental solutions on 0 < s < 1; None where they grow too much or are not finite."""
    from scipy.integrate import solve_ivp

    try:
        with np.errstate(all="ignore"):
            found = solve_ivp(
                slopes, (0, 1), np.eye(order).ravel(), "DOP853", rtol=TOLERANCE, atol=TOLERANCE,
                dense_output=True,
            )  # fmt: skip
    except (ArithmeticError, TypeError, ValueError, NameError):
        return None  # an end at which it degenerates, or a function that NumPy does not know
    across = np.asarray(found.y[:, -1])
    is_fine = found.success and np.isfinite(across).all() and np.abs(across).max() < LARGEST_GROWTH
    return found.sol if is_fine else None


@dataclass(frozen=True)
class _Fundamental:
    """Solutions of the equation without its known terms, one for each state at the lower end."""

    states: Callable[[float], Array]
    low: float
    width: float
    order: int

    def __call__(self, place: float, derivative: int) -> Array:
        """A derivative of each at a place, (order,)."""
        state = self.states((place - self.low) / self.width).reshape(self.order, self.order)
        return np.asarray(state[derivative] / self.width**derivative)


def _row(problem: Problem, condition: Condition, fundamental: _Fundamental) -> Array | None:
    """What a condition says of each fundamental solution, over the sizes of its parts; None where
    it is not linear.
    """
    [coordinate] = problem.coordinates
    [(low, high)] = problem.domain.intervals.values()
    face = problem.domain.part(condition.on)
    is_high = bool((face.sample(1) > (low + high) / 2).all())
    end = high if is_high else low
    at = {coordinate: end, normal(coordinate): 1 if is_high else -1}
    form = difference(condition.equation)
    named = {functional: sympy.Dummy() for functional in functionals_in(form)}
    plain = form.xreplace(named)
    local = _factors(problem, plain, fundamental.order - 1)
    if local is None:
        return None
    parts = []
    for k, factor in enumerate(local):
        if factor.free_symbols & set(named.values()):
            return None
        parts.append(float(factor.subs(at)) * fundamental(end, k))
    values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
    for functional, name in named.items():
        weight = plain.diff(name).subs(values).subs(at)
        found = _of_functional(functional, fundamental, {**values, coordinate: end})
        if not weight.is_number or found is None:
            return None
        parts.append(float(weight) * found)
    # What two ends cancel counts by their sizes, so that u'(0) - u'(1) is 0 for u = x.
    size = sum(float(np.linalg.norm(part)) for part in parts)
    return np.asarray(sum(parts) / size) if 0 < size < math.inf else None


def _of_functional(
    functional: Functional, fundamental: _Fundamental, values: Mapping[Any, Any]
) -> Array | None:
    """A functional of each fundamental solution; None where it is not linear."""
    read = functional.reading
    total = np.zeros(fundamental.order)
    for node, weight in nodes(read.limits):
        integrand = read.integrand.xreplace(node).subs(values)
        for symbol, sample in read.samples.items():
            factor = integrand.diff(symbol)
            [place], [derivative] = sample.place, sample.orders
            if not factor.is_number or derivative >= fundamental.order:
                return None
            there = float(place.xreplace(node).subs(values))
            total += float(weight.subs(values) * factor) * fundamental(there, derivative)
    return total
