"""The end of a training: not before the shape is found, not while it goes well, not by a unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinn.refinement.ripeness import Ripeness


def history(*values: float, every: int = 5, start: int = 5) -> list[tuple[int, float]]:
    return [(start + every * i, value) for i, value in enumerate(values)]


def test_a_training_ends_where_it_becomes_slow_after_the_shape_is_found() -> None:
    """Kills: the value before last for the one a window ago, a fall of the wrong sense."""
    falling = [1.0 / 3**i for i in range(14)]  # by 9 in ten steps, to 6e-7 at step 70
    assert Ripeness().reason(history(*falling)) is None
    slow = [*falling, falling[-1] * 0.9, falling[-1] * 0.8]
    assert "falls by less than 4 in 10 steps" in str(Ripeness().reason(history(*slow)))


def test_a_plateau_before_the_shape_is_found_is_no_end() -> None:
    """Kills: a training that ends on any plateau, or after few steps."""
    assert Ripeness().reason(history(1.0, *[1e-2] * 40)) is None
    assert Ripeness().reason(history(1.0, *[5e-6] * 4)) is None
    assert Ripeness().reason(history(1.0, *[5e-6] * 12)) is not None
    assert Ripeness().reason([]) is None


def test_a_small_residual_ends_it_at_once() -> None:
    assert "of the first" in str(Ripeness().reason(history(1.0, 1e-8)))


def test_a_long_training_is_judged_over_a_tenth_of_its_steps() -> None:
    """Kills: ten steps of a method whose steps are cheap and small."""
    values = [1.0, 1e-6, *[1e-6 * 0.99**i for i in range(400)]]
    steps = [(10 * (i + 1), value) for i, value in enumerate(values)]
    assert Ripeness().reason(steps) is not None
    quick = [(at, value * 0.95**i) for i, (at, value) in enumerate(steps)]
    at, _ = quick[100]
    assert Ripeness(done=0.0).reason(quick[:101]) is not None
    assert Ripeness(done=0.0, window=at // 2).reason(quick[:101]) is None


@given(st.floats(1e-30, 1e30), st.integers(1, 30))
def test_the_unit_of_the_residual_does_not_matter(unit: float, count: int) -> None:
    """Kills: an absolute threshold."""
    values = [1.0 / 2.5**i for i in range(count)]
    scaled = Ripeness().reason(history(*[unit * v for v in values]))
    assert scaled == Ripeness().reason(history(*values))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_end_nothing(value: float) -> None:
    assert Ripeness().reason(history(1.0, *[value] * 20)) is None
