"""What velocities of the wake can tell about lambda_1 and lambda_2, whatever the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pinn.identification.uncertainty import Floor, Information
from pinn.references.chebyshev import chebyshev_basis
from pinn.references.wake import first_odd, harmonics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.references.wake import Wake

    Array = NDArray[np.float64]

TIGHT = 100.0  # equations against data, in units of the noise; the bound no longer feels it
TIME_SPAN = 20.0  # of the samples, in D / U


@dataclass(frozen=True)
class Resolution:
    """Of the unknown change of the flow: harmonics in time and polynomials in x and in y.

    Integrals use about 1.4 times as many points along each axis.
    """

    harmonics: int = 5
    x: int = 22
    y: int = 18


def wake_floor(
    wake: Wake, resolution: Resolution | None = None, *, samples: int = 5000, noise: float = 0.01
) -> Floor:
    """The Cramer-Rao bound, in percent, of velocities at random points of a periodic wake.

    Unknown besides lambda_1 and lambda_2 are the frequency and the whole flow: any change of the
    streamfunction that satisfies the linearised vorticity equation

    w_t + lambda_1 (u.grad) w - lambda_2 lap w = 0

    in the window, with free values on its edges. Velocity is observed with independent noise at
    uniformly random points and times; pressure is not. The period is known to exist, and so is
    the wake's symmetry, to which lambda_1 and lambda_2 belong. Without that knowledge the bound is
    higher.

    Args:
        wake: the flow at which information is taken.
        resolution: of the change of the flow.
        samples: points with both components.
        noise: standard deviation, as a share of each component's own.

    Cost: seconds.
    Source: the bound after Cramer 1946, Rao 1945; this evaluation of it is ours.
    """
    grid = _Grid(wake, resolution or Resolution())
    rows = grid.rows(samples, noise)
    deviations = 100 * Information(torch.from_numpy(rows), 2).cramer_rao()
    return Floor(
        dict(zip(("lambda_1", "lambda_2"), deviations.tolist(), strict=True)), samples, noise
    )


class _Grid:
    """Points, the wake there, and the linearised equations for every basis function."""

    def __init__(self, wake: Wake, resolution: Resolution) -> None:
        self._wake, self._size = wake, resolution
        x, wx = _gauss(int(1.4 * resolution.x), wake.window[:2])
        y, wy = _gauss(int(1.4 * resolution.y), wake.window[2:])
        phase = 2 * np.pi * np.arange(4 * resolution.harmonics) / (4 * resolution.harmonics)
        self._axes = (x, y, phase)
        self._weight = np.einsum("i,j,k->kij", wx, wy, np.full(len(phase), 1 / len(phase))).ravel()
        nodes = np.stack(np.meshgrid(phase / wake.frequency, x, y, indexing="ij"), -1).reshape(
            -1, 3
        )
        self._points = nodes[:, [1, 2, 0]]

    def rows(self, samples: int, noise: float) -> Array:
        """Rows in units of the noise: u, v and the equation at each point, then the frequency."""
        u_y, minus_v = self._basis(0, 1, 0), self._basis(1, 0, 0)
        flow, root = self._wake.derivative(self._points), np.sqrt(self._weight)[:, None]
        scales = []
        for name in "uv":
            mean = float(self._weight @ flow[name])
            scales.append(
                samples**0.5 / (noise * float(self._weight @ (flow[name] - mean) ** 2) ** 0.5)
            )
        rate = self._wake.derivative(self._points, t=1)
        turning = [float(self._weight @ rate[name] ** 2) ** 0.5 for name in "uv"]
        drift = TIME_SPAN / 12**0.5 / self._wake.frequency * np.hypot(*np.multiply(scales, turning))
        none = np.zeros((len(root), 3))
        equation, known = self._equation(u_y, minus_v)
        tight = TIGHT * max(scales)
        last = np.zeros((1, u_y.shape[1] + 3))
        last[0, -3] = drift
        return np.concatenate(
            [
                np.hstack([scales[0] * root * u_y, none]),
                np.hstack([scales[1] * root * minus_v, none]),
                np.hstack([tight * root * equation, tight * root * known]),
                last,
            ]
        )

    def _equation(self, u_y: Array, minus_v: Array) -> tuple[Array, Array]:
        """The linearised vorticity equation: of basis functions, and of frequency and lambdas."""
        wake, points = self._wake, self._points
        flow = wake.derivative(points)
        u, v = flow["u"][:, None], flow["v"][:, None]

        def vorticity(x: int = 0, y: int = 0, t: int = 0) -> Array:
            return (
                wake.derivative(points, x + 1, y, t)["v"]
                - wake.derivative(points, x, y + 1, t)["u"]
            )

        def change(x: int, y: int, t: int) -> Array:
            return -self._basis(x + 2, y, t) - self._basis(x, y + 2, t)

        w_x, w_y = vorticity(x=1)[:, None], vorticity(y=1)[:, None]
        diffusion = vorticity(x=2) + vorticity(y=2)
        viscosity = 1 / wake.reynolds
        equation = change(0, 0, 1) + u * change(1, 0, 0) + v * change(0, 1, 0)
        equation += u_y * w_x - minus_v * w_y
        equation -= viscosity * (change(2, 0, 0) + change(0, 2, 0))
        frequency = vorticity(t=1) / wake.frequency
        convection = (u * w_x + v * w_y)[:, 0]
        # lambda_2 in units of itself, so that all bounds are shares.
        return equation, np.stack([frequency, convection, -viscosity * diffusion], axis=1)

    def _basis(self, x: int, y: int, t: int) -> Array:
        """A derivative of every basis function at every point, (points, functions)."""
        size, (x_axis, y_axis, phase) = self._size, self._axes
        in_x = chebyshev_basis(x_axis, size.x, self._wake.window[:2], x)
        in_y = chebyshev_basis(y_axis, size.y, self._wake.window[2:], y)
        in_t = harmonics(phase, size.harmonics, t) * self._wake.frequency**t
        columns = [
            np.einsum("k,ia,jb->kijab", in_t[:, row], in_x, in_y[:, first_odd(row, True) :: 2])
            for row in range(in_t.shape[1])
        ]
        return np.concatenate([c.reshape(len(self._points), -1) for c in columns], axis=1)


def _gauss(count: int, ends: tuple[float, float]) -> tuple[Array, Array]:
    """Gauss-Legendre nodes between two ends, with weights that add up to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return ends[0] + (ends[1] - ends[0]) * (nodes + 1) / 2, weights / 2
