"""Any mixing matrix by one layer: weights for the core's `MultiheadAttention`.

All heads here are content-free: query and key maps are 0, so the logits are the bias alone.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention, Position, RelativeTable, Universal
from sciformer.errors import DomainError, ShapeError
from theory.expressivity.row_sums import minimal_gain

# A logit this far below another has the weight exp(-800) = 0 in every floating format.
OUT_OF_REACH = 800.0


def position_layer(row_sums: Tensor, width: int = 1) -> MultiheadAttention:
    """One URPE head that writes a given number at each position, whatever the tokens.

    Uniform attention, value 1 by its bias, and the smallest C with these row sums. With
    row_sums = 1 .. n it writes the exact index: C is then n at offsets <= 0 and 0 elsewhere.

    Args:
        row_sums: what to write, shape (n,).
        width: width of the tokens; the number comes out in coordinate 0, the others are 0.

    Returns:
        A float64 layer for sequences of length n.

    Accuracy: a few eps of max|row_sums|; the index is exact.

    Examples:
        >>> import torch
        >>> from theory.expressivity import position_layer
        >>> layer = position_layer(torch.arange(1.0, 5.0))
        >>> layer(torch.zeros(1, 4, 1, dtype=torch.float64)).flatten().tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    position = Universal(RelativeTable(1, len(row_sums)), 1, len(row_sums))
    layer = _content_free(width, 1, 1, position)
    with torch.no_grad():
        layer.value.weight.zero_()
        layer.value.bias.fill_(1.0)
        layer.output.weight.copy_(torch.eye(width, 1))
        position.table.copy_(minimal_gain(row_sums))
    return layer


def universal_mixing_layer(mixing: Tensor, width: int) -> MultiheadAttention:
    """One URPE layer of n heads that mixes tokens by any matrix: x -> S x.

    Head h >= 1 has softmax sums Z_i = 1 for rows i < h and 2 from row h on, so that
    1[i >= h] = 2 (1 - 1/Z_i). Its C carries the change from row h - 1 to row h of S, and head 0,
    with uniform weights, carries the rest.

    Args:
        mixing: the matrix S, shape (n, n).
        width: width of the tokens.

    Returns:
        A float64 layer with n heads of that width.

    Raises:
        ShapeError: a matrix that is not square.

    Accuracy: n eps max|S|.
    Source: our own construction, which proves that URPE layers reach all n^2 dimensions.
    """
    n = _length(mixing)
    by_offset = _rows_by_offset(mixing.double())
    steps = by_offset[1:] - by_offset[:-1]  # (n - 1, 2n - 1)
    weights = torch.full((n, 2 * n - 1), 1.0 / n, dtype=torch.float64)
    heads = torch.arange(1, n)
    # Row h is the first to see offset -h: an extra 1 there lifts Z from row h on.
    weights[heads, n - 1 - heads] += 1
    carried = torch.cat([(by_offset[0] + 2 * steps.sum(0))[None], -2 * steps])
    bias = RelativeTable(n, n)
    position = Universal(bias, n, n)
    layer = _content_free(width, n, width, position)
    with torch.no_grad():
        bias.table.copy_(weights.log())
        position.table.copy_(carried / weights)
        _sum_heads(layer, torch.ones(n, dtype=torch.float64), width)
    return layer


def relative_mixing_layer(mixing: Tensor, width: int) -> MultiheadAttention:
    """One RPE layer that mixes tokens by a matrix whose rows have equal sums: x -> S x.

    A head of strict priorities k1 > k2 > ... attends to the first offset that exists. Heads
    (n - i, k, 0) and (n - i, 0) differ in the rows from i on, by E_{r,r+k} - E_{r,r}; two such
    differences single out one row. Signed outputs add them up.

    Args:
        mixing: the matrix S, shape (n, n).
        width: width of the tokens.

    Returns:
        A float64 layer with at most 4 heads per off-diagonal entry that is not 0, plus 1.

    Raises:
        ShapeError: a matrix that is not square.
        DomainError: rows of different sums, which no RPE layer has; names the row.

    Accuracy: (number of heads) eps max|S|.
    Source: our own construction, which proves that RPE layers reach n^2 - n + 1 dimensions.
    """
    n = _length(mixing)
    mixing = mixing.double()
    row_sum = equal_row_sum(mixing)
    heads: defaultdict[tuple[int, ...], float] = defaultdict(float, {(0,): row_sum})
    for i, j in (mixing - mixing.diag().diag()).nonzero().tolist():
        entry = float(mixing[i, j])
        for row, sign in ((i, entry), (i + 1, -entry)):
            if row < n:
                first = (n - row,) if row else ()
                key, without = (*first, j - i, 0), (*first, 0)
                heads[key] += sign
                heads[without] -= sign
    return _priority_layer({key: c for key, c in heads.items() if c}, n, width)


def equal_row_sum(mixing: Tensor) -> float:
    """The sum that all rows have; DomainError, naming the row, if one differs."""
    sums = mixing.sum(1)
    worst = int((sums - sums[0]).abs().argmax())
    tolerance = 1e-12 * len(mixing) * float(mixing.abs().max())
    if not float((sums[worst] - sums[0]).abs()) <= tolerance:  # nan is refused too
        raise DomainError(
            "relative_mixing_layer: relative positions mix by matrices whose rows have equal sums; "
            f"row {worst} sums to {float(sums[worst]):.6g} and row 0 to {float(sums[0]):.6g}, so "
            "take universal_mixing_layer."
        )
    return float(sums[0])


def _priority_layer(heads: dict[tuple[int, ...], float], n: int, width: int) -> MultiheadAttention:
    position = RelativeTable(max(1, len(heads)), n)
    layer = _content_free(width, position.table.shape[0], width, position)
    with torch.no_grad():
        position.table.fill_(-OUT_OF_REACH * 4)
        for row, priorities in zip(position.table, heads, strict=False):
            for rank, offset in reversed(list(enumerate(priorities))):
                if abs(offset) < n:
                    row[offset + n - 1] = -OUT_OF_REACH * rank
        _sum_heads(layer, torch.tensor([*heads.values()] or [0.0], dtype=torch.float64), width)
    return layer


def _content_free(
    width: int, heads: int, head_width: int, position: Position
) -> MultiheadAttention:
    """A float64 layer whose every parameter outside the scheme is 0."""
    layer = MultiheadAttention(width, heads, position=position, head_width=head_width).double()
    for part in (layer.query, layer.key, layer.value, layer.output):
        for parameter in part.parameters():
            nn.init.zeros_(parameter)
    return layer


def _sum_heads(layer: MultiheadAttention, coefficients: Tensor, width: int) -> None:
    """Every head takes the tokens as they are; the output adds the heads with coefficients."""
    identity = torch.eye(width, dtype=torch.float64)
    layer.value.weight.copy_(identity.repeat(len(coefficients), 1))
    layer.output.weight.copy_(torch.cat([c * identity for c in coefficients], 1))


def _rows_by_offset(mixing: Tensor) -> Tensor:
    """W[i, k + n - 1] = S[i, i + k], and 0 where i + k is outside; shape (n, 2n - 1)."""
    n = len(mixing)
    result = mixing.new_zeros(n, 2 * n - 1)
    rows = torch.arange(n)[:, None]
    result[rows, torch.arange(n) - rows + n - 1] = mixing
    return result


def _length(mixing: Tensor) -> int:
    if mixing.dim() != 2 or mixing.shape[0] != mixing.shape[1]:
        raise ShapeError(f"mixing: the matrix must be (n, n); got {tuple(mixing.shape)}.")
    return len(mixing)
