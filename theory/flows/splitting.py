"""A Transformer that is Strang's splitting: heads diffuse, feed-forward blocks react."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.errors import DomainError
from theory.flows.heads import KernelAttention

# Tokens of the start that the first block takes at a time.
_AT_ONCE = 1024


class SplittingTransformer(nn.Module):
    """u_t = D u_xx - c u_x + f(u) by layers that share their weights.

    One layer of step h:  u <- R(u);  u <- attention(u);  u <- R(u),   R = flow of u' = f(u) by h/2

    Args:
        reaction: R, a map of single tokens (..., n, fields) to the same shape.
        attention: one head a field, diffusion and drift over h.
        depth: number of layers N >= 1.
        reading: what the first layer attends with, if starts are read at more places than there
            are tokens; `attention` by default.

    Raises:
        DomainError: depth < 1.

    Accuracy: error O(h^2) in the sup norm, with constants in `theory.flows.budget`.
    Source: Strang 1968.
    """

    def __init__(
        self,
        reaction: nn.Module,
        attention: KernelAttention,
        depth: int,
        reading: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise DomainError(f"SplittingTransformer: depth must be at least 1; got {depth}.")
        self.reaction = reaction
        self.attention = attention
        self.depth = depth
        self.reading = reading

    def forward(self, start: Tensor) -> Tensor:
        """Tokens (..., sensors, fields) at time 0 to tokens (..., n, fields) after all layers."""
        # The layers share their weights and no logit depends on a token: one matrix serves all.
        weights = self.attention.weights()
        tokens = self.first(start)
        for _ in range(self.depth - 1):
            tokens = self.layer(tokens, weights)
        return tokens

    def first(self, start: Tensor) -> Tensor:
        """The first layer, which reads the start."""
        mix = self.attention if self.reading is None else self.reading
        # Sensors may be very many, and hidden units are a hundred times as many numbers.
        reacted = torch.cat([self.reaction(part) for part in torch.split(start, _AT_ONCE, -2)], -2)
        tokens: Tensor = self.reaction(mix(reacted))
        return tokens

    def step(self, tokens: Tensor) -> Tensor:
        """One layer, one step of time: for streams, tokens (..., n, fields) to the same shape."""
        return self.layer(tokens, self.attention.weights())

    def layer(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """One layer with attention matrices that were computed before."""
        mixed: Tensor = self.reaction(self.attention.mix(weights, self.reaction(tokens)))
        return mixed


class Richardson(nn.Module):
    """Two Transformers of N and 2 N layers and a linear read-out: order four.

    u = (4 u_{2N} - u_N) / 3

    Args:
        coarse: N layers of step h.
        fine: 2 N layers of step h/2.

    Source: Richardson 1911; Strang's error has even powers of h only.
    """

    def __init__(self, coarse: SplittingTransformer, fine: SplittingTransformer) -> None:
        super().__init__()
        if fine.depth != 2 * coarse.depth:
            raise DomainError(
                f"Richardson: the fine Transformer has twice the depth of the coarse one; got "
                f"{fine.depth} and {coarse.depth}."
            )
        self.coarse, self.fine = coarse, fine
        self.readout = nn.Linear(2, 1, bias=False).double().requires_grad_(False)
        with torch.no_grad():
            self.readout.weight.copy_(torch.tensor([[-1 / 3, 4 / 3]], dtype=torch.float64))

    def forward(self, start: Tensor) -> Tensor:
        both = torch.stack([self.coarse(start), self.fine(start)], -1)
        combined: Tensor = self.readout(both)[..., 0]
        return combined
