"""Noise level of the readings of a stream, found in the stream itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from sciformer.hardware import hardware

if TYPE_CHECKING:
    from torch import Tensor

FINEST, COARSEST, PER_DECADE = 1e-5, 1.0, 8
"""Levels in sizes of the velocities: from the digits of data to noise as large as the signal."""
FORGETTING = 0.98
"""Of the evidence, from frame to frame: a level that changes is followed within 50 frames."""


class NoiseLevel(nn.Module):
    """The posterior mean of log sigma for y = H a + sigma e, where a and e are standard normal.

    log p(y | sigma) = - 1/2 sum_k [log(mu_k + sigma^2) + z_k^2 / (mu_k + sigma^2)],
    z = U^T y,   H H^T = U diag(mu) U^T over the readings that are there,

    summed over frames with forgetting, on a fixed ladder of sigma. What the modes leave of the flow
    counts as noise.

    Args:
        seen: H, (k, r).

    Source: empirical Bayes, e.g. Bishop 2006, section 3.5; the ladder is ours.
    """

    seen: Tensor
    levels: Tensor

    def __init__(self, seen: Tensor) -> None:
        super().__init__()
        count = round(PER_DECADE * math.log10(COARSEST / FINEST)) + 1
        levels = torch.logspace(math.log10(FINEST), math.log10(COARSEST), count).double()
        self.register_buffer("seen", seen, persistent=False)
        self.register_buffer("levels", levels.log(), persistent=False)
        self._known: dict[bytes, tuple[Tensor, Tensor]] = {}

    def init_state(self, batch: int) -> Tensor:
        """Evidence before the first frame, (b, levels)."""
        return self.levels.new_zeros(batch, len(self.levels))

    @torch.no_grad()
    def evidence(self, values: Tensor, present: Tensor) -> Tensor:
        """log p of each level up to a constant, (..., levels), from readings (..., k)."""
        flat, masks = values.reshape(-1, values.shape[-1]), present.reshape(-1, values.shape[-1])
        kinds, which = torch.unique(masks, dim=0, return_inverse=True)
        if hardware(flat.device).prefers_few_launches:
            return self._at_once(flat * masks, kinds, which).reshape(*values.shape[:-1], -1)
        found = flat.new_empty(len(flat), len(self.levels))
        variance = (2 * self.levels).exp()
        for i, mask in enumerate(kinds):
            rows = which == i
            turn, mu = self._spectrum(mask)
            spread = mu[:, None] + variance  # (k', levels)
            part = flat[rows][:, mask] @ turn
            found[rows] = -0.5 * (spread.log().sum(0) + part.square() @ (1 / spread))
        return found.reshape(*values.shape[:-1], -1)

    def _at_once(self, flat: Tensor, kinds: Tensor, which: Tensor) -> Tensor:
        """The same for all patterns (p, k) of readings together.

        A reading that is not there is one of H a = 0 and y = 0, whose log p is taken out again.
        """
        seen = self.seen * kinds[..., None]
        mu, turn = torch.linalg.eigh(seen @ seen.mT)
        variance = (2 * self.levels).exp()
        spread = mu.clamp(min=0.0)[..., None] + variance  # (p, k, levels)
        missing = (~kinds).sum(1, keepdim=True) * variance.log()
        z = (flat[:, None] @ turn[which])[:, 0]
        squares = (z.square()[:, None] @ (1 / spread)[which])[:, 0]
        found: Tensor = -0.5 * ((spread.log().sum(1) - missing)[which] + squares)
        return found

    def _spectrum(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """U (k', k') and mu (k',) of the readings that are there."""
        key = mask.numpy().tobytes()
        if key not in self._known:
            if len(self._known) >= 1024:  # sensors that come and go make few patterns
                self._known.clear()
            rows = self.seen[mask]
            mu, turn = torch.linalg.eigh(rows @ rows.T)
            self._known[key] = turn, mu.clamp(min=0.0)
        return self._known[key]

    def update(self, state: Tensor, evidence: Tensor) -> Tensor:
        """The evidence after one more frame."""
        return FORGETTING * state + evidence

    def whole(self, state: Tensor, evidence: Tensor) -> Tensor:
        """The evidence after each of n frames, (b, n, levels)."""
        found = []
        for frame in evidence.unbind(1):
            state = self.update(state, frame)
            found.append(state)
        return torch.stack(found, 1)

    def sigma(self, state: Tensor) -> Tensor:
        """exp of the posterior mean of log sigma, (...)."""
        shares = torch.softmax(state, -1)
        return (shares @ self.levels).exp()
