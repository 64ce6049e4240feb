"""Pieces that a filter is trained on: where they come from, their noise and what is silent."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pinn.sensing.baselines import Setup
from pinn.sensing.filter import SensorFilter
from pinn.sensing.learning import whitened
from pinn.sensing.modes import Modes
from pinn.sensing.practice import SELECTED_BY, Practice, Schedule
from pinn.sensing.record import Corruption, Record
from tests.pinn.sensing.conftest import SMALL

FITTED = 36
SCHEDULE = Schedule(batch=600, length=20, quietest=1e-3, noisiest=0.1, failing=0.4, dropping=0.2)


class Told(torch.nn.Module):
    """A network that keeps what it is told; its answers are 0."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.unused, self._rank = torch.nn.Parameter(torch.zeros(1)), rank
        self.told: list[tuple[Tensor, Tensor]] = []

    def forward(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor, None]:
        self.told.append((values, present))
        nothing = torch.zeros(*values.shape[:2], self._rank, dtype=torch.float64)
        return nothing, nothing, None


@pytest.fixture(scope="module")
def early(record: Record) -> Record:
    return record.split(0.6)[0]


@pytest.fixture(scope="module")
def setup(early: Record) -> Setup:
    return Setup(Modes.of(early), early.random_sensors(6, 0))


@pytest.fixture(scope="module")
def pieces(early: Record, setup: Setup) -> tuple[Any, Tensor, Tensor, Tensor]:
    """Values, what is there, and the noise of 600 pieces, by the clean pieces nearest to them."""
    network = Told(4)
    practice = Practice(network, setup, early, FITTED, SCHEDULE, 3)  # type: ignore[arg-type]
    assert float(practice()) == pytest.approx(1.0, rel=1e-12)
    values, present = network.told[0]
    start, clean = begins(values, early, setup)
    return start, values, present, values - clean


def begins(values: Tensor, early: Record, setup: Setup) -> tuple[Tensor, Tensor]:
    """The first frame of each noisy piece, and the piece without noise, by the nearest one."""
    mean, _ = setup.seen()
    readings = Corruption().read(early.part(0, FITTED), setup.sensors, setup.modes.reading_size, 0)
    clean = torch.from_numpy(setup.rows(readings)[0] - mean)
    windows = clean.unfold(0, values.shape[1], 1).mT  # (starts, length, 2 m)
    start = (values[:, None] - windows).flatten(2).norm(dim=2).argmin(1)
    return start, windows[start]


def test_pieces_begin_anywhere_in_the_part_that_is_fitted(pieces: Any) -> None:
    """Kills: frames that select among those of a step, the last beginning left out."""
    start, values, present, _ = pieces
    assert values.shape == present.shape == (600, 20, 12)
    assert set(start.tolist()) == set(range(FITTED - SCHEDULE.length + 1))


def test_noise_is_even_in_its_logarithm_and_a_share_is_clean(pieces: Any) -> None:
    """Kills: noise of another size for each reading, evenly drawn deviations, no clean pieces."""
    _, _, _, noise = pieces
    spread = noise.flatten(1).std(1)
    clean = spread < 1e-9
    assert float(clean.double().mean()) == pytest.approx(SCHEDULE.clean, abs=0.05)
    logs = spread[~clean].log10()
    assert float(logs.min()) == pytest.approx(-3, abs=0.1)
    assert float(logs.max()) == pytest.approx(-1, abs=0.1)
    assert float(logs.mean()) == pytest.approx(-2, abs=0.1)
    assert float((logs < -2).double().mean()) == pytest.approx(0.5, abs=0.07)


def test_sensors_are_silent_together_at_first_for_good_or_now_and_then(pieces: Any) -> None:
    """Both velocities of a sensor, up to half of a piece at its beginning, up to .4 of the sensors
    throughout (.2 on average), and up to .2 of the readings (.1) among the others.

    Kills: u silent without v, a beginning in the middle, shares that are taken for halves.
    """
    _, _, present, _ = pieces
    assert torch.equal(present[..., ::2], present[..., 1::2])
    there = present[..., ::2]
    late = there[:, SCHEDULE.length // 2 :]
    failed = ~late.any(1)  # ten frames in a row are missed by chance once in 10^7
    assert float(failed.double().mean()) == pytest.approx(0.2, abs=0.03)
    others = late.movedim(1, 2)[~failed]
    assert float(others.double().mean()) == pytest.approx(0.9, abs=0.02)
    begun = there.any(2).double().argmax(1).double()
    assert float(begun.max()) <= SCHEDULE.length / 2 + 2
    assert float(begun.mean()) == pytest.approx(SCHEDULE.length / 4, abs=1.0)


def test_the_selection_follows_the_fit_and_counts_none_of_its_frames(
    early: Record, setup: Setup
) -> None:
    """Kills: frames of the fit that select, corruption that changes with each look."""
    network = Told(4)
    practice = Practice(network, setup, early, FITTED, SCHEDULE, 3)  # type: ignore[arg-type]
    assert practice.validation() == pytest.approx(1.0, rel=1e-12)
    practice.validation()
    (values, present), (again, _) = network.told
    assert values.shape == (len(SELECTED_BY), early.frames - FITTED + SCHEDULE.length, 12)
    assert torch.equal(torch.nan_to_num(values), torch.nan_to_num(again))
    silent = (~present).all(1).sum(1).tolist()
    assert silent == [2 * corruption.failed for corruption in SELECTED_BY]

    class Fitted(Told):
        """Wrong only where the fit lies: half a piece before the selection."""

        def forward(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor, None]:
            found, alone, state = super().forward(values, present)
            found = found.clone()
            found[:, : SCHEDULE.length] = 100.0
            return found, alone, state

    unfair = Practice(Fitted(4), setup, early, FITTED, SCHEDULE, 3)  # type: ignore[arg-type]
    assert unfair.validation() == pytest.approx(1.0, rel=1e-12)


def test_the_loss_is_the_error_over_that_of_single_frames(early: Record, setup: Setup) -> None:
    """In units of the data: a mode counts by its size. Kills: modes of unit size, a ratio upside
    down, a piece of much noise that counts for more."""
    schedule = Schedule(batch=5, length=20)
    wanted = setup.modes.coefficients(early.part(0, FITTED)) / setup.modes.sizes

    class Half(Told):
        """Right in all but the first mode from the whole, wrong in all from a single frame."""

        def forward(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor, None]:
            _, nothing, state = super().forward(values, present)
            start, _ = begins(values, early, setup)
            frames = start[:, None] + torch.arange(schedule.length)
            found = torch.from_numpy(wanted)[frames].clone()
            found[..., 0] = 0.0
            return found, nothing, state

    loss = float(Practice(Half(4), setup, early, FITTED, schedule, 3)())  # type: ignore[arg-type]
    shares = setup.modes.sizes**2 / (setup.modes.sizes**2).sum()
    # The first two modes turn into each other within a period; a piece holds most of one.
    assert loss == pytest.approx(shares[0], rel=0.35)
    assert shares[0] < 0.8
    network = SensorFilter(whitened(setup), SMALL, early.frames)
    untrained = Practice(network, setup, early, FITTED, schedule, 3)()
    assert float(untrained.detach()) == pytest.approx(1.0)
