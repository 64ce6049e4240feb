"""Periodic evolution equations in one dimension by Fourier series and exponential time steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

CONTOUR_POINTS = 64
SPLINE_DEGREE = 7
CHUNK = 4096


@dataclass(frozen=True)
class Evolution:
    """u_t = L u + N(u) with u periodic on an interval, from t = 0 on.

    Attributes:
        interval: low and high end of one period.
        linear: L as a function of the wavenumbers k; it may be complex.
        nonlinear: spectrum of N from the spectrum of u, the wavenumbers, and functions to go to
            values on the grid and back. With a known part the spectrum is that of the rest v, the
            values are those of u, and those of the known part at this time come last.
        start: u(x, 0).
        modes: grid points; even.
        kept: share of the wavenumbers that is kept: 2/3 removes the aliasing of squares, 1/2 that
            of cubes.
        steps: time steps.
        end: last time.
        known: a part S of u as a function of x and t, in closed form. The rest v = u - S solves
            v_t = L v + N, and converges quickly where S has what is not smooth in u.
    """

    interval: tuple[float, float]
    linear: Callable[[Array], Any]
    nonlinear: Callable[..., Any]
    start: Callable[[Array], Array]
    modes: int
    kept: float
    steps: int
    end: float = 1.0
    known: Callable[[Array, Any], Array] | None = None


class Spectral:
    """The solution of an evolution equation at any points, computed at the first call.

    ETDRK4: the linear part is integrated exactly, the nonlinear one by four stages. Its
    coefficients such as (e^z - 1)/z are means over circles around z, which avoids cancellation;
    whole circles, since z is imaginary for dispersion.

    Args:
        equation: what is solved.
        field: name of u.

    Accuracy: fourth order in the time step; spectral in space for smooth solutions, and limited
        by the jump of the derivative at the ends where the start has one, unless the known part
        has the same jump.
    Source: Cox, Matthews 2002; Kassam, Trefethen 2005.
    """

    def __init__(self, equation: Evolution, field: str = "u") -> None:
        self.equation, self._field = equation, field

    def __call__(self, points: Array) -> dict[str, Array]:
        """The field at points (p, 2) in the order x, t, as {"u": (p,)}."""
        x, t = np.asarray(points, dtype=np.float64).T
        times, place = np.unique(t, return_inverse=True)
        spectra = self._history(times)  # (distinct times, wavenumbers)
        values = np.empty_like(x)
        for first in range(0, len(x), CHUNK):
            here = slice(first, first + CHUNK)
            angles = np.multiply.outer(x[here] - self.equation.interval[0], self._wavenumbers)
            values[here] = (np.exp(1j * angles) * spectra[place[here]]).real.sum(-1)
        if self.equation.known is not None:
            values += self.equation.known(x, t)
        return {self._field: values}

    @cached_property
    def _wavenumbers(self) -> Array:
        equation = self.equation
        low, high = equation.interval
        highest = int(equation.kept * equation.modes / 2)
        return np.asarray(2 * np.pi / (high - low) * np.arange(highest + 1))

    @cached_property
    def _history(self) -> Any:
        """Coefficients a_k(t) of u = Re sum a_k e^(i k (x - low)), as a spline in time."""
        from scipy.interpolate import make_interp_spline

        equation = self.equation
        times = np.linspace(0.0, equation.end, equation.steps + 1)
        spectra = np.stack(list(self._march()))
        spectra[:, 1:] *= 2
        return make_interp_spline(times, spectra / equation.modes, k=SPLINE_DEGREE)

    def _march(self) -> Any:
        """The spectrum of np.fft.rfft, its kept part, at every step from the start on."""
        equation, k = self.equation, self._wavenumbers
        low, high = equation.interval
        grid = low + (high - low) * np.arange(equation.modes) / equation.modes

        def spectrum(values: Array) -> Complex:
            return np.fft.rfft(values)[: len(k)]

        def values(spectrum: Complex) -> Array:
            return np.fft.irfft(spectrum, equation.modes)

        def n(v: Complex, time: float) -> Any:
            if equation.known is None:
                return equation.nonlinear(v, k, values, spectrum)
            known = equation.known(grid, time)
            return equation.nonlinear(v, k, lambda v: values(v) + known, spectrum, known)

        step = equation.end / equation.steps
        whole, half, q, f1, f2, f3 = _coefficients(step, equation.linear(k) + 0j)
        start = equation.start(grid)
        v = spectrum(start if equation.known is None else start - equation.known(grid, 0.0))
        yield v
        for index in range(equation.steps):
            time = index * step
            nv = n(v, time)
            a = half * v + q * nv
            na = n(a, time + step / 2)
            b = half * v + q * na
            nb = n(b, time + step / 2)
            c = half * a + q * (2 * nb - nv)
            v = whole * v + f1 * nv + 2 * f2 * (na + nb) + f3 * n(c, time + step)
            yield v


def _coefficients(step: float, linear: Complex) -> tuple[Complex, ...]:
    """e^(hL), e^(hL/2), and h times the weights of the stages (Kassam, Trefethen 2005, p. 1217)."""
    circle = np.exp(2j * np.pi * (np.arange(CONTOUR_POINTS) + 0.5) / CONTOUR_POINTS)
    z = step * linear[:, None] + circle
    grown = np.exp(z)
    q = step * ((np.exp(z / 2) - 1) / z).mean(1)
    f1 = step * ((-4 - z + grown * (4 - 3 * z + z**2)) / z**3).mean(1)
    f2 = step * ((2 + z + grown * (z - 2)) / z**3).mean(1)
    f3 = step * ((-4 - 3 * z - z**2 + grown * (4 - z)) / z**3).mean(1)
    return np.exp(step * linear), np.exp(step * linear / 2), q, f1, f2, f3
