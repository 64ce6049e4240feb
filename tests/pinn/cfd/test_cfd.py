"""Making a wake: shedding figures and compression fast, the flow solver against benchmarks slow."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.cfd.compression import Size, compress
from pinn.cfd.shedding import Shedding, shedding
from pinn.cfd.wake import Recording
from pinn.references.chebyshev import chebyshev_basis, lobatto_nodes
from sciformer.errors import ConvergenceError


def test_shedding_of_a_known_signal() -> None:
    """Kills: mean for amplitude, period for frequency."""
    time = np.arange(0, 30, 0.01)
    lift = 0.02 + 0.34 * np.sin(2 * np.pi * 0.17 * time)
    drag = 1.38 + 0.009 * np.cos(4 * np.pi * 0.17 * time)
    found = shedding(time, drag, lift)
    assert found.strouhal == pytest.approx(0.17, rel=1e-4)
    assert found.drag == pytest.approx(1.38, abs=1e-4)
    assert found.lift == pytest.approx(0.34, abs=1e-4)
    assert abs(found.drift) < 1e-4
    with pytest.raises(ConvergenceError, match=r"crossed its mean upwards [01] times"):
        shedding(time[:500], drag[:500], lift[:500])


def test_compression_finds_the_coefficients_of_a_wake() -> None:
    """Kills: u or v left out of the fit, the parity of psi, the phase of the first snapshot."""
    window, nodes, frequency = (1.0, 4.0, -2.0, 2.0), (24, 20), 1.07
    x, y = lobatto_nodes(24, *window[:2]), lobatto_nodes(20, *window[2:])
    t = 7.3 + np.arange(0, 12, 0.1)
    xs, ys, ts = np.meshgrid(x, y, t - t[0], indexing="ij")
    wave, other = np.cos(frequency * ts), np.sin(2 * frequency * ts)
    # psi = y + (x^2 y^2) cos + x y^3 sin 2: even and odd where a wake's are
    u = 1 + 2 * xs**2 * ys * wave + 3 * xs * ys**2 * other
    v = -(2 * xs * ys**2 * wave + ys**3 * other)
    p = ys**2 + xs * ys * wave
    values = np.stack([u, v, p], -1).transpose(2, 0, 1, 3)
    recording = Recording(t, values, Shedding(1.002 * frequency / 2 / np.pi, 0, 0, 0))
    wake = compress(recording, window, 100.0, Size(harmonics=3, x_terms=8, y_terms=8))
    assert wake.frequency == pytest.approx(frequency, rel=1e-7)
    fields = wake.grid(x, y, t - t[0])
    for name, wanted in (("u", u), ("v", v), ("p", p)):
        assert np.abs(fields[name] - wanted).max() < 1e-5
    assert nodes == (len(x), len(y))


def test_chebyshev_derivatives_of_polynomials() -> None:
    """Kills: a lost scale, a shifted index, an order beyond the degree."""
    x = np.array([1.0, 2.2, 5.0])
    basis = [chebyshev_basis(x, 3, (1.0, 5.0), n) for n in range(4)]
    s = (x - 3) / 2
    assert basis[0][:, 2] == pytest.approx(2 * s**2 - 1)
    assert basis[1][:, 2] == pytest.approx(2 * s)
    assert basis[2][:, 2] == pytest.approx(np.ones(3))
    assert basis[3] == pytest.approx(np.zeros((3, 3)))


@pytest.mark.slow
def test_channel_drag_is_the_published_one() -> None:
    """DFG 2D-1."""
    pytest.importorskip("ngsolve")
    from pinn.cfd.channel import PUBLISHED, solve_channel

    forces = solve_channel()
    assert forces.drag == pytest.approx(PUBLISHED.drag, rel=1e-6)
    assert forces.lift == pytest.approx(PUBLISHED.lift, rel=1e-3)


@pytest.mark.slow
def test_a_wake_that_stops_goes_on_bit_for_bit() -> None:
    """Kills: history left out of the state."""
    pytest.importorskip("ngsolve")
    from pinn.cfd.wake import WakeMaker, WakeSettings

    settings = WakeSettings(
        develop=0.05,
        settle=0.05,
        record=0.05,
        sample_steps=2,
        nodes=(6, 5),
        step=0.01,
        fine_order=4,
    )
    straight = WakeMaker(settings)
    forces = [straight.advance() for _ in range(15)]
    for stop in (3, 8):
        first = WakeMaker(settings)
        begun = [first.advance() for _ in range(stop)]
        second = WakeMaker(settings)
        second.restore(first.state())
        assert begun + [second.advance() for _ in range(15 - stop)] == pytest.approx(
            np.array(forces), rel=1e-9
        )
    assert straight.is_done


@pytest.mark.slow
def test_free_stream_wake_has_the_literatures_figures() -> None:
    """St 0.164-0.167, Cd 1.33-1.35, Cl 0.32-0.34 when no neighbour is within 60 diameters."""
    pytest.importorskip("ngsolve")
    from pinn.cfd.meshes import WakeMesh
    from pinn.cfd.wake import WakeMaker, WakeSettings, make_wake

    mesh = WakeMesh(box=(-30.0, 50.0, -30.0, 30.0), far=3.0)
    settings = WakeSettings(mesh, fine_order=3, develop=110.0, settle=10.0, record=12.0)
    maker = WakeMaker(settings)
    assert make_wake(maker, lambda *_: None, lambda: False)
    found = maker.shedding()
    assert 0.164 <= found.strouhal <= 0.167
    assert 1.33 <= found.drag <= 1.35
    assert 0.32 <= found.lift <= 0.34
