"""Equations by name, with the class of starts that their certificate covers by default."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sciformer.errors import unknown_name
from theory.flows.equation import ReactionDiffusion
from theory.flows.polynomial import Polynomial
from theory.flows.starts import Starts

# The largest slope of a start: steep enough for fronts.
_SLOPE = 10.0

NAMED: dict[str, tuple[ReactionDiffusion, Starts]] = {
    "fisher-kpp": (
        ReactionDiffusion(
            "fisher-kpp",
            Fraction(1, 200),
            Fraction(0),
            Polynomial.of([0, 8, -8]),
            Fraction(1),
            Fraction(1),
        ),
        Starts(0.1, 1.0, _SLOPE),
    ),
    "allen-cahn": (
        ReactionDiffusion(
            "allen-cahn",
            Fraction(1, 500),
            Fraction(0),
            Polynomial.of([0, 5, 0, -5]),
            Fraction(1),
            Fraction(1),
        ),
        Starts(-1.0, 1.0, _SLOPE),
    ),
    "heat": (
        ReactionDiffusion(
            "heat", Fraction(1, 20), Fraction(0), Polynomial.of([0]), Fraction(1), Fraction(1)
        ),
        Starts(-1.0, 1.0, _SLOPE),
    ),
}
"""u_t = .005 u_xx + 8 u (1 - u);  u_t = .002 u_xx + 5 (u - u^3);  u_t = .05 u_xx; period 1, T 1."""

OTHERS = ("burgers-periodic", "gray-scott")
"""Names that the command compiles in other ways: one head, and layers without a certificate."""


def named(name: str, time: float | None = None) -> tuple[ReactionDiffusion, Starts]:
    """An equation of a name and its class of starts.

    Args:
        name: one of `NAMED`.
        time: T, instead of the equation's own.

    Raises:
        UnknownNameError: no such name.
    """
    if name not in NAMED:
        raise unknown_name("sciformer compile", "equation", name, [*NAMED, *OTHERS])
    equation, starts = NAMED[name]
    return (equation if time is None else replace(equation, time=Fraction(time))), starts
