"""The periodic wake of a cylinder at Reynolds number 100, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinn.references.chebyshev import chebyshev_basis
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STORED = Path(__file__).with_name("wake_re100.npz")
BLOCK = 4096  # points evaluated at once; bounds memory to BLOCK x harmonics x terms numbers


@dataclass(frozen=True)
class Wake:
    """u, v, p and their derivatives at any point of a window and any time.

    psi(x, y, t) = sum_kij a_kij H_k(omega t) X_i(x) Y_j(y),   u = psi_y,   v = -psi_x

    with H = 1, cos, sin, cos 2, sin 2, ... and Chebyshev polynomials X, Y; the pressure has its
    own sum. Velocity comes from the streamfunction, so it is free of divergence to rounding. Half
    a period later the wake is its own mirror image in y, so of each harmonic only even or only
    odd Y occur, and only those are stored.

    Args:
        stream: a, as (2 K + 1, n_x, n_y / 2) for K harmonics.
        pressure: the same for p.
        frequency: omega, radians per D / U.
        window: x_min, x_max, y_min, y_max in diameters.
        reynolds: U D / viscosity.

    Source: spatio-temporal symmetry of the vortex street, e.g. Barkley and Henderson 1996; the
        form is our choice.
    """

    stream: Array
    pressure: Array
    frequency: float
    window: tuple[float, float, float, float]
    reynolds: float = 100.0

    @property
    def period(self) -> float:
        """Period of the shedding, in D / U."""
        return 2 * np.pi / self.frequency

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, 3) in the order x, y, t, as {"u": (p,), "v": ..., "p": ...}."""
        return self.derivative(points)

    def derivative(self, points: Array, x: int = 0, y: int = 0, t: int = 0) -> dict[str, Array]:
        """d^(x+y+t) / dx^x dy^y dt^t of each field.

        Args:
            points: (p, 3) in the order x, y, t, inside the window.
            x, y, t: how often to differentiate, >= 0.

        Returns:
            {"u": (p,), "v": (p,), "p": (p,)}.

        Raises:
            DomainError: a point outside the window.

        Cost: 2 x harmonics x n_x x n_y multiplications a point and field; `grid` is far cheaper.
        """
        points = np.asarray(points, dtype=np.float64)
        self._check(points)
        blocks = [points[i : i + BLOCK] for i in range(0, len(points), BLOCK)] or [points]
        parts = [self._at(block, x, y, t) for block in blocks]
        return {name: np.concatenate([part[name] for part in parts]) for name in ("u", "v", "p")}

    def grid(self, x: Array, y: Array, t: Array) -> dict[str, Array]:
        """The fields on a grid, as {"u": (n_x, n_y, n_t), ...}; far cheaper than point by point.

        Raises:
            DomainError: a coordinate outside the window.
        """
        x, y, t = (np.asarray(axis, dtype=np.float64) for axis in (x, y, t))
        for axis, column in ((x, 0), (y, 1)):
            corner = np.tile([self.window[0], self.window[2], 0.0], (len(axis), 1))
            corner[:, column] = axis
            self._check(corner)
        return {
            name: sign * np.einsum(
                "kij,xi,yj,tk->xyt",
                unfolded(table, odd_first),
                self._basis_x(x, table, dx),
                self._basis_y(y, table, dy),
                self._basis_t(t, table, 0),
                optimize=True,
            )
            for name, (table, odd_first, dx, dy, sign) in self._fields(0, 0).items()
        }  # fmt: skip

    def _fields(self, x: int, y: int) -> dict[str, tuple[Array, bool, int, int, float]]:
        """Parts of each field: the table, its parity, derivatives in x and y, and the sign."""
        return {
            "u": (self.stream, True, x, y + 1, 1.0),
            "v": (self.stream, True, x + 1, y, -1.0),
            "p": (self.pressure, False, x, y, 1.0),
        }

    def _at(self, points: Array, x: int, y: int, t: int) -> dict[str, Array]:
        result = {}
        for name, (table, odd_first, dx, dy, sign) in self._fields(x, y).items():
            full = unfolded(table, odd_first)
            k, i, j = full.shape
            in_x = self._basis_x(points[:, 0], table, dx)
            # (p, i) @ (i, k j) -> (p, k, j)
            columns = (in_x @ full.transpose(1, 0, 2).reshape(i, k * j)).reshape(-1, k, j)
            in_t = self._basis_t(points[:, 2], table, t)
            rows = np.einsum("pkj,pk->pj", columns, in_t)
            in_y = self._basis_y(points[:, 1], table, dy)
            result[name] = sign * np.einsum("pj,pj->p", rows, in_y)
        return result

    def _basis_x(self, x: Array, table: Array, order: int) -> Array:
        return chebyshev_basis(x, table.shape[1], self.window[:2], order)

    def _basis_y(self, y: Array, table: Array, order: int) -> Array:
        return chebyshev_basis(y, 2 * table.shape[2], self.window[2:], order)

    def _basis_t(self, t: Array, table: Array, order: int) -> Array:
        return harmonics(self.frequency * t, table.shape[0] // 2, order) * self.frequency**order

    def _check(self, points: Array) -> None:
        x_min, x_max, y_min, y_max = self.window
        if points.ndim != 2 or points.shape[1] != 3:
            raise DomainError(
                f"wake: points must have the shape (p, 3) in the order x, y, t; got {points.shape}."
            )
        slack = 1e-9
        low = np.array([x_min, y_min]) - slack
        high = np.array([x_max, y_max]) + slack
        outside = ~((points[:, :2] >= low) & (points[:, :2] <= high)).all(1)
        if outside.any():
            x, y = points[outside][0, :2]
            raise DomainError(
                f"wake: the window is [{x_min:g}, {x_max:g}] x [{y_min:g}, {y_max:g}] and the "
                f"point x = {x:g}, y = {y:g} lies outside; the series means nothing there."
            )


def harmonics(phase: Array, number: int, derivative: int = 0) -> Array:
    """d^n/dphase^n of 1, cos, sin, cos 2, sin 2, ..., as (p, 2 number + 1)."""
    k = np.arange(1, number + 1)
    angle = np.multiply.outer(phase, k) + derivative * np.pi / 2
    columns = np.empty((len(phase), 2 * number + 1))
    columns[:, 0] = derivative == 0
    columns[:, 1::2] = k**derivative * np.cos(angle)
    columns[:, 2::2] = k**derivative * np.sin(angle)
    return columns


def first_odd(row: int, odd_first: bool) -> int:
    """0 if the row of a table holds even polynomials in y, 1 if odd.

    Args:
        row: 0 for the mean, 2 k - 1 and 2 k for harmonic k.
        odd_first: whether the mean is odd in y, as for psi.
    """
    return (((row + 1) // 2) + odd_first) % 2


def unfolded(table: Array, odd_first: bool) -> Array:
    """A table with the zeros that symmetry leaves out: (k, i, j) -> (k, i, 2 j)."""
    full = np.zeros((*table.shape[:2], 2 * table.shape[2]))
    for row in range(len(table)):
        full[row, :, first_odd(row, odd_first) :: 2] = table[row]
    return full


def save_wake(path: Path, wake: Wake) -> None:
    """Writes the compact form, coefficients in float32."""
    np.savez_compressed(
        path,
        stream=wake.stream.astype(np.float32),
        pressure=wake.pressure.astype(np.float32),
        frequency=wake.frequency,
        window=np.array(wake.window),
        reynolds=wake.reynolds,
    )


def load_wake(path: Path = STORED) -> Wake:
    """A wake in compact form; by default the one of the package, see `wake_re100.json`."""
    with np.load(path) as stored:
        return _from_arrays(stored)


@cache
def embedded_wake() -> Wake:
    """The wake of the package, read once; see `wake_re100.json`.

    It is that of one cylinder in a row of them 16 diameters apart, as Raissi's is: the neighbours
    raise the Strouhal number to 0.1703, where a free stream has 0.164 to 0.167.
    """
    return load_wake()


def _from_arrays(stored: Mapping[str, Array]) -> Wake:
    x_min, x_max, y_min, y_max = stored["window"].tolist()
    return Wake(
        stream=stored["stream"].astype(np.float64),
        pressure=stored["pressure"].astype(np.float64),
        frequency=float(stored["frequency"]),
        window=(x_min, x_max, y_min, y_max),
        reynolds=float(stored["reynolds"]),
    )
