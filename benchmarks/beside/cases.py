"""What the solvers are asked: where they are compared, and the exact or independent answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIFFUSIVITY = 0.137  # the truth behind the samples of `heat_samples`
NOISE = 0.02  # standard deviation of their noise; the field is of size 1
FISHER_RATE = 6


@dataclass(frozen=True)
class Case:
    """A domain and the answer on it.

    Attributes:
        sides: least and largest value of each coordinate, time last.
        exact: fields (p, f) at points (p, c).
        counts: points of the grid along each coordinate.
    """

    sides: tuple[tuple[float, float], ...]
    exact: Callable[[Array], Array]
    counts: tuple[int, ...]

    def error(self, answer: Callable[[Array], Array]) -> float:
        """Relative L2 error on the grid, over all fields together."""
        axes = [np.linspace(*side, n) for side, n in zip(self.sides, self.counts, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        truth = self.exact(points)
        return float(np.linalg.norm(answer(points) - truth) / np.linalg.norm(truth))


def _burgers(points: Array) -> Array:
    """The formula of Cole and Hopf by quadrature; no code of the solver."""
    from pinn.references.cole_hopf import ColeHopf

    return np.asarray(ColeHopf(0.01 / np.pi)(points)["u"])[:, None]


def _wave(points: Array) -> Array:
    x, t = points.T[..., None]
    slow = np.sin(np.pi * x) * np.cos(2 * np.pi * t)
    return slow + np.sin(3 * np.pi * x) * np.cos(6 * np.pi * t) / 2


def _poisson(points: Array) -> Array:
    x, y = points.T[..., None]
    return np.sin(np.pi * x) * np.sin(2 * np.pi * y) + x * (1 - x) * y * (1 - y) * np.exp(x)


def fisher_wave(points: Array) -> Array:
    """A travelling wave of u_t = u_xx + 6 u (1 - u): Ablowitz and Zeppetella 1979."""
    x, t = points.T[..., None]
    return 1 / (1 + np.exp(x - 5 * t)) ** 2


def _van_der_pol(points: Array) -> Array:
    from scipy.integrate import solve_ivp

    def rates(_: float, state: Any) -> list[float]:
        return [state[1], (1 - state[0] ** 2) * state[1] - state[0]]

    found = solve_ivp(rates, (0, 10), [2, 0], "DOP853", dense_output=True, rtol=1e-12, atol=1e-12)
    return np.asarray(found.sol(points[:, 0])).T


def heat_samples() -> tuple[Array, Array]:
    """200 noisy samples of a cooling rod: points (200, 2), values (200, 1)."""
    draw = np.random.default_rng(3)
    points = draw.uniform(0, 1, (200, 2))
    x, t = points.T[..., None]
    tones = ((1, 1.0), (2, 0.4))
    rates = {n: DIFFUSIVITY * (n * np.pi) ** 2 for n, _ in tones}
    values = sum(size * np.sin(n * np.pi * x) * np.exp(-rates[n] * t) for n, size in tones)
    return points, values + NOISE * draw.standard_normal((200, 1))


CASES = {
    "burgers": Case(((-1, 1), (0, 1)), _burgers, (201, 101)),
    "wave": Case(((0, 1), (0, 1)), _wave, (161, 161)),
    "poisson": Case(((0, 1), (0, 1)), _poisson, (161, 161)),
    "fisher": Case(((-5, 10), (0, 1)), fisher_wave, (201, 101)),
    "van-der-pol": Case(((0, 10),), _van_der_pol, (1001,)),
}
