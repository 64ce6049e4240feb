"""Keys and values that are not finite, kept from the queries that may not see them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciformer.attention.cores.core import are_plain
from sciformer.attention.cores.row_blocks import BLOCK_ROWS, blocks
from sciformer.attention.scoring import Scoring
from sciformer.hardware import hardware


def hide_nonfinite(
    key: Tensor, value: Tensor, scoring: Scoring
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Keys and values with zeros for those that are not finite, and the queries that see one.

    A mask sets weights to 0, which hides no nan: 0 * nan is nan, in outputs and in gradients. So a
    nan in the future of a causal row, or in a reading that one query may see and another may not,
    would reach everybody. Whether there is one is asked on a processor only: an accelerator would
    have to wait for the answer.

    Returns:
        Keys, values, and boolean (..., h, n, 1), whose outputs have to be nan; None if none has.
    """
    if scoring.mask is None or not _can_be_asked(key, value):
        return key, value, None
    if math.isfinite(float(key.detach().sum()) + float(value.detach().sum())):
        return key, value, None
    odd = ~(key.isfinite().all(-1) & value.isfinite().all(-1))  # (..., h, m)
    seen = []
    for start, stop in blocks(scoring.patch.n, BLOCK_ROWS):
        allowed = scoring.rows(start, stop).allowed(key.device)
        found = odd[..., None, :] if allowed is None else allowed & odd[..., None, :]
        rows = found.any(-1)  # (..., h, rows or 1)
        seen.append(rows.expand(*rows.shape[:-1], stop - start))
    hidden = odd.unsqueeze(-1)
    key, value = torch.where(hidden, 0.0, key), torch.where(hidden, 0.0, value)
    return key, value, torch.cat(seen, -1).unsqueeze(-1)


def _can_be_asked(*tensors: Tensor) -> bool:
    """Whether the host may look at values: not while a program is traced or mapped over."""
    return (
        are_plain(*tensors)
        and not torch.compiler.is_compiling()
        and not any(hardware(tensor.device).prefers_few_launches for tensor in tensors)
        and not any(map(torch._C._functorch.is_functorch_wrapped_tensor, tensors))
    )
