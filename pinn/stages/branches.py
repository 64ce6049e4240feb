"""Choices that an equation leaves at the start, such as u' = 1 and u' = -1 of u'^2 = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from pinn.trial.face_conditions import exact_number, read_condition

if TYPE_CHECKING:
    from pinn.problem.problem import Problem

# Real roots that differ by less than this share are one root twice.
APART = 1e-6


@dataclass(frozen=True)
class Branches:
    """Values that a derivative may have where a solution starts.

    Attributes:
        derivative: the highest one.
        place: where, such as "t=0".
        values: at least two.
    """

    derivative: Any
    place: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        *first, last = (f"{value:.3g}" for value in self.values)
        return (
            f"the equation leaves a choice: {self.derivative} may be {', '.join(first)} or {last} "
            f"at {self.place}"
        )


def branches_of(problem: Problem) -> Branches | None:
    """The choices of one field of one coordinate that is given at its start; None without any.

    Args:
        problem: its equation has to be algebraic in the highest derivative.
    """
    if len(problem.coordinates) != 1 or len(problem.fields) != 1 or problem.functionals:
        return None
    [coordinate], [field], [equation] = problem.coordinates, problem.fields, problem.equations
    order = order_of(problem, field, coordinate)
    read = [read_condition(problem, condition) for condition in problem.conditions]
    state = {}
    for one in read:
        if isinstance(one, str) or any(weight != 0 for weight in one.weights[:-1]):
            return None
        state[one.order] = one.value
    if not order or len({c.on for c in problem.conditions}) != 1 or set(state) != set(range(order)):
        return None
    top, symbol = field.diff(coordinate, order), sympy.Dummy(real=True)
    form = sympy.sympify(difference(equation)).doit().xreplace({top: symbol})
    for lower in range(order - 1, -1, -1):
        form = form.xreplace({field.diff(coordinate, lower) if lower else field: state[lower]})
    numbers = {s: exact_number(problem.parameter_values[str(s)]) for s in problem.symbols}
    place = problem.domain.part(problem.conditions[0].on)
    form = form.subs(numbers).subs(coordinate, exact_number(place.value))  # type: ignore[attr-defined]
    values = _roots(form, symbol)
    return Branches(top, place.name, values) if len(values) > 1 else None


def _roots(form: Any, symbol: Any) -> tuple[float, ...]:
    """Different real roots of a polynomial, or of the numerator of a quotient of two."""
    numerator, _ = sympy.fraction(sympy.together(form))
    if numerator.free_symbols != {symbol} or not numerator.is_polynomial(symbol):
        return ()
    found: list[float] = []
    for root in sympy.Poly(numerator, symbol).nroots():
        value = complex(root)
        size = max(1.0, *map(abs, found), abs(value)) if found else abs(value)
        is_real = abs(value.imag) <= APART * size
        if is_real and all(abs(value.real - other) > APART * size for other in found):
            found.append(value.real)
    return tuple(sorted(found))
