"""The terms of an equation, one for each monomial in the fields and their derivatives."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.levels import about
from pinn.problem.reading import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def monomials(
    equation: Any, fields: Sequence[Any], levels: Mapping[Any, float] | None = None
) -> list[Any]:
    """Terms that add up to left minus right side: a known coefficient times fields each.

    Only what contains a field is multiplied out. Known coefficients stay whole: the thousands of
    terms into which a long one expands cancel each other, and the sum of their sizes says nothing
    about the equation.

    Args:
        equation: an equality, or an expression that shall be 0.
        fields: the unknown functions, such as u(x, t).
        levels: by field; the terms are those in the distance of the fields from there.

    Raises:
        UsageError: sympy has found the equation to be always true or false.
    """
    heads = tuple(field.func for field in fields)
    known: dict[Any, Any] = {}

    def hidden(expression: Any) -> Any:
        """The expression with a symbol in place of each largest part without a field."""
        if not expression.has(*heads):
            return known.setdefault(expression, sympy.Dummy())
        if not isinstance(expression, (sympy.Add, sympy.Mul, sympy.Pow)):
            return expression
        if isinstance(expression, sympy.Pow):
            return hidden(expression.base) ** expression.exp
        without, rest = expression.as_independent(*heads, as_Add=expression.is_Add)
        parts = [hidden(part) for part in expression.func.make_args(rest)]
        if without != expression.identity:
            parts.append(hidden(without))
        return expression.func(*parts)

    levels = levels or {}
    form = sympy.expand(hidden(about(difference(equation), levels)))
    coefficients: dict[Any, list[Any]] = defaultdict(list)
    for term in sympy.Add.make_args(form):
        coefficient, monomial = term.as_independent(*heads, as_Add=False)
        coefficients[monomial].append(coefficient)
    shown = {symbol: expression for expression, symbol in known.items()}
    back = {field: -level for field, level in levels.items()}
    return [
        about(monomial.xreplace(shown), back) * sympy.Add(*found).xreplace(shown)
        for monomial, found in coefficients.items()
    ]
