"""References known by their numbers alone: which misfits are seen, and which are not made up."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline

import pinn
from pinn.problem.differences import differentiate
from pinn.problem.expressions import FieldDerivative
from pinn.problem.reference_check import ReferenceWarning, check_reference
from sciformer.errors import DataError

x, y, t = sympy.symbols("x y t")
U, Y = sympy.Function("u")(x, t), sympy.Function("y")(t)
W = sympy.Function("w")(x, y)
Reference = Callable[[np.ndarray], dict[str, Any]]


def right(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(np.pi * p[:, 0]) * np.exp(-(np.pi**2) * p[:, 1] / 10))


def rod(reference: Reference) -> pinn.Problem:
    conditions = [
        pinn.Condition(sympy.Eq(U, sympy.sin(sympy.pi * x)), on="t=0"),
        pinn.Condition(sympy.Eq(U, 0), on="x=0"),
        pinn.Condition(
            sympy.Eq(U.diff(x), -sympy.pi * sympy.exp(-(sympy.pi**2) * t / 10)), on="x=1"
        ),
    ]
    return pinn.Problem(
        "rod", (x, t), U, sympy.Eq(U.diff(t), U.diff(x, 2) / 10), pinn.Box(x=(0, 1), t=(0, 1)),
        conditions, reference=reference,
    )  # fmt: skip


def disc(reference: Reference) -> pinn.Problem:
    slope = pinn.normal(x) * W.diff(x) + pinn.normal(y) * W.diff(y)
    return pinn.Problem(
        "disc", (x, y), W, W.diff(x, 2) + W.diff(y, 2) + 4, pinn.Disc(1.0, x=0, y=0),
        pinn.Condition(sympy.Eq(slope + W, -2), on="circle"), reference=reference,
    )  # fmt: skip


def swinging(reference: Reference) -> pinn.Problem:
    conditions = [
        pinn.Condition(sympy.Eq(Y, 2), on="t=0"),
        pinn.Condition(sympy.Eq(Y.diff(t), 0), on="t=0"),
    ]
    return pinn.Problem(
        "swinging", t, Y, Y.diff(t, 2) - (1 - Y**2) * Y.diff(t) + Y, pinn.Box(t=(0, 10)),
        conditions, reference=reference,
    )  # fmt: skip


def integrated(rtol: float) -> Reference:
    def slopes(_: float, z: np.ndarray) -> list[float]:
        return [z[1], (1 - z[0] ** 2) * z[1] - z[0]]

    found = solve_ivp(slopes, (0, 10), [2, 0], rtol=rtol, atol=rtol, dense_output=True)
    return lambda p: {"y": found.sol(p[:, 0])[0]}


def said(problem: pinn.Problem) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_reference(problem)
    assert all(issubclass(w.category, ReferenceWarning) for w in caught)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize(
    ("made", "sentences"),
    [
        (rod(lambda p: {"u": 1.001 * right(p)}), [r"sin\(pi\*x\)\) on t=0: .* off by 0\.000"]),
        (
            rod(lambda p: {"u": right(p) + 4e-3 * p[:, 0] * p[:, 1]}),
            [r"points its residual is 0\.00\d+ of the sum", "on x=1"],
        ),
        (rod(lambda p: {"u": right(p) + 1e-3}), ["on t=0", r"0\) on x=0: .* by 0.001 of"]),
        (
            rod(lambda p: {"u": right(p) + 1e-3 * p[:, 0]}),
            ["on t=0", r"\) on x=1: .* by 0\.0001\d"],
        ),
        (disc(lambda p: {"w": 1.001 - (p**2).sum(1)}), [r"on circle: .* by 0\.0002\d of .* 4;"]),
        (swinging(integrated(1e-3)), [r"satisfy .* below 2e-03 say nothing"]),
    ],
)
def test_what_a_reference_misses_is_said_with_its_size(
    made: pinn.Problem, sentences: list[str]
) -> None:
    """A thousandth is seen in the equation, and where only conditions miss it, values and slopes.

    Kills: conditions that are not looked at; a threshold of 5 % where differences are good; a
    central difference that reaches beyond the end of the domain.
    """
    found = said(made)
    for sentence in sentences:
        assert any(re.search(sentence, line) for line in found), found


@pytest.mark.parametrize("case", ["formula", "table", "ring of values", "integrated"])
def test_a_reference_that_is_right_is_believed(case: str) -> None:
    """Kills: what two stencils disagree about held against a table; nan beyond a rim."""
    ticks = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    spline = RectBivariateSpline(ticks, ticks, right(grid).reshape(101, 101))

    def bounded(p: np.ndarray) -> dict[str, np.ndarray]:
        square = (p**2).sum(1)
        return {"w": np.where(square <= 1 + 1e-12, 1 - square, np.nan)}

    problems = {
        "formula": rod(lambda p: {"u": right(p)}),
        "table": rod(lambda p: {"u": spline.ev(p[:, 0], p[:, 1])}),
        "ring of values": disc(bounded),
        "integrated": swinging(integrated(1e-8)),
    }
    assert said(problems[case]) == []


def test_check_says_it_before_a_solve_does() -> None:
    """Kills: a check that leaves references to the solve; one call for each point."""
    calls: list[int] = []

    def reference(points: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(len(points))
        return {"u": 1.5 * right(points)}

    with pytest.warns(ReferenceWarning) as caught:
        found = rod(reference).check()
    assert len(calls) == 1
    assert found.missing == ""
    assert tuple(str(one.message) for one in caught) == found.doubts
    assert any("does not seem to satisfy" in doubt and "on t=0" in doubt for doubt in found.doubts)
    assert all(doubt in str(found) for doubt in found.doubts)
    assert rod(lambda p: {"u": right(p)}).check().doubts == ()
    lacking = rod(lambda p: {"w": right(p)}).check()
    assert "the reference must give one value per point for each of u" in lacking.missing


def noisy(reference: Reference, share: float) -> Reference:
    def values(p: np.ndarray) -> dict[str, Any]:
        noise = 1 + share * np.random.default_rng(0).standard_normal(len(p))
        return {"u": reference(p)["u"] * noise}

    return values


@pytest.mark.parametrize("share", [1e-4, 1e-5, 1e-6])
def test_noise_in_a_right_reference_is_not_held_against_it_and_hides_no_wrong_one(
    share: float,
) -> None:
    """Second differences of steps of 2e-3 amplify noise by 1e6.

    Kills: 5 % as the limit however much two stencils differ, wrong ones let off for their noise.
    """
    off = [line for line in said(rod(noisy(lambda p: {"u": right(p)}, share))) if "t=0" not in line]
    assert off == []
    wrong = said(rod(noisy(lambda p: {"u": right(p) * (1 + 3 * p[:, 1])}, share)))
    assert any("points its residual is" in line for line in wrong)


def test_derivatives_are_right_up_to_the_ends_of_the_domain() -> None:
    """Kills: a sign of odd one-sided differences, weights of the wrong node."""
    wave = rod(lambda p: {"u": np.sin(2 * p[:, 0]) * np.exp(p[:, 1])})
    points = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.004, 1.0]])
    wanted = [FieldDerivative(0, w) for w in ("1", "x", "t", "xx", "xt")]
    found = differentiate(wave, wanted, points)
    sine, cosine = np.sin(2 * points[:, 0]), np.cos(2 * points[:, 0])
    growth = np.exp(points[:, 1])
    exact = [sine * growth, 2 * cosine * growth, sine * growth, -4 * sine * growth,
             2 * cosine * growth]  # fmt: skip
    for unknown, values in zip(wanted, exact, strict=True):
        assert found.better(unknown).numpy() == pytest.approx(values, abs=2e-7)
        assert found.worse(unknown).numpy() == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (lambda p: right(p), r"must return \{name: \(p,\)\}, as \{'u': values\}; got ndarray"),
        (lambda p: {"u": 1 / 0}, "fails with ZeroDivisionError: .* called once with all points"),
    ],
)
def test_a_reference_of_another_form_gets_a_sentence(reference: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        check_reference(rod(reference))
