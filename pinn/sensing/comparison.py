"""Comparison of a learned filter with gappy POD and linear stochastic estimation on the later
part.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.sensing.baselines import Estimator, GappyPOD, LinearEstimation, Setup, error
from pinn.sensing.learning import FITTED
from pinn.sensing.modes import Modes
from pinn.sensing.record import Corruption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.sensing.record import Record
    from pinn.sensing.sensed import SensedFlow

LEARNED, GAPPY, LINEAR, DELAYED = "learned", "gappy POD", "linear", "linear, 8 frames"
PAST = 8  # frames that the linear estimation with a past reads
EQUAL = 1.001  # ratio of errors that are called the same
POINTS = 512  # at which a frame is timed
TEST = 1_000_003
"""Seed of noise and failures on the later part; the choice of ranks and ridges uses 0, 1, 2."""


@dataclass(frozen=True)
class Outcome:
    """Errors of one method under one corruption of the readings.

    Attributes:
        method: its name.
        corruption: of the readings.
        total: root mean square over draws, frames, points and fields, over what changes in time.
        fields: the same by field.
        choice: what was chosen on the first part, in words.
    """

    method: str
    corruption: Corruption
    total: float
    fields: dict[str, float]
    choice: str = ""

    def summary(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return {
            "method": self.method,
            "noise": self.corruption.noise,
            "failed": self.corruption.failed,
            "error": self.total,
            "fields": self.fields,
            "choice": self.choice,
        }


def compare(
    sensed: SensedFlow, record: Record, corruptions: Sequence[Corruption], draws: int = 5
) -> list[Outcome]:
    """Errors on the later part of a record, all methods from the same readings.

    The baselines choose rank and ridge on the last quarter of the first part under the very
    corruption that they are tested on, and are then fitted to all of it. What was learned is given
    neither the noise nor that there is any; which sensors are silent all of them see.

    Args:
        sensed: learned from the first part.
        record: the whole.
        corruptions: of the readings.
        draws: of noise and failures, over which squares are averaged.
    """
    early, later = record.split(float(sensed.about["first"]))
    found = []
    for corruption in corruptions:
        methods = {LEARNED: (sensed, ""), **_baselines(sensed.setup, early, corruption)}
        readings = [
            corruption.read(later, sensed.setup.sensors, sensed.setup.modes.reading_size, TEST + i)
            for i in range(draws)
        ]
        for name, (method, choice) in methods.items():
            errors = [error(sensed.setup.modes, later, method(one)) for one in readings]
            fields = {n: _mean([e.fields[n] for e in errors]) for n in record.names}
            total = _mean([e.total for e in errors])
            found.append(Outcome(name, corruption, total, fields, choice))
    return found


def _baselines(
    setup: Setup, early: Record, corruption: Corruption
) -> dict[str, tuple[Estimator, str]]:
    fitted = round(FITTED * early.frames)
    fit, selection = early.part(0, fitted), early.part(fitted)
    part = Setup(Modes.of(fit), setup.sensors)
    rank = min(GappyPOD.chosen(part, selection, corruption).rank, len(setup.modes.sizes))
    found: dict[str, tuple[Estimator, str]] = {GAPPY: (GappyPOD(setup, rank), f"rank {rank}")}
    for name, delays in ((LINEAR, 1), (DELAYED, PAST)):
        one = LinearEstimation.chosen(part, fit, selection, corruption, delays)
        whole = LinearEstimation(setup, early, one.strength, delays)
        found[name] = (whole, f"ridge {one.strength:.0e}")
    return found


def gappy_pod(sensed: SensedFlow, record: Record, corruption: Corruption) -> Estimator:
    """Gappy POD as `compare` takes it."""
    early, _ = record.split(float(sensed.about["first"]))
    return _baselines(sensed.setup, early, corruption)[GAPPY][0]


def _mean(errors: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def milliseconds(sensed: SensedFlow, record: Record, seed: int = 0) -> float:
    """CPU time of a frame with answers at 512 points, the median over the later part."""
    points = record.points[np.random.default_rng(seed).integers(len(record.points), size=POINTS)]
    _, later = record.split(float(sensed.about["first"]))
    readings = Corruption(0.03).read(
        later, sensed.setup.sensors, sensed.setup.modes.reading_size, seed
    )
    stream = sensed.stream(points)
    spent = []
    for frame in readings.values:
        begun = time.process_time()
        stream.push(frame)
        spent.append(time.process_time() - begun)
    return 1e3 * float(np.median(spent))


def verdict(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Text that says where the learned filter is better than every baseline, and where it is not.

    "better" if it is so wherever readings are noisy, and no worse than gappy POD elsewhere;
    "not better" if some baseline is no worse under every noise; else "partly better".
    """
    reasons: list[str] = []
    noisy: list[bool] = []
    clean: list[bool] = []
    for corruption in dict.fromkeys(o.corruption for o in outcomes):
        here = {o.method: o.total for o in outcomes if o.corruption == corruption}
        own = here.pop(LEARNED)
        name = min(here, key=lambda method: here[method])
        wins = own < here[name]
        if corruption.noise:
            noisy.append(wins)
        else:
            clean.append(own <= here[GAPPY] * EQUAL)
        word = "better" if wins else "no better"
        reasons.append(
            f"{corruption}: {own:.2e}, {word} than {name} ({here[name]:.2e}, ratio "
            f"{own / max(here[name], 1e-300):.2f})"
        )
    if all(noisy) and all(clean):
        word = "better"
    else:
        word = "partly better" if any(noisy) else "not better"
    return {"verdict": word, "reasons": reasons}
