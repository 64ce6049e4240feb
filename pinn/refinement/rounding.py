"""Rounding of a refined solution in double precision."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from pinn.refinement.correction import Correction

if TYPE_CHECKING:
    from pinn.refinement.candidates import Fit
    from pinn.trial.trial_solution import TrialSolution


def rounding(fit: Fit, trial: TrialSolution) -> float:
    """How far the last digits of the output weights of its layers move a solution.

        ||u(W (1 + eps s)) - u(W)|| / ||u(W)||,   s random signs

    Thousands of neurons whose weights are a million times the solution cancel, and its last digits
    are noise that no residual shows: what is summed here and in another order differs by as much.

    Args:
        fit: the points at which fields are compared.
        trial: refined; it is not changed.
    """
    moved = copy.deepcopy(trial)
    signs = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in moved.modules():
            if isinstance(layer, Correction):
                drawn = torch.randint(0, 2, layer.output.shape, generator=signs)
                drawn = (2 * drawn - 1).to(layer.output)
                layer.output.mul_(1 + torch.finfo(layer.output.dtype).eps * drawn)
        fields = fit.fields(trial)
        gap, whole = float((fit.fields(moved) - fields).norm()), float(fields.norm())
    return gap / whole if whole > 0 else 0.0
