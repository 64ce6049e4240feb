"""Functions of sympy in problems, and sentences for what a problem cannot say."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from pinn.geometry.box import Box
from pinn.problem.expressions import Expressions
from pinn.problem.functions import compiled
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from sciformer.errors import UsageError

x, t, s = sympy.symbols("x t s")
U = sympy.Function("u")
u = U(x)
HALF = sympy.Rational(1, 2)
KNOWN = [
    *(getattr(sympy, name)(x) for name in ("sech", "csch", "coth", "sec", "csc", "cot")),
    *(getattr(sympy, name)(x) for name in ("acsch", "acot", "asech", "erfc", "erfi", "sinc")),
    *(getattr(sympy, name)(x) for name in ("gamma", "loggamma", "digamma", "frac", "ceiling")),
    *(getattr(sympy, name)(x) for name in ("LambertW", "Ei", "fresnels", "Heaviside", "sign")),
    sympy.besselj(0, 3 * x),
    sympy.besselj(2, 3 * x),
    sympy.besselk(1, x),
    sympy.gamma(x - 2),
    sympy.Min(x, HALF),
    sympy.Max(x**2, HALF, 0.1),
    sympy.atan2(x, 2),
    sympy.Mod(7 * x, 2),
]


def test_what_scipy_returns_as_complex_is_real_or_no_number() -> None:
    """LambertW is real from -1/e on, where it is scipy's own; the project's tests take warnings for
    errors. Kills: a cast that drops an imaginary part, and one that warns; a tolerance for all
    values together; a warning of numpy for the root of a negative number.
    """
    function = compiled([x], [sympy.LambertW(x), sympy.LambertW(sympy.sqrt(x - 1))], {}, "mine")
    at = torch.tensor([-2.0, -0.2, 0.5, 3.0], dtype=torch.float64)
    first, second = function(at)
    assert torch.isnan(first).tolist() == [True, False, False, False]
    assert first[1:].tolist() == pytest.approx(
        [float(sympy.LambertW(value).evalf()) for value in (-0.2, 0.5, 3.0)], rel=1e-14
    )
    assert torch.isnan(second).tolist() == [True, True, True, False]
    lambert = sympy.LambertW(x)
    start = Condition(sympy.Eq(u, sympy.LambertW(1)), on="x=1")
    equation = u.diff(x) - lambert / (x * (1 + lambert))
    made = Problem("mine", x, u, equation, Box(x=(1, 2)), start, exact={u: lambert})
    assert made.reference is not None
    [values] = made.reference(np.array([[1.0], [1.5]])).values()
    assert values.tolist() == pytest.approx([0.5671432904097838, 0.7258613577662263])
    nowhere = Problem("mine", x, u, u.diff(x) - sympy.LambertW(x - 2), Box(x=(0, 1)),
                      Condition(sympy.Eq(u, 0), on="x=0"))  # fmt: skip
    assert "has no finite value at x = " in nowhere.check().missing


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_every_function_has_its_value(known: Any) -> None:
    """Against sympy's own 15 digits. Kills: sinc without its pi, the sign of gamma, Min for Max."""
    points = torch.linspace(0.11, 0.93, 6, dtype=torch.float64)
    [values] = Expressions([known], (x,), (u,), (), who="mine")([points])
    for place, value in zip(points.tolist(), values.tolist(), strict=True):
        assert value == pytest.approx(float(sympy.re(known.subs(x, place).evalf())), rel=1e-12)


def test_functions_of_fields_have_derivatives() -> None:
    forms = [sympy.sech(u), sympy.erfc(u), sympy.Max(u, HALF), sympy.gamma(1 + u)]
    field = torch.linspace(0.1, 0.9, 5, dtype=torch.float64).requires_grad_()
    for form in forms:
        expressions = Expressions([form], (x,), (u,), (), who="mine")
        [values] = expressions([field.detach()], lambda _: field)
        [slope] = torch.autograd.grad(values.sum(), field)
        wanted = form.subs(u, s).diff(s)
        for place, found in zip(field.tolist(), slope.tolist(), strict=True):
            assert found == pytest.approx(float(wanted.subs(s, place).evalf()), rel=1e-9)


REFUSED = [
    (u + sympy.Limit(u, x, 0), "Limit in .* has no value at a point"),
    (u + sympy.O(x), "Order in .* has no value at a point"),
    (sympy.Lambda(x, u), "is a function, not an equation"),
    (u.diff((x, sympy.Rational(1, 2))), "a derivative of order 1/2 in x; orders are whole"),
    (u.diff((x, s)), "a derivative of order s in x"),
    (u + sympy.Integral(U(s), (s, 0, sympy.oo)), "needs two finite limits for s"),
    (u + sympy.Integral(u, x), "needs two finite limits for x"),
    (u.diff(x) - sympy.DiracDelta(x - HALF), "DiracDelta has no value at a point; smear it"),
    (sympy.I * u.diff(x) + u, "two real fields"),
    (u - sympy.Sum(sympy.sin(s * x) / s**4, (s, 1, sympy.oo)), "has no end; write as many terms"),
    (u - sympy.Integer(10) ** 400, r"the number -?1\.00E\+400 is larger than any of float64"),
    (u + sympy.besselj(0, u), r"besselj of u\(x\) is not supported"),
    (u + sympy.Chi(x), "Chi is a function that neither torch nor scipy has"),
    (u + sympy.Integral(sympy.exp(-(sympy.cos(s) ** 3)), (s, 0, x)), "no closed form"),
]


@pytest.mark.parametrize(("form", "sentence"), REFUSED, ids=[str(form) for form, _ in REFUSED])
def test_what_cannot_be_read_gets_a_sentence(form: Any, sentence: str) -> None:
    """In equations and in conditions. Kills: an integral without limits read as one with some,
    sympy's heuristic integration, which does not end for the last of these."""
    begun = time.process_time()
    with pytest.raises(UsageError, match=f"^mine: .*{sentence}"):
        Problem("mine", (x,), (u,), (form,), Box(x=(0, 1)))
    assert time.process_time() - begun < 10
    condition = Condition(form, on="x=0")
    with pytest.raises(UsageError, match=f"^mine: .*{sentence}"):
        Problem("mine", (x,), (u,), (u.diff(x) - 1,), Box(x=(0, 1)), (condition,))


def test_known_integrals_are_taken() -> None:
    known = sympy.Integral(sympy.exp(-s), (s, 0, x))
    points = torch.tensor([0.3, 0.8], dtype=torch.float64)
    [values] = Expressions([known + u], (x,), (u,), (), who="mine")([points], lambda _: 0 * points)
    assert torch.allclose(values, 1 - torch.exp(-points), rtol=1e-14)


def test_coordinates_may_have_names() -> None:
    """Laplace in polar coordinates. Kills: operators spelled by names, mixed up with normals."""
    r, theta = sympy.symbols("r theta")
    v = sympy.Function("v")(r, theta)
    exact = r * sympy.cos(theta)
    made = Problem(
        "polar",
        (r, theta),
        (v,),
        (sympy.Eq(v.diff(r, 2) + v.diff(r) / r + v.diff(theta, 2) / r**2, 0),),
        Box(r=(1, 2), theta=(0, 1)),
        tuple(Condition(sympy.Eq(v, exact), on=p) for p in ("r=1", "r=2", "theta=0", "theta=1")),
        exact={v: exact},
    )
    assert {u.operator for u in made.residual.unknowns} == {"a", "aa", "bb"}
    import pinn
    from pinn.networks import MLP
    from pinn.settings import Settings
    from pinn.training.trainer import Limits

    settings = Settings(network=MLP.Sizes(width=8, layers=2), points=0.3, digits=None)
    solved = pinn.solve(made, settings, Limits(iterations=15))
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-3


def test_functions_of_numbers_are_numbers() -> None:
    """Case 21. Kills: torch's functions called with plain numbers, as erfc(1) at an end is."""
    x = sympy.Symbol("x")
    constant = sympy.erfc(1) + sympy.sinc(2) + sympy.besselj(0, 1)
    [values] = compiled([x], [x + constant], {}, "case")(torch.tensor([0.5, 2.0]).double())
    assert values.tolist() == pytest.approx([0.5 + float(constant), 2 + float(constant)], rel=1e-14)
