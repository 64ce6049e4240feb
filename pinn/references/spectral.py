"""Periodic evolution equations in one dimension by Fourier series and exponential time steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DomainError

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

CONTOUR_POINTS = 64
SPLINE_DEGREE = 7
CHUNK = 4096
# Grid points, and grid points times steps, up to which resolution is sought: some ten seconds.
MOST_MODES, MOST_WORK = 8192, 1 << 24
# Halving the step of a method of fourth order divides its error by 16.
RICHARDSON = 15
# Halving the spacing of a spline of degree 7 divides its error by 256; a quarter of that is left
# as margin.
SPLINE_GAIN = 64


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
        has the same jump. `settled` looks whether steps and modes are enough.
    Source: Cox, Matthews 2002; Kassam, Trefethen 2005.
    """

    def __init__(self, equation: Evolution, field: str = "u") -> None:
        self.equation, self._field = equation, field

    def settled(self, who: str, tolerance: float) -> Spectral:
        """The solution with as many modes and steps, from its own on, as it needs.

        Three gaps relative to max |u| are brought below the tolerance, at times from a quarter of
        the end on, when what is rough in the start has gone: that to half the steps (over 15, the
        error by Richardson), the upper quarter of the kept spectrum, and that of the spline in
        time to one through every second time.

        Args:
            who: for messages, such as "kdv with lambda_1 = 4".
            tolerance: relative to max |u|.

        Raises:
            DomainError: `MOST_MODES` and `MOST_WORK` are not enough.
        """
        found = self
        while (gaps := found._gaps(tolerance)) != (0.0, 0.0):
            equation = found.equation
            in_time, in_space = gaps
            steps = equation.steps * (2 if in_time else 1)
            modes = equation.modes * (2 if in_space else 1)
            if modes > MOST_MODES or modes * steps > MOST_WORK:
                raise DomainError(
                    f"{who}: its reference is not resolved by {equation.modes} modes and "
                    f"{equation.steps} steps, more than which are not tried (it changes by "
                    f"{max(gaps):.1e} of its size, {tolerance:.0e} wanted); use milder parameters."
                )
            found = Spectral(replace(equation, steps=steps, modes=modes), self._field)
        return found

    def _gaps(self, tolerance: float) -> tuple[float, float]:
        """Missing parts in time and in space, relative to max |u|; 0 where they are below
        tolerance.

        The cheap looks come first; where one finds too much, the others are left out.
        """
        spectra = self._spectra
        if not np.isfinite(spectra).all():
            return np.inf, 0.0  # which says nothing about space: the step is too long first
        modes = self.equation.modes
        chosen = slice(len(spectra) // 4, None, max(1, len(spectra) // 400))
        late, largest = spectra[chosen], self._largest(chosen) or 1.0
        tail = float(np.abs(late[:, -(late.shape[1] // 4) :]).sum(1).max()) * 2 / modes / largest
        if not tail <= tolerance:
            return 0.0, tail
        in_time = max(self._step_gap() / RICHARDSON, self._spline_gap() / SPLINE_GAIN) / largest
        return (0.0 if in_time <= tolerance else in_time), 0.0

    def _largest(self, chosen: slice) -> float:
        """max |u| at some of the times."""
        values = np.fft.irfft(self._spectra[chosen], self.equation.modes)
        if self.equation.known is not None:
            times = self._times[chosen, None]
            values = values + self.equation.known(self._grid[None, :], times)
        return float(np.abs(values).max())

    def _step_gap(self) -> float:
        """max |u| between this and the solution with half the steps, from a quarter on."""
        equation = self.equation
        coarse = Spectral(replace(equation, steps=equation.steps // 2))._spectra
        if not np.isfinite(coarse).all():
            return np.inf
        gap = (self._spectra[::2] - coarse)[len(coarse) // 4 :: max(1, len(coarse) // 400)]
        return float(np.abs(np.fft.irfft(gap, equation.modes)).max())

    def _spline_gap(self) -> float:
        """max |u| between the spline through every second time and the times left out."""
        from scipy.interpolate import make_interp_spline

        times, spectra = self._times, self._spectra
        sizes = np.abs(spectra[len(times) // 4 :]).max(0)
        seen = sizes > 1e-12 * sizes.max()  # of the others no sum comes to a tolerance
        rough = make_interp_spline(times[::2], spectra[::2, seen], k=SPLINE_DEGREE)
        left_out = slice(len(times) // 8 * 2 + 1, None, 2 * max(1, len(times) // 400))
        gap = np.zeros((len(times[left_out]), spectra.shape[1]), spectra.dtype)
        gap[:, seen] = rough(times[left_out]) - spectra[left_out][:, seen]
        return float(np.abs(np.fft.irfft(gap, self.equation.modes)).max())

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
    def _grid(self) -> Array:
        (low, high), modes = self.equation.interval, self.equation.modes
        return np.asarray(low + (high - low) * np.arange(modes) / modes)

    @cached_property
    def _history(self) -> Any:
        """Coefficients a_k(t) of u = Re sum a_k e^(i k (x - low)), as a spline in time."""
        from scipy.interpolate import make_interp_spline

        spectra = self._spectra / self.equation.modes
        spectra[:, 1:] *= 2
        return make_interp_spline(self._times, spectra, k=SPLINE_DEGREE)

    @cached_property
    def _times(self) -> Array:
        return np.linspace(0.0, self.equation.end, self.equation.steps + 1)

    @cached_property
    def _spectra(self) -> Complex:
        """The kept spectrum of np.fft.rfft at every step, (steps + 1, wavenumbers)."""
        # Parameters out of reach overflow; `settled` finds that in what comes out.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.stack(list(self._march()))

    def _march(self) -> Any:
        """The spectrum of np.fft.rfft, its kept part, at every step from the start on."""
        equation, k = self.equation, self._wavenumbers
        grid = self._grid

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
