"""Fields of members of families by classical methods in numpy, for comparison."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]

GRID = 512
"""Points of a period: fronts of Burgers at viscosity 0.005 decay to e^-16 in 170 waves."""
STEPS = 800  # of the forced equation: waves of index 170 at speed 1 need a step below 2.8 / 1068
KEPT = 4  # each fourth step is kept, cubics go between them
NODES = 64  # Chebyshev nodes between walls
WALL_STEPS = 200


class Functions(Protocol):
    """Members of a family with period 1 in x: their functions and numbers."""

    def values(self, name: str, places: Array, order: int = 0) -> Array:
        """A function of every member at places (m,): (b, m)."""
        ...

    def parameters(self, name: str) -> Array:
        """A parameter of every member, (b,)."""
        ...


def heat(members: Functions, points: Array) -> dict[str, Array]:
    """u_t = a u_xx with period 1: each wave decays by itself.

    Accuracy: rounding, for starts of fewer than 256 waves.
    """
    spectrum = np.fft.rfft(members.values("start", np.arange(GRID) / GRID)) / GRID
    k = 2 * np.pi * np.arange(spectrum.shape[1])
    return {"u": _at(spectrum, k, members.parameters("a")[:, None] * k**2, points)}


def advection(members: Functions, points: Array) -> dict[str, Array]:
    """u_t + exp(v(x)) u_x = 0 with period 1 from sin 2 pi x: constant along characteristics.

    T(X) = T(x) - t with the time of travel T(x), the integral of exp(-v); Newton's method.

    Accuracy: 1e-12, for v whose exponential has fewer than 256 waves.
    """
    x, t = points.T
    slowness = np.exp(-members.values("v", np.arange(GRID) / GRID))
    spectrum = np.fft.rfft(slowness) / GRID
    k = 2 * np.pi * np.arange(spectrum.shape[1])
    mean = spectrum[:, :1].real
    wave = np.where(k > 0, spectrum / (1j * np.where(k > 0, k, 1)), 0)
    wave[:, -1] = 0
    used = int(np.flatnonzero(np.abs(spectrum).max(0) > 1e-16)[-1]) + 1

    def travel(places: Array) -> Array:
        found: Array = mean * places + _real_sum(wave[:, :used], k[:used], places)
        return found

    foot = np.repeat(x[None], len(mean), axis=0)
    goal = travel(foot) - t
    foot = foot - t / mean  # the mean speed
    for _ in range(50):
        gap = travel(foot) - goal
        foot = foot - gap / _real_sum(spectrum[:, :used], k[:used], foot)
        if np.abs(gap).max() < 1e-13:
            break
    return {"u": np.sin(2 * np.pi * foot)}


def burgers(members: Functions, points: Array, viscosity: float) -> dict[str, Array]:
    """u_t + u u_x = nu u_xx with period 1 by Cole's and Hopf's transformation in Fourier series.

    u = -2 nu phi_x / phi,   phi_t = nu phi_xx,   phi(x, 0) = exp(-integral of u(., 0) / (2 nu))

    Accuracy: 1e-12 for starts without mean whose phi has fewer than 256 waves.
    """
    start = np.fft.rfft(members.values("start", np.arange(GRID) / GRID))
    k = 2 * np.pi * np.arange(start.shape[1])
    integral = np.where(k > 0, start / (1j * np.where(k > 0, k, 1)), 0)
    integral[:, -1] = 0
    potential = np.fft.irfft(integral, GRID)
    lowest = potential.min(1, keepdims=True)
    phi = np.fft.rfft(np.exp(-(potential - lowest) / (2 * viscosity))) / GRID
    decay = np.full((len(phi), 1), viscosity) * k**2
    slope = _at(phi * 1j * k, k, decay, points)
    return {"u": -2 * viscosity * slope / _at(phi, k, decay, points)}


def forced_burgers(members: Functions, points: Array) -> dict[str, Array]:
    """u_t + u u_x = nu u_xx + force(x) with period 1: Fourier series, Runge-Kutta of order 4.

    The viscous part is integrated exactly (integrating factor), squares without aliasing.
    """
    grid = np.arange(GRID) / GRID
    k = 2 * np.pi * np.arange(GRID // 2 + 1)
    kept = np.arange(GRID // 2 + 1) <= GRID // 3
    force = np.fft.rfft(members.values("force", grid)) * kept
    rate = members.parameters("nu")[:, None] * k**2
    step = 1 / STEPS
    half = np.exp(-rate * step / 2)

    def pushed(spectrum: Any) -> Any:
        square = np.fft.rfft(np.fft.irfft(spectrum, GRID) ** 2) * kept
        return force - 0.5j * k * square

    u = np.fft.rfft(members.values("start", grid)) * kept
    found, slopes = [], []
    for number in range(STEPS + 1):
        a = pushed(u)
        if number % KEPT == 0:
            found.append(u)
            slopes.append(a - rate * u)
        b = pushed(half * (u + step / 2 * a))
        c = pushed(half * u + step / 2 * b)
        d = pushed(half**2 * u + step * half * c)
        u = half**2 * u + step / 6 * (half**2 * a + 2 * half * (b + c) + d)
    times, where = np.unique(points[:, 1], return_inverse=True)
    result = np.empty((len(u), len(points)))
    for number, time in enumerate(times):
        rows = where.reshape(-1) == number
        spectrum = _hermite(found, slopes, KEPT * step, float(time)) / GRID
        result[:, rows] = _real_sum(spectrum[:, kept], k[kept], points[rows, 0])
    return {"u": result}


def diffusion_reaction(members: Functions, points: Array) -> dict[str, Array]:
    """u_t = 0.01 u_xx - 0.01 u^2 + source(x), u = 0 at t = 0 and at x = 0, 1.

    Chebyshev collocation in space and ETDRK4 in time; the linear part and the source, which jump at
    the corners, are integrated exactly.

    Source: Cox, Matthews 2002; Trefethen 2000, chapter 6 (differentiation matrix).
    """
    x, second = _chebyshev()
    linear, step = 0.01 * second[1:-1, 1:-1], 1 / WALL_STEPS
    source = members.values("source", x[1:-1])
    whole, half = _phi(linear * step), _phi(linear * step / 2)

    def pushed(u: Array) -> Array:
        return source - 0.01 * u**2

    def by(matrix: Array, u: Array) -> Array:
        found: Array = u @ matrix.T
        return found

    first = whole[1] - 3 * whole[2] + 4 * whole[3]
    middle, last = 2 * whole[2] - 4 * whole[3], 4 * whole[3] - whole[2]
    u = np.zeros_like(source)
    found, slopes = [], []
    for _ in range(WALL_STEPS + 1):
        now = pushed(u)
        found.append(u)
        slopes.append(by(linear, u) + now)
        a = by(half[0], u) + step / 2 * by(half[1], now)
        at_a = pushed(a)
        at_b = pushed(by(half[0], u) + step / 2 * by(half[1], at_a))
        at_c = pushed(by(half[0], a) + step / 2 * by(half[1], 2 * at_b - now))
        u = by(whole[0], u) + step * (by(first, now) + by(middle, at_a + at_b) + by(last, at_c))
    times, where = np.unique(points[:, 1], return_inverse=True)
    result = np.empty((len(source), len(points)))
    for number, time in enumerate(times):
        rows = where.reshape(-1) == number
        inside = _hermite(found, slopes, step, float(time))
        result[:, rows] = np.pad(inside, ((0, 0), (1, 1))) @ _barycentric(x, points[rows, 0]).T
    return {"u": result}


def _at(spectrum: Any, k: Array, rate: Array, points: Array) -> Array:
    """Waves that decay, summed at points (p, 2): (b, p)."""
    times, where = np.unique(points[:, 1], return_inverse=True)
    result = np.empty((len(spectrum), len(points)))
    # Rounding of the transform is not a wave: it would be an error of 1e-16 times k.
    size = np.abs(spectrum)
    spectrum = np.where(size > 1e-17 * size.max(1, keepdims=True), spectrum, 0)
    for number, time in enumerate(times):
        rows = where.reshape(-1) == number
        result[:, rows] = _real_sum(spectrum * np.exp(-rate * time), k, points[rows, 0])
    return result


def _real_sum(spectrum: Any, k: Array, places: Array) -> Array:
    """Re of the sum of a one-sided spectrum at places, the same for all (p,) or each its own."""
    doubled = np.concatenate([spectrum[:, :1], 2 * spectrum[:, 1:]], 1)
    used = int(np.flatnonzero(np.abs(doubled).max(0) > 0)[-1:].max(initial=0)) + 1
    if places.ndim == 1:
        wave = np.exp(1j * places[:, None] * k[:used])
        found: Array = (doubled[:, :used] @ wave.T).real
        return found
    rows = [
        (np.exp(1j * x[:, None] * k[:used]) @ row[:used]).real
        for x, row in zip(places, doubled, strict=True)
    ]
    return np.stack(rows)


def _hermite(values: list[Any], slopes: list[Any], step: float, time: float) -> Any:
    """The cubic between two kept times."""
    first = min(int(time / step), len(values) - 2)
    s = time / step - first
    return (
        (1 + 2 * s) * (1 - s) ** 2 * values[first]
        + s**2 * (3 - 2 * s) * values[first + 1]
        + step * s * (1 - s) ** 2 * slopes[first]
        - step * s**2 * (1 - s) * slopes[first + 1]
    )


@cache
def _chebyshev() -> tuple[Array, Array]:
    """Nodes on [0, 1] and the matrix of the second derivative."""
    n = NODES - 1
    x = np.cos(np.pi * np.arange(NODES) / n)
    c = np.where((np.arange(NODES) == 0) | (np.arange(NODES) == n), 2.0, 1.0)
    c = c * (-1.0) ** np.arange(NODES)
    gap = x[:, None] - x + np.eye(NODES)
    first = np.outer(c, 1 / c) / gap
    first -= np.diag(first.sum(1))
    return (1 - x) / 2, 4 * first @ first  # (d/dx)^2 on an interval of half the length


def _phi(matrix: Array) -> list[Array]:
    """e^A and phi_1, phi_2, phi_3 of A, blocks of one exponential."""
    from scipy.linalg import expm

    n = len(matrix)
    large = np.zeros((4 * n, 4 * n))
    large[:n, :n] = matrix
    for block in range(3):
        at, after = block * n, (block + 1) * n
        large[at : at + n, after : after + n] = np.eye(n)
    found = expm(large)
    return [found[:n, block * n : (block + 1) * n] for block in range(4)]


def _barycentric(nodes: Array, places: Array) -> Array:
    """Interpolation from Chebyshev nodes to places, (p, nodes)."""
    weight = (-1.0) ** np.arange(len(nodes))
    weight[[0, -1]] /= 2
    gap = places[:, None] - nodes
    hit = np.abs(gap) < 1e-14
    share = weight / np.where(hit, 1, gap)
    matrix: Array = share / share.sum(1, keepdims=True)
    matrix[hit.any(1)] = hit[hit.any(1)]
    return matrix
