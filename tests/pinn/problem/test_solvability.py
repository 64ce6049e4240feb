"""Sources and boundary values that contradict each other as a whole are refused."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Disc, Polygon, Problem, normal
from pinn.geometry.base import Domain
from pinn.problem.solvability import check_solvability
from pinn.problem.wellposed import check_conditions
from sciformer.errors import UsageError
from tests.pinn.problem.small import line, u, x

y, z, theta = sympy.symbols("y z theta")
PI, U1, U2, U4 = sympy.pi, u.diff(x), u.diff(x, 2), u.diff(x, 4)
DISC, HOLE = Disc(2, x=0, y=0, name="rim"), Disc(1, x=0, y=0, name="hole")
RING = DISC - HOLE
L_SHAPE = Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)])
SQUARE = Box(x=(0, 2), y=(0, 1))
HEIGHT = Box(z=(0, 2))


def moment(factor: Any) -> tuple[Any, Any, Any]:
    return sympy.Integral(factor * u, (x, 0, 1)), 0, 0


def walls(domain: Domain, source: Any, flux: Any = 0, factor: Any = 1, **more: Any) -> Problem:
    """factor * Laplacian = source, with a flux through each part, by name or everywhere."""
    coordinates = sympy.symbols(" ".join(domain.coordinates))
    field = sympy.Function("u")(*coordinates)
    across = factor * sum(normal(c) * field.diff(c) for c in coordinates)
    names = [n for n in domain.named_parts() if not n.startswith("polygon:")]
    fluxes = flux if isinstance(flux, dict) else dict.fromkeys(names, flux)
    on = [Condition(sympy.Eq(across, value), on=name) for name, value in fluxes.items()]
    equation = sympy.Eq(factor * sum(field.diff(c, 2) for c in coordinates), source)
    return Problem("mine", coordinates, field, equation, domain, on, gauge=("u",), **more)


def flow(inlet: Any, outlet: Any) -> Problem:
    """Navier-Stokes in a square with velocities given on all four sides."""
    v, w, p = fields = [sympy.Function(name)(x, y) for name in "vwp"]
    equations = [
        v * f.diff(x) + w * f.diff(y) + p.diff(c) - (f.diff(x, 2) + f.diff(y, 2)) / 50
        for f, c in ((v, x), (w, y))
    ]
    given = {"x=0": (inlet, 0), "x=1": (outlet, 0), "y=0": (0, 0), "y=1": (0, 0)}
    on = [
        Condition(sympy.Eq(f, value), on=name)
        for name, values in given.items()
        for f, value in zip((v, w), values, strict=True)
    ]
    box = Box(x=(0, 1), y=(0, 1))
    equations.append(v.diff(x) + w.diff(y))
    return Problem("mine", (x, y), fields, equations, box, on, gauge=("p",))


def polar(inner: Any, outer: Any) -> Problem:
    field = sympy.Function("f")(x, theta)
    laplace = field.diff(x, 2) + field.diff(x) / x + field.diff(theta, 2) / x**2
    on = [Condition(sympy.Eq(field.diff(x), f), on=f"x={r}") for f, r in ((inner, 1), (outer, 2))]
    box = Box(x=(1, 2), theta=(0, 2 * PI))
    return Problem("mine", (x, theta), field, laplace, box, on, periodic=("theta",), gauge="f")


PROFILE = 6 * y * (1 - y)
INSULATED = ((U1, 0, 0), (U1, 0, 1))
FREE = tuple((u.diff(x, order), 0, end) for order in (2, 3) for end in (0, 1))
UNEVEN = [
    (line(U2 - 1, *INSULATED, gauge=("u",)), "mean 0 .* they have 1;"),
    (line(U2 - 1, *INSULATED, moment(1)), "mean 0 .* they have 1;"),
    (line(U2 - 1, *INSULATED, (u, 0, 0)), "mean 0 .* they have 1;"),
    (line(U1 - 1 - sympy.sin(2 * PI * x), periodic=("x",), gauge=("u",)), "they have 1;"),
    (line(U2 + PI**2 * u - x, (u, 0, 0), (u, 0, 1), moment(sympy.sin(PI * x))), "contradicts"),
    (line(U4 - 1, *FREE, moment(1), moment(x)), "contradict|balance"),
    (line(U4 - x + sympy.Rational(1, 2), *FREE, moment(1), moment(x)), "contradicts itself"),
    (walls(SQUARE, x), "mean 0 .* they have 1;"),
    (walls(SQUARE, 0, {"x=0": 0, "x=2": 3, "y=0": 0, "y=1": 0}), "mean 1.5 .* they have 0;"),
    (walls(Box(x=(0, 1e-6), y=(0, 2e-6)), -1e12, factor=400), "mean 0 .* they have -1e"),
    (walls(Box(x=(0, 1), y=(0, 1), z=(0, 2)), z), "mean 0 .* they have 1;"),
    (walls(DISC, 1), "mean 0 .* they have 1;"),
    (walls(RING, 0, {"rim": 1, "hole": 0}), "mean 1.333 .* they have 0;"),
    (walls(L_SHAPE, 1, 0.25), "mean 1.333 .* they have 1;"),
    (flow(PROFILE, 0), "mean -1 .* they have 0;"),
    (polar(1, 1), "contradicts itself"),
]


@pytest.mark.parametrize(("problem", "said"), UNEVEN, ids=[str(n) for n in range(len(UNEVEN))])
def test_what_does_not_balance_is_refused(problem: Problem, said: str) -> None:
    """Kills: a gauge or mean that hides it, walls of the wrong sign, an outline of which a hole is
    left out, units, nonlinear equations beside the one that does not balance, kernels other than
    constants.
    """
    with pytest.raises(UsageError, match=f"^mine: there is no solution, .*{said}"):
        check_conditions(problem)


def test_extruded_regions_have_a_balance_of_their_own() -> None:
    """Kills: a wall or an end that is left out, so that nothing is said in space."""
    fluxes = {"z=0": 0, "z=2": 0, "rim": 1, "hole": 0}
    with pytest.raises(UsageError, match=r"mean 1\.333 .* they have 0;"):
        check_solvability(walls(RING * HEIGHT, 0, fluxes))


EVEN = [
    line(U2 - 1, (U1, 0, 0), (U1, 1, 1), gauge=("u",)),
    line(U2 - 1, (U1, 0, 0), (U1, 1.00001, 1), gauge=("u",)),
    line(U2 + PI**2 * u - sympy.cos(PI * x), (u, 0, 0), (u, 0, 1), moment(sympy.sin(PI * x))),
    line(U4 - 1 + 6 * x - 6 * x**2, *FREE, moment(1), moment(x)),
    line(U2 / 1000 + U1 - 1, (u, 0, 0), (u, 0, 1)),
    line(U2 - 10**6 * u - 1, (U1, 0, 0), (U1, 0, 1)),
    walls(SQUARE, x - 1),
    walls(SQUARE, sympy.exp(-100 * (x - 1) ** 2), dict.fromkeys(("x=0", "y=0", "y=1"), 0)),
    walls(DISC, 1, 1),
    walls(RING, 0, {"rim": 1, "hole": -2}),
    walls(L_SHAPE, 1, 0.1875),
    walls(RING * HEIGHT, 0, {"z=0": 0, "z=2": 0, "rim": 1, "hole": -2}),
    flow(PROFILE, PROFILE),
    polar(2, 1),
]


@pytest.mark.parametrize("problem", EVEN, ids=map(str, range(len(EVEN))))
def test_what_balances_is_not(problem: Problem) -> None:
    """Kills: rounding of given numbers taken for a contradiction, layers taken for a kernel."""
    check_solvability(problem)


def test_moments_fix_what_a_free_beam_leaves_open() -> None:
    """Kills: six conditions refused for an equation of order four, whatever they say."""
    check_conditions(line(U4 - 1 + 6 * x - 6 * x**2, *FREE, moment(1), moment(x)))
