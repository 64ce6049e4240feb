"""Sums of waves at points, which cost a table of places and times where points share them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.hardware import hardware

# Points of a table for each point that is asked for, up to which the table is cheaper: waves and
# decays are computed for each place and time instead of for each point, a hundred times as often.
MOST = 2


@dataclass(frozen=True)
class Lattice:
    """Points (x, t) of few distinct places and times, or points one by one.

    Attributes:
        x: places.
        t: times.
        index: the place and the time of each point; None where place i and time i are point i.
    """

    x: Tensor
    t: Tensor
    index: tuple[Tensor, Tensor] | None

    @classmethod
    def of(cls, x: Tensor, t: Tensor) -> Lattice:
        """The lattice of points with coordinates x (q,) and t (q,)."""
        if hardware(x.device).prefers_few_launches:  # what is distinct would be waited for
            return cls(x, t, None)
        (places, of_place), (times, of_time) = (
            torch.unique(column, return_inverse=True) for column in (x, t)
        )
        if len(places) * len(times) > MOST * len(x):
            return cls(x, t, None)
        return cls(places, times, (of_place, of_time))

    def summed(self, amplitude: Tensor, wave: Tensor, grown: Tensor) -> Tensor:
        """Re sum_k amplitude_k wave_k(x) grown_k(t) at all points, (b, q).

        Args:
            amplitude: (b, k).
            wave: of the places, (x, k).
            grown: of the times, (b or 1, t, k).
        """
        dtype = amplitude.dtype
        if self.index is not None:
            table = (amplitude[:, None, :] * wave.to(dtype)) @ grown.to(dtype).mT  # (b, x, t)
            found = table[:, self.index[0], self.index[1]]
        elif len(grown) == 1:
            found = amplitude @ (wave * grown[0]).to(dtype).mT
        else:
            found = torch.einsum("bk,bqk->bq", amplitude, (wave * grown).to(dtype))
        return found.real if found.is_complex() else found

    def along_x(self, values: Tensor) -> Tensor:
        """Values (b, x) of the places, at all points, (b, q)."""
        return values if self.index is None else values[:, self.index[0]]
