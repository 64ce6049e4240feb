"""Problems in a line or two, for tests of what a problem states."""

from __future__ import annotations

from typing import Any

import sympy

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x)
w = sympy.Function("w")(x, t)


def line(equations: Any, *conditions: tuple[Any, Any, Any], **more: Any) -> Problem:
    """On 0 < x < 1; conditions are (left side, value, end)."""
    given = tuple(Condition(sympy.Eq(left, value), on=f"x={e}") for left, value, e in conditions)
    fields = more.pop("fields", (u,))
    return Problem("mine", (x,), fields, equations, Box(x=(0, 1)), given, **more)


def moving(equation: Any, *conditions: tuple[Any, Any, str], **more: Any) -> Problem:
    """On 0 < x < 1, 0 < t < 1."""
    given = tuple(Condition(sympy.Eq(left, value), on=on) for left, value, on in conditions)
    return Problem("mine", (x, t), (w,), (equation,), Box(x=(0, 1), t=(0, 1)), given, **more)
