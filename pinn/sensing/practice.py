"""Training data of a filter: pieces of the record with noise and silent sensors, always fresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.sensing.record import Corruption
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.sensing.baselines import Setup
    from pinn.sensing.filter import SensorFilter
    from pinn.sensing.record import Record

SELECTED_BY = (
    Corruption(),
    Corruption(0.01, 1),
    Corruption(0.03),
    Corruption(0.03, 2),
    Corruption(0.05),
)
"""Under which a network is selected: what sensors do, from clean to poor."""


@dataclass(frozen=True)
class Schedule:
    """Schedule of the training of a filter.

    Args:
        batch: pieces of the record a step.
        length: frames of a piece.
        rate: largest learning rate.
        quietest, noisiest: of the noise, whose logarithm is drawn evenly between them.
        clean: share of pieces without noise.
        failing: largest share of sensors that are silent in a piece.
        dropping: largest share of readings that are missing here and there.
        steps: after which training ends, in place of the budget: the same numbers twice. 0 goes by
            the budget.
    """

    batch: int = 16
    length: int = 48
    rate: float = 3e-3
    quietest: float = 1e-4
    noisiest: float = 0.1
    clean: float = 0.2
    failing: float = 0.3
    dropping: float = 0.1
    steps: int = 0

    def __post_init__(self) -> None:
        shares = (self.clean, self.failing, self.dropping)
        good = self.batch >= 1 and self.length >= 2 and self.steps >= 0 and 0 < self.rate < 1
        if not good or not all(0 <= share < 1 for share in shares):
            raise UsageError(
                "learn wake-sensors: needs batch >= 1, length >= 2, steps >= 0, 0 < rate < 1 and "
                f"shares in [0, 1); got {self}."
            )
        if not 0 < self.quietest <= self.noisiest < 1:
            raise UsageError(
                "learn wake-sensors: needs 0 < quietest <= noisiest < 1, in sizes of the "
                f"velocities; got {self.quietest:g} and {self.noisiest:g}."
            )


class Practice:
    """The squared error of fresh pieces, over that of the best linear estimate frame by frame.

    Each piece counts alike, whatever its noise: a ratio below 1 is what the past is worth.

    Args:
        network: that is trained.
        setup: modes and sensors.
        early: part of the record that is learned from.
        fitted: frames of it that steps are taken on; those that follow select the network, which
            has read the frames before them by then.
        schedule: sizes and corruption.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        network: SensorFilter,
        setup: Setup,
        early: Record,
        fitted: int,
        schedule: Schedule,
        seed: int,
    ) -> None:
        self._network, self._schedule, self._sensors = network, schedule, len(setup.sensors)
        self._generator = torch.Generator().manual_seed(seed)
        self._sizes = torch.from_numpy(setup.modes.sizes.copy())
        fit = early.part(0, fitted)
        self._clean = self._rows(setup, fit, Corruption(), 0)[0]
        self._targets = torch.from_numpy(setup.modes.coefficients(fit)) / self._sizes
        self._length = min(schedule.length, fit.frames)
        selection = early.part(fitted - self._length)
        drawn = [self._rows(setup, selection, c, seed + i) for i, c in enumerate(SELECTED_BY)]
        self._values, self._present = (torch.stack(part) for part in zip(*drawn, strict=True))
        self._wanted = torch.from_numpy(setup.modes.coefficients(selection)) / self._sizes

    @staticmethod
    def _rows(
        setup: Setup, record: Record, corruption: Corruption, seed: int
    ) -> tuple[Tensor, Tensor]:
        readings = corruption.read(record, setup.sensors, setup.modes.reading_size, seed)
        values, present = setup.rows(readings)
        mean, _ = setup.seen()
        return torch.from_numpy(values - mean), torch.from_numpy(present)

    def __call__(self) -> Tensor:
        """The loss of one step."""
        s, g = self._schedule, self._generator
        count = len(self._clean) - self._length + 1
        start = torch.randint(count, (s.batch,), generator=g)
        frames = start[:, None] + torch.arange(self._length)
        values, present = self._clean[frames], self._absent(s.batch)
        # A record holds few beginnings, whose phases a network would learn by heart: all sensors
        # are silent for up to half of a piece, and it begins anywhere.
        begun = torch.arange(self._length) >= self._length / 2 * self._uniform(s.batch, 1)
        present &= begun[..., None]
        low, high = torch.tensor([s.quietest, s.noisiest]).double().log()
        noise = (low + (high - low) * self._uniform(s.batch)).exp()
        noise = torch.where(self._uniform(s.batch) < s.clean, 0.0, noise)
        values = values + noise[:, None, None] * torch.randn(
            values.shape, generator=g, dtype=torch.float64
        )
        return self._ratio(values, present, self._targets[frames], begun)

    def validation(self) -> float:
        """The loss on the part that selects, under fixed corruption."""
        with torch.no_grad():
            wanted = self._wanted.expand(len(SELECTED_BY), -1, -1)
            counted = torch.arange(wanted.shape[1]) >= self._length
            return float(self._ratio(self._values, self._present, wanted, counted))

    def _absent(self, batch: int) -> Tensor:
        """Which readings are there, (b, n, 2 m): sensors fail for a piece, or now and then."""
        s, m, n = self._schedule, self._sensors, self._length
        failed = self._uniform(batch, m) < s.failing * self._uniform(batch, 1)
        lost = self._uniform(batch, n, m) < s.dropping * self._uniform(batch, 1, 1)
        return ~(failed[:, None] | lost).repeat_interleave(2, -1)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator, dtype=torch.float64)

    def _ratio(self, values: Tensor, present: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
        # What is drawn is drawn alike everywhere, and then goes to the network.
        device = next(self._network.parameters()).device
        values, present, wanted, counted = (
            part.to(device) for part in (values, present, wanted, counted)
        )
        found, alone, _ = self._network(values, present)
        sizes = self._sizes.to(device)
        gap, worst = (
            (((one - wanted) * sizes).square().sum(2) * counted).sum(1) for one in (found, alone)
        )
        ratio: Tensor = (gap / worst.clamp(min=1e-300)).mean()
        return ratio
