"""Verdicts come from limits alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciformer.reproduce import AtLeast, AtMost, Between, Verdict

numbers = st.floats(-1e6, 1e6)
LIMITS = [
    (AtMost(0.3, better=0.1), 0.1, Verdict.BETTER),
    (AtMost(0.3, better=0.1), 0.1001, Verdict.HOLDS),
    (AtMost(0.3, better=0.1), 0.3, Verdict.HOLDS),
    (AtMost(0.3, better=0.1), 0.3001, Verdict.FAILS),
    (AtMost(0.3), -1e9, Verdict.HOLDS),
    (AtLeast(0.7, better=0.9), 0.9, Verdict.BETTER),
    (AtLeast(0.7, better=0.9), 0.8999, Verdict.HOLDS),
    (AtLeast(0.7, better=0.9), 0.7, Verdict.HOLDS),
    (AtLeast(0.7, better=0.9), 0.6999, Verdict.FAILS),
    (Between(53, 53), 53, Verdict.HOLDS),
    (Between(53, 54), 54.001, Verdict.FAILS),
    (Between(53, 54), 52.999, Verdict.FAILS),
]


@pytest.mark.parametrize(("rule", "value", "verdict"), LIMITS)
def test_limits_belong_to_what_they_grant(
    rule: AtMost | AtLeast | Between, value: float, verdict: Verdict
) -> None:
    """Kills: < for <=, better and limit exchanged."""
    assert rule.judge([value]) is verdict


@pytest.mark.parametrize("rule", [AtMost(1.0, 0.5), AtLeast(1.0, 2.0), Between(0.0, 1.0)])
def test_not_a_number_never_holds(rule: AtMost | AtLeast | Between) -> None:
    """Kills: `not median > limit`."""
    assert rule.judge([math.nan]) is Verdict.FAILS


@given(low=numbers, middle=numbers, high=numbers)
def test_the_median_decides_and_not_the_best_seed(low: float, middle: float, high: float) -> None:
    """Kills: min, max or mean instead of the median."""
    values = [high, low, middle]
    median = sorted(values)[1]
    assert AtMost(median).judge(values) is Verdict.HOLDS
    assert AtLeast(median).judge(values) is Verdict.HOLDS
    assert AtMost(math.nextafter(median, -math.inf)).judge(values) is Verdict.FAILS
    assert AtLeast(math.nextafter(median, math.inf)).judge(values) is Verdict.FAILS


def test_an_interval_is_asked_of_every_seed() -> None:
    """Kills: any for all."""
    assert Between(1, 3).judge([1, 2, 3]) is Verdict.HOLDS
    assert Between(1, 3).judge([2, 2, 3.5]) is Verdict.FAILS


@given(value=st.floats(1e-6, 1e6), limit=st.floats(1e-6, 1e6))
def test_the_ratio_agrees_with_the_verdict(value: float, limit: float) -> None:
    """Kills: the ratio of one of them upside down."""
    if math.isclose(value, limit, rel_tol=1e-9):
        return
    for rule in (AtMost(limit), AtLeast(limit)):
        assert (rule.ratio(value) < 1) == (rule.judge([value]) is Verdict.HOLDS)


def test_rules_read_as_they_judge() -> None:
    texts = [str(AtMost(1e-6, 1e-7)), str(AtLeast(0.985)), str(Between(2, 2)), str(Between(0, 1))]
    assert texts == [
        "median ≤ 1e-06, better at ≤ 1e-07",
        "median ≥ 0.985",
        "= 2",
        "every seed in [0, 1]",
    ]
