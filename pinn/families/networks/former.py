"""FamilyFormer: readings through a Transformer encoder, points by cross-attention to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.families.attention import attend_memory, to_memory
from pinn.families.networks.inputs import Inputs, PointFeatures, TokenFeatures
from pinn.families.networks.shared_trunk import check_sizes, encoder_block

if TYPE_CHECKING:
    from pinn.families.family import Family


class Cross(nn.Module):
    """One step of the decoder: attention of points to tokens, then a perceptron.

    z <- z + W_o attend(W_q tanh z, W_k y, W_v y; log weights);   z <- z + W_2 tanh(W_1 tanh z)

    tanh in place of layer norms: a jet's norm would need a root and a quotient in every channel.

    Args:
        width: of queries and tokens.
        heads: dividing the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, z: Any, memory: Tensor, log_weights: Tensor) -> Any:
        """Points z (q, b, d), or (q, 1, d) where members agree, to (q, b, d)."""
        head = memory.shape[-1] // self._heads
        query = self.query(torch.tanh(z)) / math.sqrt(head)
        query = query.unflatten(-1, (self._heads, head))  # (q, b, h, e)
        key, value = (
            layer(memory).unflatten(-1, (self._heads, head)).transpose(-3, -2)
            for layer in (self.key, self.value)
        )  # (b, h, m, e)
        logits = to_memory(query, key) + log_weights
        found = attend_memory(logits, value).flatten(-2)
        z = z + self.output(found)
        return z + self.down(torch.tanh(self.up(torch.tanh(z))))


class Decoder(nn.Module):
    """The network of a `FamilyFormer`.

    Args:
        family: whose members it reads.
        sizes: of its layers.
    """

    def __init__(self, family: Family, sizes: FamilyFormer) -> None:
        super().__init__()
        width = sizes.width
        self._fields = len(family.problem.fields)
        self.tokens = TokenFeatures(family)
        self.embed = nn.Linear(self.tokens.width, width)
        self.encoder = nn.ModuleList(
            encoder_block(width, sizes.heads) for _ in range(sizes.encoder)
        )
        self.norm = nn.LayerNorm(width)
        self.features = PointFeatures(family)
        self.query = nn.Linear(self.features.width, width)
        self.decoder = nn.ModuleList(Cross(width, sizes.heads) for _ in range(sizes.decoder))
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.Tanh(), nn.Linear(width, self._fields)
        )

    def forward(self, inputs: Inputs, points: Any) -> list[Any]:
        """One (q, b) for each field at points (q, c)."""
        seen, weights = self.tokens(inputs)
        log_weights = weights.log()[:, None]  # (b, 1, m)
        memory = self.embed(seen)
        for block in self.encoder:
            memory = block(memory, mask=log_weights[:, None])
        memory = self.norm(memory)
        z = self.query(self.features(points))
        z = z if z.ndim == 3 else z.unsqueeze(1)  # (q, 1, d), the same for all members
        for step in self.decoder:
            z = step(z, memory, log_weights)
        found = self.head(torch.tanh(z))
        return [found[..., i] for i in range(self._fields)]


@dataclass(frozen=True)
class FamilyFormer:
    """A Transformer: encoder on readings, cross-attention decoder at points; any sensors.

    Args:
        width: of tokens and queries.
        heads: of every attention, dividing the width.
        encoder: blocks of self-attention among readings.
        decoder: blocks of cross-attention.

    Source: CViT (Wang et al. 2024) without its grid; the quadrature weights of tokens are ours.
    """

    width: int = 32
    heads: int = 2
    encoder: int = 1
    decoder: int = 2
    reads_tokens = True

    def build(self, family: Family) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        check_sizes("FamilyFormer", width=self.width, heads=self.heads, decoder=self.decoder)
        return Decoder(family, self)
