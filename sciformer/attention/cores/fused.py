"""torch's fused attention, with positions and masks as a bias."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.attention.cores.core import Core, are_plain
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.cores.row_blocks import blocks
from sciformer.attention.masks import Causal
from sciformer.attention.normalisers import Softmax
from sciformer.attention.scoring import Scoring
from sciformer.attention.toeplitz import toeplitz
from sciformer.attention.weights import hide_unseen, within_reach
from sciformer.errors import DomainError

# Rows whose bias is built at a time: large enough for the fused kernel, and causal attention
# leaves out most of what it cannot see.
BLOCK_ROWS = 512
_WHOLE = Materialised()


class Fused(Core):
    """`torch.nn.functional.scaled_dot_product_attention`, in blocks of rows where a bias is needed.

    Args:
        rows: rows whose bias is built at a time, >= 1.

    Raises:
        DomainError: rows < 1, a scheme with a gain or with values of its own, or a normaliser
            that is not softmax.

    Cost: memory (..., h, rows, m) for a bias, none without. First derivatives only, which torch's
        kernel for the CPU says in an error of its own.
    """

    smooth = False

    def __init__(self, rows: int = BLOCK_ROWS) -> None:
        if rows < 1:
            raise DomainError(f"Fused: a block has at least one row; got {rows}.")
        self.rows = rows

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        if needs_no_bias(scoring):
            return fused_heads(query, key, value, is_causal=scoring.mask is not None)
        outputs = [
            _attend_block(query[..., start:stop, :], key, value, scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows)
        ]
        return torch.cat(outputs, -2)

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        position = scoring.position
        if not are_plain(query, key, value):
            return f"fused attention takes plain tensors, not {type(query).__name__}"
        if not isinstance(scoring.normaliser, Softmax):
            return f"fused attention is a softmax, not {type(scoring.normaliser).__name__}"
        if not position.is_toeplitz or position.gain(scoring.patch) is not None:
            return f"{type(position).__name__} does more than add to the logits by offset"
        return None

    def pairs(self, scoring: Scoring) -> int:
        return sum(
            _WHOLE.pairs(scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows)
        )

    def peak(self, scoring: Scoring) -> int:
        if needs_no_bias(scoring):
            return 0
        cuts = (scoring.rows(*cut) for cut in blocks(scoring.patch.n, self.rows))
        return max(_bias_tables(cut) * _WHOLE.pairs(cut) for cut in cuts)


def fused_heads(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    *,
    is_causal: bool = False,
) -> Tensor:
    """torch's kernel with any leading axes, of logits q k^T + bias.

    It is fused for exactly four axes, in the bias too; with others torch builds the whole matrix.
    """
    shapes = (part.shape[:-2] for part in (query, key, value))
    lead = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]

    def as_four(part: Tensor) -> Tensor:
        return part.expand(*lead, *part.shape[-2:]).reshape(-1, lead[-1], *part.shape[-2:])

    output = functional.scaled_dot_product_attention(
        as_four(query),
        as_four(key),
        as_four(value),
        attn_mask=None if bias is None else as_four(bias),
        is_causal=is_causal,
        scale=1.0,
    )
    return output.reshape(*lead, *output.shape[-2:])


def needs_no_bias(scoring: Scoring) -> bool:
    """Whether nothing is added to the logits, and the mask is none or the square causal one."""
    patch, mask = scoring.patch, scoring.mask
    is_square = patch.n == patch.m and patch.query_start == patch.key_start
    return scoring.position.relative(patch) is None and (
        mask is None or (type(mask) is Causal and is_square)
    )


def _bias_tables(scoring: Scoring) -> int:
    """Number of tables of pairs from which the bias of one block is made."""
    allowed = scoring.allowed(torch.device("meta"))
    relative = scoring.position.relative(scoring.patch) is not None
    by_row = allowed is not None and allowed.shape[-2] > 1
    joined = allowed is not None or scoring.added() is not None
    return relative + by_row + ((relative or by_row) and joined)


def _attend_block(query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
    key, value, scoring = within_reach(key, value, scoring)
    key, value = hide_unseen(key, value, scoring)
    allowed = scoring.allowed(query.device)
    output = fused_heads(query, key, value, _bias(query, scoring, allowed))
    if allowed is None:
        return output
    return torch.where(allowed.any(-1, keepdim=True), output, 0.0)


def _bias(query: Tensor, scoring: Scoring, allowed: Tensor | None) -> Tensor | None:
    """The bias added to the logits, broadcast to (..., h, n, m)."""
    patch, relative, added = (
        scoring.patch,
        scoring.position.relative(scoring.patch),
        scoring.added(),
    )
    bias = None if relative is None else toeplitz(relative, patch.n, patch.m)
    if added is not None:
        bias = added if bias is None else bias + added
    if allowed is not None:
        # The lowest finite number, because a row of -inf would be nan.
        lowest = torch.finfo(query.dtype).min
        bias = torch.where(allowed, query.new_zeros(()) if bias is None else bias, lowest)
    return None if bias is None else bias.to(query.dtype)
