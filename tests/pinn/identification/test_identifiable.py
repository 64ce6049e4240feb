"""Samples that cannot tell an unknown are refused before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn.data.cloud import Cloud
from pinn.identification.identifiable import SampleWarning, check_identifiable, distinct
from sciformer.errors import DataError, UsageError

t, x, k, a, c = sympy.symbols("t x k a c")
Y, U = sympy.Function("y")(t), sympy.Function("u")(x, t)
TIMES = np.linspace(0, 6, 30)[:, None]
CURVE = 20 + 70 * np.exp(-0.7 * TIMES[:, 0])
START = pinn.Condition(sympy.Eq(U, sympy.sin(sympy.pi * x)), on="t=0")
RIM = [pinn.Condition(sympy.Eq(U, v), on=f"x={v}") for v in (0, 1)]


def cooling(equation: Any, *unknown: Any, values: Any = CURVE, times: Any = TIMES) -> pinn.Problem:
    given = {name: pinn.Unknown(2.0, 0.0) for name in unknown}  # at a start that hides effects
    return pinn.Problem(
        "mine", t, Y, sympy.Eq(Y.diff(t), equation), pinn.Box(t=(0, 6)), unknown=given,
        data=Cloud(times, {"y": values}),
    )  # fmt: skip


def rod(points: np.ndarray, values: np.ndarray, *conditions: pinn.Condition) -> pinn.Problem:
    return pinn.Problem(
        "mine", (x, t), U, sympy.Eq(U.diff(t), k * U.diff(x, 2)), pinn.Box(x=(0, 1), t=(0, 1)),
        conditions, unknown={k: pinn.Unknown(0.1, 0.1)}, data=Cloud(points, {"u": values}),
    )  # fmt: skip


SCATTERED = np.random.default_rng(1).uniform(0, 1, (40, 2))


def scaled(equation: Any, *on_rim: Any) -> pinn.Problem:
    """A rod in whose statements k and c are unknown."""
    return pinn.Problem(
        "mine", (x, t), U, equation, pinn.Box(x=(0, 1), t=(0, 1)),
        [pinn.Condition(form, on="x=1") for form in on_rim],
        unknown={k: pinn.Unknown(0.1, 0.1), c: pinn.Unknown(1.0, 1.0)},
        data=Cloud(SCATTERED, {"u": SCATTERED[:, 1]}),
    )  # fmt: skip


AT_ONCE = np.column_stack([SCATTERED[:, 0], np.full(40, 0.5)])


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (cooling(-k * c * Y, k, c), "k and c act only together"),
        (cooling(-(k + c) * Y + a, k, a, c), "k and c act only together"),
        (cooling(-k / c * Y, k, c), "k and c act only together"),
        (scaled(c * U.diff(t) - k * U.diff(x, 2)), "k and c only multiply what vanishes"),
        (scaled(k * c * (U.diff(t) - U.diff(x, 2))), "k and c act|only multiply what vanishes"),
        (scaled(U.diff(t) - U.diff(x, 2), k * U.diff(x) + c * U), "k and c only multiply"),
        (cooling(-k * Y**c, k, c), r"y\(t\)\*\*c has the unknown exponent c .* sympy.Abs"),
        (cooling(-k * (Y - a), k, a, values=CURVE * 0 + 20), "have one value, .* tells 1 of 2 unk"),
        (cooling(-k * (Y - 20), k, values=CURVE * 0 + 20), "have one value, .* tells 0 of 1 unk"),
        (cooling(-k * (Y - a), k, a, times=TIMES * 0 + 2), "at 1 different places, .* 3 or more"),
        (cooling(-k * (Y - a), k, a, times=(TIMES > 3) + 1.0), "at 2 different places"),
        (rod(AT_ONCE, SCATTERED[:, 1]), "all samples are of t = 0.5, and nothing is known"),
        (rod(AT_ONCE, SCATTERED[:, 1], *RIM), "all samples are of t = 0.5"),
        (rod(SCATTERED, np.full(40, 3.0)), "all samples have one value"),
    ],
)
def test_samples_that_cannot_tell_are_refused_at_once(problem: pinn.Problem, sentence: str) -> None:
    """Kills: each check; sensitivities at the start, where a product with 0 shows nothing."""
    with pytest.raises((DataError, UsageError), match=f"^mine: .*{sentence}"):
        check_identifiable(problem)


@pytest.mark.parametrize(
    "problem",
    [
        cooling(-k * (Y - a), k, a),
        cooling(-k * c * Y + a * c**2 + sympy.exp(-c * t), k, a, c),
        cooling(-(Y - a), a, values=CURVE * 0 + 20),
        cooling(-k * sympy.Abs(Y) ** c + a * (1 + Y**2) ** c + t**a, k, c, a),
        cooling(-k * (Y - a), k, a, times=np.floor(TIMES / 2)),
        rod(SCATTERED, SCATTERED[:, 1]),
        scaled(c * U.diff(t) - k * U.diff(x, 2) - 1),
        scaled(U.diff(t) - U.diff(x, 2), U + U.diff(x) * k - c),
        scaled(U.diff(t) - k * U.diff(x, 2), U - c),
        scaled(U.diff(t) - k * U.diff(x, 2), U.diff(x) + c * U),
        rod(AT_ONCE, SCATTERED[:, 1], START),
    ],
)
def test_what_may_be_told_is_left_to_the_fit(problem: pinn.Problem) -> None:
    """A steady value tells where it is pulled to; one later moment tells what a start became."""
    check_identifiable(problem)


H = sympy.Function("h")(t)
GROWTH = (sympy.Eq(Y.diff(t), k * Y - c * Y * H), sympy.Eq(H.diff(t), a * Y * H - H))


def counted(
    *unknown: sympy.Symbol, conditions: tuple[pinn.Condition, ...] = (), fields: str = "y"
) -> pinn.Problem:
    """Prey y and predators h, of which some are counted."""
    return pinn.Problem(
        "mine", t, (Y, H), GROWTH, pinn.Box(t=(0, 5)), conditions,
        parameters={s: 0.5 for s in (k, c, a) if s not in unknown},
        unknown={s: pinn.Unknown(1.0) for s in unknown},
        data=Cloud(TIMES, dict.fromkeys(fields, CURVE), noise=dict.fromkeys(fields, 0.1)),
    )  # fmt: skip


def test_a_field_that_nothing_measures_takes_its_unknowns_along() -> None:
    """Of another size of h and one over it of c the prey does not know.

    Kills: fields that are taken as measured; conditions, or equations without unknowns, left out.
    """
    for unknown in ((k, c, a), (c,)):
        with pytest.raises(UsageError, match=r"fixes h\(t\), and any change of c is made up for"):
            check_identifiable(counted(*unknown))
    check_identifiable(counted(k, c, a, fields="yh"))
    check_identifiable(counted(k, a))
    started = (pinn.Condition(sympy.Eq(H, 2), on="t=0"),)
    check_identifiable(counted(k, c, a, conditions=started))


def test_a_level_that_only_slopes_are_measured_of_is_not_told() -> None:
    """Kills: a field taken as measured where a quantity of it is."""
    problem = pinn.Problem(
        "mine", t, Y, sympy.Eq(Y.diff(t), -k * (Y - a)), pinn.Box(t=(0, 5)),
        unknown={k: pinn.Unknown(1.0), a: pinn.Unknown(1.0)}, quantities={"rate": Y.diff(t)},
        data=Cloud(TIMES, {"rate": -CURVE}, noise={"rate": 0.1}),
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"fixes y\(t\), and any change of a is made up for"):
        check_identifiable(problem)


def test_an_unknown_that_changes_nothing_is_named() -> None:
    problem = cooling(-k * Y + 0 * c, k)
    with pytest.raises(UsageError, match="c is unknown and changes no equation"):
        check_identifiable(
            pinn.Problem(
                "mine", t, Y, problem.equations, problem.domain, parameters={c: 1.0},
                unknown={k: pinn.Unknown(1.0), c: pinn.Unknown(1.0)}, data=problem.data,
            )
        )  # fmt: skip


def test_copies_of_samples_count_once() -> None:
    """Kills: intervals narrower by a file that is doubled; readings of one place as copies."""
    twice = Cloud(np.tile(TIMES, (2, 1)), {"y": np.tile(CURVE, 2)}, noise={"y": 0.1})
    with pytest.warns(SampleWarning, match="data: 30 of 60 samples are exact copies"):
        once = distinct(twice)
    assert once.points.tolist() == TIMES.tolist()
    assert once.values["y"].tolist() == CURVE.tolist()
    again = Cloud(np.tile(TIMES, (2, 1)), {"y": np.concatenate([CURVE, CURVE + 1e-9])})
    assert distinct(again) is again
