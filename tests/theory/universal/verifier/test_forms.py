"""First-order forms: every point of a box lies in the enclosure, and remainders are quadratic."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.errors import CertificateError
from theory.universal.arrays import Array
from theory.universal.formula.parsing import parse_rows
from theory.universal.verifier.expressions import enclose, enclose_number
from theory.universal.verifier.forms import SMOOTH, Form, Forms, chord

X = tuple(sympy.Symbol(f"x{k + 1}", real=True) for k in range(2))
SMOOTH_FORMULAS = (
    "x1*x2 - x1/3",
    "exp(x1 - x2)",
    "sin(3*x1 + x2)*x2",
    "cos(x1*x2)",
    "tanh(2*x1 - x2)",
    "atan(2 - 2*x1**2)",
    "log(x1 + 3) + x2",
    "sqrt(x1 + 3)*x2",
    "1/(x1 + x2 + 4)",
    "(x1 - x2)**5 - x2**3",
    "(x1 + 3)**(-2)",
    "(x1 + 3)**(2/3)",
    "(x1 + 3)**1.5",
    "2**x1 + pi*x2",
)
KINKS = (
    "abs(x1 - x2)",
    "max(x1, x2**2, 0.1)",
    "min(x1, -x2)",
    "relu(x1 + x2) - abs(x1)",
    "sqrt(abs(x1))",
    "where(x1 > x2, x1, x2/2)",
    "where(x1 < 0.2, sin(x1), x2)",
)


def read(formula: str) -> sympy.Expr:
    ((expression,),) = parse_rows(formula, {s.name: s for s in X})
    return expression


def holds(form: Form, forms: Forms, box: int, point: Array, value: float, room: float) -> bool:
    """Whether a value at a point of the box lies in the linear part and in the interval."""
    offset = point - forms.centre[box]
    gradient = np.broadcast_to(form.gradient, forms.centre.shape)[box]
    shape = len(forms.centre)
    middle = np.broadcast_to(form.value, shape)[box] + gradient @ offset
    radius = np.broadcast_to(form.radius, shape)[box]
    low, high = (np.broadcast_to(e, shape)[box] for e in (form.range.lower, form.range.upper))
    return bool(abs(value - middle) <= radius + room and low - room <= value <= high + room)


@settings(max_examples=60)
@given(
    st.sampled_from(SMOOTH_FORMULAS + KINKS),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.tuples(st.sampled_from((0.0, 1e-6, 0.01, 0.3, 2.0)), st.sampled_from((0.0, 1e-3, 0.5))),
    st.integers(0, 10**6),
)
def test_every_point_of_a_box_is_enclosed(
    formula: str, corner: tuple[float, float], size: tuple[float, float], seed: int
) -> None:
    """Kills: a wrong sign in a derivative, a remainder of half its size, a kink without its gap."""
    expression = read(formula)
    lower = np.array([corner])
    upper = np.minimum(lower + np.array([size]), 2.0)
    forms, form = enclose(expression, X, lower, upper)
    value = sympy.lambdify(X, expression, "mpmath")
    parts = np.random.default_rng(seed).random((24, 2))
    parts[:8] = np.round(parts[:8])
    for part in parts:
        point = np.clip(lower[0] + part * (upper[0] - lower[0]), lower[0], upper[0])
        with mpmath.workdps(30):
            exact = float(value(*(mpmath.mpf(float(v)) for v in point)))
        room = 1e-15 * max(1.0, abs(exact))  # the rounding of this very comparison
        assert holds(form, forms, 0, point, exact, room), (formula, point, exact)


@pytest.mark.parametrize("formula", SMOOTH_FORMULAS)
def test_remainders_of_smooth_formulas_are_quadratic(formula: str) -> None:
    """Kills: the interval taken for the form, which is first order."""
    radii = []
    for size in (0.2, 0.1, 0.05):
        centre = np.array([[0.31, -0.47]])
        _, form = enclose(read(formula), X, centre - size, centre + size)
        radii.append(float(form.radius.max()))
    assert radii[0] <= 40 * 0.2**2
    for wide, narrow in itertools.pairwise(radii):
        assert wide / narrow > 3.3


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_the_table_of_derivatives(name: str) -> None:
    """Each derivative against a difference quotient of the one before it. Kills: a sign."""
    from theory.universal.verifier.ranges import Range

    functions = SMOOTH[name]
    at, step = 0.7, 1e-5
    for function, derivative in itertools.pairwise(functions):
        quotient = (
            float(function(Range.point(at + step)).lower)
            - float(function(Range.point(at - step)).lower)
        ) / (2 * step)
        found = derivative(Range.point(at))
        assert float(found.lower) == pytest.approx(quotient, rel=1e-5, abs=1e-7)
        assert float(found.lower) <= float(found.upper)


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0, 1))
def test_a_relu_lies_between_its_chords(low: float, width: float, part: float) -> None:
    """Kills: a gap that is too small, a share outside [0, 1]."""
    high = low + width
    share, gap = (float(a) for a in chord(np.asarray(low), np.asarray(high)))
    assert 0.0 <= share <= 1.0
    for u in (low, high, low + part * width, 0.0):
        if low <= u <= high:
            rest = max(u, 0.0) - share * u
            assert -1e-15 <= rest <= gap + 1e-15 * abs(u)
    assert gap <= width / 4 * (1 + 1e-12) + 1e-300
    if low >= 0 or high <= 0:
        assert gap == 0.0


UNDEFINED = ("sqrt(x1)", "log(x1)", "1/x1", "x1**(1/3)", "where(x1 > 0, sqrt(x1), 0)", "x1**-2")


@pytest.mark.parametrize("formula", UNDEFINED)
def test_what_may_be_undefined_is_not_a_number(formula: str) -> None:
    """Kills: the root of the part of a box that is not negative."""
    box = np.array([[-0.5, 0.0]]), np.array([[1.0, 1.0]])
    _, form = enclose(read(formula) * X[1] + sympy.Max(X[1], 0), X, *box)
    assert np.isnan(form.range.lower).all()
    assert np.isnan(form.range.upper).all()


def test_roots_that_touch_zero_exactly() -> None:
    """Kills: outward rounding of an exact sum, which would make sqrt(x1 + 1) undefined at -1."""
    box = np.array([[-1.0, 0.0]]), np.array([[1.0, 0.0]])
    for formula in ("sqrt(x1 + 1)", "sqrt(2*x1 + 2)", "sqrt(max(x1, 0))", "sqrt(x1**2)"):
        _, form = enclose(read(formula), X, *box)
        assert float(form.range.lower[0]) <= 0.0 < float(form.range.upper[0]) <= 2.0 + 1e-12
        assert math.isfinite(float(form.radius[0]))


def test_constants_are_enclosed() -> None:
    third = enclose_number(sympy.Rational(1, 3))
    assert float(third.lower) < float(third.upper) == math.nextafter(float(third.lower), 1)
    half = enclose_number(sympy.Rational(1, 2))
    assert float(half.lower) == float(half.upper) == 0.5
    value = enclose_number(sympy.sqrt(2) * sympy.pi + sympy.E)
    assert float(value.lower) < math.sqrt(2) * math.pi + math.e < float(value.upper)
    with pytest.raises(CertificateError, match=r"not a number that has an enclosure"):
        enclose_number(sympy.zoo)
    with pytest.raises(CertificateError, match=r"has no enclosure here"):
        enclose_number(sympy.gamma(sympy.pi))
