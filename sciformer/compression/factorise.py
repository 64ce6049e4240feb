"""Linear maps and convolutions as products of two thinner ones."""

from __future__ import annotations

import torch
from torch import nn

from sciformer.mixers import Convolution, Pipeline


def factorisable(model: nn.Module) -> dict[str, nn.Linear | Convolution]:
    """The linear maps that are stages of a pipeline, by name."""
    return {
        f"{name}.{part}": stage
        for name, module in model.named_modules()
        if isinstance(module, Pipeline)
        for part, stage in module.named_children()
        if isinstance(stage, nn.Linear | Convolution)
    }


@torch.no_grad()
def factorise(model: nn.Module, place: str, rank: int) -> None:
    """Replaces one map by two: W = U (S V^T) cut after `rank` singular values.

    Accuracy: ||W - W_r||_F^2 is the sum of the squares of the singular values left out, and no map
        of that rank is nearer.
    Source: Eckart and Young 1936.
    """
    path, _, name = place.rpartition(".")
    pipeline = model.get_submodule(path)
    stage = pipeline.get_submodule(name)
    assert isinstance(stage, nn.Linear | Convolution)
    left, values, right = torch.linalg.svd(stage.weight.flatten(1).double(), full_matrices=False)
    root = values[:rank].sqrt()  # halves for each factor, so that both are of one size
    up = nn.Linear(rank, len(left), bias=stage.bias is not None, dtype=torch.float64)
    up.weight.copy_(left[:, :rank] * root)
    if stage.bias is not None:
        up.bias.copy_(stage.bias)
    down = _thin(stage, rank).double()
    down.weight.copy_((root[:, None] * right[:rank]).view(down.weight.shape))
    setattr(pipeline, name, Pipeline(down=down, up=up).to(stage.weight))


def _thin(stage: nn.Linear | Convolution, rank: int) -> nn.Linear | Convolution:
    """A map of the same inputs to `rank` outputs."""
    if isinstance(stage, nn.Linear):
        return nn.Linear(stage.in_features, rank, bias=False)
    return Convolution(stage.inputs, rank, stage.kernel, lookahead=stage.lookahead or 0, bias=False)
