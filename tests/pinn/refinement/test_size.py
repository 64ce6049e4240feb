"""Sizes of a refinement: within memory, within time, the same without a clock."""

from __future__ import annotations

import pytest

from pinn.refinement import size
from pinn.refinement.size import choose_size, size_of


def test_the_linear_system_fits_into_the_memory() -> None:
    """Kills: bytes of float32, one Gram matrix too few, blocks of columns forgotten."""
    for fields, equations in ((1, 1), (3, 3), (3, 4)):
        memory = 200 << 20
        found = choose_size(fields, equations, seconds=1e6, memory=memory)
        assert found is not None
        columns, rows = fields * found.neurons, equations * found.points
        assert 0.9 * memory <= 8 * (rows * columns + 2 * columns**2) <= 1.001 * memory


def test_time_decides_and_too_little_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a time in the wrong unit, a machine's speed that is not looked at, no least size."""
    monkeypatch.setattr(size, "_speed", lambda device: 2.5e10)
    short, long = choose_size(1, 1, 10.0), choose_size(1, 1, 40.0)
    assert short is not None
    assert long is not None
    assert 1000 < short.neurons < 2000 < long.neurons < 3500
    assert choose_size(1, 1, 1e-3) is None
    monkeypatch.setattr(size, "_speed", lambda device: 2.5e9)
    slower = choose_size(1, 1, 40.0)
    assert slower is not None
    assert slower.neurons < long.neurons / 1.9


def test_neurons_that_serve_several_fields_leave_time_for_more_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: features counted once a field."""
    monkeypatch.setattr(size, "_speed", lambda device: 2.5e10)
    one, four = choose_size(1, 1, 20.0), choose_size(4, 4, 20.0)
    assert one is not None
    assert four is not None
    assert 1.1 * one.neurons < 4 * four.neurons < 1.5 * one.neurons


def test_without_a_clock_the_size_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a speed that is measured although no time was given."""
    monkeypatch.setattr(size, "_speed", lambda device: 1.0)
    assert choose_size(1, 1) == size_of(2000, 1, 1)
    assert choose_size(3, 3) == size_of(666, 3, 3)
