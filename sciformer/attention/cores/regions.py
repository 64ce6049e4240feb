"""Far keys as regions: full attention at sub-quadratic cost, with a bound of its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from sciformer.attention.cores.core import Core
from sciformer.attention.cores.key_masses import (
    key_masses,
    refuse_differences,
    single,
    without_absent,
)
from sciformer.attention.masks import Causal, Mass, Padding
from sciformer.attention.parts import Part, lowest_mass, merge
from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError


class RegionMass(Protocol):
    """Addition to the logit of a region for the mass of its keys."""

    @property
    def is_exact(self) -> bool: ...

    def offset(self, mass: Tensor) -> Tensor:
        """Logits (..., h or 1, regions) of masses (..., regions) > 0."""
        ...


class ExactMass:
    """log of the mass: a region of equal keys is exactly those keys. For trained attention."""

    is_exact = True

    def offset(self, mass: Tensor) -> Tensor:
        return mass.log().unsqueeze(-2)


class LearnedMass(nn.Module):
    """A share of the log of the mass, one number a head, from 0: for layers to be trained.

    At 0 a region counts as one key, so that the many far keys do not drown the few near ones while
    nothing is learned yet.

    Args:
        heads: number of heads.
    """

    is_exact = False

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(heads))

    def offset(self, mass: Tensor) -> Tensor:
        return self.share[:, None] * mass.log().unsqueeze(-2)


@dataclass(frozen=True)
class _Summary:
    """Regions of `block` keys: mean key (..., h, g, d) and value (..., h, g, e), mass (..., g)."""

    key: Tensor
    value: Tensor
    mass: Tensor


class Regions(Core, nn.Module):
    """Self-attention to each key of a query's own block, and to every other block as one key.

    Region r has the mean of its keys and values, weighted by their masses, and the logit
    q . mean key + offset(mass). With `ExactMass` the logarithm of the weight of key j is off by
    s_j - (mean of s over its region). If D is the range of that over all keys,

        |out - exact| <= tanh(D / 4) diam(values)

    (total variation against Hilbert's metric, Birkhoff), and `bound` gives it for every row.
    In the order of a k-d tree (`kd_order`) blocks are cells, so that D is small.

    Args:
        block: keys in a block, >= 1; from the length on, this is full attention.
        mass: `ExactMass()` by default; `LearnedMass(heads)` for a layer to be trained.

    Raises:
        DomainError: block < 1; queries that are not at the positions of the keys; a scheme that
            adds by offset; a mask other than `Causal`, `Padding`, `Mass` and what `&` makes of
            them; a normaliser other than the softmax.

    Cost: n (block + n / block) pairs, least at block = sqrt(n).
    Source: Ren et al. 2021 (Combiner), its cover in blocks.
    Deviates: means instead of running maxima, so that all derivatives exist; the mass, which the
        paper lacks; the bound is ours.
    """

    exact = False

    def __init__(self, block: int, mass: RegionMass | None = None) -> None:
        nn.Module.__init__(self)
        if block < 1:
            raise DomainError(f"Regions: a block has at least one key; got {block}.")
        self.block = block
        self.mass = ExactMass() if mass is None else mass

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        masses = key_masses(scoring, key)
        key, value = without_absent(key, value, masses, scoring)
        near = self._near(query, key, value, scoring, masses)
        if self.block >= scoring.patch.m:
            return near.output
        whole = merge(near, self._far(query, self._summary(key, value, masses), scoring))
        return whole.output

    def bound(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        """Bound of each output's distance from full attention, up to rounding.

        D is bounded by 2 |q| times the largest radius of the keys of a region that the row sees,
        the diameter of the values by the diagonal of their box.

        Args: as `attend`.

        Returns:
            Shape (..., h, n), in the Euclidean norm of an output row.

        Raises:
            DomainError: a mass that is not exact, which has no bound.
        """
        if not self.mass.is_exact:
            raise DomainError(
                "Regions: only exact masses have a bound; use ExactMass() to evaluate."
            )
        masses = key_masses(scoring, key)
        key, value = without_absent(key, value, masses, scoring)
        present = (masses > 0)[..., None, :, None]
        means = self._summary(key, value, masses).key.repeat_interleave(self.block, -2)
        away = torch.where(present, key - means[..., : scoring.patch.m, :], 0.0).norm(dim=-1)
        radius = _cells(away.unsqueeze(-1), self.block).amax((-2, -1))  # (..., h, g)
        visible = self._visible(scoring, query.device)
        seen = torch.where(visible, radius.unsqueeze(-2), 0.0).amax(-1)  # (..., h, n)
        spread = 2 * query.norm(dim=-1) * seen
        low = torch.where(present, value, torch.inf).amin(-2)
        high = torch.where(present, value, -torch.inf).amax(-2)
        diagonal = torch.where(high >= low, high - low, 0.0).norm(dim=-1, keepdim=True)
        bound: Tensor = torch.tanh(spread / 4) * diagonal
        return bound

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        patch = scoring.patch
        if patch.n != patch.m or patch.query_start != patch.key_start:
            return "regions are for self-attention, with queries at the positions of the keys"
        return refuse_differences("regions", scoring, (Causal, Padding, Mass))

    def pairs(self, scoring: Scoring) -> int:
        n = scoring.patch.n
        if self.block >= n:
            return n * n
        blocks = -(-n // self.block)
        return blocks * self.block**2 + n * blocks

    def peak(self, scoring: Scoring) -> int:
        n, block = scoring.patch.n, min(self.block, scoring.patch.n)
        blocks = -(-n // block)
        # As `tables`: regions are masked by row, blocks by key unless they are causal.
        near = (3 + _is_causal(scoring)) * blocks * block**2
        return near if self.block >= n else max(near, 4 * n * blocks)

    def _near(
        self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, masses: Tensor
    ) -> Part:
        """Attention inside each block, (..., h, n)."""
        n, block = scoring.patch.n, min(self.block, scoring.patch.n)
        cells = [_cells(part, block) for part in (query, key, value)]  # (..., h, g, block, d)
        held = _cells(masses.unsqueeze(-1), block).squeeze(-1)[..., None, :, None, :]
        logits = cells[0] @ cells[1].transpose(-2, -1) + torch.where(held > 0, held, 1.0).log()
        allowed = held > 0
        if _is_causal(scoring):
            allowed = (
                allowed & torch.ones(block, block, dtype=torch.bool, device=query.device).tril()
            )
        logits = torch.where(allowed, logits, lowest_mass(logits.dtype))
        weights = torch.where(allowed, logits.softmax(-1), 0.0)
        output = (weights @ cells[2]).flatten(-3, -2)[..., :n, :]
        return Part(logits.logsumexp(-1).flatten(-2)[..., :n], output)

    def _far(self, query: Tensor, regions: _Summary, scoring: Scoring) -> Part:
        """Attention to the other blocks as regions, (..., h, n)."""
        held = regions.mass > 0
        offset = self.mass.offset(torch.where(held, regions.mass, 1.0))  # (..., h or 1, g)
        logits = query @ regions.key.transpose(-2, -1) + offset.unsqueeze(-2).to(query.dtype)
        allowed = self._visible(scoring, query.device) & held[..., None, None, :]
        logits = torch.where(allowed, logits, lowest_mass(logits.dtype))
        weights = torch.where(allowed, logits.softmax(-1), 0.0)
        return Part(logits.logsumexp(-1), weights @ regions.value)

    def _visible(self, scoring: Scoring, device: torch.device) -> Tensor:
        """Which regions a row sees, (n, g): not its own, and no later one if causal."""
        n = scoring.patch.n
        own = torch.arange(n, device=device)[:, None] // self.block
        regions = torch.arange(-(-n // self.block), device=device)
        return regions < own if _is_causal(scoring) else regions != own

    def _summary(self, key: Tensor, value: Tensor, masses: Tensor) -> _Summary:
        held = _cells(masses.unsqueeze(-1), self.block)  # (..., g, block, 1)
        total = held.sum((-2, -1))
        inner = (held / torch.where(total > 0, total, 1.0)[..., None, None]).unsqueeze(-4)
        mean = [(_cells(part, self.block) * inner).sum(-2) for part in (key, value)]
        return _Summary(mean[0], mean[1], total)


def _cells(rows: Tensor, block: int) -> Tensor:
    """Rows (..., n, c) in blocks (..., g, block, c), the last filled up with zeros."""
    missing = -rows.shape[-2] % block
    padded = nn.functional.pad(rows, (0, 0, 0, missing)) if missing else rows
    cells: Tensor = torch.unflatten(padded, -2, (-1, block))
    return cells


def _is_causal(scoring: Scoring) -> bool:
    return any(isinstance(mask, Causal) for mask in single(scoring.mask))
