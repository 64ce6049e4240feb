"""Recalibration of a transformed model: the statistics of its normalisations are measured anew."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sciformer.mixers.normalisation import BatchNorm


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor | None]]) -> None:
    """Measures running means and variances of all batch norms as means over some batches.

    Whatever changes weights makes them wrong: they belong to the old inputs of the normalisation.

    Args:
        model: changed in place, and left in evaluation mode.
        batches: inputs and masks of the training split.
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a mean over all batches
        norm.train()
    for inputs, mask in batches if norms else ():
        model(inputs, mask)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
