"""A small flow of known rank, and sensors that were learned from it within a few steps."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.data.flow import FlowData
from pinn.sensing.filter import Sizes
from pinn.sensing.learning import learn_sensors
from pinn.sensing.practice import Schedule
from pinn.sensing.record import Record
from pinn.sensing.sensed import SensedFlow

FRAMES, PERIOD = 80, 25.3
SMALL = Sizes(width=16, heads=2, order=4, window=12, channels=4)
FEW = Schedule(batch=4, length=24, steps=30)


def flow(
    pressure: bool = True,
    offset: float = 0.0,
    shape: tuple[int, int] = (12, 9),
    scattered: int = 0,
    period: float = PERIOD,
) -> FlowData:
    """A mean and two travelling waves, which are four modes, at points of a rectangle."""
    generator = np.random.default_rng(3)
    x, y = np.linspace(0.0, 3.0, shape[0]), np.linspace(-1.0, 1.0, shape[1])
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    if scattered:
        points = generator.uniform([0.0, -1.0], [3.0, 1.0], (scattered, 2))
    points = generator.permutation(points)
    time = 0.2 * np.arange(FRAMES) + offset
    phase = 2 * np.pi * np.arange(FRAMES) / period
    velocity = np.stack([field(points, phase, k) for k in range(2)], 1)
    return FlowData("flow", points, time, velocity, field(points, phase, 2) if pressure else None)


def field(points: np.ndarray, phase: np.ndarray, kind: int) -> np.ndarray:
    """The exact field u, v or p (p, n) at places and phases."""
    x, y = points[:, :1], points[:, 1:]
    first = np.cos(y * (1 + kind)) * np.cos(1.7 * x - phase + kind)
    second = 0.3 * np.sin((1 + kind) * y + 0.4) * np.sin(2.9 * x - 2 * phase)
    return 0.8 - 0.2 * y**2 + (0.5 + kind) * (first + second)


@pytest.fixture(scope="session")
def record() -> Record:
    """See `flow`."""
    return Record.of(flow())


@pytest.fixture(scope="session")
def sensed(record: Record) -> SensedFlow:
    """Six sensors and 30 steps."""
    return learn_sensors(record, sensors=6, sizes=SMALL, schedule=FEW, seed=1)
