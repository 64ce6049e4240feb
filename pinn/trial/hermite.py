"""Polynomials along one coordinate that separate what conditions at its ends give from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.trial.face_conditions import exact_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.trial.face_conditions import FaceCondition


class AxisForm:
    """u(z) = sum_j given_j(z) L_j u + sum_k free_k(z) c_k + factor(z) w(z) for conditions L_j.

    With derivatives up to order a at the lower and b at the upper end, factor vanishes to order
    a + 1 and b + 1 there, and given and free span the polynomials of degree a + b + 1, of which
    the free ones satisfy all conditions with value 0. Every smooth function has this form.

    Args:
        coordinate: the symbol z.
        low, high: its ends.
        conditions: those on its two faces, linearly independent.

    Attributes:
        given: one polynomial for each condition, 1 in its own condition and 0 in the others.
        free: polynomials that satisfy the conditions, of size 1 on the interval.
        factor: of size 1.

    Raises:
        ValueError: the conditions depend on each other.

    Source: Hermite-Birkhoff interpolation; the form is that of the theory of functional
        connections, Mortari 2017, with free functions instead of values of w.
    """

    def __init__(
        self, coordinate: Any, low: float, high: float, conditions: Sequence[FaceCondition]
    ) -> None:
        start, stop = exact_number(low), exact_number(high)
        width = stop - start
        is_low = any(c.is_low for c in conditions)
        unit = (coordinate - (start if is_low else stop)) / width
        a = max((c.order + 1 for c in conditions if c.is_low), default=0)
        b = max((c.order + 1 for c in conditions if not c.is_low), default=0)
        powers = [unit**n for n in range(a + b)]
        matrix = sympy.Matrix([[c.of(power, coordinate) for power in powers] for c in conditions])
        columns = list(matrix.rref()[1])
        if len(columns) < len(conditions):
            raise ValueError("the conditions depend on each other")
        inverse = matrix.extract(list(range(len(conditions))), columns).inv()
        self.given = [
            sum(inverse[i, j] * powers[n] for i, n in enumerate(columns))
            for j in range(len(conditions))
        ]
        self.free = [
            _of_size_one(
                sum(v * p for v, p in zip(vector, powers, strict=True)), coordinate, start, stop
            )
            for vector in matrix.nullspace()
        ]
        share = sympy.Rational(a, a + b)
        top = share**a * (1 - share) ** b
        rise, fall = (coordinate - start) / width, (stop - coordinate) / width
        self.factor = rise**a * fall**b / top
        if a + b <= 2:
            self.factor = sympy.expand(self.factor)


def _of_size_one(polynomial: Any, coordinate: Any, start: Any, stop: Any) -> Any:
    """A polynomial over about its largest size, looked for at 33 points: none here has more than a
    few extrema.
    """
    places = [start + (stop - start) * sympy.Rational(i, 32) for i in range(33)]
    sizes = [abs(float(polynomial.subs(coordinate, place))) for place in places]
    return polynomial / exact_number(float(f"{max(sizes):.3g}"))
