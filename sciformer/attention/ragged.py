"""Sequences of unequal length as one row of tokens: nothing is computed for padding."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.masks import Mask
from sciformer.attention.multihead import MultiheadAttention
from sciformer.errors import ShapeError


@dataclass(frozen=True)
class Ragged:
    """Sequences one behind the other.

    Attributes:
        tokens: shape (N, d), N the sum of the lengths.
        lengths: length of each sequence, >= 0; at least one sequence.

    Raises:
        ShapeError: lengths that do not add up to N, or no sequence.
    """

    tokens: Tensor
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if (
            self.tokens.dim() != 2
            or sum(self.lengths) != len(self.tokens)
            or min(self.lengths, default=-1) < 0
        ):
            raise ShapeError(
                "Ragged: tokens (N, d) need lengths >= 0 that add up to N; got tokens "
                f"{tuple(self.tokens.shape)} and {len(self.lengths)} lengths that add up to "
                f"{sum(self.lengths)}, the shortest {min(self.lengths, default=0)}."
            )

    @classmethod
    def of(cls, sequences: Sequence[Tensor]) -> Ragged:
        """Sequences (n_i, d) put one behind the other."""
        return cls(torch.cat(list(sequences)), tuple(len(sequence) for sequence in sequences))

    @property
    def offsets(self) -> tuple[int, ...]:
        """First token of each sequence, and N."""
        return tuple(itertools.accumulate(self.lengths, initial=0))

    def sequences(self) -> list[Tensor]:
        """Each sequence (n_i, d), a view."""
        return list(torch.split(self.tokens, list(self.lengths)))

    def with_tokens(self, tokens: Tensor) -> Ragged:
        """Other tokens (N, e) of the same sequences, such as what a map of single tokens gave."""
        return Ragged(tokens, self.lengths)

    def padded(self) -> tuple[Tensor, Tensor]:
        """Zero-padded sequences (b, n_max, d) and which tokens exist, (b, n_max)."""
        padded = torch.nn.utils.rnn.pad_sequence(self.sequences(), batch_first=True)
        lengths = torch.tensor(self.lengths, device=padded.device)
        return padded, torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]


def attend_ragged(
    layer: MultiheadAttention, sequences: Ragged, *, mask: Mask | None = None
) -> Ragged:
    """Self-attention of each sequence as if it were alone, whatever the others hold.

    Positions restart at 0 in each sequence. The projections see all N tokens at once; sequences of
    one length attend together.

    Args:
        layer: the attention layer.
        sequences: tokens (N, width).
        mask: one that means the same for every length, such as `Causal()` or `Window(...)`.

    Returns:
        Tokens (N, width) of the same sequences.

    Cost: pairs sum n_i^2, where padding would cost b max(n_i)^2.
    Source: Zhai et al. 2023 (ByteTransformer): packed tokens, attention block by block.
    """
    placed = torch.cat([layer.position.tokens(one, 0) for one in sequences.sequences()])
    query, key, value = layer.project_placed(placed, placed)  # (h, N, d)
    starts: dict[int, list[int]] = defaultdict(list)
    for start, length in zip(sequences.offsets, sequences.lengths, strict=False):
        if length:
            starts[length].append(start)
    found: dict[int, Tensor] = {}
    for length, places in starts.items():
        parts = [
            torch.stack([part[..., start : start + length, :] for start in places])
            for part in (query, key, value)
        ]  # (sequences of this length, h, n, d)
        heads = layer.attend(parts[0], parts[1], parts[2], mask=mask)
        found |= dict(zip(places, heads.unbind(0), strict=True))
    ordered = [found[start] for start in sorted(found)]
    if not ordered:  # no sequence has tokens
        return sequences.with_tokens(layer.merge(value))
    return sequences.with_tokens(layer.merge(torch.cat(ordered, -2)))
