"""Learning of a filter for a few sensors from the record of a flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.families.training import Fit, Limit, train
from pinn.jets.memory import kept_memory
from pinn.sensing.baselines import Setup
from pinn.sensing.filter import SensorFilter, Sizes
from pinn.sensing.modes import Modes
from pinn.sensing.practice import Practice, Schedule
from pinn.sensing.record import Record
from pinn.sensing.sensed import SensedFlow
from sciformer.errors import UsageError
from sciformer.runs.clock import clock_of
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.data.flow import FlowData

BUDGET = 60.0  # seconds of CPU time
FIRST = 0.6
"""Of the record that is learned from: the later part is only tested on."""
FITTED = 0.75
"""Of the first part that steps are taken on: the rest selects, for the baselines as well."""


def wake_record(data: FlowData | Path | str | None = None) -> Record:
    """The record of a flow: the package's own wake, or one from a file such as Raissi's.

    Args:
        data: snapshots, or a file as `pinn.data.files.load_flow` reads it; None is the own wake.

    Raises:
        DataError: a file that is not a flow, or snapshots in unequal steps.
    """
    from pinn.data.embedded import embedded_wake_data
    from pinn.data.files import load_flow

    if data is None:
        return Record.of(embedded_wake_data())
    return Record.of(load_flow(data) if isinstance(data, (str, Path)) else data)


def learn_sensors(
    record: Record | None = None,
    *,
    sensors: int | NDArray[np.float64] = 16,
    sizes: Sizes | None = None,
    first: float = FIRST,
    budget: float = BUDGET,
    seed: int = 0,
    schedule: Schedule | None = None,
    device: torch.device | str = "cpu",
    observe: Callable[[float, dict[str, float]], None] = lambda share, metrics: None,
) -> SensedFlow:
    """Learns to reconstruct u, v, p at any point from the stream of a few velocity sensors.

        sensed = learn_sensors(sensors=16, budget=60)
        stream = sensed.stream(points)
        fields = stream.push(frame)

    Args:
        record: of the flow; by default the package's own wake.
        sensors: how many, at points of the record by chance; or their places (m, 2).
        sizes: of the network, its mixer among them.
        first: share of the record that is learned from.
        budget: seconds of CPU time of this process; on an accelerator by the clock on the wall.
        seed: of the sensors, the network and all that is drawn.
        schedule: how it is trained.
        device: where it is trained; the stream itself runs on the CPU.
        observe: called with the share of the budget spent and metrics.

    Raises:
        UsageError: a budget or a share outside its range, or a mixer that reads later frames.
        DataError: a record that is too short, or sensors that do not fit it.
        ConvergenceError: the loss stopped being finite.

    Ctrl-C ends the training early: the best network so far is returned, and
    `about["is_interrupted"]` is true.
    """
    record = wake_record() if record is None else record
    sizes, schedule = sizes or Sizes(), schedule or Schedule()
    if not 0 < budget < float("inf"):
        raise UsageError(f"learn wake-sensors: the budget must be > 0 seconds; got {budget:g}.")
    place = torch.device(device)
    clock = clock_of(place, whole_process=True)
    begun = clock()
    early, _ = record.split(first)
    places = (
        record.random_sensors(sensors, seed)
        if isinstance(sensors, (int, np.integer))
        else record.sensors_at(sensors)
    )
    setup = Setup(Modes.of(early), places)
    with limit_threads(1), kept_memory():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = SensorFilter(whitened(setup), sizes, early.frames).to(place)
        fitted = round(FITTED * early.frames)
        practice = Practice(network, setup, early, fitted, schedule, seed)
        fit = Fit("wake-sensors", network, practice, practice.validation)
        limit = Limit(max(budget - (clock() - begun), 0.1 * budget), schedule.steps)
        history = train(fit, schedule.rate, limit, observe)
    about: dict[str, Any] = {
        "record": record.name,
        "frames": early.frames,
        "step": record.step,
        "first": first,
        "seed": seed,
        "budget": budget,
        "sizes": asdict(sizes),
        "schedule": asdict(schedule),
        "optimiser": history.optimiser,
        "steps": history.steps,
        "validation": min(point[3] for point in history.curve),
        "curve": [list(point) for point in history.curve],
        "is_interrupted": history.is_interrupted,
        "train_seconds": clock() - begun,
    }
    return SensedFlow(setup, network.cpu(), about)


def whitened(setup: Setup) -> torch.Tensor:
    """The readings of modes of unit size, (2 m, r)."""
    _, modes = setup.seen()
    return torch.from_numpy(modes * setup.modes.sizes)
