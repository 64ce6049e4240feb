"""The cavity's corner flow: walls, Stokes' equations, and the whole against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from pinn.problems.cavity import LAMBDA_2, X, Y, cavity, corner_flow
from sciformer.errors import DomainError, UnknownNameError

INSIDE = np.linspace(0.03, 0.97, 23)


def velocity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    psi, _ = corner_flow()
    u, v = (sympy.lambdify((X, Y), f, "numpy") for f in (psi.diff(Y), -psi.diff(X)))
    return u(x, y) + 0 * x, v(x, y) + 0 * x


def test_walls_hold_exactly() -> None:
    """Kills: a wrong constant of the scraper, a blend that is not flat at its ends."""
    one, zero = np.ones_like(INSIDE), np.zeros_like(INSIDE)
    tiny = zero + 1e-13  # atan2 and 1 / r^2 want a step off the corner lines
    for x, y, u_wall in ((INSIDE, one, 1), (INSIDE, tiny, 0), (tiny, INSIDE, 0), (one, INSIDE, 0)):
        u, v = velocity(x, y)
        assert u == pytest.approx(u_wall + zero, abs=1e-11)
        assert v == pytest.approx(zero, abs=1e-11)


@pytest.mark.parametrize("corner", [0, 1])
def test_stokes_equations_in_the_corner(corner: int) -> None:
    """lambda_2 lap u - grad p grows as 1 / r^2 and cancels up to the smooth blend, as 1 / r.

    Kills: a sign of the pressure in either corner, a factor of it.
    """
    psi, p = corner_flow()
    u, v = psi.diff(Y), -psi.diff(X)
    stokes = [
        LAMBDA_2 * (u.diff(X, 2) + u.diff(Y, 2)) - p.diff(X),
        LAMBDA_2 * (v.diff(X, 2) + v.diff(Y, 2)) - p.diff(Y),
    ]
    size = sympy.lambdify((X, Y), [e.subs(LAMBDA_2, 0.01) for e in (*stokes, p.diff(X))], "numpy")
    angle = np.linspace(0.2, 1.3, 7)
    for r in (1e-2, 1e-3):
        across = r * np.cos(angle)
        first, second, alone = size(np.abs(corner - across), 1 - r * np.sin(angle))
        assert np.abs(first).max() < 20 * r * np.abs(alone).max()
        assert np.abs(second).max() < 20 * r * np.abs(alone).max()


def test_the_regularised_lid_moves_and_the_walls_rest() -> None:
    """Kills: a lid of another shape, flow through a wall, a lid with a sliding one's weight."""
    problem = cavity(lid="regularised")
    u, v = (problem.quantities[name] for name in "uv")
    bare = dict.fromkeys(problem.fields, 0)
    u, v = (sympy.expand(form.subs(bare).doit()) for form in (u, v))
    assert sympy.expand(u.subs(Y, 1) - 16 * X**2 * (1 - X) ** 2) == 0
    for wall in ({Y: 0}, {X: 0}, {X: 1}):
        assert u.subs(wall) == v.subs(wall) == 0
    assert v.subs(Y, 1) == 0
    assert not any(
        equation.has(sympy.Pow(X**2 + (1 - Y) ** 2, -1)) for equation in problem.equations
    )


def test_references_are_for_what_they_were_computed_for() -> None:
    assert [cavity(re).reference is None for re in (100.0, 400.0, 1000.0, 40.0)] == [
        False,
        False,
        False,
        True,
    ]
    assert cavity(40.0, form="velocity").reference is None
    assert cavity(250.0, lid="regularised").reference is not None
    assert cavity(1001.0, lid="regularised").reference is None
    with pytest.raises(DomainError, match="reynolds must be > 0"):
        cavity(-1.0)
    with pytest.raises(UnknownNameError, match="unknown form 'vorticity'"):
        cavity(form="vorticity")
    with pytest.raises(UnknownNameError, match="unknown lid 'polished'"):
        cavity(lid="polished")
