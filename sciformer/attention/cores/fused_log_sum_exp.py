"""URPE attention from fused attention alone, by the logarithm of the gain; for inference."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.cores.core import Core, are_plain
from sciformer.attention.cores.toeplitz_rows import by_offset, refuse_tables
from sciformer.attention.scoring import Scoring
from sciformer.attention.toeplitz import toeplitz


class FusedLogSumExp(Core):
    """Fused attention with the logarithm of the gain as a bias.

    For C > 0:  o(S + log C) exp(lse(S + log C) - lse(S)),   S = q k^T + relative

    where o is the output of fused attention and lse the logarithm of its normaliser. A signed gain
    is the difference of its positive and negative part, each by that formula.

    Cost: three calls of fused attention (two if C > 0) and a bias of all n m pairs; slower than
        `ToeplitzRows`, whose independent check it is.
    Source: our own. The normaliser comes from an operator of torch that is not public: CPU only,
        without derivatives.
    """

    smooth = False

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        relative, gain = by_offset(scoring, query)
        flat, keys, values = (part.reshape(-1, *part.shape[-2:]) for part in (query, key, value))
        output = self.from_tables(flat, keys, values, relative, gain)
        return output.reshape(*query.shape[:-2], *output.shape[-2:])

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        if not are_plain(query, key, value) or query.device.type != "cpu":
            return "its operator of torch takes plain tensors on the CPU"
        if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
            return "query, key and value must have the same leading axes"
        return refuse_tables(scoring)

    def peak(self, scoring: Scoring) -> int:
        return scoring.patch.n * scoring.patch.m  # one bias at a time

    def pairs(self, scoring: Scoring) -> int:
        return scoring.patch.n * scoring.patch.m

    @torch.no_grad()
    def from_tables(
        self, query: Tensor, key: Tensor, value: Tensor, relative: Tensor, gain: Tensor
    ) -> Tensor:
        """The output (g, n, e), from tables (g, n + m - 1); g counts batches and heads."""
        n, m = query.shape[-2], key.shape[-2]
        _, normaliser = fused(query, key, value, toeplitz(relative, n, m))
        output = torch.zeros_like(query[..., :1]).expand(-1, -1, value.shape[-1])
        for sign in (1, -1):
            part = (sign * gain).clamp(min=0)
            if bool(part.any()):
                found, logarithm = fused(query, key, value, toeplitz(relative + part.log(), n, m))
                ratio = (logarithm - normaliser).exp()[..., None].to(found.dtype)
                output = output + sign * found * ratio
        return output


def fused(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Output (g, n, e) and logarithm of the normaliser (g, n) of torch's kernel for the CPU."""
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    parts = (part[None] for part in (query, key, value))
    output, logarithm = kernel(*parts, 0.0, False, attn_mask=bias[None], scale=1.0)
    return output[0], logarithm[0]
