"""A network of relative positions that reads off the exact position, unless the sequence is
constant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention, RelativeTable
from sciformer.errors import DomainError
from theory.expressivity.mixing import OUT_OF_REACH


class PositionDecoder(nn.Module):
    """A two-layer RPE network that finds the exact position on every non-constant sequence.

    Layer 1, a uniform prefix head, and a map of single tokens find u_i = 1 while tokens 1 .. i are
    all equal. Layer 2, uniform prefix, suffix and full heads, average u. With r = n full(u), the
    length of the constant prefix, u_i = 1 gives i = (r + 1 - suffix(u) (n + 1)) / (1 - suffix(u)),
    and u_i = 0 gives i = r / prefix(u).

    Args:
        length: number n of tokens, >= 2.
        vocabulary: number of tokens that exist.

    Raises:
        DomainError: a constant sequence, which no relative scheme can tell apart.

    Accuracy: positions to 1e-9 for n up to 512.
    Source: our own construction; the converse of the negative result of Luo et al. 2022.

    Examples:
        >>> import torch
        >>> from theory.expressivity import PositionDecoder
        >>> PositionDecoder(length=5, vocabulary=3)(torch.tensor([2, 2, 0, 1, 2])).round().int()
        tensor([1, 2, 3, 4, 5], dtype=torch.int32)
    """

    def __init__(self, length: int, vocabulary: int) -> None:
        super().__init__()
        self.length, self.vocabulary = length, vocabulary
        self.prefix = uniform_layer(vocabulary, length, heads=("prefix",))
        self.averages = uniform_layer(1, length, heads=("prefix", "suffix", "full"))

    def forward(self, tokens: Tensor) -> Tensor:
        """Positions (..., n), counted from 1, of tokens (..., n) in 0 .. vocabulary - 1."""
        if bool((tokens == tokens[..., :1]).all(-1).any()):
            raise DomainError(
                "PositionDecoder: a constant sequence holds no position for relative attention; "
                "give at least two different tokens."
            )
        n = self.length
        shares = self.prefix(nn.functional.one_hot(tokens, self.vocabulary).double())
        pure = (n * shares - (n - 1)).relu().sum(-1, keepdim=True)
        prefix, suffix, full = self.averages(pure).unbind(-1)
        inside = ((n * full + 1) - suffix * (n + 1)) / (1 - suffix)
        return torch.where(prefix > 1 - 0.5 / n, inside, n * full / prefix)


def uniform_layer(width: int, length: int, *, heads: tuple[str, ...]) -> MultiheadAttention:
    """An RPE layer of uniform heads over the prefix, the suffix or the full sequence.

    Args:
        width: width of the tokens; also of each head.
        length: number of tokens.
        heads: "prefix", "suffix" or "full" for each head.

    Returns:
        A float64 layer from (..., n, width) to (..., n, len(heads) * width): its `output` is the
        identity on the concatenated heads.
    """
    position = RelativeTable(len(heads), length)
    layer = MultiheadAttention(width, len(heads), position=position, head_width=width, bias=False)
    inner = len(heads) * width
    layer.output = nn.Linear(inner, inner, bias=False)
    layer = layer.double()
    offsets = torch.arange(1 - length, length)
    outside = {"prefix": offsets > 0, "suffix": offsets < 0, "full": offsets > length}
    with torch.no_grad():
        layer.query.weight.zero_()
        layer.value.weight.copy_(torch.eye(width).repeat(len(heads), 1))
        layer.output.weight.copy_(torch.eye(inner))
        for row, name in zip(position.table, heads, strict=True):
            row.copy_(-OUT_OF_REACH * outside[name])
    return layer
