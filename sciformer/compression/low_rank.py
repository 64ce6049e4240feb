"""Linear maps replaced by maps of low rank: the baseline of every compression of weights."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from sciformer.compression.edits import RANK
from sciformer.compression.factorisation import Factorisation, Option
from sciformer.compression.factorise import low_rank
from sciformer.mixers import Convolution


class LowRank(Factorisation):
    """Maps of the smallest ranks that meet one error; see `Factorisation`.

    A map (e, d) of rank r costs r (d + e) products instead of d e, and its error is the tail of the
    squared singular values over their sum.

    Source: Eckart and Young 1936 for one map; the common bound is ours.
    """

    def options(self, stage: nn.Linear | Convolution) -> list[Option]:
        weight = stage.weight.detach().flatten(1)
        tail = _tail(weight)
        return [
            Option(
                rank * sum(weight.shape),
                float(tail[rank]),
                (RANK, rank, 0),
                partial(low_rank, stage, rank),
            )
            for rank in range(1, len(tail))
        ]


def _tail(weight: Tensor) -> Tensor:
    """Entry r: the error of rank r over the norm, squared; 1 for rank 0."""
    squares = torch.linalg.svdvals(weight.double()).square()
    total = squares.sum().clamp(min=torch.finfo(torch.float64).tiny)
    tail: Tensor = squares.flip(0).cumsum(0).flip(0) / total
    return tail
