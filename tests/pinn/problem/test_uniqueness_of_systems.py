"""Linear systems, kernels and linked places with many solutions or none."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Problem
from pinn.problem.uniqueness import check_uniqueness
from sciformer.errors import UsageError

x, y, t, s = sympy.symbols("x y t s")
PI, exp, cos = sympy.pi, sympy.exp, sympy.cos
F = sympy.Function("f")
f, g, h = F(x), sympy.Function("g")(x), sympy.Function("h")(x)
w, q, p = (sympy.Function(name)(x, y) for name in "wqp")
v = sympy.Function("v")(x, t)
SQUARE = Box(x=(0, 1), y=(0, 1))


def line(fields: Any, equations: Any, *given: tuple[Any, Any], **more: Any) -> Problem:
    """On 0 < x < 1 where no other box is given; conditions are (what vanishes, end)."""
    on = [Condition(form, on=f"x={end}") for form, end in given]
    return Problem("mine", x, fields, equations, more.pop("box", Box(x=(0, 1))), on, **more)


def walls(fields: Any, equations: Any, *forms: Any, **more: Any) -> Problem:
    """On a square; each form, or each function of a coordinate, vanishes on all four sides."""
    on = [
        Condition(form(c) if callable(form) else form, on=f"{c}={end}")
        for form in forms
        for c in (x, y)
        for end in (0, 1)
    ]
    return Problem("mine", (x, y), fields, equations, SQUARE, on, **more)


def linked(field: Any) -> tuple[Any, int]:
    return field - field.subs(x, 1), 0


def kernel(form: Any) -> Any:
    return sympy.Integral(form * F(s), (s, 0, 1))


def rotation(rate: Any, *given: Any, unit: float = 1.0, **more: Any) -> Problem:
    equations = [f.diff(x) - rate * unit * g - 1, g.diff(x) + rate / unit * f]
    return line((f, g), equations, *given, **more)


def laplace(field: Any) -> Any:
    return field.diff(x, 2) + field.diff(y, 2)


MANY = {
    "a whole turn": rotation(2 * PI, linked(f), linked(g)),
    "a whole turn, periodic": rotation(2 * PI, periodic=("x",)),
    "half a turn": rotation(PI, (f, 0), (f, 1)),
    "half a turn in units": rotation(PI, (f, 0), (f, 1), unit=1e6),
    "two strings": line(
        (f, g), [f.diff(x, 2) + PI**2 * g - 1, g.diff(x, 2) + PI**2 * f], *[(F, e) for F in (f, g)
        for e in (0, 1)],
    ),
    "a kernel that does not split": line(f, f - kernel(cos(PI * (x - s))) * 2 - 1),
    "one equation twice": line((f, g), [f.diff(x) + g - 1, 2 * f.diff(x) + 2 * g - 2], (f, 0)),
    "a free beam": line(f, f.diff(x, 4) - 1, *[(f.diff(x, n), e) for n in (2, 3) for e in (0, 1)]),
    "a pole": line(f, x * f.diff(x) - f - x**2, (f, 0)),
    "insulated in a plane": walls(
        (w, q), [laplace(w) - q + w - 1, laplace(q) + q - w], w.diff, q.diff
    ),
    "a day that repeats": Problem(
        "mine", (x, t), v, v.diff(t) - v.diff(x, 2) - sympy.sin(2 * PI * t),
        Box(x=(0, 1), t=(0, 1)), [Condition(v.diff(x), on=f"x={e}") for e in (0, 1)],
        periodic=("t",),
    ),
    "a Steklov wall": Problem(
        "mine", (x, y), w, laplace(w) - 1, SQUARE,
        [Condition(w.diff(x), on="x=0"), Condition(w.diff(x) - PI * sympy.tanh(PI) * w, on="x=1"),
         Condition(w, on="y=0"), Condition(w, on="y=1")],
    ),
}  # fmt: skip

ONE = {
    "stiff": line((f, g), [f.diff(x) + 1e6 * f - g, g.diff(x) + g - f], (f - 1, 0), (g - 2, 0)),
    "growing": line(f, f.diff(x) - 30 * f, (f - 1, 0)),
    "growing beyond rounding": line(f, f.diff(x, 2) - 900 * f, (f - 1, 0), (f.diff(x), 0)),
    "many waves": line(f, f.diff(x, 2) + f, (f - 1, 0), (f.diff(x), 0), box=Box(x=(0, 100))),
    "a thin layer": line(f, f.diff(x) - f.diff(x, 2) / 1000 - 1, (f, 0), (f, 1)),
    "a turning point": line(
        f, f.diff(x, 2) / 100 + x * f.diff(x) - 1, (f, -1), (f, 1), box=Box(x=(-1, 1))
    ),
    "a weak spot": line(
        f, ((1e-6 + x**2) * f.diff(x)).diff(x) - 1, (f, -1), (f, 1), box=Box(x=(-1, 1))
    ),
    "a long way": line(f, f.diff(x, 2) - 1e-18, (f, 0), (f, 10**9), box=Box(x=(0, 1e9))),
    "nearly insulated": line(f, f.diff(x, 2) - 1, (f.diff(x) - f / 10**4, 0), (f.diff(x), 1)),
    "Bessel": line(
        f, x * f.diff(x, 2) + f.diff(x) + x * f, (f - 1, 0), (f.diff(x), 0), box=Box(x=(0, 10))
    ),
    "algebraic": line((f, g, h), [f.diff(x) - g, g.diff(x) - h, f - sympy.sin(x)]),
    "nearly a turn": rotation(2 * PI * 1.001, linked(f), linked(g)),
    "Fredholm": line(f, f - kernel(exp(x * s)) - 1),
    "a mean": line(f, f.diff(x, 2) - cos(2 * PI * x), (f.diff(x), 0), (f.diff(x), 1),
                   (sympy.Integral(f, (x, 0, 1)), 0)),
    "a gauge": line(f, f.diff(x, 2) - cos(2 * PI * x), (f.diff(x), 0), (f.diff(x), 1),
                    gauge=("f",)),
    "Stokes": walls((w, q, p), [laplace(w) - p.diff(x), laplace(q) - p.diff(y) - 1,
                    w.diff(x) + q.diff(y)], w, q, gauge=("p",)),
    "a flux": walls((w, q, p), [w - p.diff(x), q - p.diff(y), w.diff(x) + q.diff(y) - 1], p),
    "a plate": walls(w, laplace(laplace(w)).doit() - 1, w, w.diff),
    "wind": walls(w, w.diff(x) + w.diff(y) / 2 - laplace(w) / 1000 - 1, w),
    "a grain": Problem(
        "mine", (x, y), w, w.diff(x, 2) + 1e-6 * w.diff(y, 2) - 1, SQUARE,
        [Condition(w.diff(x), on="x=0"), Condition(w.diff(x), on="x=1"), Condition(w, on="y=0"),
         Condition(w, on="y=1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_what_has_many_solutions_or_none_is_refused(name: str) -> None:
    """Kills: one field alone that is looked at, units of a field, a kernel's value at the point,
    whole functions that are left open, ends of periodic coordinates that are not linked.
    """
    with pytest.raises(UsageError, match=r"^mine: .* many solutions or none"):
        check_uniqueness(MANY[name])


@pytest.mark.parametrize("name", ONE)
def test_what_has_one_solution_passes(name: str) -> None:
    """Kills: growth from nearly 0 taken for a solution without a start, weak places and thin
    layers taken for nothing, a gauge that is not counted, a tolerance of a percent.
    """
    check_uniqueness(ONE[name])
