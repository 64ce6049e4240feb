"""Percentiles of latencies against those of the sorted times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.sequence.latency import Latencies

times_us = st.lists(st.floats(0.11, 9e8), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(times=times_us, percent=st.sampled_from([1, 50, 95, 99, 100]))
def test_percentiles_are_those_of_the_sorted_times(times: list[float], percent: int) -> None:
    """Kills: a bin too far, a rank off by one, microseconds for seconds."""
    latencies = Latencies()
    for time in times:
        latencies.add(1e-6 * time)
    rank = math.ceil(percent / 100 * len(times) - 1e-9)
    assert latencies.percentile(percent) == pytest.approx(sorted(times)[rank - 1], rel=0.0051)


def test_times_outside_the_range_are_counted_at_its_ends() -> None:
    """Kills: an index below 0 or past the end."""
    latencies = Latencies()
    assert latencies.percentile(50) is None
    latencies.add(0.0)
    latencies.add(1e6)
    assert latencies.percentile(50) == pytest.approx(0.1, rel=0.01)
    assert latencies.percentile(100) == pytest.approx(1e9, rel=0.02)
