"""Conditions on faces of a box that a trial solution can satisfy by its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.functionals import functionals_in
from pinn.problem.reading import difference, normal
from pinn.problem.smoothness import is_smooth

if TYPE_CHECKING:
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem


@dataclass(frozen=True)
class FaceCondition:
    """sum_n weights[n] d^n field / dz^n = value on a face, where the coordinate z is held.

    The last weight is 1: a value has (1,), a slope (0, 1), a Robin condition (h, 1).
    """

    condition: Condition
    face: Face
    field: Any
    weights: tuple[Any, ...]
    value: Any

    @property
    def order(self) -> int:
        """The highest derivative across the face."""
        return len(self.weights) - 1

    @property
    def is_low(self) -> bool:
        """Whether the face is the lower end of its coordinate."""
        return self.face.outward < 0

    @property
    def end(self) -> Any:
        """The value of the coordinate that is held, exactly."""
        return exact_number(self.face.value)

    def of(self, expression: Any, coordinate: Any) -> Any:
        """The left side applied to an expression that stands for the field."""
        terms = [w * expression.diff(coordinate, n) for n, w in enumerate(self.weights) if w != 0]
        return sum(terms).subs(coordinate, self.end)


def exact_number(value: float) -> Any:
    """The rational number that a float is printed as, which evaluates to the same float."""
    return sympy.Rational(repr(float(value)))


def read_condition(problem: Problem, condition: Condition) -> FaceCondition | str:
    """A condition as one across a face, or why it has to be a term of the loss."""
    face = problem.domain.part(condition.on)
    if not isinstance(face, Face):
        return "it is not on a face of a box"
    coordinate = problem.coordinates[face.axis]
    components = {normal(c): 0 for c in problem.coordinates}
    components[normal(coordinate)] = face.outward
    gap = sympy.expand(difference(condition.equation).subs(components))
    if elsewhere := functionals_in(gap):
        return f"it holds {elsewhere[0]}, a value at another place"
    fields = [field for field in problem.fields if gap.has(field.func)]
    if len(fields) != 1:
        return f"it links {', '.join(map(str, fields))}" if fields else "it holds no field"
    [field] = fields
    derivatives = {d for d in gap.atoms(sympy.Derivative) if d.expr == field}
    if any({v for v, _ in d.variable_count} != {coordinate} for d in derivatives):
        return f"it has a derivative along {condition.on}"
    orders = {d: int(d.derivative_count) for d in derivatives} | {field: 0}
    symbols = {n: sympy.Dummy() for n in range(max(orders.values()) + 1)}
    # Derivatives first: the field is a part of them.
    plain = gap.xreplace({d: symbols[orders[d]] for d in derivatives}).xreplace({field: symbols[0]})
    weights = [plain.diff(symbol) for symbol in symbols.values()]
    while weights and weights[-1] == 0:
        weights.pop()
    if not weights or any(not w.is_number for w in weights) or plain.has(field.func):
        return f"it is not linear in {field} with numbers as coefficients"
    top = weights[-1]
    rest = plain.xreplace(dict.fromkeys(symbols.values(), sympy.Integer(0)))
    value = sympy.simplify(-rest / top) if rest.is_number else -rest / top
    if not is_smooth(value, problem.coordinates, problem.order):
        return "its values have a jump or a kink, which no smooth form has"
    return FaceCondition(condition, face, field, tuple(map(_rational, weights, [top] * 9)), value)


def _rational(weight: Any, top: Any) -> Any:
    ratio = sympy.sympify(weight / top)
    return ratio if ratio.is_Rational else exact_number(float(ratio))
