"""Equations are read as what they are, or refused by the term that stands in the way."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.reading import normal
from pinn.problems.allen_cahn import allen_cahn
from pinn.problems.burgers import burgers
from pinn.problems.heat import heat
from sciformer.errors import DataError, DomainError, UsageError
from theory.flows.ends import PERIODIC, Walls
from theory.flows.equation import _rate, recognise
from theory.flows.expression import Expression
from theory.flows.polynomial import Polynomial
from theory.flows.starts import Starts

X, T, A = sympy.symbols("x t a")
FIELD = sympy.Function("u")(X, T)


def problem(equation: object, **others: object) -> Problem:
    settings = {"periodic": ("x",), "parameters": {A: 0.25}, **others}
    return Problem("mine", (X, T), (FIELD,), (equation,), Box(x=(0, 2), t=(0, 3)), **settings)  # type: ignore[arg-type]


def test_every_part_is_found() -> None:
    """Distinct numbers everywhere. Kills: the drift's sign, a factor of u_t, a power."""
    u = FIELD
    equation = sympy.Eq(
        2 * u.diff(T) + 3 * u.diff(X), A * u.diff(X, 2) + 7 * u - 5 * u**3 + sympy.Rational(1, 3)
    )
    found = recognise(problem(equation))
    assert found.diffusivity == Fraction(1, 8)
    assert found.drift == Fraction(3, 2)
    expected = (Fraction(1, 6), Fraction(7, 2), Fraction(0), Fraction(-5, 2))
    assert found.reaction.coefficients == expected
    assert (found.length, found.time, found.ends) == (2, 3, PERIODIC)


def test_problems_of_the_package() -> None:
    found = recognise(allen_cahn())
    assert found.reaction == Polynomial.of([0, 5, 0, -5])
    assert found.diffusivity == Fraction(1e-4)
    assert recognise(heat()).ends == Walls(-1, -1)
    insulated = problem(
        sympy.Eq(FIELD.diff(T), FIELD.diff(X, 2)),
        periodic=(),
        conditions=(
            Condition(sympy.Eq(FIELD, 0), on="x=0"),
            Condition(sympy.Eq(normal(X) * FIELD.diff(X), 0), on="x=2"),
        ),
    )
    assert recognise(insulated).ends == Walls(-1, 1)


def test_reactions_that_are_no_polynomials_stay_as_they_were_written() -> None:
    """Parameters and floats are exact. Kills: a sign, a factor of u_t, a float of 15 digits.

    Multiplied out, u (1 - u) / (1 + u) would be enclosed less sharply.
    """
    u = FIELD
    equation = sympy.Eq(2 * u.diff(T), u.diff(X, 2) + 0.1 * u * (1 - u) / (A + u))
    found = recognise(problem(equation))
    tenth = sympy.Rational(*(0.1).as_integer_ratio())
    wanted = Expression.read(f"{tenth}*u*(1 - u)/(2*(1/4 + u))")
    assert found.diffusivity == Fraction(1, 2)
    assert (found.reaction.expression - wanted.expression).equals(0)  # type: ignore[attr-defined]
    assert "u**2" not in str(found.reaction.written)
    # Powers with floats are powers, and irrational coefficients stay exact.
    squared = recognise(problem(sympy.Eq(u.diff(T), u.diff(X, 2) - u**2.0)))
    assert squared.reaction == Polynomial.of([0, 0, -1])
    rooted = recognise(problem(sympy.Eq(u.diff(T), u.diff(X, 2) - sympy.sqrt(2) * u)))
    assert rooted.reaction.written == "-sqrt(2)*u"


def test_what_stands_against_a_certificate_is_named() -> None:
    u = FIELD
    heated = u.diff(T) - u.diff(X, 2)
    for term, words in (
        (u * u.diff(X), "its factor is not constant"),
        (u.diff(X, 3), r"Derivative\(u\(x, t\), \(x, 3\)\) rules out"),
        (X * u, "vary in space or time"),
        (sympy.Abs(sympy.sin(u)), r"Abs\(sin\(u\(x, t\)\)\) rules out .*abs has a corner"),
        (sympy.erf(u), r"erf\(u\(x, t\)\) rules out .*unknown function"),
        (u**33 * sympy.exp(u), "takes exponents up to 32; got 33"),
    ):
        with pytest.raises(UsageError, match=words):
            recognise(problem(sympy.Eq(heated, term)))
    with pytest.raises(UsageError, match="its factor is not constant"):
        recognise(burgers())
    never = sympy.Integral(sympy.exp(sympy.sin(A) * A**A), (A, 0, sympy.oo))
    for term in (never * u, u.diff(X, 60), sympy.Sum(sympy.gamma(A) ** A, (A, 1, 10**9)) * u):
        with pytest.raises(UsageError, match="rules out a certificate"):
            _rate("mine", sympy.Eq(heated, term), u, T, {})
    for term in ((1 + u) ** 10**9, ((1 + u) ** 900 + u) ** 900):
        with pytest.raises(DataError, match=r"smaller one|multiplied out"):
            recognise(problem(sympy.Eq(heated, term)))
    with pytest.raises(DataError, match="smaller one"):
        recognise(problem(sympy.Eq(heated, (1 + u) ** A), parameters={A: 10**7}))
    with pytest.raises(UsageError, match="neither periodic nor has one condition at each end"):
        recognise(problem(sympy.Eq(heated, 0), periodic=()))
    with pytest.raises(UsageError, match=r"-Derivative.* rules out .*must be > 0; got -1"):
        recognise(problem(sympy.Eq(u.diff(T), -u.diff(X, 2))))
    with pytest.raises(UsageError, match=r"Derivative\(u\(x, t\), \(x, 2\)\) .*must be > 0; got 0"):
        recognise(problem(sympy.Eq(u.diff(T), -u)))
    with pytest.raises(UsageError, match=r"no term u_t .*, but Derivative\(u\(x, t\), \(t, 2\)\)"):
        recognise(problem(sympy.Eq(u.diff(T, 2), u.diff(X, 2))))


def test_classes_of_starts_are_read() -> None:
    default = Starts(0.0, 1.0, 10.0)
    found = Starts.read(" slope<=2.5; 0.1 <= u<=.9, waves<=7", default)
    assert found == Starts(0.1, 0.9, 2.5, 7)
    assert Starts.read(str(found), default) == found
    assert Starts.read("", default) == default
    with pytest.raises(DataError, match="cannot read 'slope<2'"):
        Starts.read("slope<2", default)
    with pytest.raises(DataError, match="'slope<=3' is the second rule for its slope"):
        Starts.read("slope<=2; slope<=3", default)
    with pytest.raises(DomainError, match="lower < upper and a slope > 0; got 1, 0 and 1"):
        Starts(1.0, 0.0, 1.0)
