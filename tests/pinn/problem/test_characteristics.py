"""Systems of waves: as many conditions on a face as waves enter through it."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Problem
from pinn.problem.characteristics import check_characteristics
from sciformer.errors import UsageError

x, t, c = sympy.symbols("x t c")
U, V = (sympy.Function(name)(x, t) for name in "uv")
STRING = (sympy.Eq(U.diff(t), V.diff(x)), sympy.Eq(V.diff(t), U.diff(x)))  # speeds 1 and -1
RIGHT = (sympy.Eq(U.diff(t) + U.diff(x), 0), sympy.Eq(V.diff(t) + c * V.diff(x), U))


def stated(equations: Any, *given: tuple[Any, str], at: str = "t=0", **more: Any) -> Problem:
    conditions = [Condition(sympy.Eq(field, 0), on=at) for field in (U, V)]
    conditions += [Condition(sympy.Eq(field, 0), on=on) for field, on in given]
    return Problem("mine", (x, t), (U, V), equations, Box(x=(0, 1), t=(0, 1)), conditions, **more)


@pytest.mark.parametrize(
    "problem",
    [
        stated(STRING, (U, "x=0"), (V, "x=1")),
        stated(STRING, (U - V, "x=0"), (U + V, "x=1"), at="t=1"),
        stated(STRING, periodic=("x",)),
        stated(RIGHT, (U, "x=0"), (V, "x=0"), parameters={c: 2}),
        stated(RIGHT, (U, "x=0"), (V, "x=1"), parameters={c: -2}),
        stated(RIGHT, (U, "x=0"), parameters={c: 0}),
        stated(RIGHT, (U, "x=1"), (V, "x=1"), at="t=1", parameters={c: 2}),
        stated((U.diff(t) - V.diff(x), V.diff(t) + U.diff(x))),  # elliptic: no waves
        stated((U.diff(t) - U.diff(x, 2), V.diff(t) - U)),
    ],
)
def test_as_many_conditions_as_waves_are_enough(problem: Problem) -> None:
    check_characteristics(problem)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (stated(STRING, (U, "x=0")), "1 of 2 waves .* enter through x=1 and no conditions say"),
        (stated(STRING), ".* enter through x=0"),
        (stated(RIGHT, (U, "x=0"), parameters={c: 2}), "2 of 2 waves .* x=0 and 1 condition says"),
        (stated(RIGHT, (U, "x=0"), (V, "x=0"), parameters={c: -2}), "1 of 2 .* through x=1"),
        (stated(RIGHT, (U, "x=0"), (V, "x=0"), at="t=1", parameters={c: 2}), "2 of 2 .* x=1"),
        (stated(RIGHT, (U, "x=0"), parameters={c: -2}), "1 of 2 waves .* enter through x=1"),
    ],
)
def test_a_wave_that_enters_without_a_value_is_refused(problem: Problem, sentence: str) -> None:
    """Any such wave satisfies everything that is stated, and a network would take one calmly.

    Kills: a speed of the wrong sign, normals left out, time that always runs forwards.
    """
    with pytest.raises(UsageError, match=f"^mine: {sentence}"):
        check_characteristics(problem)


LATE = sympy.Piecewise((0, t < sympy.Rational(1, 2)), (1, True))


@pytest.mark.parametrize(
    "problem",
    [
        stated((LATE * U.diff(t) + U.diff(x), V.diff(t) + V.diff(x) - U), (U, "x=0")),
        stated((U.diff(t) + U.diff(x), V.diff(t) + (t - sympy.pi / 6) * V.diff(x)), (U, "x=0")),
    ],
    ids=["no speed at first", "a speed that turns round"],
)
def test_only_what_enters_at_all_times_is_asked_for(problem: Problem) -> None:
    """Kills: speeds where the equations hold no u_t at some points, the most in place of the
    fewest that enter."""
    check_characteristics(problem)
