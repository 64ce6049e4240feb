"""Sums of waves by a table of places and times are those point by point."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn.families.lattice import Lattice
from pinn.families.registry import find_family
from pinn.families.solutions import GRID, grid
from pinn.families.starts import find_start
from pinn.families.where import Where
from pinn.jets import Jet, Operators


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("rows", [1, 3])
def test_both_ways_are_the_sum_by_loops(dtype: torch.dtype, rows: int) -> None:
    """Kills: places and times exchanged, a table of another order, a real part taken early."""
    torch.manual_seed(0)
    is_real = dtype == torch.float64
    amplitude = torch.randn(3, 4, dtype=dtype)

    def wave(x: Tensor) -> Tensor:
        return torch.stack([(k * x).sin() + k for k in range(4)], -1).to(dtype) * (
            2 if is_real else 2j
        )

    def grown(t: Tensor) -> Tensor:
        return torch.stack([(1 + b + t)[:, None] ** torch.arange(4) for b in range(rows)]).to(dtype)

    on_grid = torch.cartesian_prod(torch.rand(5).double(), torch.rand(3).double())
    scattered = torch.rand(15, 2).double()
    for points, is_table in ((on_grid[torch.randperm(15)], True), (scattered, False)):
        x, t = points.unbind(1)
        lattice = Lattice.of(x, t)
        assert (lattice.index is not None) is is_table
        found = lattice.summed(amplitude, wave(lattice.x), grown(lattice.t))
        waves, growths = wave(x), grown(t).expand(3, -1, -1)
        for b in range(3):
            for i in range(15):
                one = sum(amplitude[b, k] * waves[i, k] * growths[b, i, k] for k in range(4))
                torch.testing.assert_close(found[b, i], torch.as_tensor(one).real)
        torch.testing.assert_close(lattice.along_x(lattice.x[None] ** 2)[0], x**2)


@pytest.mark.parametrize("name", ["diffusion-reaction-family", "heat-family"])
def test_starts_are_the_same_on_a_grid_and_alone(name: str) -> None:
    """With derivatives. Kills: values of distinct places that are not spread over the points."""
    family = find_family(name)
    start, members = find_start("linear-flow", family), family.draw(2, 1)
    operators = Operators("xt", ["x", "t", "xx"])
    points = grid(family).reshape(*GRID, 2)[::9, ::6].reshape(-1, 2)
    [found], _ = start(members, Where(points, operators))
    assert isinstance(found, Jet)
    for i, point in enumerate(points):
        [alone], _ = start(members, Where(point[None], operators))
        for word in ("1", "x", "t", "xx"):
            one, other = found.derivative(word)[i], alone.derivative(word)[0]
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
