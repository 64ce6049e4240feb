"""Removal of white noise from snapshots that few modes describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def without_noise_modes(fields: Sequence[Array], level: Array) -> list[Array]:
    """The fields without those of their common modes that noise alone could have.

    M = [fields / level] as (space, time);   of M = sum_k s_k p_k q_k^T the s_k > edge stay,
    edge = sqrt(rows of M) + sqrt(columns of M)

    edge is the largest singular value of unit white noise of that shape. A flow that repeats, or
    moves slowly, lies in few modes, and with them goes all noise but their share of it: in the
    wake of a cylinder 19 of 200. Where every mode stands out, nothing changes.

    Args:
        fields: each (n_x, n_y, n_t).
        level: standard deviation of the white noise in each; where one is 0, nothing changes.

    Source: the edge of the spectrum of a random matrix, Marchenko, Pastur 1967; truncation at it
        is our choice.
    """
    if not np.all(level > 0):
        return list(fields)
    times = fields[0].shape[-1]
    matrix = np.concatenate([f.reshape(-1, times) / s for f, s in zip(fields, level, strict=True)])
    tall = matrix if len(matrix) >= times else matrix.T
    edge = sum(np.sqrt(matrix.shape))
    squares, modes = np.linalg.eigh(tall.T @ tall)
    kept = modes[:, squares > edge**2]
    clean = (tall @ kept) @ kept.T
    parts = np.split(clean if tall is matrix else clean.T, len(fields))
    return [s * part.reshape(f.shape) for part, f, s in zip(parts, fields, level, strict=True)]
