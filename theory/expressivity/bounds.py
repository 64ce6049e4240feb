"""Least errors of blind networks, and the reach of position codes in finite precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciformer.errors import DomainError


def chebyshev_radius(targets: Tensor) -> float:
    """The least sup error of any blind network on one constant sequence.

    All its rows are equal, so it is one number against all targets: (max - min) / 2, attained by
    the midpoint. For the index 1 .. n this is (n - 1) / 2.

    Args:
        targets: wanted scalar outputs by position, shape (n,).

    Returns:
        The radius, in the unit of the targets.
    """
    return float((targets.max() - targets.min()) / 2)


def chebyshev_centre(targets: Tensor) -> float:
    """The output that attains `chebyshev_radius`."""
    return float((targets.max() + targets.min()) / 2)


def lipschitz_error(targets: Tensor, lipschitz: float, distance: float) -> float:
    """The least sup error of a blind network on sequences near a constant one.

    (spread - 2 L eps) / 2, or 0 if that is negative: two outputs that are equal at the constant
    sequence differ by at most 2 L eps within distance eps of it.

    Args:
        targets: wanted scalar outputs by position at the sequence, shape (n,).
        lipschitz: Lipschitz constant L >= 0 of each output in the sup norm of the sequence.
        distance: sup distance eps >= 0 to the nearest constant sequence.

    Raises:
        DomainError: a negative constant or distance.
    """
    if lipschitz < 0 or distance < 0:
        raise DomainError(
            "lipschitz_error: the Lipschitz constant and the distance must be >= 0; got "
            f"{lipschitz} and {distance}."
        )
    return max(0.0, chebyshev_radius(targets) - lipschitz * distance)


def constant_accuracy(classes: Tensor) -> float:
    """The best accuracy of one answer for all positions: the share of the commonest class.

    Position identification: 1 / n. Even-token prediction: 1 / 2.
    """
    return float(classes.bincount().max()) / len(classes)


def constant_cross_entropy(classes: Tensor) -> float:
    """The least cross-entropy of one answer for all positions, in nats: the entropy of the classes.

    Position identification: log n. Even-token prediction: log 2.
    """
    shares = classes.bincount().double() / len(classes)
    shares = shares[shares > 0]
    return float(-(shares * shares.log()).sum())


def relative_ceiling(n: int, vocabulary: int, constant: float) -> float:
    """The best accuracy of relative positions on random tokens.

    1 - V^(1-n) (1 - constant): constant sequences, of probability V^(1-n), are the only ones on
    which the position cannot be read off.

    Args:
        n: length of the sequence.
        vocabulary: number V of equally likely tokens.
        constant: the best accuracy on constant sequences.
    """
    return 1 - math.pow(vocabulary, 1 - n) * (1 - constant)


def causal_relative_ceiling(n: int, vocabulary: int) -> float:
    """The best accuracy of causal relative positions at position identification: (n + 1 - E[L]) /
    n.

    Within the constant prefix of length L one of L positions can be right; after it all.
    E[L] = (1 - V^-n) / (1 - 1/V).
    """
    if vocabulary == 1:
        return 1 / n
    expected = (1 - math.pow(vocabulary, -n)) / (1 - 1 / vocabulary)
    return (n + 1 - expected) / n


def quadratic_code_limit(dtype: torch.dtype) -> int:
    """The longest sequence whose squared positions are whole numbers of a format: n^2 <= 2^p.

    The logits 2 t j - j^2 of a quadratic position code are then exact; beyond it neighbours merge.

    Args:
        dtype: a floating format of p significant bits.
    """
    return math.isqrt(round(2 / torch.finfo(dtype).eps))
