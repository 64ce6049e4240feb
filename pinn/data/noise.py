"""Noise levels of data, estimated from the data themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ORDERS = 6, 12  # of differences in time
MOST_OF_PROCESS = 300  # samples a Gaussian process is fitted to: half a second
LENGTHS = math.log(0.02), math.log(10.0)  # of the process, as shares of the extent of the points
LEAST_SHARE = 1e-6  # of noise in a process: below, its matrix is singular in float64
AGREEMENT = 0.8  # ratio of what they find, above which it is noise


def noise_on_grid(field: Array) -> float:
    """Standard deviation of the noise that is independent from sample to sample.

    Third differences along every axis leave nothing of a smooth flow, and 20^(3/2) times the
    noise.

    Args:
        field: (n_x, n_y, n_t), at least four each.
    """
    return _level(field, 3, axes=(0, 1, 2))


def noise_in_time(series: Array, time: Array) -> float:
    """Standard deviation of the noise of scattered points, from the series of each.

    Differences of order n leave binomial(2 n, n)^(1/2) times white noise for every n, and of a
    smooth signal ever less. Where the orders 6 and 12 disagree, it was signal.

    Args:
        series: (p, n_t).
        time: (n_t,).

    Returns:
        0 where no noise is found, and where nothing can be said: fewer than 13 snapshots, or
        unequal steps.
    """
    steps = np.diff(time)
    if len(steps) < max(ORDERS) or np.ptp(steps) > 1e-3 * steps.mean():
        return 0.0
    low, high = (_level(series, n, axes=(-1,)) for n in ORDERS)
    return high if high >= AGREEMENT * low else 0.0


def noise_of_samples(points: Array, values: Array) -> float:
    """Standard deviation of the noise of scattered samples, by a Gaussian process.

    The process has a constant mean, the Matérn 5/2 kernel with a length along each coordinate, and
    white noise; lengths and noise maximise the marginal likelihood. What varies faster than the
    samples are apart counts as noise.

    Args:
        points: (p, c).
        values: (p,).

    Returns:
        The noise, at least 1e-6 of the standard deviation of the values.

    Source: Rasmussen, Williams 2006, section 5.4.1, with the size of the process eliminated.
    Cost: a hundred factorisations of a matrix of at most 300 rows; of more samples 300 are taken.
    """
    from scipy.optimize import minimize

    if len(values) > MOST_OF_PROCESS:
        chosen = np.random.default_rng(0).permutation(len(values))[:MOST_OF_PROCESS]
        points, values = points[chosen], values[chosen]
    size = float(values.std())
    spans = np.ptp(points, axis=0)
    if size == 0 or not spans.any():
        return max(size, np.finfo(float).tiny)
    at, centred = points[:, spans > 0] / spans[spans > 0], (values - values.mean()) / size
    squares = (at[:, None] - at[None]) ** 2
    limits = [LENGTHS] * at.shape[1] + [(math.log(LEAST_SHARE), math.log(1e3))]
    fits = [
        minimize(
            lambda z: _evidence(z, squares, centred)[0],
            [math.log(0.3)] * at.shape[1] + [math.log(share)],
            bounds=limits,
            method="L-BFGS-B",
        )
        for share in (1e-3, 0.3)
    ]
    best = min(fits, key=lambda fit: float(fit.fun))
    return size * _evidence(best.x, squares, centred)[1]


def _evidence(z: Array, squares: Array, values: Array) -> tuple[float, float]:
    """Minus the log likelihood of logarithms of lengths and of noise over size; and the noise."""
    r = np.sqrt(5 * np.tensordot(squares, np.exp(-2 * z[:-1]), axes=1))
    share = math.exp(z[-1])
    kernel = (1 + r + r * r / 3) * np.exp(-r)
    kernel[np.diag_indices_from(kernel)] += share**2
    factor = np.linalg.cholesky(kernel)
    both = np.linalg.solve(factor, np.column_stack([values, np.ones_like(values)]))
    mean = (both[:, 0] @ both[:, 1]) / (both[:, 1] @ both[:, 1])
    scale = float(np.mean((both[:, 0] - mean * both[:, 1]) ** 2)) + np.finfo(float).tiny
    cost = 0.5 * len(values) * math.log(scale) + float(np.log(factor.diagonal()).sum())
    return cost, share * math.sqrt(scale)


def signal_under(name: str, label: str, noise: float, deviation: float) -> float:
    """Standard deviation of the signal beneath the noise.

    Args:
        name: of the data, for the message.
        label: of the quantity.
        noise: its standard deviation.
        deviation: of signal and noise together.

    Raises:
        DataError: the noise is larger.
    """
    signal = math.sqrt(max(deviation**2 - noise**2, 0.0))
    if noise > signal:
        raise DataError(
            f"{name}: the noise of {label} (standard deviation {noise:.3g}) is larger than its "
            f"signal ({signal:.3g}), and nothing can be identified; average or denoise first."
        )
    return signal


def _level(field: Array, order: int, axes: tuple[int, ...]) -> float:
    """Standard deviation of white noise that would leave the differences of an order along some
    axes.
    """
    for axis in axes:
        field = np.diff(field, order, axis=axis)
    return float(np.sqrt(np.mean(field**2) / math.comb(2 * order, order) ** len(axes)))
