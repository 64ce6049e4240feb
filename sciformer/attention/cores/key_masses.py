"""Keys that stand for others: which schemes and masks allow it, and the mass of every key."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sciformer.attention.masks import Both, Mask, Mass, Padding
from sciformer.attention.normalisers import Softmax
from sciformer.attention.scoring import Scoring


def refuse_differences(
    what: str, scoring: Scoring, masks: tuple[type[Mask], ...] = (Padding, Mass)
) -> str | None:
    """The reason why keys cannot be summarised, a clause without a subject; None if they can.

    Args:
        what: plural of what stands for keys, such as "regions".
        scoring: of the call.
        masks: those that do not tell the keys of a summary apart.
    """
    patch, position = scoring.patch, scoring.position
    if not isinstance(scoring.normaliser, Softmax):
        return f"{what} are for a softmax, not {type(scoring.normaliser).__name__}"
    if (
        not position.is_toeplitz
        or position.relative(patch) is not None
        or position.gain(patch) is not None
    ):
        return f"{type(position).__name__} tells the keys of {what} apart by their offset"
    for mask in single(scoring.mask):
        if not isinstance(mask, masks):
            return f"the mask {type(mask).__name__} tells the keys of {what} apart"
    return None


def single(mask: Mask | None) -> Iterator[Mask]:
    """The masks that `&` combined, without those that say nothing."""
    if isinstance(mask, Both):
        yield from single(mask.first)
        yield from single(mask.second)
    elif mask is not None and type(mask) is not Mask:
        yield mask


def key_masses(scoring: Scoring, key: Tensor) -> Tensor:
    """The mass of each key, (..., m); 0 where there is none."""
    masses = torch.ones(scoring.patch.m, dtype=key.dtype, device=key.device)
    for mask in single(scoring.mask):
        if isinstance(mask, Mass):
            masses = masses * mask.weights.to(key.dtype)
        elif isinstance(mask, Padding):
            present = mask.allowed(scoring.patch, key.device)
            assert present is not None  # padding always says which keys exist
            masses = masses * present[..., 0, 0, :].to(key.dtype)
    return masses


def without_absent(
    key: Tensor, value: Tensor, masses: Tensor, scoring: Scoring
) -> tuple[Tensor, Tensor]:
    """Keys and values with zeros where the mass is 0, nan and all."""
    if scoring.mask is None or scoring.mask.is_band:
        return key, value
    present = (masses > 0)[..., None, :, None]
    return torch.where(present, key, 0.0), torch.where(present, value, 0.0)
