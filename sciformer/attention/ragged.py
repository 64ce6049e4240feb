"""Sequences of unequal length as one row of tokens: nothing is computed for padding."""

from __future__ import annotations

import itertools
import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from sciformer.attention.cores.automatic import Automatic
from sciformer.attention.cores.variable_length import VariableLength, is_trusted
from sciformer.attention.masks import Mask, as_mask
from sciformer.attention.multihead import MultiheadAttention
from sciformer.attention.patch import Patch
from sciformer.attention.scoring import Scoring
from sciformer.errors import ShapeError, UsageError
from sciformer.hardware import hardware

Heads: TypeAlias = "tuple[Tensor, Tensor, Tensor]"
VARIABLE_LENGTH = VariableLength()


@dataclass(frozen=True)
class Ragged:
    """Sequences one behind the other.

    Attributes:
        tokens: shape (N, d), N the sum of the lengths.
        lengths: length of each sequence, >= 0; at least one sequence.

    Raises:
        ShapeError: lengths that do not add up to N, or no sequence.
        UsageError: lengths that are not whole numbers.
    """

    tokens: Tensor
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "lengths", tuple(map(operator.index, self.lengths)))
        except TypeError as error:
            raise UsageError(f"Ragged: lengths are whole numbers; got {self.lengths}.") from error
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
        """Sequences (n_i, d) put one behind the other.

        Raises:
            ShapeError: no sequence, or tensors that are not all (n_i, d) with one d.
        """
        given = [*sequences]
        shapes = {tuple(getattr(one, "shape", ())) for one in given}
        are_tensors = all(isinstance(one, Tensor) and one.dim() == 2 for one in given)
        if not are_tensors or len({shape[1] for shape in shapes}) != 1:
            found = (
                f"{type(given[0]).__name__} and shapes {sorted(shapes)[:4]}" if given else "none"
            )
            raise ShapeError(f"Ragged: expects tensors (n_i, d), all with the same d; got {found}.")
        return cls(torch.cat(given), tuple(map(len, given)))

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
    one length attend together. On a card, in half precision and without derivatives, all attend by
    one launch of torch's `varlen_attn`, if it agrees with the matrix there.

    Args:
        layer: the attention layer.
        sequences: tokens (N, width).
        mask: one that means the same for every length, such as `Causal()` or `Window(...)`.

    Returns:
        Tokens (N, width) of the same sequences.

    Raises:
        ShapeError: a mask of certain lengths, or tokens of another width.

    Cost: pairs sum n_i^2, where padding would cost b max(n_i)^2.
    Source: Zhai et al. 2023 (ByteTransformer): packed tokens, attention block by block.

    Examples:
        >>> import torch
        >>> from sciformer.attention import MultiheadAttention, Ragged, attend_ragged
        >>> batch = Ragged.of([torch.randn(5, 4), torch.randn(2, 4)])
        >>> found = attend_ragged(MultiheadAttention(4, 2), batch)
        >>> [tuple(sequence.shape) for sequence in found.sequences()]
        [(5, 4), (2, 4)]
    """
    if mask is not None and as_mask(mask).shape:
        raise ShapeError(
            "attend_ragged: a mask means the same for every length, such as Causal() or "
            f"Window(...); got one of shape {as_mask(mask).shape}."
        )
    placed = sequences.tokens
    if not layer.position.sees_offsets_only:
        placed = torch.cat([layer.position.tokens(one, 0) for one in sequences.sequences()])
    query, key, value = layer.project_placed(placed, placed)  # (h, N, d)
    if not len(sequences.tokens):
        return sequences.with_tokens(layer.merge(value))
    attend = _by_one_launch if _is_one_launch(layer, query, sequences, mask) else _by_length
    return sequences.with_tokens(attend(layer, (query, key, value), sequences, mask))


def _is_one_launch(
    layer: MultiheadAttention, query: Tensor, sequences: Ragged, mask: Mask | None
) -> bool:
    """Whether all sequences may go to the device at once, by a kernel that is right there."""
    records = torch.is_grad_enabled() and query.requires_grad
    is_free = isinstance(layer.core, Automatic) and not torch.compiler.is_compiling()
    if records or not is_free or not hardware(query.device).prefers_few_launches:
        return False
    longest = max(sequences.lengths)
    scoring = Scoring(Patch(longest, longest), longest, layer.position, mask, layer.normaliser)
    way = VARIABLE_LENGTH
    return way.refusal(query, scoring) is None and is_trusted(way, query.device, query.dtype)


def _by_one_launch(
    layer: MultiheadAttention, heads: Heads, sequences: Ragged, mask: Mask | None
) -> Tensor:
    query, key, value = heads
    query, key = (
        torch.cat([layer.position.rotate(one, 0) for one in part.split(sequences.lengths, -2)], -2)
        for part in (query * query.shape[-1] ** -0.5, key)
    )
    return layer.merge(VARIABLE_LENGTH.attend(query, key, value, sequences.lengths, mask))


def _by_length(
    layer: MultiheadAttention, heads: Heads, sequences: Ragged, mask: Mask | None
) -> Tensor:
    """Sequences of one length attend together; they are views where they lie side by side."""
    starts: dict[int, list[int]] = defaultdict(list)
    for start, length in zip(sequences.offsets, sequences.lengths, strict=False):
        if length:
            starts[length].append(start)
    order = _grouped(starts, heads[0].device)
    if order is not None:
        heads = heads[0][:, order], heads[1][:, order], heads[2][:, order]
    found, first = [], 0
    for length, places in starts.items():
        behind = first + length * len(places)
        query, key, value = (
            torch.unflatten(part[:, first:behind], 1, (-1, length)).transpose(0, 1)
            for part in heads
        )  # (sequences of this length, h, n, d)
        together = layer.attend(query, key, value, mask=mask)
        found.append(layer.join(together).flatten(0, 1))
        first = behind
    joined = torch.cat(found)
    output: Tensor = layer.output(joined if order is None else joined[order.argsort()])
    return output


def _grouped(starts: dict[int, list[int]], device: torch.device) -> Tensor | None:
    """The tokens with sequences of one length side by side; None where they already are."""
    places = [(start, length) for length, some in starts.items() for start in some]
    if places == sorted(places):
        return None
    tokens = [torch.arange(start, start + length) for start, length in places]
    return torch.cat(tokens).to(device)
