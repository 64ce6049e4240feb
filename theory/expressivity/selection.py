"""Two layers that move tokens anywhere: permutations, reversal, even-token prediction.

Layer 1 writes the index by one URPE head, a feed-forward layer tabulates codes of where to look
and of where one is, and layer 2 looks there by content.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention
from sciformer.blocks import EncoderBlock, FeedForward
from sciformer.errors import DomainError
from theory.expressivity.mixing import position_layer


@dataclass(frozen=True)
class Code:
    """Vectors for positions such that the query for t has its largest product with the key of t.

    queries, keys: shapes (n, c), by position counted from 0. gap: how much larger that product is
    than every other. decay: whether products fall off with the squared distance.
    """

    queries: Tensor
    keys: Tensor
    gap: float


def quadratic_code(n: int, sharpness: float) -> Code:
    """Logits -b (t - j)^2 up to a number per query: query b (2t, -1), key (j, j^2), centred.

    Args:
        n: sequence length.
        sharpness: b > 0, the gap to the neighbours.
    """
    centred = torch.arange(n, dtype=torch.float64) - (n - 1) / 2
    queries = sharpness * torch.stack([2 * centred, -torch.ones(n, dtype=torch.float64)], 1)
    return Code(queries, torch.stack([centred, centred**2], 1), sharpness)


def binary_code(n: int, sharpness: float) -> Code:
    """Logits b (bits of t) . (bits of j) with bits +-1: the gap is 2 b, in any precision.

    Args:
        n: sequence length.
        sharpness: b > 0; every wrong bit costs 2 b.
    """
    count = max(1, (n - 1).bit_length())
    bits = (torch.arange(n)[:, None] >> torch.arange(count)) & 1
    signs = 2.0 * bits.double() - 1
    return Code(sharpness * signs, signs, 2 * sharpness)


def selection_network(
    sources: Sequence[int | None],
    width: int,
    *,
    sharpness: float = 20.0,
    code: Callable[[int, float], Code] = quadratic_code,
) -> nn.Sequential:
    """A two-layer network of one head per layer: out_i = x[sources[i]], or 0 where it is None.

    Args:
        sources: for each position the one to copy, counted from 0; None for a blank.
        width: width of the tokens, whose entries must lie within +-1 if there are blanks.
        sharpness: how far the right logit stands above the others.
        code: `quadratic_code` or `binary_code`.

    Returns:
        A float64 network from (..., n, width) to (..., n, width + 1); the last coordinate is 1 at
        blanks and 0 elsewhere.

    Raises:
        DomainError: a source outside the sequence, or sharpness <= 0.

    Accuracy: `selection_error` with the largest |x|, and rounding of size eps times the logits.
    Source: our own construction; index by the smallest C, then attention by content.
    """
    n = len(sources)
    if not sharpness > 0:
        raise DomainError(
            f"selection_network: sharpness must be > 0, or no token stands out; got {sharpness}."
        )
    for i, source in enumerate(sources):
        if source is not None and not 0 <= source < n:
            raise DomainError(
                f"selection_network: sources lie between 0 and {n - 1}; source {i} is {source}."
            )
    codes = code(n, sharpness)
    blank = torch.tensor([source is None for source in sources], dtype=torch.float64)
    where = torch.tensor([0 if source is None else source for source in sources])
    tables = torch.cat([codes.queries[where], codes.keys, blank[:, None]], 1)
    layout = _Layout(width, codes.keys.shape[1])
    return nn.Sequential(
        layout.lift(), _index_and_tables(tables, layout), _look(layout), _gate(layout)
    ).double()


def selection_error(largest: float, sharpness: float) -> float:
    """The error of a quadratic selection in exact arithmetic: 4 |x| e^-b / (1 - e^-b).

    Args:
        largest: largest |x| of the tokens, in their unit.
        sharpness: the b of the code, > 0.
    """
    return 4 * largest * math.exp(-sharpness) / -math.expm1(-sharpness)


def even_token_sources(n: int) -> list[int | None]:
    """Even-token prediction: the tokens 2, 4, ... (counted from 1), then blanks."""
    return [2 * i + 1 if i < n // 2 else None for i in range(n)]


@dataclass(frozen=True)
class _Layout:
    """Places within a token: the token, its index, query code, key code, blank flag."""

    width: int
    code: int

    @property
    def total(self) -> int:
        return self.width + 1 + 2 * self.code + 1

    def lift(self) -> nn.Linear:
        """The token in front, zeros behind."""
        return _linear(torch.eye(self.total, self.width))


def _linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return layer


def _index_and_tables(tables: Tensor, layout: _Layout) -> EncoderBlock:
    """x -> (x, index, tables[index]): one URPE head and one feed-forward layer with ReLU."""
    n = len(tables)
    index = position_layer(torch.arange(1, n + 1), layout.total)
    with torch.no_grad():
        index.output.weight.copy_(index.output.weight.roll(layout.width, 0))
    table = FeedForward(layout.total, n, activation=nn.ReLU).double()
    first, last = (part for part in table.layers if isinstance(part, nn.Linear))
    slopes = torch.diff(tables, dim=0, prepend=torch.zeros(1, tables.shape[1]).to(tables))
    with torch.no_grad():
        # relu(index - i), i = 0 .. n - 1: a broken line through the table at 1 .. n.
        nn.init.zeros_(first.weight)
        first.weight[:, layout.width] = 1.0
        first.bias.copy_(-torch.arange(n))
        nn.init.zeros_(last.weight)
        bends = torch.diff(slopes, dim=0, prepend=torch.zeros_like(slopes[:1]))
        last.weight[layout.width + 1 :] = bends.T
        nn.init.zeros_(last.bias)
    return EncoderBlock(index, table, before_mixer=nn.Identity(), before_channels=nn.Identity())


def _look(layout: _Layout) -> nn.Module:
    """Attention by code: brings the token looked at, keeps the blank flag."""
    width, code = layout.width, layout.code
    head = max(width, code)
    attention = MultiheadAttention(layout.total, 1, head_width=head, bias=False).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            nn.init.zeros_(parameter)
        place = torch.eye(code, dtype=torch.float64)
        attention.query.weight[:code, width + 1 : width + 1 + code] = place * head**0.5
        attention.key.weight[:code, width + 1 + code : width + 1 + 2 * code] = place
        attention.value.weight[:width, :width] = torch.eye(width)
        attention.output.weight[:width, :width] = torch.eye(width)
    forget = torch.eye(layout.total, dtype=torch.float64)
    forget[:width] = 0
    return _Replace(attention, _linear(forget))


class _Replace(nn.Module):
    """attention(x) + keep(x): a residual that lets go of part of the token."""

    def __init__(self, attention: nn.Module, keep: nn.Module) -> None:
        super().__init__()
        self.attention, self.keep = attention, keep

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.attention(tokens) + self.keep(tokens)
        return result


def _gate(layout: _Layout) -> nn.Sequential:
    """(y, flag) -> (0 where the flag is 1, y where it is 0; flag), exact for |y| <= 1.

    relu(y - flag) - relu(-y - flag)
    """
    width = layout.width
    select = torch.eye(width, layout.total)
    flag = torch.zeros(1, layout.total)
    flag[0, -1] = 1
    inner = torch.cat([select - flag, -select - flag, flag])
    outer = torch.zeros(width + 1, 2 * width + 1)
    outer[:width, :width] = torch.eye(width)
    outer[:width, width:-1] = -torch.eye(width)
    outer[-1, -1] = 1
    return nn.Sequential(_linear(inner), nn.ReLU(), _linear(outer))
