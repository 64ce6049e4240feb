"""Points towards faces: where they lie, and what they weigh."""

from __future__ import annotations

import math

import torch

from pinn.geometry.box import Box
from pinn.sampling.faces import DenserAtFaces
from pinn.sampling.samplers import UniformSobol


def test_positions_have_the_arcsine_density_along_the_axes_alone() -> None:
    """Kills: a uniform density, a coordinate that is moved although it has no faces, points moved
    in units of the box."""
    box = Box(x=(-3, 1), y=(0, 5), t=(2, 3))
    points = DenserAtFaces(box, 0, (0, 2)).draw(4096).points
    unit = (points - torch.tensor(box.low)) / (torch.tensor(box.high) - torch.tensor(box.low))
    near = (unit < 0.1).double().mean(0).tolist()
    arcsine = math.acos(0.8) / math.pi
    for share, expected in zip(near, (arcsine, 0.1, arcsine), strict=True):
        assert abs(share - expected) < 0.005


def test_weights_are_the_inverse_root_of_the_density() -> None:
    """Kills: full weights, none, those of a coordinate left out, the density of a warp lost."""
    box = Box(x=(-3, 1), y=(0, 5), t=(2, 3))

    def place(unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        points, _ = UniformSobol(box, 0).place(unit)
        return points, 1 + unit[:, 1]

    sample = DenserAtFaces(box, 0, (0, 2)).fill(256, place)
    unit = (sample.points - torch.tensor(box.low)) / (
        torch.tensor(box.high) - torch.tensor(box.low)
    )
    x, y, t = unit.T
    expected = (x * (1 - x) * t * (1 - t)) ** 0.25 / (1 + y)
    torch.testing.assert_close(sample.weights, expected / expected.mean())
