"""Verdicts on a claim, from limits that are written down before anything is measured."""

from __future__ import annotations

import enum
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Verdict(enum.Enum):
    """Verdict on a claim."""

    BETTER = "better"
    HOLDS = "holds"
    FAILS = "does not hold"
    SHORT = "not reached by this effort"
    UNTESTABLE = "not testable here"
    UNFINISHED = "not run yet"
    BROKEN = "did not run"


class Rule(Protocol):
    """A rule that judges measured values."""

    def judge(self, values: Sequence[float]) -> Verdict:
        """The verdict on the values of all seeds, at least one."""

    def ratio(self, value: float) -> float:
        """Ratio of a value to its limit: the claim holds below 1 and fails above."""

    def __str__(self) -> str:
        """The rule in a few words, for the table."""


@dataclass(frozen=True)
class AtMost:
    """Holds if the median over the seeds is at most `limit`; better if at most `better`.

    A median that is not a number never holds.
    """

    limit: float
    better: float = -math.inf

    def judge(self, values: Sequence[float]) -> Verdict:
        """The verdict on the values of all seeds."""
        median = statistics.median(values)
        return _graded(median <= self.better, median <= self.limit)

    def ratio(self, value: float) -> float:
        """The ratio value / limit."""
        return value / self.limit if self.limit else math.nan

    def __str__(self) -> str:
        return f"median ≤ {self.limit:g}" + _if_better("≤", self.better)


@dataclass(frozen=True)
class AtLeast:
    """Holds if the median over the seeds is at least `limit`; better if at least `better`."""

    limit: float
    better: float = math.inf

    def judge(self, values: Sequence[float]) -> Verdict:
        """The verdict on the values of all seeds."""
        median = statistics.median(values)
        return _graded(median >= self.better, median >= self.limit)

    def ratio(self, value: float) -> float:
        """The ratio limit / value."""
        return self.limit / value if value else math.nan

    def __str__(self) -> str:
        return f"median ≥ {self.limit:g}" + _if_better("≥", self.better)


@dataclass(frozen=True)
class Between:
    """Holds if the value of every seed lies in [`least`, `greatest`]; for counts, both equal."""

    least: float
    greatest: float

    def judge(self, values: Sequence[float]) -> Verdict:
        """The verdict on the values of all seeds."""
        return _graded(False, all(self.least <= value <= self.greatest for value in values))

    def ratio(self, value: float) -> float:
        """NaN: an interval has no distance that compares with the other rules'."""
        return math.nan

    def __str__(self) -> str:
        if self.least == self.greatest:
            return f"= {self.least:g}"
        return f"every seed in [{self.least:g}, {self.greatest:g}]"


def _graded(better: bool, holds: bool) -> Verdict:
    return Verdict.BETTER if better else Verdict.HOLDS if holds else Verdict.FAILS


def _if_better(sign: str, limit: float) -> str:
    return f", better at {sign} {limit:g}" if math.isfinite(limit) else ""
