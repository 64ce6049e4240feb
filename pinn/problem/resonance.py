"""Whether a linear equation in one coordinate has solutions beside the one that is looked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.problem.functionals import functionals_in, nodes
from pinn.problem.orders import order_of
from pinn.problem.reading import difference, normal
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
# Places of the interval at which the sizes of what stands before numbers from elsewhere are taken.
UNIT_PROBES = tuple((k + 0.5) / 16 for k in range(16))


def check_resonance(problem: Problem) -> None:
    """Refuses a linear boundary value problem that 0 does not solve alone without its sources.

    Its fundamental solutions are integrated over the interval, with one more for each number that
    the equation takes from elsewhere, such as the b in u' = c(x) b, b = integral of u; if a
    combination of them satisfies all conditions with 0 on their right sides, and each number is
    that of the combination, there are many solutions or none.

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
    if at_one_end and not problem.functionals:
        return  # an initial value problem
    order = order_of(problem, problem.fields[0], problem.coordinates[0])
    numbers = functionals_in(*problem.equations)
    named = {functional: sympy.Dummy() for functional in numbers}
    form = difference(problem.equations[0]).xreplace(named)
    factors = _factors(problem, form, order, list(named.values()))
    if factors is None or len(problem.conditions) != order:
        return
    if any(functional.depends_on(problem.coordinates[0]) for functional in numbers):
        return  # more than some numbers come from elsewhere
    fundamental = _fundamental(problem, factors, order)
    if fundamental is None:
        return
    try:
        rows = [_row(problem, condition, fundamental) for condition in problem.conditions]
        rows += [_own(problem, fundamental, number) for number in numbers]
    except ArithmeticError:
        return  # a place at which it degenerates
    known = [row for row in rows if row is not None]
    if not known or len(known) < len(rows):
        return
    values = np.linalg.svd(np.stack(known), compute_uv=False)
    if values[-1] <= DEPENDENT:
        raise UsageError(
            f"{problem.name}: without its known terms the equation has solutions other than 0 that "
            f"satisfy all conditions (it is at resonance), so there are many solutions or "
            f"none; change a coefficient or a condition, or let the coefficient be an unknown and "
            f"add a condition that fixes the size."
        )


def _factors(
    problem: Problem, form: Any, highest: int, numbers: Sequence[Any] = ()
) -> list[Any] | None:
    """The known factors of the field and its derivatives, and those of some symbols; None where the
    form is not linear.
    """
    [field], [coordinate] = problem.fields, problem.coordinates
    names = [sympy.Dummy() for _ in range(highest + 1)]
    plain = sympy.sympify(form).doit()
    for k in reversed(range(1, highest + 1)):
        plain = plain.xreplace({field.diff(coordinate, k): names[k]})
    plain = plain.xreplace({field: names[0]}).subs(
        {s: problem.parameter_values[str(s)] for s in problem.symbols}
    )
    factors = [plain.diff(name) for name in (*names, *numbers)]
    is_linear = not any(factor.has(*names, *numbers, field.func) for factor in factors)
    return factors if is_linear and not plain.has(field.func) else None


@dataclass(frozen=True)
class _Fundamental:
    """Solutions of the equation without its known terms.

    They are z = (u, w u', w^2 u'', ..., b) on 0 < s < 1, w = high - low, one for each state at the
    lower end and each number b that the equation takes from elsewhere. The numbers are in units in
    which their factors are at most 1, so that no unit counts.
    """

    factors: Callable[[float], Any]
    states: Callable[[float], Array]
    low: float
    width: float
    order: int
    units: Array

    def __call__(self, place: float, derivative: int) -> Array:
        """A derivative of each at a place, up to that of the equation's order."""
        s = (place - self.low) / self.width
        z = self.states(s).reshape(self.count, self.count)
        row = self.highest(s, z) if derivative == self.order else z[derivative]
        return np.asarray(row / self.width**derivative)

    @property
    def count(self) -> int:
        return self.order + len(self.units)

    def highest(self, s: float, z: Array) -> Array:
        """w^n u^(n) of each by the equation."""
        known = [float(f) for f in self.factors(self.low + s * self.width)]
        top = known.pop(self.order)
        powers = [self.order - k for k in range(self.order)] + [self.order] * len(self.units)
        row = np.array([-f / top * self.width**n for f, n in zip(known, powers, strict=True)])
        row[self.order :] /= self.units
        if row.size and not np.abs(row).max() <= LARGEST_COEFFICIENT:
            raise ArithmeticError
        return np.asarray(row @ z)

    def slopes(self, s: float, flat: Array) -> Array:
        """The right side of z' = C z."""
        z = flat.reshape(self.count, self.count)
        moved = np.zeros_like(z)
        if self.order:
            moved[: self.order - 1] = z[1 : self.order]
            moved[self.order - 1] = self.highest(s, z)
        return moved.ravel()


def _fundamental(problem: Problem, factors: list[Any], order: int) -> _Fundamental | None:
    """The fundamental solutions; None where they grow too much or are not finite."""
    from scipy.integrate import solve_ivp

    [(low, high)] = problem.domain.intervals.values()
    width, count = high - low, len(factors) - 1
    known = sympy.lambdify(problem.coordinates, factors, modules=["scipy", "numpy"])
    try:
        with np.errstate(all="ignore"):
            probes = np.array([known(low + width * s) for s in UNIT_PROBES], dtype=float)
            sources = np.abs(probes[:, order + 1 :] / probes[:, order : order + 1])
            units = sources.max(0) * width**order
            if not (np.isfinite(units).all() and (units > 0).all()):
                return None
            plain = _Fundamental(known, lambda s: np.eye(count), low, width, order, units)
            found = solve_ivp(
                plain.slopes, (0, 1), np.eye(count).ravel(), "DOP853", rtol=TOLERANCE,
                atol=TOLERANCE, dense_output=True,
            )  # fmt: skip
    except (ArithmeticError, TypeError, ValueError, NameError):
        return None  # an end at which it degenerates, or a function that NumPy does not know
    across = np.asarray(found.y[:, -1])
    is_fine = found.success and np.isfinite(across).all() and np.abs(across).max() < LARGEST_GROWTH
    return replace(plain, states=found.sol) if is_fine else None


def _own(problem: Problem, fundamental: _Fundamental, number: Functional) -> Array | None:
    """That a number in the equation is the one of the solution; None where it is not linear."""
    numbers = functionals_in(*problem.equations)
    values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
    found = _of_functional(number, fundamental, values)
    if found is None:
        return None
    at = numbers.index(number)
    whole = found * fundamental.units[at]
    own = np.eye(fundamental.count)[fundamental.order + at]
    return np.asarray((whole - own) / (np.linalg.norm(whole) + 1))


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
    return np.asarray(sum(parts) / (size or 1.0)) if size < math.inf else None


def _of_functional(
    functional: Functional, fundamental: _Fundamental, values: Mapping[Any, Any]
) -> Array | None:
    """A functional of each fundamental solution; None where it is not linear."""
    read = functional.reading
    total = np.zeros(fundamental.count)
    for node, weight in nodes(read.limits):
        integrand = read.integrand.xreplace(node).subs(values)
        for symbol, sample in read.samples.items():
            factor = integrand.diff(symbol)
            [place], [derivative] = sample.place, sample.orders
            if not factor.is_number or derivative > fundamental.order:
                return None
            there = float(place.xreplace(node).subs(values))
            total += float(weight.subs(values) * factor) * fundamental(there, derivative)
    return total
