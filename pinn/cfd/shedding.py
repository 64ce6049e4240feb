"""Strouhal number and force coefficients of a cylinder from its history of drag and lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shedding:
    """Quantities by which periodic wakes are compared.

    Args:
        strouhal: f D / U of the last period.
        drag: mean drag coefficient over the last period.
        lift: half the range of the lift coefficient over the last period.
        drift: relative change of the period from the one before; small once the wake is periodic.
    """

    strouhal: float
    drag: float
    lift: float
    drift: float


def shedding(time: Array, drag: Array, lift: Array) -> Shedding:
    """Force coefficients and frequency of the last whole period.

    Args:
        time, drag, lift: (n,), equally spaced, at least three upward crossings of the mean lift.

    Raises:
        ConvergenceError: fewer crossings.

    Accuracy: crossings are placed by linear interpolation, O(step^2).
    """
    centred = lift - 0.5 * (lift.max() + lift.min())
    up = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    if len(up) < 3:
        raise ConvergenceError(
            f"wake: the lift crossed its mean upwards {len(up)} times, and three crossings are "
            "needed to tell a period; compute for longer."
        )
    fraction = centred[up] / (centred[up] - centred[up + 1])
    crossings = time[up] + fraction * (time[up + 1] - time[up])
    before, last = np.diff(crossings)[-2:]
    period = slice(up[-2], up[-1])
    return Shedding(
        strouhal=float(1 / last),
        drag=float(drag[period].mean()),
        lift=float(np.ptp(lift[period]) / 2),
        drift=float(last / before - 1),
    )
