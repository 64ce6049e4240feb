"""Rules, borders and searches one by one: tables of derivatives, relu at 0, jumps, trees."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from theory.universal.arrays import Array
from theory.universal.enclosure.branch_and_bound import Enclosed, leaves, search
from theory.universal.enclosure.defined import domain_text, shown
from theory.universal.enclosure.intervals import Interval
from theory.universal.enclosure.range import (
    _RULES,
    Expansions,
    enclose,
    enclose_gradient,
    relu_slope,
)
from theory.universal.formula.target import read_target

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "atan": mpmath.atan,
    "sqrt": mpmath.sqrt,
}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", sorted(EXACT))
def test_rules_are_the_function_and_its_derivatives(name: str, order: int) -> None:
    """Kills: a sign or a factor in the table, an enclosure of a point that misses it."""
    points = np.array([0.3, 0.9, 1.7, 2.9, 5.1] + [-0.4, -2.2] * (name not in ("log", "sqrt")))
    with np.errstate(all="ignore"):
        found = _RULES[name][order](Interval.point(points))
    with mpmath.workdps(40):
        for point, low, high in zip(points, found.lower, found.upper, strict=True):
            exact = mpmath.diff(EXACT[name], mpmath.mpf(float(point)), order)
            assert low - 1e-18 <= exact <= high + 1e-18
            assert high - low < 1e-13 * (1 + abs(exact))


def test_the_share_of_a_unit_at_its_kink() -> None:
    """Boxes that end at 0 have a share in [0, 1], not NaN. Kills: 0 / 0 at the kink."""
    lower, upper = np.array([0.0, -1.0, 0.0, -1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    zero = np.zeros(4)
    found = relu_slope(Interval(lower, upper), Interval(zero, zero))
    assert np.array_equal(found.lower, [0.0, 0.0, 0.0, 0.0])
    assert np.array_equal(found.upper, [1.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [
        ("where(x1 > 0, 1, 0)", 0.0, 1.0),
        ("where(x1 < 0, 0, 1)", -1.0, 0.0),
        ("where(x1 >= 0, 0, 1)", -1.0, 0.0),
        ("where(x1 <= 0, 1, 0)", 0.0, 1.0),
    ],
)
def test_a_box_that_ends_at_a_jump_has_both_sides(formula: str, low: float, high: float) -> None:
    """At the border itself the other side may hold. Kills: > 0 read as >= 0."""
    program = read_target(formula, 1).programs[0][0]
    lower, upper = np.array([[low]]), np.array([[high]])
    found = enclose(program, lower, (lower + upper) / 2, upper)
    assert (float(found.value.lower[0]), float(found.value.upper[0])) == (0.0, 1.0)
    assert np.isinf(np.broadcast_to(found.slopes[0].upper, 1)).all()  # type: ignore[union-attr]


@pytest.mark.parametrize("exponent", [-3, -1, 0, 1, 2, 5])
def test_powers_have_the_slopes_of_powers(exponent: int) -> None:
    """(x^k - c^k) / (x - c) on [0.5, 2] about 1."""
    arithmetic = Expansions(1)
    value = Interval(np.array([0.5]), np.array([2.0]))
    from theory.universal.enclosure.range import Expansion

    start = Expansion(value, Interval.point(np.ones(1)), (Interval.point(1.0),))
    (slope,) = arithmetic.power(start, exponent).slopes
    assert slope is not None
    for x in (0.5, 0.75, 1.5, 2.0):
        secant = (x**exponent - 1) / (x - 1)
        assert slope.lower[0] - 1e-13 <= secant <= slope.upper[0] + 1e-13


class Steady:
    """An error of one value everywhere."""

    def __init__(self, value: float) -> None:
        self.value = value

    def enclose(self, lower: Array, upper: Array) -> Enclosed:
        flat = np.full(len(lower), self.value)
        return Enclosed(flat, flat, Interval(flat, flat), np.zeros_like(lower))


@pytest.mark.parametrize(("value", "accepted"), [(1.0, True), (1.5, False), (-1.5, False)])
def test_an_error_beyond_the_limits_is_refused_at_its_first_box(
    value: float, accepted: bool
) -> None:
    """Kills: a refusal that waits for more than it needs."""
    found = search(Steady(value), (np.zeros(2), np.ones(2)), (-1.0, 1.0), most_boxes=9, batch=4)
    assert found.accepted == accepted
    assert found.boxes == 1
    assert found.tree.dtype == np.uint8


class Ramp:
    """The error e(x) = x1 on [0, 1], accepted on boxes that are a quarter wide at most."""

    def enclose(self, lower: Array, upper: Array) -> Enclosed:
        left, right = lower[:, 0], upper[:, 0]
        is_wide = right - left > 0.25
        low, high = np.where(is_wide, -9.0, left), np.where(is_wide, 9.0, right)
        middle = (left + right) / 2
        return Enclosed(low, high, Interval(middle, middle), upper - lower)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_range_of_an_error_is_that_of_all_its_boxes(batch: int) -> None:
    """Kills: the range of one box, or of the last batch, for that of the domain."""
    found = search(Ramp(), (np.zeros(1), np.ones(1)), (-2.0, 2.0), most_boxes=99, batch=batch)
    assert found.accepted
    assert (found.lower, found.upper) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [("x2 * x2", [0.0, 2.0]), ("1", [0.0, 0.0]), ("3 * x1", [3.0, 0.0])],
)
def test_a_coordinate_that_does_not_occur_has_no_derivative(
    formula: str, wanted: list[float]
) -> None:
    """Kills: any other number than 0 for it."""
    program = read_target(formula, 2).programs[0][0]
    one = np.ones((1, 2))
    found = enclose_gradient(program, one, one)
    assert found.lower[0] == pytest.approx(wanted, abs=1e-12)
    assert found.upper[0] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("codes", [[0, 255], [255, 255], [1, 255, 255, 255], [2, 255, 255]])
def test_codes_that_are_no_tree(codes: list[int]) -> None:
    """Kills: codes that are left over, missing, or of a coordinate that does not exist."""
    domain = np.zeros(2), np.ones(2)
    with pytest.raises(ValueError, match=r"codes"):
        list(leaves(np.array(codes, dtype=np.uint8), domain))
    whole = list(leaves(np.array([1, 255, 255], dtype=np.uint8), domain))
    assert np.concatenate([low for low, _ in whole]).tolist() == [[0.0, 0.0], [0.0, 0.5]]


@pytest.mark.parametrize(("tokens", "cut"), [(8, False), (9, True)])
def test_points_and_domains_are_cut_beyond_eight_coordinates(tokens: int, cut: bool) -> None:
    sides = [(float(k), k + 1.0) for k in range(tokens)]
    target = read_target("x1", tokens, domain=sides)
    assert shown(target, np.arange(tokens)).endswith("...") == cut
    assert domain_text(target).endswith("x ...") == cut
