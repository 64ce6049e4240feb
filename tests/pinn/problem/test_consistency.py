"""Statements without a value, without an effect or against each other get a sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem import relations
from pinn.problem.parts import Condition, Unknown
from pinn.problem.problem import Problem
from pinn.problem.wellposed import check_conditions
from sciformer.errors import DataError, UsageError
from tests.pinn.problem.small import line, moving

x, t, r, k = sympy.symbols("x t r k")
u, v = (sympy.Function(name)(x) for name in "uv")
w = sympy.Function("w")(x, t)
TINY = 1e-9


START, LATER = (w, 1 + x, "t=0"), (w, 1 + x, "t=1")
WALLS = ((w, 1, "x=0"), (w, 2, "x=1"))
PAIR = [sympy.Eq(u.diff(x), -v), sympy.Eq(v, u + x)]

SOUND = {
    "slope that follows from the equation": line(u.diff(x) + u, (u, 3, 0), (u.diff(x), -3, 0)),
    "value that follows from an algebraic equation": line(
        PAIR, (u, 1, 0), (v, 1, 0), fields=(u, v)
    ),
    "stiff rates": line(
        [u.diff(x) - 3e7 * v**2 + u / 25, v.diff(x) + 3e7 * v**2 - u / 25 + 1e4 * v],
        (u, 1, 0),
        (v, 0, 0),
        fields=(u, v),
    ),
    "one condition for an unknown parameter": line(
        u.diff(x, 2) + k * u, (u, 0, 0), (u.diff(x), 1, 0), (u, 0, 1), unknown={k: Unknown(10.0)}
    ),
    "a slope that decides a parameter": line(
        u.diff(x) + k * u, (u, 3, 0), (u.diff(x), -6, 0), unknown={k: Unknown(1.0)}
    ),
    "more conditions, which a closed form meets": moving(
        w.diff(t) + w.diff(x),
        (w, x, "t=0"),
        (w, -t, "x=0"),
        (w, 1 - t, "x=1"),
        exact={w: x - t},
    ),
    "size of a field": line(u.diff(x) + sympy.Abs(u), (u, 2, 0)),
    "logarithm of a positive field": line(u.diff(x) + u * sympy.log(u), (u, 2, 0)),
    "values at the end of time": moving(w.diff(t) + x**2 * w.diff(x, 2) - w, LATER, *WALLS),
    "outflow values of a flow that is run backwards": moving(
        w.diff(t) + w.diff(x), LATER, (w, t, "x=1")
    ),
    "beam": moving(
        w.diff(t, 2) + w.diff(x, 4),
        (w, x, "t=0"),
        (w.diff(t), 0, "t=0"),
        *((e, value, f"x={i}") for i in (0, 1) for e, value in ((w, i), (w.diff(x, 2), 0))),
    ),
    "waves that a mixed derivative holds back": moving(
        w.diff(t) - w.diff(x, 2, t) + w.diff(x, 2), START, *WALLS
    ),
}


@pytest.mark.parametrize("made", SOUND.values(), ids=SOUND)
def test_what_agrees_is_accepted(made: Problem) -> None:
    """Kills: conditions that follow counted as too many, ranks of rows that are not scaled."""
    check_conditions(made)


UNSOUND = [
    (line([u.diff(x, 2) + 1], (u, 0, 0), (u.diff(x), 5, 0), (u, 0, 1)), "3 conditions .* 1 too"),
    (line(u.diff(x) + u, (u, 1, 0), (u, 3, 1)), "order 1 in x and have 2 conditions"),
    (moving(w.diff(t) - w.diff(x, 2), START, LATER, *WALLS), "flows out through t=1"),
    (
        line(u.diff(x, 2) + 1, (u, 0, 0), (2 * u, 3 * TINY, 0), (u, 0, 1)),
        "contradict each other by up to 3e-09",
    ),
    (line(u.diff(x) + u, (u, 3, 0), (u.diff(x), 5, 0)), "contradict each other by up to 8"),
    (line(PAIR, (u, 1, 0), (v, 2, 0), fields=(u, v)), "contradict each other by up to 1"),
    (line(u - sympy.sin(x), (u, 5, 0)), "contradict each other by up to 5"),
    (line(u.diff(x, 2) + 1, (u, 0, 0), (u, 0, 1), fields=(u, v)), r"v\(x\) occurs in no equation"),
    (
        line([u.diff(x) + v - 1, 2 * u.diff(x) + 2 * v - 2], (u, 0, 0), fields=(u, v)),
        "says nothing new",
    ),
    (line([u.diff(x) - 1, 3 * u.diff(x) - 6], (u, 0, 0)), "contradicts .* up to 3; leave one"),
    (line(u.diff(x) + v, (u, 0, 0), (v, 0, 0), fields=(u, v)), "1 equation cannot .* u, v; add"),
    (
        line(u.diff(x, 2) - sympy.log(x - sympy.Rational(1, 2)), (u, 0, 0), (u, 0, 1)),
        "has no finite value at x = 0.*; correct the formula",
    ),
    (
        moving(w.diff(t) - w.diff(x, 2), (w, sympy.sqrt(x - 2), "t=0"), *WALLS),
        "on t=0 has no finite value at x = ",
    ),
    (moving(w.diff(t) + w.diff(x), START, (w, 1, "x=0"), (w, 5, "x=1")), "flows out through x=1"),
    (moving(w.diff(t) + w.diff(x, 2), START, *WALLS), "blows up what is given on t=0 .* on t=1"),
    (moving(w.diff(t) - w.diff(x, 2), LATER, *WALLS), "blows up what is given on t=1 .* on t=0"),
    (
        moving(
            w.diff(t) - w.diff(x, 4), START, *WALLS, (w.diff(x), 0, "x=0"), (w.diff(x), 0, "x=1")
        ),
        "blows up what is given on t=0",
    ),
    (
        moving(w.diff(t, 2) + w.diff(x, 2), START, (w.diff(t), 0, "t=0"), *WALLS),
        "blows up .* give w.* on t=1 too",
    ),
]


@pytest.mark.parametrize(("made", "sentence"), UNSOUND, ids=[s[:30] for _, s in UNSOUND])
def test_what_does_not_gets_a_sentence(made: Problem, sentence: str) -> None:
    """Kills: forms compared symbol by symbol, by which 2 u = 3 agrees with u = 0, and absolute
    tolerances, by which 3e-9 is nothing."""
    with pytest.raises(UsageError, match=f"mine: .*{sentence}"):
        check_conditions(made)


def test_transport_through_a_plane_is_given_where_it_enters() -> None:
    """Steady, so that no time says which way it goes: either end of the paths will do."""
    y = sympy.Symbol("y")
    field = sympy.Function("f")(x, y)

    def steady(*places: str) -> Problem:
        given = tuple(Condition(sympy.Eq(field, 1), on=place) for place in places)
        equation = field.diff(x) + field.diff(y) + field
        return Problem("mine", (x, y), (field,), equation, Box(x=(0, 1), y=(0, 1)), given)

    check_conditions(steady("x=0", "y=0"))
    check_conditions(steady("x=1", "y=1"))
    for places in (("x=1",), ("x=0",), ("x=0", "y=1")):
        with pytest.raises(UsageError, match=r"flows in through .=0 and has no value there"):
            check_conditions(steady(*places))


def test_removable_singularities_of_a_closed_form_are_passed() -> None:
    """sin(pi r) / (pi r) has the slope 0 at r = 0. Kills: NaN taken as a misfit, or as none."""
    field = sympy.Function("f")(r, t)
    known = sympy.exp(-(sympy.pi**2) * t) * sympy.sin(sympy.pi * r) / (sympy.pi * r)

    def sphere(slope: float) -> Problem:
        return Problem(
            "mine",
            (r, t),
            (field,),
            sympy.Eq(field.diff(t), field.diff(r, 2) + 2 * field.diff(r) / r),
            Box(r=(0, 1), t=(0, 1)),
            Condition(sympy.Eq(field.diff(r), slope), on="r=0"),
            exact={field: known},
        )

    assert sphere(0).exact
    with pytest.raises(DataError, match=r"residual is up to 0\.001"):
        sphere(0.001)


def test_time_with_conditions_at_both_ends_is_a_direction() -> None:
    """The retarded time of a pulse. Kills: the name alone, by which t is scaled from its start."""
    assert moving(w.diff(t) - w.diff(x, 2), START, *WALLS).time == "t"
    assert moving(w.diff(t) - w.diff(x, 2), LATER, *WALLS).time == "t"
    pulse = moving(w.diff(x) - w.diff(t, 2), (w, t, "x=0"), (w, 0, "t=0"), (w, 1, "t=1"))
    assert pulse.time is None
    check_conditions(pulse)


@pytest.mark.parametrize("value", [math.nan, math.inf, "much"])
def test_parameters_are_finite_numbers(value: Any) -> None:
    with pytest.raises(UsageError, match="mine: parameter k must be a finite number; got"):
        line(u.diff(x) - k, (u, 0, 0), parameters={k: value})


def test_each_form_is_compiled_once_for_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: equations that are compiled again on each face of a box, and again when conditions
    are counted, which takes seconds for a flow."""
    asked: list[str] = []
    compile_forms = relations.Expressions

    def counted(forms: Any, *more: Any, **named: Any) -> Any:
        asked.extend(map(str, forms))
        return compile_forms(forms, *more, **named)

    monkeypatch.setattr(relations, "Expressions", counted)
    check_conditions(moving(w.diff(t) - w.diff(x, 2) + w, START, *WALLS))
    assert asked
    assert len(asked) == len(set(asked))


def test_cases_that_leave_a_gap_are_refused() -> None:
    """Kills: 0 in the gap, as torch would take it; a last case that is whole taken for a gap."""
    gap = sympy.Piecewise((1, x < 0.3), (2, x > 0.6))
    whole = sympy.Piecewise((1, x < 0.3), (2, x >= 0.3))
    ends = (u, 0, 0), (u, 0, 1)
    with pytest.raises(UsageError, match=r"mine: no case of Piecewise.* holds at x = 0\.[345]"):
        check_conditions(line(u.diff(x, 2) - gap, *ends))
    check_conditions(line(u.diff(x, 2) - whole, *ends))
    start = sympy.Piecewise((x, x < 0.5))
    with pytest.raises(UsageError, match="no case of"):
        check_conditions(
            moving(w.diff(t) - w.diff(x, 2), (w, start, "t=0"), (w, 0, "x=0"), WALLS[1])
        )
