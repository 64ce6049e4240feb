"""Points that lie denser towards the faces of a box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pinn.sampling.samplers import UniformSobol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pinn.geometry.base import Region
    from pinn.sampling.samplers import Place, Sample


class DenserAtFaces(UniformSobol):
    """Sobol points x = (1 - cos pi v) / 2 along some coordinates of the cube, v uniform.

    Their density is q = prod 2 / (pi sin pi v). They are weighted by 1 / sqrt(q): 1 / q would count
    all parts of the box equally, 1 the faces most, and halfway errors were least, on the faces as
    within (Ethier-Steinman).

    Args:
        region: where the points lie; a box.
        seed: of the scrambling.
        axes: the coordinates that have faces.

    Source: least squares at points of the arcsine density, Cohen, Davenport, Leviatan 2013; the
        root of the weights is ours.
    """

    def __init__(self, region: Region, seed: int, axes: Sequence[int]) -> None:
        super().__init__(region, seed)
        self._axes = list(axes)

    def fill(self, count: int, place: Place) -> Sample:
        return super().fill(count, lambda unit: self._denser(unit, place))

    def _denser(self, unit: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        angle = math.pi * unit[:, self._axes]
        moved = unit.clone()
        moved[:, self._axes] = (1 - torch.cos(angle)) / 2
        points, density = place(moved)
        return points, density * (2 / math.pi / torch.sin(angle)).prod(1).sqrt()
