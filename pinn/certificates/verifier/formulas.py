"""Formulas of a claim: derivatives and identities by sympy, values by forms."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy

from pinn.certificates.verifier.forms import LEAST, Form, U
from sciformer.errors import CertificateError

if TYPE_CHECKING:
    from pinn.certificates.claim import Claim, Formula

X, T = sympy.symbols("x t", real=True)
LARGEST = Fraction(sys.float_info.max)
# Operations in a difference that simplify is asked about: beyond, it may take minutes.
MOST_OPERATIONS = 200
_SYMBOLS = {"x": X, "t": T, "pi": sympy.pi}
_FUNCTIONS = {"sin": sympy.sin, "cos": sympy.cos, "exp": sympy.exp}


def expression(formula: Formula) -> Any:
    """A formula as a sympy expression, built node by node; no text is parsed as a program."""
    if isinstance(formula, str):
        if formula in _SYMBOLS:
            return _SYMBOLS[formula]
        value = Fraction(formula)
        return sympy.Rational(value.numerator, value.denominator)
    head, *rest = formula
    if head == "pow":
        return expression(rest[0]) ** rest[1]
    parts = [expression(f) for f in rest]
    if head in _FUNCTIONS:
        return _FUNCTIONS[head](*parts)
    return sympy.Add(*parts) if head == "add" else sympy.Mul(*parts)


def check_conditions(claim: Claim) -> None:
    """The trial solution takes the initial values and those at both ends, whatever its network.

    Raises:
        CertificateError: it does not, or sympy cannot see it.
    """
    offset, factor = expression(claim.offset), expression(claim.factor)
    low = [sympy.Rational(v.numerator, v.denominator) for v in claim.low]
    top = sympy.Rational(claim.high[0].numerator, claim.high[0].denominator)
    places = {
        "the start": ({T: low[1]}, expression(claim.start)),
        "the lower end": ({X: low[0]}, expression(claim.walls[0])),
        "the upper end": ({X: top}, expression(claim.walls[1])),
    }
    for name, (place, value) in places.items():
        for gap in (offset.subs(place) - value.subs(place), factor.subs(place)):
            if not _is_zero(gap):
                raise CertificateError(
                    f"verify: the trial solution misses its value at {name}: {gap} is not 0."
                )


def _is_zero(gap: Any) -> bool:
    gap = sympy.expand(gap)
    if gap == 0 or gap.count_ops() > MOST_OPERATIONS:
        return bool(gap == 0)
    return bool(sympy.simplify(gap) == 0)


def evaluate(value: Any, x: Form, t: Form) -> Form:
    """A sympy expression in sums, products, powers, sin, cos and exp."""
    if value in (X, T):
        return x if value == X else t
    if value == sympy.pi:
        return Form.number(3.141592653589793, 1.3e-16)
    if value.is_Rational:
        exact = Fraction(int(value.p), int(value.q))
        middle = float(exact) if abs(exact) < LARGEST else math.inf
        gap = abs(exact - Fraction(middle)) if middle < math.inf else 0
        # A gap may be too small for float64, and factors that follow may be as large as 1 / gap.
        return Form.number(middle, float(gap) * (1 + 4 * U) + LEAST if gap else 0.0)
    if value.is_Add or value.is_Mul:
        total, *others = (evaluate(e, x, t) for e in value.args)
        for other in others:
            total = total.plus(other) if value.is_Add else total.times(other)
        return total
    if value.is_Pow and value.exp.is_Integer and value.exp >= 1:
        base = evaluate(value.base, x, t)
        total = base
        for _ in range(int(value.exp) - 1):
            total = total.times(base)
        return total
    name = {sympy.sin: "sin", sympy.cos: "cos", sympy.exp: "exp"}.get(value.func)
    if name is None:
        raise CertificateError(f"verify: {value} holds a function that is not enclosed.")
    found: Form = getattr(evaluate(value.args[0], x, t), name)()
    return found
