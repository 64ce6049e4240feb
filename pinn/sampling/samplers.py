"""Collocation points and the weights that keep the objective an integral over the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinn.geometry.base import Region

    Evaluate = Callable[[Tensor], Tensor]
    # Points (p, c) for points of the unit cube, and their density (p,) there.
    Place = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Sample:
    """Points (p, c) and weights (p,) of mean 1: sum(weights * g(points)) / p estimates mean(g)."""

    points: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.points)

    def to(self, device: torch.device) -> Sample:
        """A copy of the sample on a device."""
        return Sample(self.points.to(device), self.weights.to(device))


@dataclass(frozen=True)
class Current:
    """State that a sampler may look at: the fields (p, f) and the size of the residual (p,)."""

    fields: Evaluate
    residual: Evaluate


class Sampler(Protocol):
    """Draws collocation points; `state` and `restore` make a resumed run draw the same ones."""

    def draw(self, count: int, current: Current) -> Sample:
        """The next `count` points."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next draw depends on, as tensors and plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        ...


class UniformSobol:
    """Uniform points from one scrambled Sobol sequence, continued from draw to draw.

    Args:
        region: where the points lie; points of the cube that fall beside it are skipped.
        seed: of the scrambling.
        dtype: of the points.

    Source: Sobol 1967 with Owen's scrambling, by `torch.quasirandom.SobolEngine`.
    """

    def __init__(self, region: Region, seed: int, dtype: torch.dtype = torch.float64) -> None:
        self.region, self.seed, self.dtype = region, seed, dtype
        self._drawn = 0
        self._engine = self._fresh()

    def draw(self, count: int, current: Current | None = None) -> Sample:
        """Equally weighted points."""
        return self.fill(count, self.place)

    def place(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Points of the cube spread over the region, and their density 1."""
        return self.region.from_unit(unit), torch.ones_like(unit[:, 0])

    def fill(self, count: int, place: Place) -> Sample:
        """The next `count` placed points that belong to the region, weighted by 1/density.

        Raises:
            DomainError: hardly any placed point does.
        """
        points, density = self.inside(*place(self.unit(count)))
        drawn = count
        while len(points) < count:
            self.region.refuse_thin(len(points), drawn)
            drawn += count
            more, theirs = self.inside(*place(self.unit(count)))
            points, density = torch.cat([points, more]), torch.cat([density, theirs])
        return weighted(points[:count], density[:count])

    def inside(self, points: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
        """The points that belong to the region."""
        belong = self.region.contains(points)
        return points[belong], density[belong]

    def unit(self, count: int) -> Tensor:
        """The next points (count, c) of the unit cube."""
        self._drawn += count
        drawn: Tensor = self._engine.draw(count, dtype=torch.float64)
        return drawn.to(self.dtype)

    def state(self) -> dict[str, Any]:
        """Number of points drawn so far."""
        return {"drawn": self._drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Skips what had been drawn."""
        self._engine, self._drawn = self._fresh(), int(state["drawn"])
        if self._drawn:
            self._engine.fast_forward(self._drawn)

    def _fresh(self) -> Any:
        engine: type[Any] = torch.quasirandom.SobolEngine
        return engine(self.region.dimension, scramble=True, seed=self.seed)


class ResidualImportance:
    """Points drawn where the residual is large, weighted by the inverse of their probability.

    Of a pool of candidates, each is taken with probability min(1, c q),
    q = 1/2 + 1/2 (s + floor) / mean(s + floor), s = |r| / mean|r|, and weighted by its inverse; c
    makes the expected number the one asked for, and systematic sampling makes it exact. Without
    the weights every draw has another objective, and the error bounces.

    Args:
        uniform: where the candidates come from.
        seed: of the draw among the candidates.
        pool: candidates for each point drawn.
        floor: added to the relative residual, so that no region is abandoned.

    Source: the density of RAD, Wu et al. 2023, with k = 1 and c = floor; weights after Horvitz,
        Thompson 1952; systematic sampling after Madow 1949.
    Deviates: half of the density is uniform, and the use of the weights here is ours.
    """

    def __init__(
        self, uniform: UniformSobol, seed: int = 0, *, pool: int = 3, floor: float = 0.5
    ) -> None:
        self._uniform, self._pool, self._floor = uniform, pool, floor
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, count: int, current: Current) -> Sample:
        """Weighted points, all different, from `pool * count` candidates."""
        candidates = self._uniform.draw(self._pool * count).points
        size = current.residual(candidates)
        relative = _relative(size, self._floor)
        probability = _inclusion(0.5 + 0.5 * relative / relative.mean(), count)
        offset = torch.rand((), generator=self._generator, dtype=size.dtype)
        ticks = torch.arange(count, dtype=size.dtype) + offset
        chosen = torch.searchsorted(probability.cumsum(0), ticks).clamp_max(len(candidates) - 1)
        return weighted(candidates[chosen], probability[chosen])

    def state(self) -> dict[str, Any]:
        """Positions of the Sobol sequence and of the random generator."""
        return {"uniform": self._uniform.state(), "generator": self._generator.get_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._uniform.restore(state["uniform"])
        self._generator.set_state(state["generator"])


class WarpedSobol:
    """Sobol points pushed together along one coordinate where the fields vary quickly.

    Along each line in the direction of `axis`, the density is
    q = floor + (1 - floor) m / mean(m), m = |difference of the fields over a cell|,
    smoothed over five cells; points are drawn by inverse transform and weighted by 1/q. Unlike
    random draws, the points keep the even spacing of the Sobol sequence.

    Args:
        uniform: the sequence that is warped.
        seed: not used, because nothing but the sequence is random.
        axis: the coordinate that is warped.
        floor: share of the density that stays uniform.
        cells: cells along the axis.
        lines: lines over all other coordinates together.
        every: the density is built anew at every `every`-th draw.

    Source: equidistribution by arc length as in moving meshes (de Boor 1974); its use for
        collocation points is ours.
    """

    def __init__(
        self,
        uniform: UniformSobol,
        seed: int = 0,
        *,
        axis: int = 0,
        floor: float = 0.4,
        cells: int = 512,
        lines: int = 64,
        every: int = 4,
    ) -> None:
        self._uniform, self._axis, self._floor = uniform, axis, floor
        self._cells, self._every, self._draws = cells, every, 0
        others = uniform.region.dimension - 1
        self._bins = max(1, round(lines ** (1 / others))) if others else 1
        self._density = torch.ones(self._bins**others, cells, dtype=uniform.dtype)

    def draw(self, count: int, current: Current) -> Sample:
        """Weighted points of the warped sequence."""
        if self._draws % self._every == 0:
            self._density = self._build(current)
        self._draws += 1
        return self._uniform.fill(count, self.place)

    def place(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Moves points of the cube along the axis by the inverse of the density's integral."""
        density = self._density
        mass = torch.nn.functional.pad(density.cumsum(1), (1, 0)) / density.sum(1, keepdim=True)
        line = self._line(unit)
        position = unit[:, self._axis : self._axis + 1].contiguous()
        rows = mass[line]
        cell = (torch.searchsorted(rows, position, right=True) - 1).clamp(0, self._cells - 1)
        left, right = rows.gather(1, cell), rows.gather(1, cell + 1)
        inside = ((position - left) / (right - left)).clamp(0, 1)
        moved = unit.clone()
        moved[:, self._axis] = ((cell + inside) / self._cells)[:, 0]
        here = density[line].gather(1, cell)[:, 0]
        return self._uniform.region.from_unit(moved), here

    def state(self) -> dict[str, Any]:
        """Position of the sequence, number of draws, and the present density."""
        return {
            "uniform": self._uniform.state(),
            "draws": self._draws,
            "density": self._density,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._uniform.restore(state["uniform"])
        self._draws, self._density = int(state["draws"]), state["density"]

    def _line(self, unit: Tensor) -> Tensor:
        """Index of the line that each point lies on, (p,)."""
        line = torch.zeros(len(unit), dtype=torch.long)
        for axis in range(unit.shape[1]):
            if axis != self._axis:
                bins = (unit[:, axis] * self._bins).long().clamp(0, self._bins - 1)
                line = line * self._bins + bins
        return line

    def _build(self, current: Current) -> Tensor:
        centres = (torch.arange(self._bins, dtype=self._density.dtype) + 0.5) / self._bins
        ends = torch.linspace(0, 1, self._cells + 1, dtype=self._density.dtype)
        others = self._uniform.region.dimension - 1
        grid = torch.cartesian_prod(*[centres] * others, ends).reshape(-1, others + 1)
        unit = torch.cat([grid[:, : self._axis], grid[:, -1:], grid[:, self._axis : -1]], dim=1)
        fields = current.fields(self._uniform.region.from_unit(unit))
        values = fields.reshape(-1, self._cells + 1, fields.shape[-1])
        change = values.diff(dim=1).abs().sum(-1)[:, None]
        monitor = torch.nn.functional.avg_pool1d(change, 5, 1, 2, count_include_pad=False)[:, 0]
        mean = monitor.mean(1, keepdim=True).clamp_min(torch.finfo(monitor.dtype).tiny)
        density = self._floor + (1 - self._floor) * monitor / mean
        return density / density.mean(1, keepdim=True)


def _inclusion(density: Tensor, count: int) -> Tensor:
    """min(1, c * density), with c such that the probabilities add up to `count`.

    Every pass makes another point certain or is the last, so that there are at most `count`.
    """
    certain = torch.zeros_like(density, dtype=torch.bool)
    probability = torch.ones_like(density)
    for _ in range(count + 1):
        rest = density.masked_fill(certain, 0)
        scaled = rest * ((count - certain.sum()) / rest.sum())
        probability = scaled.masked_fill(certain, 1)
        if bool((probability <= 1).all()):
            return probability
        certain = probability >= 1
    return probability.clamp_max(1)


def _relative(size: Tensor, floor: float) -> Tensor:
    """size / mean(size) + floor; even where all sizes are 0 or one of them is not finite."""
    mean = size.mean()
    usable = bool(torch.isfinite(mean)) and float(mean) > 0
    return size / mean + floor if usable else torch.ones_like(size)


def weighted(points: Tensor, density: Tensor) -> Sample:
    """Points drawn with a density, weighted by its inverse."""
    weights = 1 / density
    return Sample(points, weights / weights.mean())
