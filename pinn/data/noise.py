"""How noisy data are, found in the data themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ORDERS = 6, 12  # of differences in time
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
    """The same from scattered points, each on its own.

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


def signal_under(name: str, label: str, noise: float, deviation: float) -> float:
    """Standard deviation of what lies under the noise.

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
    """White noise that would leave the differences of an order along some axes."""
    for axis in axes:
        field = np.diff(field, order, axis=axis)
    return float(np.sqrt(np.mean(field**2) / math.comb(2 * order, order) ** len(axes)))
