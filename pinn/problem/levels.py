"""Levels about which fields vary, such as 300 for a temperature in kelvins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Mapping


def about(form: Any, levels: Mapping[Any, float]) -> Any:
    """An expression in which each field stands for its distance from a level.

    The terms of y' = -k (y - 293) are as large as y itself, and what they leave of each other is as
    small as the degrees by which y differs from 293; about a level of 293 they say only that.

    Args:
        form: with fields u(x), which become level + u(x); derivatives stay as they are.
        levels: by field.
    """
    moves = {field: field + _exact(level) for field, level in levels.items() if level}
    if not moves:
        return form
    form = sympy.sympify(form)
    held = {d: sympy.Dummy(real=True) for d in form.atoms(sympy.Derivative)}
    shown = {symbol: d for d, symbol in held.items()}
    return form.xreplace(held).xreplace(moves).xreplace(shown)


def levels_by_field(problem: Any) -> dict[Any, float]:
    """The levels that a problem states by name, by field."""
    named = dict(zip(problem.field_names, problem.fields, strict=True))
    return {named[name]: float(level) for name, level in problem.levels.items()}


def _exact(level: float) -> Any:
    """A rational number, which leaves nothing of a term that cancels."""
    return sympy.Rational(repr(float(level)))
