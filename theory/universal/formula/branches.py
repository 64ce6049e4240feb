"""Branches of formulas, put so that sympy neither solves their conditions nor turns in circles."""

from __future__ import annotations

from typing import Any

import sympy

from sciformer.errors import DataError, DomainError
from theory.universal.formula.limits import MOST_BITS, MOST_NESTED_BRANCHES


def branch(condition: sympy.Basic, then: Any, otherwise: Any) -> sympy.Expr:
    """`then` where the condition holds, `otherwise` elsewhere.

    Branches inside the condition are drawn out of it, where(c, p, q) < r as where(c, p < r, q < r):
    sympy would solve the condition for the variable, and may never come to an end.

    Args:
        condition: a comparison of real expressions, or what sympy makes of one that is decided.
        then, otherwise: expressions or numbers.

    Raises:
        DataError: more branches inside than `MOST_NESTED_BRANCHES`, or a condition that sympy
            cannot bring into a standard form.
        DomainError: a side of the condition that is not a finite real number in some branch.
    """
    inside = condition.atoms(sympy.Piecewise)
    if not inside:
        return _piecewise((then, condition), (otherwise, sympy.true))
    if len(inside) > MOST_NESTED_BRANCHES:
        raise DataError(
            f"formula: the condition of a where, sign or heaviside holds {len(inside)} others, and "
            f"at most {MOST_NESTED_BRANCHES} are within reach; write simpler conditions."
        )
    # The outermost one is the largest, and its own conditions hold none.
    drawn = max(inside, key=lambda p: (p.count_ops(), sympy.default_sort_key(p)))
    parts = []
    for value, where in drawn.args:
        sides = [_replaced(side, drawn, value) for side in condition.args]
        parts.append((branch(compared(condition.func, *sides), then, otherwise), where))
    return _piecewise(*parts)


def compared(relation: Any, left: sympy.Expr, right: sympy.Expr) -> sympy.Basic:
    """A comparison.

    Raises:
        DomainError: a side that is not real.
    """
    try:
        return relation(left, right)
    except TypeError as error:
        raise DomainError(
            f"formula: a comparison of {_short(left)} and {_short(right)} has a side that is not "
            "real; compare what is real everywhere."
        ) from error


def is_finite_real(value: sympy.Expr) -> bool:
    """Whether a constant is known to be a real number within the range of float64, or a rational
    number of few enough bits."""
    if value.is_Rational:
        return bits(value) <= MOST_BITS
    if not value.is_real:
        return False
    near = value.evalf(15)
    return bool(near.is_Float and abs(near) < sympy.Float("1.797e308"))


def bits(value: sympy.Rational) -> int:
    """Bits of the larger of numerator and denominator."""
    return max(int(value.p).bit_length(), int(value.q).bit_length())


def constant_bits(base: sympy.Expr) -> int:
    """Bits of the largest rational number that sympy raises to a power with this base: the base
    itself, the factor of a product, or one of them in a branch."""
    if isinstance(base, sympy.Piecewise):
        return max(constant_bits(value) for value, _ in base.args)
    factor, _ = base.as_coeff_Mul(rational=True)
    return 1 if abs(factor) == 1 else bits(factor)


def _piecewise(*parts: tuple[Any, sympy.Basic]) -> sympy.Expr:
    """A piecewise expression whose conditions stay as they are when sympy looks at them again.

    With a number such as e beside symbols on both sides sympy exchanges the sides without end.
    """
    try:
        return sympy.Piecewise(*parts)
    except RecursionError:
        pass
    try:
        return sympy.Piecewise(*((value, _against_zero(where)) for value, where in parts))
    except RecursionError as error:
        raise DataError(
            f"formula: sympy finds no standard form of the condition {_short(parts[0][1])}; write "
            "it in another way, with one side 0."
        ) from error


def _against_zero(condition: sympy.Basic) -> sympy.Basic:
    if not isinstance(condition, sympy.core.relational.Relational):
        return condition
    return compared(condition.func, condition.lhs - condition.rhs, sympy.Integer(0))


def _replaced(expression: sympy.Expr, old: sympy.Expr, new: sympy.Expr) -> sympy.Expr:
    """The expression with another part; constants that come about are judged one by one, because
    sympy computes exp(exp(10**6)) for a comparison."""
    if not expression.has(old):
        return expression
    made = new if expression == old else _rebuilt(expression, old, new)
    if made.is_number and not is_finite_real(made):
        raise _unreal(expression)
    return made


def _rebuilt(expression: sympy.Expr, old: sympy.Expr, new: sympy.Expr) -> sympy.Expr:
    parts = [_replaced(part, old, new) for part in expression.args]
    if isinstance(expression, sympy.Pow) and parts[1].is_Rational:
        base, exponent = parts
        if constant_bits(base) * abs(exponent) > MOST_BITS:
            raise _unreal(expression)
    try:
        return expression.func(*parts)
    except ValueError as error:  # the largest of numbers that are not real
        raise _unreal(expression) from error


def _unreal(expression: sympy.Expr) -> DomainError:
    return DomainError(
        f"formula: {_short(expression)}, in the condition of a where, sign or heaviside, is not "
        "known to be a finite real number in every branch; keep it within the range of float64."
    )


def _short(expression: sympy.Basic) -> str:
    text = str(expression)
    return text if len(text) <= 60 else f"{text[:57]}..."
