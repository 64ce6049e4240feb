"""A linear map of a window of tokens with few weights: the same number in every column."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sciformer.errors import DataError
from sciformer.mixers import WindowMap

# Rows are saved as one byte where that is enough: they are half of what a sparse map takes.
ONE_BYTE = 256


class SparseColumns(WindowMap):
    """y = S x with `nonzeros` weights in every column of S, at rows that training keeps.

    Args:
        inputs, outputs, kernel, lookahead: see `WindowMap`.
        nonzeros: weights in a column, 1 .. outputs.

    `values` has shape (nonzeros, kernel, inputs), and `rows`, at which they stand, the same.
    Its product runs on the dense S: sparse products of torch are no faster on a CPU above about
    one weight in ten. What is saved are numbers to store, and operations on a device that skips.
    """

    rows: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, *, lookahead: int = 0, nonzeros: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, lookahead)
        self.values = nn.Parameter(torch.zeros(nonzeros, kernel, inputs))
        rows = torch.arange(nonzeros).view(-1, 1, 1).expand(-1, kernel, inputs)
        dtype = torch.uint8 if outputs <= ONE_BYTE else torch.int32
        self.register_buffer("rows", rows.to(dtype).contiguous())
        self.bias = None
        self.register_load_state_dict_post_hook(_refuse_odd_rows)  # type: ignore[no-untyped-call]

    @property
    def matrix(self) -> Tensor:
        values = self.values.flatten(1)
        empty = values.new_zeros(self.outputs, values.shape[1])
        return empty.scatter(0, self.rows.flatten(1).long(), values)

    @property
    def products(self) -> int:
        return self.values.numel()


def _refuse_odd_rows(module: nn.Module, _: Any) -> None:
    """Refuses rows, perhaps of somebody else's file, that are not there or stand twice."""
    assert isinstance(module, SparseColumns)
    rows = module.rows.flatten(1).long().sort(0).values
    if bool(
        (rows[0] < 0).any() | (rows[-1] >= module.outputs).any() | (rows.diff(dim=0) < 1).any()
    ):
        raise DataError(
            f"SparseColumns: the weights of a column stand at different rows 0 .. "
            f"{module.outputs - 1}, and the file has others; it is damaged."
        )
