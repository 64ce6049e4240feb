"""The embedded wake: its derivatives, its symmetry, its equations, and its edges."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pinn.references.wake import STORED, Wake, embedded_wake, load_wake, save_wake
from sciformer.errors import DomainError


def inside(seed: int, number: int = 40, margin: float = 0.1) -> np.ndarray:
    wake = embedded_wake()
    x_min, x_max, y_min, y_max = wake.window
    low = np.array([x_min + margin, y_min + margin, 0.0])
    high = np.array([x_max - margin, y_max - margin, wake.period])
    return low + (high - low) * np.random.default_rng(seed).uniform(size=(number, 3))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("base", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_derivatives_are_limits_of_differences(axis: int, base: tuple[int, int, int]) -> None:
    """Kills: a derivative on the wrong axis, a lost factor of the interval or of omega, a sign."""
    wake, points, step = embedded_wake(), inside(1), 1e-4
    shift = np.zeros(3)
    shift[axis] = step
    raised = tuple(n + (i == axis) for i, n in enumerate(base))
    exact = wake.derivative(points, *raised)
    ahead, behind = (wake.derivative(points + s * shift, *base) for s in (1, -1))
    for name, value in exact.items():
        difference = (ahead[name] - behind[name]) / (2 * step)
        # The third derivative is below 1e4 here, so the difference is off by 1e-8 / 6 x 1e4.
        assert np.abs(value - difference).max() < 2e-5
        assert np.abs(value).max() > 1e-3


def test_velocity_has_no_divergence() -> None:
    """Kills: a sign of v, u and v from different tables."""
    points = inside(2, margin=0.0)
    wake = embedded_wake()
    divergence = wake.derivative(points, 1)["u"] + wake.derivative(points, 0, 1)["v"]
    assert np.abs(divergence).max() < 1e-12


def test_half_a_period_later_the_wake_is_its_mirror_image() -> None:
    """Kills: the parity of a table."""
    wake, points = embedded_wake(), inside(3)
    mirrored = points * [1, -1, 1] + [0, 0, wake.period / 2]
    here, there = wake(points), wake(mirrored)
    for name, sign in (("u", 1), ("v", -1), ("p", 1)):
        assert np.abs(here[name] - sign * there[name]).max() < 1e-12


def test_momentum_is_balanced_as_well_as_documented() -> None:
    """Kills: a pressure of the wrong sign or scale, a viscosity of another Reynolds number."""
    from pinn.cfd.provenance import momentum_residual

    measured = momentum_residual(embedded_wake())
    documented = json.loads(STORED.with_suffix(".json").read_text())["accuracy"]
    for name in ("momentum_residual_over_convection", "momentum_residual_over_viscous"):
        assert measured[name] == pytest.approx(documented[name], rel=1e-6)
    assert measured["momentum_residual_over_convection"] < 0.01


def test_grid_and_points_agree() -> None:
    """Kills: an axis out of order in either evaluation."""
    wake = embedded_wake()
    x, y, t = np.array([1.0, 2.5, 8.0]), np.array([-2.0, 0.3]), np.array([0.0, 0.7, 9.1, 20.0])
    points = np.stack(np.meshgrid(x, y, t, indexing="ij"), -1).reshape(-1, 3)
    grid, scattered = wake.grid(x, y, t), wake(points)
    for name, field in grid.items():
        assert field.shape == (3, 2, 4)
        assert np.abs(field.ravel() - scattered[name]).max() < 1e-12


def test_many_points_are_split_into_blocks_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a block lost or repeated."""
    wake, points = embedded_wake(), inside(4, 23)
    whole = wake(points)
    monkeypatch.setattr("pinn.references.wake.BLOCK", 5)
    for name, field in wake(points).items():
        assert np.abs(field - whole[name]).max() < 1e-13
    assert wake(points[:0])["p"].shape == (0,)


def test_stored_form_is_small_and_survives_a_round_trip(tmp_path) -> None:
    """Kills: a field left out of the file."""
    assert STORED.stat().st_size <= 500_000
    wake = embedded_wake()
    save_wake(tmp_path / "wake.npz", wake)
    again = load_wake(tmp_path / "wake.npz")
    assert np.array_equal(again.stream, wake.stream)
    assert np.array_equal(again.pressure, wake.pressure)
    assert (again.frequency, again.window, again.reynolds) == (
        wake.frequency,
        wake.window,
        wake.reynolds,
    )


def test_small_wake_by_hand() -> None:
    """Kills: the order of cosine and sine, the map of the window, the sign of v."""
    stream, pressure = np.zeros((3, 2, 1)), np.zeros((3, 2, 1))
    stream[0, 0, 0] = 3.0  # psi = 3 Y_1(y) of the mean, which is odd
    stream[2, 1, 0] = 5.0  # + 5 sin(w t) X_1(x), even in y
    pressure[1, 0, 0] = 7.0  # p = 7 cos(w t) Y_1(y)
    wake = Wake(stream, pressure, 2.0, (1.0, 5.0, -4.0, 4.0))
    fields = wake(np.array([[2.0, 1.0, 0.3]]))
    assert fields["u"][0] == pytest.approx(3 / 4)
    assert fields["v"][0] == pytest.approx(-5 * np.sin(0.6) / 2)
    assert fields["p"][0] == pytest.approx(7 * np.cos(0.6) / 4)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (np.array([[0.5, 0.0, 0.0]]), r"point x = 0\.5, y = 0 lies outside"),
        (np.array([[2.0, 2.1, 0.0]]), r"point x = 2, y = 2\.1 lies outside"),
        (np.array([[2.0, np.nan, 0.0]]), r"lies outside"),
        (np.zeros((4, 2)), r"shape \(p, 3\).*got \(4, 2\)"),
    ],
)
def test_points_outside_are_refused(points: np.ndarray, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        embedded_wake()(points)
