"""The cavity's table: extrema, walls, Ghia's figures."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.references.cavity import GHIA_U, GHIA_V, GHIA_X, GHIA_Y, embedded_cavity
from sciformer.errors import DomainError


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("u_min", 0.4581, -0.2140424), ("v_max", 0.2370, 0.1795728), ("v_min", 0.8104, -0.2538030)],
)
def test_extrema(name: str, place: float, value: float) -> None:
    """Kills: u and v exchanged, x and y exchanged, a lid that moves the other way."""
    found_place, found = embedded_cavity().extrema()[name]
    assert found == pytest.approx(value, abs=1e-5)
    assert found_place == pytest.approx(place, abs=1e-4)


def test_walls_hold_and_the_lid_moves() -> None:
    """Kills: an axis of the table reversed."""
    s = np.linspace(0.05, 0.95, 19)
    zero, one = np.zeros_like(s), np.ones_like(s)
    cavity = embedded_cavity()
    for x, y in ((s, zero), (zero, s), (one, s)):
        fields = cavity(np.stack([x, y], 1))
        assert max(np.abs(fields["u"]).max(), np.abs(fields["v"]).max()) < 1e-6
    lid = cavity(np.stack([s, one], 1))
    # The jump at a lid's end, 14 nodes away, is forgotten by 0.27 a node: 1e-8.
    assert np.abs(lid["u"] - 1).max() < 1e-6
    assert np.abs(lid["v"]).max() < 1e-6


def test_ghia_is_near_and_not_nearer() -> None:
    """Kills: a table of Ghia's with columns exchanged."""
    cavity = embedded_cavity()
    y, x = np.array(GHIA_Y), np.array(GHIA_X)
    u = cavity(np.stack([np.full_like(y, 0.5), y], 1))["u"]
    v = cavity(np.stack([x, np.full_like(x, 0.5)], 1))["v"]
    assert 0.004 < np.abs(u - GHIA_U).max() < 0.006
    assert 0.008 < np.abs(v - GHIA_V).max() < 0.010


def test_points_outside_are_refused() -> None:
    with pytest.raises(DomainError, match=r"unit square; got x from 0\.5 to 1\.2"):
        embedded_cavity()(np.array([[0.5, 0.5], [1.2, 0.5]]))
