"""Taylor and Green's vortices in space, by a Fourier method."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pinn.references.chebyshev import chebyshev_basis, lobatto_nodes
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Complex = NDArray[np.complex128]

MOST_REYNOLDS, UNTIL = 100.0, 1.0
POINTS = 36  # an axis; a third of the waves is left out, so that products do not fold back
INTERVALS, STEPS = 12, 3  # in time: Chebyshev nodes, and Runge-Kutta steps between two of them
BLOCK = 512  # points evaluated at once


@dataclass(frozen=True)
class TaylorGreen:
    """u, v, w, p of u_t + (u.grad) u + grad p = lap u / Re, div u = 0 for t in [0, 1].

    The start is u = sin x cos y cos z, v = -cos x sin y cos z, w = 0; the mean of p is 0.

    Args:
        reynolds: 0 < Re <= 100.

    Raises:
        DomainError: another Reynolds number, or a time outside [0, 1].

    Accuracy: 2e-6 at Re = 20 and 3e-5 at Re = 100, by 36^3 points against 48^3.
    """

    reynolds: float

    def __post_init__(self) -> None:
        if not 0 < self.reynolds <= MOST_REYNOLDS:
            raise DomainError(
                f"Taylor-Green: reynolds must lie in (0, {MOST_REYNOLDS:g}]; got {self.reynolds:g}."
            )

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, 4) in the order x, y, z, t."""
        points = np.asarray(points, dtype=np.float64)
        if not ((points[:, 3] >= 0) & (points[:, 3] <= UNTIL)).all():
            raise DomainError(f"Taylor-Green: times must lie in [0, {UNTIL:g}].")
        amplitudes = solved(self.reynolds)
        parts = [_at(amplitudes, points[i : i + BLOCK]) for i in range(0, len(points), BLOCK)]
        values = np.concatenate(parts) if parts else np.zeros((0, 4))
        return dict(zip("uvwp", values.T, strict=True))


def _at(amplitudes: Array, points: Array) -> Array:
    """Values (p, 4) from amplitudes (time, field, l, m, n)."""
    waves = np.arange(amplitudes.shape[-1])
    angles = [np.multiply.outer(s, waves) for s in points.T[:3]]
    in_t = chebyshev_basis(points[:, 3], len(amplitudes), (0.0, UNTIL))
    columns = []
    for field in range(4):
        # The component along an axis is odd in it and even in the others; the pressure is even.
        in_x, in_y, in_z = (
            np.sin(angle) if axis == field else np.cos(angle) for axis, angle in enumerate(angles)
        )
        over_z = amplitudes[:, field] @ in_z.T  # (t, l, m, p)
        over_y = np.einsum("tlmp,pm->tlp", over_z, in_y)
        columns.append(np.einsum("tlp,pl,pt->p", over_y, in_x, in_t))
    return np.stack(columns, -1)


@lru_cache(maxsize=2)
def solved(reynolds: float, points: int = POINTS, intervals: int = INTERVALS) -> Array:
    """Amplitudes of sines and cosines as Chebyshev coefficients in time: (time, field, l, m, n).

    Classical Runge-Kutta steps; diffusion is taken out by its factor, and two thirds of the waves
    are kept.

    Cost: 36 steps of 60 transforms of 36^3 points, three seconds.
    """
    flow = _Flow(points, 1 / reynolds)
    nodes = lobatto_nodes(intervals + 1, 0.0, UNTIL)
    state, kept = flow.start(), [flow.start()]
    for begin, end in itertools.pairwise(nodes):
        for _ in range(STEPS):
            state = flow.step(state, (end - begin) / STEPS)
        kept.append(state)
    values = np.stack([flow.low(np.concatenate([s, flow.pressure(s)[None]])) for s in kept])
    to_coefficients = np.linalg.inv(chebyshev_basis(nodes, len(nodes), (0.0, UNTIL)))
    return np.asarray(np.tensordot(to_coefficients, values, axes=1))


class _Flow:
    """Modes (3, n, n, n) of a periodic velocity and how they change."""

    def __init__(self, points: int, viscosity: float) -> None:
        line = np.rint(np.fft.fftfreq(points) * points)
        self.k = np.stack(np.meshgrid(line, line, line, indexing="ij"))
        self.points, self.viscosity = points, viscosity
        self.square = (self.k**2).sum(0)
        self.inverse = np.where(self.square > 0, 1 / np.maximum(self.square, 1), 0.0)
        self.most = (points - 1) // 3
        self.kept = (np.abs(self.k) <= self.most).all(0)

    def start(self) -> Complex:
        s = 2 * np.pi * np.arange(self.points) / self.points
        x, y, z = np.meshgrid(s, s, s, indexing="ij")
        u, v = np.sin(x) * np.cos(y) * np.cos(z), -np.cos(x) * np.sin(y) * np.cos(z)
        return self._modes(np.stack([u, v, 0 * u]))

    def step(self, state: Complex, h: float) -> Complex:
        """One step of order four; diffusion is taken out by its factor, exactly."""
        half = np.exp(-self.viscosity * self.square * h / 2)
        one = self._rate(state)
        two = self._rate(half * (state + h / 2 * one))
        three = self._rate(half * state + h / 2 * two)
        four = self._rate(half**2 * state + h * half * three)
        ends = half**2 * (state + h / 6 * one) + h / 6 * four
        return np.asarray(ends + h / 3 * half * (two + three))

    def pressure(self, state: Complex) -> Complex:
        """p with -lap p = div (u.grad) u."""
        rate = self._convection(state)
        return np.asarray(1j * (self.k * rate).sum(0) * self.inverse)

    def low(self, modes: Complex) -> Array:
        """Amplitudes of the waves >= 0: of sin for a component along its axis, else of cos."""
        part = modes[:, : self.most + 1, : self.most + 1, : self.most + 1]
        twice = 2.0 ** (self.k[:, : self.most + 1, : self.most + 1, : self.most + 1] > 0).sum(0)
        return np.asarray(np.concatenate([-part[:3].imag, part[3:].real]) * twice)

    def _rate(self, state: Complex) -> Complex:
        rate = -self._convection(state)
        return np.asarray(rate - self.k * ((self.k * rate).sum(0) * self.inverse))

    def _convection(self, state: Complex) -> Complex:
        """Modes of (u.grad) u."""
        u = self._values(state)
        slopes = (self._values(1j * k * state) for k in self.k)
        total = np.zeros_like(u)
        for axis, slope in enumerate(slopes):
            total += u[axis] * slope
        return self._modes(total)

    def _values(self, modes: Complex) -> Array:
        return np.asarray(np.fft.ifftn(modes, axes=(1, 2, 3)).real * self.points**3)

    def _modes(self, values: Array) -> Complex:
        return np.asarray(np.fft.fftn(values, axes=(1, 2, 3)) / self.points**3 * self.kept)
