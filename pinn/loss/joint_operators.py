"""Derivatives that occur only together are propagated together, as one operator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.jets import Operators
from pinn.problem.expressions import FieldDerivative
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.problem.expressions import Expressions

Symbols = dict[FieldDerivative, Any]


def joined(expressions: Expressions, numbers: Mapping[str, float]) -> Expressions:
    """Equivalent expressions with fewer derivatives to propagate.

    u_t + u u_x - nu u_xx needs u, u_x and (D_t - nu D_xx) u: three channels of a jet for four.

    Derivatives of one field are joined where every expression is linear in them with coefficients
    in one ratio of numbers, and only if the product rule needs fewer operators afterwards.

    Args:
        expressions: functions of fields, derivatives and parameters.
        numbers: values put in for parameters that never change; others may be left out.

    Returns:
        Expressions whose unknowns may be operators such as "t-0.01xx".

    Accuracy: equal up to rounding; coefficients go over with all their digits.
    Source: the idea is that of the forward Laplacian, Li et al. 2024; its extension to any joint
        operator of the residual is ours.
    """
    values = {
        symbol: sympy.Rational(numbers[symbol.name])
        for symbol in expressions.parameter_symbols
        if symbol.name in numbers
    }
    forms = [form.xreplace(values) for form in expressions.forms]
    symbols = dict(expressions.symbols)
    for field in sorted({unknown.field for unknown in symbols}):
        forms, symbols = _join_field(forms, symbols, field)
    names = expressions.letters
    fewer = _channels(names, symbols) < _channels(names, expressions.symbols)
    return expressions.rewritten(forms, symbols) if fewer else expressions


def _channels(coordinates: Sequence[str], symbols: Symbols) -> float:
    """Number of operators that the product rule needs; infinite where one is a sum of others."""
    try:
        return len(Operators(coordinates, sorted({u.operator for u in symbols})))
    except DomainError:
        return math.inf


def _join_field(forms: Sequence[Any], symbols: Symbols, field: int) -> tuple[list[Any], Symbols]:
    """Every group of derivatives of a field becomes one symbol of a sum."""
    groups: list[list[tuple[FieldDerivative, Any]]] = []
    own = [u for u in symbols if u.field == field and u.operator != "1"]
    for unknown in sorted(own, key=lambda u: (len(u.operator), u.operator)):
        for group in groups:
            ratio = _ratio(forms, [symbols[u] for u, _ in group], symbols[unknown])
            if ratio is not None:
                group.append((unknown, ratio))
                break
        else:
            groups.append([(unknown, sympy.Integer(1))])
    found, kept = list(forms), dict(symbols)
    for group in groups:
        if len(group) > 1:
            found, kept = _replace(found, kept, group)
    return found, kept


def _ratio(forms: Sequence[Any], group: Sequence[Any], symbol: Any) -> Any | None:
    """The number k with d form / d symbol = k d form / d group[0] in all forms, if there is one."""
    pairs = [(sympy.diff(form, group[0]), sympy.diff(form, symbol)) for form in forms]
    involved = {*group, symbol}
    if any(involved & (one.free_symbols | other.free_symbols) for one, other in pairs):
        return None  # not linear
    ratios = {_number(other / one) for one, other in pairs if one != 0}
    absent = all(other == 0 for one, other in pairs if one == 0)
    ratio = ratios.pop() if len(ratios) == 1 else None
    return ratio if absent and ratio is not None and ratio != 0 else None


def _number(quotient: Any) -> Any | None:
    """The number that an expression is, if it is one.

    Values at two points refute most at once; cancelling a long quotient takes a minute.
    """
    if not quotient.is_number:
        symbols = sorted(quotient.free_symbols, key=str)
        one, other = (
            complex(quotient.evalf(subs={s: (i + shift) / 7 for i, s in enumerate(symbols)}))
            for shift in (2, 3)
        )
        if not abs(one - other) <= 1e-9 * abs(one):
            return None
        quotient = sympy.cancel(quotient)
    return quotient if quotient.is_number else None


def _replace(
    forms: Sequence[Any], symbols: Symbols, group: Sequence[tuple[FieldDerivative, Any]]
) -> tuple[list[Any], Symbols]:
    """One symbol for sum_i k_i D_i u, with the coefficient of the first."""
    lead, _ = group[0]
    name = "".join(_factor(ratio) + unknown.operator for unknown, ratio in group).removeprefix("+")
    joint = sympy.Symbol(f"_{lead.field}_{name}")
    nothing = {symbols[unknown]: sympy.Integer(0) for unknown, _ in group}
    found = [form.xreplace(nothing) + sympy.diff(form, symbols[lead]) * joint for form in forms]
    left = {u: s for u, s in symbols.items() if s not in nothing}
    return found, {**left, FieldDerivative(lead.field, name): joint}


def _factor(ratio: Any) -> str:
    """The coefficient as text, with its sign and all its digits; 1 is left out."""
    sign, size = "-" if ratio < 0 else "+", abs(float(ratio))
    return sign if size == 1 else sign + np.format_float_positional(size, trim="-")
