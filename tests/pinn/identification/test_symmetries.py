"""Signs and exchanges of unknowns that no samples can tell."""

from __future__ import annotations

import pytest
import sympy

import pinn
from pinn.identification.symmetries import symmetries

t, x, a, b = sympy.symbols("t x a b")
y, u = sympy.Function("y")(t), sympy.Function("u")(x, t)
RATE = y.diff(t)
SPRING = y.diff(t, 2) + (a + b) * RATE + a * b * y


def posed(
    equation: sympy.Expr, *starts: sympy.Expr, measured: dict[str, sympy.Expr] | None = None
) -> pinn.Problem:
    return pinn.Problem(
        "mine", t, y, sympy.Eq(equation, 0), pinn.Box(t=(0, 1)),
        tuple(pinn.Condition(sympy.Eq(form, 0), on="t=0") for form in starts),
        unknown={s: pinn.Unknown(1.0) for s in (a, b) if (equation + sum(starts)).has(s)},
        quantities=measured or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (posed(RATE + a**2 * y), ["a may as well be -a"]),
        (posed(y.diff(t, 2) + a**2 * y, y - 1, RATE - a), []),
        (posed(RATE + a**2 * y, a * y - a), ["a may as well be -a"]),
        (posed(RATE + a**2 * y, measured={"flux": a * y}), []),
        (posed(RATE + a * y), []),
        (posed(SPRING), ["a and b may be exchanged"]),
        (posed(SPRING, y - a), []),
        (posed(RATE + a * b * y + a**2), ["a and b may as well be -a and -b"]),
        (posed(RATE + a**2 * y + b), ["a may as well be -a"]),
        (posed(sympy.cos(a) * y + RATE), ["a may as well be -a"]),
    ],
)
def test_a_sign_or_an_exchange_that_changes_nothing_is_remarked_upon(
    problem: pinn.Problem, said: list[str]
) -> None:
    """By hand. y'' + a^2 y with y'(0) = a tells the sign; (a y - a = 0) holds for either.

    Kills: conditions or measured quantities not looked at, one unknown at a time only, a factor -1
    of a whole condition, an exchange that is no more than half of one.
    """
    found = [words.partition(":")[0] for words in symmetries(problem)]
    assert found == said
