"""Linear maps and convolutions as products of two cheaper ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.compression.sparse import SparseColumns
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


def low_rank(stage: nn.Linear | Convolution, rank: int) -> Pipeline:
    """Replaces one map by two: W = U (S V^T) cut after `rank` singular values.

    Accuracy: ||W - W_r||_F^2 is the sum of the squares of the singular values left out, and no map
        of that rank is nearer.
    Source: Eckart and Young 1936.
    """
    weight = stage.weight.detach().flatten(1)
    left, values, right = torch.linalg.svd(weight.double(), full_matrices=False)
    root = values[:rank].sqrt()  # halves for each factor, so that both are of one size
    down: nn.Linear | Convolution
    if isinstance(stage, nn.Linear):
        down = nn.Linear(stage.in_features, rank, bias=False)
    else:
        down = Convolution(
            stage.inputs, rank, stage.kernel, lookahead=stage.lookahead or 0, bias=False
        )
    down.double()
    with torch.no_grad():
        down.weight.copy_((root[:, None] * right[:rank]).view(down.weight.shape))
    return Pipeline(down=down, up=_dense(left[:, :rank] * root, stage)).to(stage.weight)


def dense_sparse(
    stage: nn.Linear | Convolution, dictionary: Tensor, rows: Tensor, values: Tensor
) -> Pipeline:
    """Replaces one map by two: W = D S with a dense D (e, r) and `values` of S at `rows`."""
    rank, nonzeros = dictionary.shape[1], len(rows)
    if isinstance(stage, nn.Linear):
        down = SparseColumns(stage.in_features, rank, nonzeros=nonzeros)
    else:
        down = SparseColumns(
            stage.inputs,
            rank,
            stage.kernel,
            lookahead=stage.lookahead or 0,
            nonzeros=nonzeros,
        )
    down.double()
    with torch.no_grad():
        down.values.copy_(values.view(down.values.shape))
        down.rows.copy_(rows.view(down.rows.shape))
    return Pipeline(down=down, up=_dense(dictionary, stage)).to(stage.weight)


def put(model: nn.Module, place: str, stage: nn.Module) -> None:
    """Replaces a stage of a pipeline by its name in the model."""
    path, _, name = place.rpartition(".")
    setattr(model.get_submodule(path), name, stage)


@torch.no_grad()
def _dense(weight: Tensor, stage: nn.Linear | Convolution) -> nn.Linear:
    """The second map, with the bias of the one that it replaces."""
    has_bias = stage.bias is not None
    up = nn.Linear(weight.shape[1], weight.shape[0], bias=has_bias, dtype=torch.float64)
    up.weight.copy_(weight)
    if stage.bias is not None:
        up.bias.copy_(stage.bias)
    return up
