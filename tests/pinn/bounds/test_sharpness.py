"""Bounds where they are known in closed form: most are the error itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

from pinn.assembly import build_trial
from pinn.bounds.error_bound import ErrorBound
from pinn.bounds.evolution import _advance
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.solution import Solution

x, t = sympy.symbols("x t")
y, f = sympy.Function("y")(x), sympy.Function("f")(x, t)
SIZE = 0.01
LONG = 2  # length of the domain, other than 1
SINE = sympy.sin(sympy.pi * x / LONG)


def bound(left: Any, error: Any, given: Any, norm: str, **more: Any) -> ErrorBound:
    """The bound for u = 0 of left = 0 by a trial solution that is wrong by `error`.

    Args:
        left: the equation's left side as a function of the field.
        error: of the coordinates; satisfies the conditions.
        given: faces, and what is 0 there as a function of the field.
        norm: of the bound.
        more: of the problem.
    """
    field = f if error.has(t) else y
    span = {"x": (0, LONG)} | ({"t": (0, 1)} if field is f else {})
    problem = Problem(
        name="known",
        coordinates=tuple(sympy.symbols(list(span))),
        fields=(field,),
        equations=(sympy.Eq(left(field), 0),),
        domain=Box(**span),
        conditions=tuple(Condition(sympy.Eq(of(field), 0), on=on) for on, of in given),
        ansatz={field: Ansatz(error, sympy.Integer(0))},
        **more,
    )
    settings = Settings(network=MLP.Sizes(width=2, layers=1))
    return Solution(problem, build_trial(problem, settings), settings).error_bound(norm)


def value(field: Any) -> Any:
    return field


def slope(field: Any) -> Any:
    return field.diff(x)


START = ("t=0", value)
HELD = (("x=0", value), (f"x={LONG}", value))
FREE = (("x=0", slope), (f"x={LONG}", slope))
STATIC = {
    # the first wave between two held ends
    "held": (lambda u: -3 * u.diff(x, 2), SINE, HELD, {}, 1.0),
    # one end free: the quarter wave
    "half free": (
        lambda u: -3 * u.diff(x, 2), sympy.sin(sympy.pi * x / 4),
        (HELD[0], FREE[1]), {}, 1.0,
    ),
    # both ends free, only the reaction holds a constant
    "free": (
        lambda u: -3 * u.diff(x, 2) + 5 * u, sympy.Integer(1), FREE, {}, math.sqrt(2),
    ),
    # a ring, on which 2 lies between 0 and pi^2
    "ring": (
        lambda u: u.diff(x, 2) + 2 * u, sympy.Integer(1), (), {"periodic": ("x",)}, math.sqrt(2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATIC)
def test_static_errors_along_the_least_eigenvalue_are_their_bound(name: str) -> None:
    """||e||_2 = ||r||_2 / distance to the spectrum, and by Cauchy and Schwarz in L1.

    Kills: an eigenvalue of other ends or another length, its root, a diffusion that is left out,
    the volume for its root.
    """
    left, error, given, more, norm = STATIC[name]
    found = bound(left, SIZE * error, given, "L2", **more)
    assert found.bound == pytest.approx(SIZE * norm, rel=1e-3)
    assert found.bound >= SIZE * norm * (1 - 1e-9)
    by_sum = bound(left, SIZE * error, given, "L1", **more)
    assert by_sum.bound == pytest.approx(SIZE * norm * math.sqrt(LONG), rel=1e-3)


@pytest.mark.parametrize(("drift", "reaction"), [(0.7, 1.5), (-2.0, 0.25)])
def test_a_coercive_bound_adds_diffusion_and_reaction(drift: float, reaction: float) -> None:
    """-3 e'' + b e' + q e on the first wave: sqrt((3 k^2 + q)^2 + b^2 k^2) over 3 k^2 + q.

    Kills: a reaction of the wrong sign, half of a drift that is constant.
    """

    def left(u: Any) -> Any:
        return -3 * u.diff(x, 2) + drift * u.diff(x) + reaction * u

    held = 3 * (math.pi / LONG) ** 2 + reaction
    found = bound(left, SIZE * SINE, HELD, "L2")
    wanted = SIZE * math.hypot(held, drift * math.pi / LONG) / held
    assert found.bound == pytest.approx(wanted, rel=1e-3)


def test_the_barrier_is_a_parabola_between_the_walls() -> None:
    """max |r| L^2 / 8 a, for e = x (L - x) the error itself: L^2 / 4 and r = 2 a.

    Kills: half or twice the length, a diffusion that is left out.
    """
    found = bound(lambda u: -3 * u.diff(x, 2), SIZE * x * (LONG - x), HELD, "max")
    assert found.bound == pytest.approx(SIZE * LONG**2 / 4, rel=1e-3)


def at(found: ErrorBound, time: float) -> float:
    assert found.times is not None
    assert found.growth is not None
    return float(np.interp(time, found.times, found.growth))


@pytest.mark.parametrize("reaction", [0.0, 0.4])
def test_heat_decays_at_the_rate_of_the_first_wave(reaction: float) -> None:
    """e = t exp(q t) sin(pi x / L), q = -a (pi / L)^2 + g: the bound is the error at all times.

    Kills: a decay that is forgotten or too fast, a decay that does not reach what came before.
    """
    a = 0.3
    rate = reaction - a * (math.pi / LONG) ** 2
    error = SIZE * t * sympy.exp(rate * t) * SINE
    found = bound(
        lambda u: u.diff(t) - a * u.diff(x, 2) - reaction * u, error, (START, *HELD), "L2"
    )
    for time in (0.25, 0.5, 1.0):
        exact = SIZE * time * math.exp(rate * time)  # the norm of the sine is 1
        assert exact * (1 - 1e-6) <= at(found, time) <= 1.05 * exact


@pytest.mark.parametrize("norm", ["L1", "max"])
def test_where_nothing_decays_in_a_norm_the_residual_adds_up(norm: str) -> None:
    """e = t: in L1 and in the largest size diffusion removes nothing, on a ring of length 2.

    Kills: a decay where there is none, a volume that is left out.
    """
    found = bound(lambda u: u.diff(t) - u.diff(x, 2) / 4, SIZE * t, (START,), norm, periodic=("x",))
    width = LONG if norm == "L1" else 1
    assert at(found, 1.0) == pytest.approx(SIZE * width, rel=2e-3)
    assert at(found, 0.5) == pytest.approx(SIZE * width / 2, rel=2e-2)


@pytest.mark.parametrize(("speed", "mass"), [(0.5, 0.0), (4.0, 0.0), (0.5, 6.0), (0.0, 25.0)])
def test_waves_have_the_bound_of_their_energy(speed: float, mass: float) -> None:
    """e = t^2 / 2 sin(pi x / L) under u_tt + u_t = a u_xx - m u, k = m + a (pi / L)^2.

    ||r|| = 1 + t + k t^2 / 2, N its integral, and ||e|| <= min(integral of N, N / sqrt k).
    Kills: a mass or a wall that the energy does not see, a root, the larger of the two, one
    integral too few.
    """
    error = SIZE * t**2 / 2 * SINE
    k = mass + speed * (math.pi / LONG) ** 2
    found = bound(
        lambda u: u.diff(t, 2) + u.diff(t) - speed * u.diff(x, 2) + mass * u,
        error,
        (START, ("t=0", lambda u: u.diff(t)), *HELD),
        "L2",
    )
    energy, moved = 1 + 1 / 2 + k / 6, 1 / 2 + 1 / 6 + k / 24
    wanted = SIZE * min(moved, energy / math.sqrt(k))
    assert wanted * (1 - 1e-3) <= at(found, 1.0) <= 1.06 * wanted  # a sum over points


def test_a_decay_is_not_counted_for_what_is_added_within_a_slice() -> None:
    """Kills: a push at the end of the slice that is taken to decay from its beginning."""
    decayed = 0.5 * math.exp(-3.0) + 2.0 * 0.25
    assert float(_advance(0.5, -12.0, 0.25, 2.0)) == pytest.approx(decayed, rel=1e-14)
    grown = math.exp(3.0) * (0.5 + 2.0 * 0.25)
    assert float(_advance(0.5, 12.0, 0.25, 2.0)) == pytest.approx(grown, rel=1e-14)
