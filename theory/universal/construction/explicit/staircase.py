"""Theorem T1': equivariant maps of scalar tokens by one uniform head between two ReLU layers.

M shifted staircases turn each token into integers; the mean of their powers, which a head without
scores returns, tells the multiset of cells; a piecewise-linear function of one integer code reads
the value off. Only n of the M shifts can be on a rise, whatever the sequence.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention
from sciformer.errors import DomainError
from theory.universal.arrays import Array

_LARGEST_CODE = 2.0**53


class StaircaseLayer(nn.Module):
    """Token-wise ReLU layer, one attention layer with a uniform head, one hidden ReLU layer."""

    def __init__(self, rises: int, shifts: int, units: int) -> None:
        super().__init__()
        with torch.device("meta"):
            self.rise = nn.Linear(1, rises)
            self.embedding = nn.Linear(rises, 3 * shifts)
            self.attention = MultiheadAttention(3 * shifts, 1, head_width=shifts, bias=False)
            self.hidden = nn.Linear(3 * shifts, units)
            self.readout = nn.Linear(units, 1)
        self.to_empty(device="cpu").to(torch.float64)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, sequences: Tensor) -> Tensor:
        """Outputs (..., n, 1) of sequences (..., n, 1)."""
        tokens = self.embedding(torch.relu(self.rise(sequences)))
        tokens = tokens + self.attention(tokens)
        outputs: Tensor = self.readout(torch.relu(self.hidden(tokens)))
        return outputs


@dataclass(frozen=True)
class Staircase:
    """A staircase layer and its a-priori bound on [0, 1]^n."""

    module: StaircaseLayer
    bound: float


def staircase(
    own: Callable[[Array], Array],
    tokens: int,
    cells: int,
    shifts: int,
    *,
    modulus: float,
    oscillation: float,
) -> Staircase:
    """sup |layer - f| <= modulus + tokens / shifts * oscillation on [0, 1]^n.

    Args:
        own: output (p,) of the first token of sequences (p, n); symmetric in the other tokens.
        tokens: n.
        cells: G, cells of [0, 1]; codes (G + 2) n (n + 1)^(G + 1) must stay below 2^53.
        shifts: M > n.
        modulus: bound of |f(x) - f(y)| for |x - y| <= 1 / G in the max norm.
        oscillation: max f - min f.

    Raises:
        DomainError: too few shifts, or codes beyond 2^53.

    Cost: at most M (G + 2) C(G + n, n - 1) hidden units.
    Source: theorem T1' of docs/theory/single-layer-theorem.md.
    """
    largest = (cells + 2) * tokens * float(tokens + 1) ** (cells + 1)
    if shifts <= tokens or largest >= _LARGEST_CODE:
        raise DomainError(
            f"staircase: needs more than {tokens} shifts and codes below 2^53; got {shifts} shifts "
            f"and codes up to {largest:.2g}."
        )
    stairs = [_Stairs.of(cells, shifts, shift) for shift in range(shifts)]
    reads = [_read(own, tokens, cells, stair) for stair in stairs]
    module = StaircaseLayer(
        2 * sum(len(s.starts) for s in stairs), shifts, sum(len(codes) for codes, _ in reads)
    )
    with torch.no_grad():
        _embed(module, stairs, tokens)
        _hide(module, reads, tokens, cells)
    return Staircase(module, modulus + tokens / shifts * oscillation)


@dataclass(frozen=True)
class _Stairs:
    """One staircase: rises by 1 on each [start, stop], and a point of each flat part."""

    starts: Array
    stops: Array
    middles: Array

    @classmethod
    def of(cls, cells: int, shifts: int, shift: int) -> _Stairs:
        steps = np.arange(cells + 1)
        starts = (steps + shift / shifts) / cells
        stops = (steps + (shift + 1) / shifts) / cells
        starts, stops = starts[starts < 1], stops[starts < 1]
        left = np.concatenate([[0.0], np.minimum(stops, 1.0)])
        right = np.concatenate([starts, [1.0]])
        return cls(starts, stops, np.clip((left + right) / 2, 0.0, 1.0))


def _read(
    own: Callable[[Array], Array], tokens: int, cells: int, stairs: _Stairs
) -> tuple[Array, Array]:
    """Codes of all (own cell, multiset of the others), ascending, and the values there."""
    count = len(stairs.middles)
    others = list(itertools.combinations_with_replacement(range(count), tokens - 1))
    rows = np.array([(c, *o) for c in range(count) for o in others])
    powers = float(tokens + 1) ** np.arange(count)
    codes = rows[:, 0] + (cells + 2) * powers[rows].sum(1)
    order = codes.argsort()
    return codes[order], own(stairs.middles[rows])[order]


def _embed(module: StaircaseLayer, stairs: list[_Stairs], tokens: int) -> None:
    """Channels: M staircases s, M powers (n + 1)^s, M free ones for the head's means."""
    shifts, at = len(stairs), 0
    module.rise.weight.fill_(1.0)
    for shift, stair in enumerate(stairs):
        powers = float(tokens + 1) ** np.arange(len(stair.starts) + 1)
        for start, stop, jump in zip(stair.starts, stair.stops, np.diff(powers), strict=True):
            for end, sign in ((start, 1.0), (stop, -1.0)):
                module.rise.bias[at] = -end
                module.embedding.weight[shift, at] = sign / (stop - start)
                module.embedding.weight[shifts + shift, at] = sign * jump / (stop - start)
                at += 1
        module.embedding.bias[shifts + shift] = powers[0]
    module.attention.value.weight[:, shifts : 2 * shifts] = torch.eye(shifts, dtype=torch.float64)
    module.attention.output.weight[2 * shifts :] = torch.eye(shifts, dtype=torch.float64)


def _hide(
    module: StaircaseLayer, reads: list[tuple[Array, Array]], tokens: int, cells: int
) -> None:
    """Piecewise-linear interpolation of each shift's values at its codes, then the mean."""
    shifts, at = len(reads), 0
    level = 0.0
    for shift, (codes, values) in enumerate(reads):
        slopes = np.concatenate([[0.0], np.diff(values) / np.diff(codes), [0.0]])
        rows = slice(at, at + len(codes))
        module.hidden.weight[rows, shift] = 1.0
        module.hidden.weight[rows, 2 * shifts + shift] = float((cells + 2) * tokens)
        module.hidden.bias[rows] = torch.from_numpy(-codes)
        module.readout.weight[0, rows] = torch.from_numpy(np.diff(slopes) / shifts)
        level += float(values[0]) / shifts
        at += len(codes)
    module.readout.bias[0] = level
