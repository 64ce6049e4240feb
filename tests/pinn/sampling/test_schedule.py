"""Schedules: which stage an iteration belongs to, and when new points are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinn.sampling.samplers import WarpedSobol
from pinn.sampling.schedule import Renewal, Schedule, Stage

STAGES = (Stage(0, 300, 3), Stage(4, 500, 2), Stage(10, 900, 4))
LAST = Stage(0, 5000, 7)


@pytest.mark.parametrize(
    ("iteration", "number"), [(0, 0), (3, 0), (4, 1), (9, 1), (10, 2), (10_000, 2)]
)
def test_a_stage_lasts_until_the_next_one_starts(iteration: int, number: int) -> None:
    """Kills: a start that is one late, the first stage that fits for the last."""
    schedule = Schedule(STAGES)
    assert schedule.number(iteration, 0.99) == number
    assert schedule[number] is STAGES[number]


@pytest.mark.parametrize(
    ("iteration", "spent", "number"),
    [(10, 0.49, 2), (10, 0.5, 3), (10, 1.0, 3), (9, 0.9, 1), (0, 0.9, 0)],
)
def test_the_final_stage_is_late_and_skips_none(iteration: int, spent: float, number: int) -> None:
    """Kills: a final stage that begins by its start, early, or before all others have begun."""
    schedule = Schedule(STAGES, LAST, late=0.5)
    assert schedule.number(iteration, spent) == number
    assert schedule[3] is LAST


def test_scaling_and_sampling_reach_every_stage() -> None:
    """Kills: a final stage left out; no point at all; ages or starts that are scaled as well."""
    schedule = Schedule(STAGES, LAST, late=0.5)
    scaled = schedule.scaled(0.01)
    assert [scaled[n].points for n in range(4)] == [3, 5, 9, 50]
    assert [scaled[n].every for n in range(4)] == [3, 2, 4, 7]
    assert [scaled[n].start for n in range(4)] == [0, 4, 10, 0]
    assert schedule.scaled(1e-6)[0].points == 1
    assert schedule.scaled(2.5)[1].points == 1250
    warped = schedule.drawn_by(WarpedSobol)
    assert {warped[n].sampler for n in range(4)} == {WarpedSobol}
    assert warped.late == 0.5


def due(renewal: Renewal, iterations: range, failed: tuple[int, ...] = ()) -> list[int]:
    return [i for i in iterations if renewal.is_due(i, 0.0, i not in failed)]


def test_points_are_renewed_with_age_with_a_stage_and_after_a_failure() -> None:
    """By hand: every third step, from 4 on every second, from 10 on every fourth.

    Kills: an age that is off by one, that goes on in a new stage, or that a failure leaves.
    """
    assert due(Renewal(Schedule(STAGES)), range(20)) == [0, 3, 4, 6, 8, 10, 14, 18]
    assert due(Renewal(Schedule(STAGES)), range(20), (11, 12)) == [0, 3, 4, 6, 8, 10, 11, 12, 16]


@given(stop=st.integers(1, 25), failed=st.sets(st.integers(1, 25)))
def test_a_restored_renewal_goes_on_as_it_would_have(stop: int, failed: set[int]) -> None:
    """Kills: the age or the stage left out of the state."""
    whole, first = Renewal(Schedule(STAGES)), Renewal(Schedule(STAGES))
    expected = due(whole, range(26), tuple(failed))
    found = due(first, range(stop), tuple(failed))
    second = Renewal(Schedule(STAGES))
    second.restore(first.state())
    assert found + due(second, range(stop, 26), tuple(failed)) == expected
    assert second.stage == whole.stage
