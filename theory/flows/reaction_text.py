"""Reactions written as formulas in u: read by a grammar, never run, one operation after the other.

Compiler and verifier share this reading, as they share the files; what they make of it they do not.
"""

from __future__ import annotations

from fractions import Fraction

import sympy

from sciformer.errors import DataError
from theory.universal.formula.parsing import Written, read_written
from theory.universal.formula.program import Program

U = sympy.Symbol("u", real=True)
"""The field, as a reaction names it."""

MOST_CHARACTERS, MOST_OPERATIONS, MOST_EXPONENT = 4000, 256, 32
"""A reaction's Taylor series take some thousand steps of arithmetic for each operation."""
FUNCTIONS = ("exp", "log", "sin", "cos", "tanh", "atan", "sqrt")
_OPERATIONS = {"constant", "copy", "add", "multiply", "power", *FUNCTIONS}
# Products of a few stay within float64, and no unit of a problem comes near.
_LARGEST = 10**70


def read_reaction(text: str) -> Written:
    """A reaction as a formula: its sympy expression, and its operations as they were written.

    Args:
        text: in `u`, such as "u*(1 - u)/(1 + u)", by the grammar of `formula.parsing`.

    Raises:
        DataError: no formula, several, one that is too long, or one with corners (abs, max, where),
            which no derivative bounds.
        DomainError: a constant that is not real and finite.
    """
    if len(text) > MOST_CHARACTERS:
        raise DataError(
            f"reaction: takes at most {MOST_CHARACTERS} characters; got {len(text)}; write a "
            "shorter formula."
        )
    rows = read_written(text, {"u": U})
    if len(rows) != 1 or len(rows[0]) != 1:
        raise DataError(f"reaction: needs one formula in u; got {text[:60]!r}.")
    written = rows[0][0]
    _check(written.program)
    return written


def _check(program: Program) -> None:
    if len(program.steps) > MOST_OPERATIONS:
        raise DataError(
            f"reaction: takes at most {MOST_OPERATIONS} operations; got {len(program.steps)}; "
            "write a shorter formula."
        )
    for step in program.steps:
        if step.operation not in _OPERATIONS:
            raise DataError(
                f"reaction: {step.operation} has a corner or a jump, so no derivative of it is "
                f"bounded; use powers and {', '.join(FUNCTIONS)}."
            )
        if abs(step.exponent) > MOST_EXPONENT:
            raise DataError(
                f"reaction: takes exponents up to {MOST_EXPONENT}; got {step.exponent}."
            )
        number = step.value
        if number is not None and number != 0 and not 1 / _LARGEST < abs(number) < _LARGEST:
            raise DataError("reaction: a number is out of reach; choose other units.")


def is_odd(program: Program) -> bool:
    """Whether f(-u) = -f(u) follows from the parities of the operations."""
    parities: list[int | None] = [-1]
    for step in program.steps:
        inputs = [parities[i] for i in step.inputs]
        parities.append(_parity(step.operation, step.exponent, inputs))
    return parities[-1] == -1


def _parity(operation: str, exponent: int, inputs: list[int | None]) -> int | None:
    """The sign of the operation under u -> -u: +1 even, -1 odd, None neither."""
    if operation == "constant":
        return 1
    if None in inputs:
        return None
    first, last = inputs[0], inputs[-1]
    assert first is not None and last is not None, "looked at above"  # noqa: PT018
    if operation == "add":
        return first if first == last else None
    if operation == "multiply":
        return first * last
    if operation == "power":
        return first if exponent % 2 else 1
    if operation in ("copy", "sin", "tanh", "atan") or first == 1:
        return first
    return 1 if operation == "cos" else None


def exact_sign(expression: sympy.Expr, u: float) -> int | None:
    """The sign of f at a float where f is a rational number there, else None."""
    if _has_growing_powers(expression):
        return None
    value = expression.subs(U, sympy.Rational(*Fraction(u).as_integer_ratio()))
    if not value.is_Rational:
        return None
    return int(sympy.sign(value))


def _has_growing_powers(expression: sympy.Expr) -> bool:
    """Whether u is in an exponent, as in u^u and exp(u log 2), of which sympy writes out every
    digit."""
    powers, towers = expression.atoms(sympy.Pow), expression.atoms(sympy.exp)
    return any(p.exp.has(U) for p in powers) or any(t.has(sympy.log) for t in towers)
