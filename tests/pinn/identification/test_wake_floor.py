"""The Cramer-Rao bound of the wake: it converges, scales, and no estimate lies far below it."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.identification.wake_floor import Resolution, _Grid, wake_floor
from pinn.references.wake import Wake, embedded_wake

COARSE = Resolution(harmonics=3, x=12, y=10)


def test_the_equation_is_the_derivative_of_the_vorticity_equation() -> None:
    """Along a random change of the flow, by a central difference of the full equation.

    Kills: a sign or a term of the linearisation, the parity of a basis function, a unit of time.
    """
    wake = embedded_wake()
    grid = _Grid(wake, COARSE)
    shape = (2 * COARSE.harmonics + 1, COARSE.x, COARSE.y // 2)
    change = 1e-3 * np.random.default_rng(0).standard_normal(shape)

    def residual(sign: float) -> np.ndarray:
        stream = wake.stream.copy()
        stream[: shape[0], : shape[1], : shape[2]] += sign * change
        moved = Wake(stream, wake.pressure, wake.frequency, wake.window, wake.reynolds)

        def vorticity(x: int = 0, y: int = 0, t: int = 0) -> np.ndarray:
            dv = moved.derivative(grid._points, x + 1, y, t)["v"]
            return dv - moved.derivative(grid._points, x, y + 1, t)["u"]

        flow = moved.derivative(grid._points)
        convection = flow["u"] * vorticity(x=1) + flow["v"] * vorticity(y=1)
        diffusion = (vorticity(x=2) + vorticity(y=2)) / wake.reynolds
        return vorticity(t=1) + convection - diffusion

    equation, _ = grid._equation(grid._basis(0, 1, 0), grid._basis(1, 0, 0))
    predicted = equation @ change.ravel()
    found = (residual(1.0) - residual(-1.0)) / 2
    assert np.abs(predicted - found).max() < 1e-8 * np.abs(found).max()


def test_more_unknown_flow_raises_the_bound_until_it_has_converged() -> None:
    """Kills: equations that leave the change of the flow free, or none."""
    wake = embedded_wake()
    least = wake_floor(wake, Resolution(2, 8, 6)).deviations["lambda_2"]
    more = wake_floor(wake, COARSE).deviations["lambda_2"]
    assert 0.001 < least < more < 2.0


def test_the_bound_scales_with_noise_and_samples() -> None:
    wake = embedded_wake()
    one = wake_floor(wake, COARSE, samples=5000, noise=0.01)
    other = wake_floor(wake, COARSE, samples=20_000, noise=0.03)
    assert one.at(20_000, 0.03) == pytest.approx(other.deviations, rel=1e-3)
