"""Values at other places and integrals: what they are read as, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import sympy
import torch
from sympy import Abs, Integral, Rational, exp, oo, pi, sin
from torch import nn

from pinn import Box, Condition, Problem, Unknown
from pinn.jets import residual_jacobian
from pinn.loss import terms
from pinn.problem.wellposed import check_conditions
from pinn.sampling.samplers import Sample
from pinn.training.evidence import relative_residuals
from sciformer.errors import DataError, UsageError
from tests.pinn.problem.small import line, moving, t, u, w, x

s, y, energy = sympy.symbols("s y energy")
U, W, HALF = sympy.Function("u"), sympy.Function("w"), Rational(1, 2)
U1, U2 = u.diff(x), u.diff(x, 2)
V, PLANE = sympy.Function("v")(t), sympy.Function("p")(x, y)
FORMULA = sin(3 * x) * exp(-Rational(7, 10) * t)


class Field(nn.Module):
    """sin(a x) exp(-b t) with parameters a, b."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (3.0, 0.7))

    def forward(self, points: Any) -> Any:
        return torch.sin(self.a * points[..., :1]) * torch.exp(-self.b * points[..., 1:])


@pytest.mark.parametrize(
    "form",
    [
        w.subs(x, Rational(1, 4)),
        w.diff(x).subs(x, 1),
        w.diff(x, 2).subs(t, t / 2),
        W(1 - x, t**2),
        Integral(w, (x, 0, 1)),
        Integral(sympy.cos(x * s) * W(s, t) ** 2, (s, 0, x)),
        Integral(W(x, s).diff(x) * w, (s, t / 3, t)),
        Integral(x * t * w, (x, 0, t), (t, 0, 1)),
        Integral(w, (x, 0, x)),
    ],
)
def test_values_elsewhere_are_those_of_the_formula_with_exact_rows(form: Any) -> None:
    """Against sympy's own integrals and substitutions, and differences in the parameters.

    Kills: a bound variable taken for the coordinate of its name, a derivative in another
    coordinate, limits in the other order, a weight or a width left out.
    """
    box, field = Box(x=(0, 1), t=(0, 1)), Field()
    term = terms.interior(
        Problem("mine", (x, t), w, w.diff(t) - form, box, residual_sizes=(1.0,)), field
    )
    points = box.sample(4)

    def put_in(*place: Any) -> Any:
        return FORMULA.subs(dict(zip((x, t), place, strict=True)), simultaneous=True)

    exact = FORMULA.diff(t) - form.replace(W, put_in).doit()
    found, jacobian = residual_jacobian(term.residual, points, list(field.parameters()))
    for point, value in zip(points.tolist(), found[:, 0].tolist(), strict=True):
        at = dict(zip((x, t), map(Rational, point), strict=True))
        assert value == pytest.approx(float(exact.subs(at).evalf()), rel=1e-9)
    for number, parameter in enumerate(field.parameters()):
        sides = []
        for step in (1e-6, -2e-6):
            with torch.no_grad():
                parameter += step
                sides.append(term.residual(points))
        with torch.no_grad():
            parameter += 1e-6
        slope = (sides[0] - sides[1]) / 2e-6
        torch.testing.assert_close(jacobian[..., number], slope, rtol=1e-6, atol=1e-8)


def walls(*more: Any, exact: Any = None) -> Problem:
    """A plane problem with slopes 0 on all sides."""
    normals = [sympy.Symbol("n_x"), sympy.Symbol("n_y")]
    slope = normals[0] * PLANE.diff(x) + normals[1] * PLANE.diff(y)
    on = [Condition(slope, on=name) for name in ("x=0", "x=1", "y=0", "y=1")]
    wave = sympy.cos(pi * x) * sympy.cos(pi * y)
    laplace = PLANE.diff(x, 2) + PLANE.diff(y, 2) + 2 * pi**2 * wave
    return Problem(
        "mine", (x, y), PLANE, laplace, Box(x=(0, 1), y=(0, 1)), [*on, *more],
        exact={} if exact is None else {PLANE: wave + exact},
    )  # fmt: skip


WELL_POSED: dict[str, Any] = {
    "both slopes": lambda: line(
        U2 + U1.subs(x, 1) - U1.subs(x, 0) + 2, (u, 0, 0), (u, 0, 1), exact={u: x * (1 - x) / 2}
    ),
    "ends that are one place": lambda: line(
        U2 - u + (1 + 4 * pi**2) * sin(2 * pi * x), (u, u.subs(x, 1), 0), (U1, U1.subs(x, 1), 0),
        exact={u: sin(2 * pi * x)},
    ),
    "a mean": lambda: line(
        U2 + pi**2 * sympy.cos(pi * x), (U1, 0, 0), (Integral(u, (x, 0, 1)), 1, 1),
        exact={u: sympy.cos(pi * x) + 1},
    ),
    "a mean beside slopes": lambda: line(
        U2 + pi**2 * sympy.cos(pi * x), (U1, 0, 0), (U1, 0, 1), (Integral(u, (x, 0, 1)), 1, 1)
    ),
    "a mean beside linked ends": lambda: line(
        U2 + sin(2 * pi * x), (u, u.subs(x, 1), 0), (U1, U1.subs(x, 1), 0), (u, 3, 1)
    ),
    "three points": lambda: line(
        U2 - 2, (u, 0, 0), (u.subs(x, HALF), Rational(1, 4), 1), exact={u: x**2}
    ),
    "Fredholm": lambda: line(u - x * Integral(s * U(s), (s, 0, 1)) - exp(x) + x, exact={u: exp(x)}),
    "normalised": lambda: line(
        U2 + energy * u, (u, 0, 0), (u, 0, 1), (Integral(u**2, (x, 0, 1)), HALF, 0),
        unknown={energy: Unknown(size=10, start=8)}, parameters={energy: pi**2},
        exact={u: sin(pi * x)},
    ),
    "an unknown in a kernel": lambda: line(
        U1 - u + Integral(energy * s * U(s), (s, 0, 1)) - 2, (u, 1, 0), (u, sympy.E, 1),
        unknown={energy: Unknown(size=1, start=1)}, parameters={energy: 2}, exact={u: exp(x)},
    ),
    "Volterra": lambda: Problem(
        "mine", t, V, V.diff(t) + V + Integral(sympy.Function("v")(s), (s, 0, t)) - 1,
        Box(t=(0, 2)), Condition(V, on="t=0"),
        exact={V: 2 / sympy.sqrt(3) * exp(-t / 2) * sin(sympy.sqrt(3) / 2 * t)},
    ),
    "pantograph": lambda: Problem(
        "mine", t, V, V.diff(t) + V - V.subs(t, t / 2) / 2 + exp(-t / 2) / 2, Box(t=(0, 2)),
        Condition(V - 1, on="t=0"), exact={V: exp(-t)},
    ),
    "a mass in time": lambda: moving(
        w.diff(t) - w.diff(x, 2) / 10, (w, sympy.cos(pi * x) + 2, "t=0"), (w.diff(x), 0, "x=0"),
        (Integral(w, (x, 0, 1)), 2, "x=1"),
        exact={w: 2 + sympy.cos(pi * x) * exp(-(pi**2) * t / 10)},
    ),
    "a mean in the plane": lambda: walls(
        Condition(Integral(PLANE, (x, 0, 1), (y, 0, 1)) - 3, on="x=0"), exact=3
    ),
    "a corner": lambda: walls(Condition(PLANE.subs({x: 0, y: 0}) - 1, on="x=0")),
}  # fmt: skip


@pytest.mark.parametrize("name", WELL_POSED)
def test_linked_places_and_integrals_are_accepted_where_they_determine_the_field(name: str) -> None:
    """Kills: a value elsewhere that is no condition, a corner counted as a whole face, a closed
    form that is compared without its integrals.
    """
    problem = WELL_POSED[name]()
    check_conditions(problem)
    assert problem.functionals == pickle.loads(pickle.dumps(problem)).functionals


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: line(U2 - 1, (u, u.subs(x, 1), 0)), "are of order 2 in x and have 1 condition"),
        (
            lambda: line(U2 - 1, (u, 0, 0), (u, 0, 1), (Integral(u, (x, 0, 1)), 3, 0)),
            "1 too many are given",
        ),
        (
            lambda: line(U2 - sympy.cos(2 * pi * x), (u, u.subs(x, 1), 0), (U1, U1.subs(x, 1), 0)),
            "only up to a constant",
        ),
        (
            lambda: line(U2 - exp(x), (u, 1, 0), (u, 2 * u.subs(x, HALF) + 1, 1)),
            "many solutions or none",
        ),
        (lambda: line(U2 - 1, (u, u.subs(x, 1), 0), (u, u.subs(x, 0), 1)), "up to a constant"),
        (
            lambda: moving(w.diff(t) - w.diff(x, 2), (w.diff(x), 0, "x=0"), (w.diff(x), 0, "x=1"),
                           (Integral(w, (x, 0, 1)), 1, "t=0")),
            "has no conditions at the start",
        ),
        (
            lambda: Problem("mine", (x, y), PLANE, PLANE.diff(x, 2) + PLANE.diff(y, 2) - 1,
                            Box(x=(0, 1), y=(0, 1)),
                            [Condition(PLANE, on="x=0"), Condition(PLANE, on="x=1"),
                             Condition(PLANE, on="y=0"),
                             Condition(Integral(PLANE, (x, 0, 1)) - 1, on="y=1")]),
            "no condition on y=1",
        ),
        (
            lambda: moving(w.diff(t) - w.diff(x, 2), (W(0, x), x, "t=0"), (w, 0, "x=0")),
            "coordinate in the place of another",
        ),
        (
            lambda: moving(w.diff(t) - W(t, x).diff(x, 2), (w, 0, "x=0"), (w, 0, "x=1")),
            "coordinate in the place of another",
        ),
        (lambda: moving(w.diff(t) + w.diff(x), (W(x), x, "t=0")), "has 1 arguments"),
        (lambda: line(U2 + u, (u, u.subs(x, 1), 0), (Integral(u, (x, 0, 1)), 0, 0)), r"= 0 satisf"),
        (lambda: line(u - Integral(Abs(x - s) * U(s), (s, 0, 1)) - 1), "not smooth"),
        (lambda: line(u - Integral(U(s) / sympy.sqrt(x - s), (s, 0, x)) - 1), "not smooth"),
        (lambda: line(U1 - Integral(U(s), (s, 0, oo)), (u, 1, 0)), "needs two finite limits for s"),
        (lambda: line(U1 - Integral(u, x), (u, 1, 0)), "needs two finite limits for x"),
        (lambda: line(U1 + u.subs(x, x - 1), (u, 1, 0)), r"x = -0\.\d+, outside of the domain"),
        (lambda: line(U1 - 1, (u, u.subs(x, 2), 0)), "x = 2, outside of the domain"),
        (
            lambda: line(U1 - Integral(U(s) * Integral(U(y), (y, 0, s)), (s, 0, x)), (u, 1, 0)),
            "integral inside",
        ),
    ],
)  # fmt: skip
def test_what_determines_nothing_or_has_no_quadrature_is_refused(make: Any, sentence: str) -> None:
    """Kills: conditions of several places counted twice, dependent ones taken for independent,
    kernels with kinks and poles integrated all the same.
    """
    with pytest.raises(UsageError, match=sentence):
        check_conditions(make())


def test_a_closed_form_that_misses_an_integral_is_refused() -> None:
    with pytest.raises(DataError, match=r"does not satisfy the condition .*Integral.* up to 0\.5"):
        line(U1 - 1, (Integral(u, (x, 0, 1)), 1, 0), exact={u: x})


class Layered(nn.Module):
    """1 and a layer of a thickness at a place."""

    def __init__(self, place: float, thickness: float) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1).double()
        self.place, self.thickness = place, thickness
        self.values: dict[str, float] = {}

    def forward(self, points: Any) -> Any:
        return 1 + torch.exp(-(((points - self.place) / self.thickness) ** 2))


@pytest.mark.parametrize("place", [0.25, 0.75])
def test_a_verdict_sees_a_layer_between_the_nodes_of_the_training(place: float) -> None:
    """Kills: integrals that are judged by the sums that were fitted."""
    field, z = sympy.Function("u")(x), sympy.Symbol("z")
    mean = Integral(U(z), (z, 0, 1))
    problem = Problem("mean", x, field, [sympy.Eq(field, mean)], Box(x=(0, 1)))
    points = torch.tensor([[0.9], [0.05]], dtype=torch.float64)
    sample = Sample(points, torch.ones(2, dtype=torch.float64))
    trial: Any = Layered(place, 0.01)
    trained = terms.interior(problem, trial).residual(points).abs().max()
    judged = relative_residuals(problem, trial, sample, {})["the equation"]
    assert float(trained) < 1e-4 < 1e-3 < judged
