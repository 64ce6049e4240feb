"""Functions with kinks and jumps as solutions: which satisfy an equation across them."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import Abs, Eq, Heaviside, Max, Mod, Piecewise, Rational

from pinn import Ansatz, Box, Condition, Disc, Problem
from pinn.references.cases import branch, edges, written_out
from pinn.trial.hard_constraint import HardConstraint
from sciformer.errors import DataError, DomainError
from tests.pinn.problem.small import line, moving, t, u, w, x

y, a = sympy.symbols("y a")
q, v = sympy.Function("q")(x), sympy.Function("v")(x, y)
HALF = Rational(1, 2)
U1, U2, U4 = u.diff(x), u.diff(x, 2), u.diff(x, 4)
W1, WT = w.diff(x), w.diff(t)
MATERIAL = Piecewise((1, x < HALF), (10, True))
WARM = Piecewise((Rational(20, 11) * x, x < HALF), (Rational(2, 11) * x + Rational(9, 11), True))


def flux(**exact: Any) -> Problem:
    """Heat through two materials."""
    equations = (Eq(q, MATERIAL * U1), Eq(q.diff(x), 0))
    return line(equations, (u, 0, 0), (u, 1, 1), fields=(u, q), exact=exact)


def advected(speed: Any, front: Any) -> Problem:
    start = (w, Heaviside(x - Rational(1, 3)), "t=0")
    return moving(WT + speed * W1, start, (w, 0, "x=0"), exact={w: front})


def flat(domain: Any, formula: Any) -> Problem:
    """A harmonic function."""
    on = [Condition(Eq(v, formula), on=part.name) for part in domain.parts()]
    laplace = v.diff(x, 2) + v.diff(y, 2)
    return Problem("mine", (x, y), v, laplace, domain, on, exact={v: formula})


def test_a_right_solution_of_two_materials_gets_the_remedy_for_the_equation() -> None:
    """(k u')' = 0 is k u'' = 0 by the time that a problem sees it.

    Kills: a right solution called wrong without a word of what sympy dropped.
    """
    with pytest.raises(DataError, match="make the flux a field of its own"):
        line((MATERIAL * U1).diff(x), (u, 0, 0), (u, 1, 1), exact={u: WARM})


@pytest.mark.parametrize(
    "make",
    [
        lambda: line(U2, (u, HALF, 0), (u, HALF, 1), exact={u: Abs(x - HALF)}),
        lambda: line(U2, (u, 0, 0), (u, HALF, 1), exact={u: Max(x - HALF, 0)}),
        lambda: line(U2, (u, HALF, 0), (u, HALF, 1), exact={u: sympy.sqrt((x - HALF) ** 2)}),
        lambda: line(U1, (u, -1, 0), exact={u: sympy.sign(x - HALF)}),
        lambda: line(U1 - 3, (u, 0, 0), exact={u: Mod(3 * x, 1)}),
        lambda: line(
            U4, (u, 0, 0), (U1, 0, 0), (u, HALF**2, 1), (U1, 1, 1), exact={u: Max(0, x - HALF) ** 2}
        ),
        lambda: flux(u=x, q=MATERIAL),
        lambda: advected(w, Heaviside(x - Rational(1, 3) - t / 3)),
        lambda: flat(Box(x=(0, 1), y=(0, 1)), Abs(x - y)),
        lambda: flat(Disc(1, x=0, y=0), Abs(x)),
        lambda: Problem(
            "small", x, u, U2, Box(x=(0, 1e-9)), Condition(u, on="x=0"),
            exact={u: 1e-12 * Max(0, x - 5e-10)},
        ),
    ],
)  # fmt: skip
def test_a_function_that_misses_the_equation_at_its_own_kink_is_refused(make: Any) -> None:
    """Each satisfies the equation everywhere beside its kink.

    Kills: derivatives of a kink dropped, the order of the jump or of the equation off by one, one
    direction of an oblique edge only, absolute tolerances.
    """
    with pytest.raises(DataError, match=r"does not satisfy .* across .*kink or a jump"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: line(
            U2 - 6 * Abs(x - HALF), (u, HALF**3, 0), (u, HALF**3, 1), exact={u: Abs(x - HALF) ** 3}
        ),
        lambda: line(
            U2 - 2 * Heaviside(x - a), (u, 0, 0), (u, (1 - a) ** 2, 1), parameters={a: 0.3},
            exact={u: Max(0, x - a) ** 2},
        ),
        lambda: line(U2, (u, 1, 0), (u, 2, 1), exact={u: Abs(x + 1)}),
        lambda: flux(u=WARM, q=Rational(20, 11)),
        lambda: advected(w, Heaviside(x - Rational(1, 3) - t / 2)),
        lambda: advected(Rational(1, 5), Heaviside(x - Rational(1, 3) - t / 5)),
        lambda: line(
            u * (x - HALF) - sympy.sin(x - HALF),
            exact={
                u: Piecewise((sympy.sin(x - HALF) / (x - HALF), sympy.Ne(x, HALF)), (1, True))
            },
        ),
    ],
)  # fmt: skip
def test_kinks_and_jumps_that_the_equation_asks_for_are_accepted(make: Any) -> None:
    """A curvature under a load that ends, a slope between two materials, shocks of Rankine and
    Hugoniot, and a formula with a hole.

    Kills: every kink refused, coefficients of one side only, values on the edge itself.
    """
    make()


@pytest.mark.parametrize(
    "form", [Ansatz(Abs(x - HALF), x * (1 - x)), Ansatz(HALF, x * (1 - x) * Max(x, 1 - x))]
)
def test_an_ansatz_with_a_kink_of_its_own_is_refused(form: Ansatz) -> None:
    """Kills: the factor left out, the offset left out."""
    problem = line(U2, (u, HALF, 0), (u, HALF, 1), ansatz={u: form})
    with pytest.raises(DomainError, match=r"with any smooth network the ansatz misses"):
        HardConstraint(problem)


def test_an_ansatz_with_the_kink_of_two_materials_is_accepted() -> None:
    equations = (Eq(q, MATERIAL * U1), Eq(q.diff(x), 0))
    form = Ansatz(WARM, x * (1 - x))
    HardConstraint(line(equations, (u, 0, 0), (u, 1, 1), fields=(u, q), ansatz={u: form}))


@pytest.mark.parametrize(
    "formula",
    [Abs(x - 2), Max(x, 1 - x, x**2 - 3), sympy.frac(3 * x + 1), Mod(x, HALF), Heaviside(x - a)],
)
def test_written_out_functions_and_their_branches_have_the_same_values(formula: Any) -> None:
    """Kills: a wrong order of cases, a branch of the wrong side."""
    written = written_out(formula, (x,))
    assert edges(written)
    for place in (-1.7, 0.31, 2.9):
        at = {x: sympy.Rational(place), a: Rational(1, 4)}
        right = float(formula.subs(at))
        assert float(written.subs(at)) == pytest.approx(right, abs=1e-12)
        assert float(branch(written, at).subs(at)) == pytest.approx(right, abs=1e-12)
