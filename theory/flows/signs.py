"""Distance of a kernel from those of one RPE head: a linear programme, and its closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from sciformer.errors import ConvergenceError


def distance_from_one_head(kernel: NDArray[np.float64]) -> float:
    """The least error of one RPE head with a value scale, over starts with |u| <= 1.

    min over q >= 0 or q <= 0 of sum_o |kernel[o] - q[o]|

    A head is a value scale times a row-normalised circulant matrix of positive entries, so its
    kernel has one sign; the operator norm from sup norm to sup norm is the sum of absolute values.
    The programme splits kernel - q into its positive and its negative part.

    Args:
        kernel: shape (n,), of any sign.

    Returns:
        The distance; 0 for kernels of one sign.

    Raises:
        ConvergenceError: the programme was not solved.

    Source: our own; `one_head_distance` is its closed form.
    """
    size = float(np.abs(kernel).sum())
    if size == 0:
        return 0.0
    # The solver's tolerances are absolute, so the kernel is brought to unit size.
    return size * max(0.0, min(_programme(kernel / size), _programme(-kernel / size)))


def _programme(kernel: NDArray[np.float64]) -> float:
    """The linear programme min sum (s + r) subject to q + s - r = kernel, all >= 0."""
    n = len(kernel)
    identity = np.eye(n)
    found = linprog(
        np.concatenate([np.zeros(n), np.ones(2 * n)]),
        A_eq=np.hstack([identity, identity, -identity]),
        b_eq=kernel,
        bounds=(0, None),
        method="highs",
    )
    if not found.success:
        raise ConvergenceError(f"distance_from_one_head: {found.message}")
    return float(found.fun)


def one_head_distance(kernel: NDArray[np.float64]) -> float:
    """The distance without a programme: the smaller of the masses of the two signs."""
    return float(min(kernel.clip(min=0).sum(), (-kernel).clip(min=0).sum()))
