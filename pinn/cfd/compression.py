"""A recorded wake in closed form: harmonics in time, Chebyshev polynomials in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinn.cfd.wake import Recording
from pinn.references.chebyshev import chebyshev_basis, lobatto_nodes
from pinn.references.wake import Wake, first_odd, harmonics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Size:
    """Sizes of the compact form: harmonics of the period, polynomials in x and in y (even)."""

    harmonics: int = 14
    x_terms: int = 80
    y_terms: int = 48


def compress(recording: Recording, window: Window, reynolds: float, size: Size) -> Wake:
    """The closed form nearest to a recording in least squares.

    Time first, node by node; then each harmonic in space, where psi is fitted to u and v
    together. Time starts at the first snapshot.

    Args:
        recording: at the Chebyshev-Lobatto nodes of the window.
        window: x_min, x_max, y_min, y_max, with y_min = -y_max.
        reynolds: U D / viscosity.
        size: of the result.
    """
    time = recording.time - recording.time[0]
    frequency = _frequency(time, recording.values, 2 * np.pi * recording.shedding.strouhal)
    flat = recording.values.reshape(len(time), -1)
    basis = harmonics(frequency * time, size.harmonics)
    rows = np.linalg.lstsq(basis, flat, rcond=None)[0].reshape(-1, *recording.values.shape[1:])
    fit = _SpaceFit(rows.shape[1:3], window, size)
    stream = np.stack([fit.stream(k, row) for k, row in enumerate(rows)])
    pressure = np.stack([fit.pressure(k, row[..., 2]) for k, row in enumerate(rows)])
    return Wake(stream, pressure, frequency, window, reynolds)


def _frequency(time: Array, values: Array, guess: float) -> float:
    """The base frequency with the smallest residual of eight harmonics on some nodes."""
    from scipy.optimize import minimize_scalar

    some = values[:, ::6, ::5].reshape(len(time), -1)

    def misfit(frequency: float) -> float:
        basis = harmonics(frequency * time, 8)
        return float(np.linalg.norm(some - basis @ np.linalg.lstsq(basis, some, rcond=None)[0]))

    bounds = (0.995 * guess, 1.005 * guess)
    return float(minimize_scalar(misfit, bounds=bounds, options={"xatol": 1e-9}).x)


class _SpaceFit:
    """Least squares in space for functions even or odd in y."""

    def __init__(self, nodes: tuple[int, ...], window: Window, size: Size) -> None:
        x = lobatto_nodes(nodes[0], *window[:2])
        y = lobatto_nodes(nodes[1], *window[2:])
        self._x, self._dx = (chebyshev_basis(x, size.x_terms, window[:2], n) for n in (0, 1))
        self._y, self._dy = (chebyshev_basis(y, size.y_terms, window[2:], n) for n in (0, 1))
        self._shape = (size.x_terms, size.y_terms // 2)
        self._factors: dict[int, tuple[Array, Array]] = {}

    def pressure(self, row: int, values: Array) -> Array:
        """Coefficients (n_x, n_y / 2) of the values of one harmonic at the nodes."""
        in_y = self._y[:, first_odd(row, False) :: 2]
        return np.asarray(np.linalg.pinv(self._x) @ values @ np.linalg.pinv(in_y).T)

    def stream(self, row: int, values: Array) -> Array:
        """Coefficients of psi whose u = psi_y and v = -psi_x are nearest to values (..., >= 2).

        The constant of an even psi is free and set to 0.
        """
        odd = first_odd(row, True)
        fixed = 1 - odd
        if odd not in self._factors:
            in_u = np.kron(self._x, self._dy[:, odd::2])
            in_v = np.kron(-self._dx, self._y[:, odd::2])
            self._factors[odd] = np.linalg.qr(np.vstack([in_u, in_v])[:, fixed:])
        orthogonal, triangle = self._factors[odd]
        wanted = np.concatenate([values[..., 0].ravel(), values[..., 1].ravel()])
        coefficients = np.zeros(self._shape[0] * self._shape[1])
        coefficients[fixed:] = np.linalg.solve(triangle, orthogonal.T @ wanted)
        return coefficients.reshape(self._shape)
