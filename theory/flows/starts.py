"""Classes of starts that a certificate covers: a range, a slope, perhaps a number of waves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sciformer.errors import DataError, DomainError
from theory.flows.ends import Ends, Walls
from theory.universal.arrays import Array

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RULES = {
    "slope": re.compile(rf"slope\s*<=\s*({_NUMBER})"),
    "waves": re.compile(r"waves\s*<=\s*(\d+)"),
    "range": re.compile(rf"({_NUMBER})\s*<=\s*u\s*<=\s*({_NUMBER})"),
}
# Waves of the random starts, far beyond those that the slope lets be large.
_MOST_WAVES = 40


@dataclass(frozen=True)
class Starts:
    """All u0 with lower <= u0 <= upper and |u0_x| <= slope, of one period or between walls.

    Without `waves` a start may have kinks anywhere: it must be read at many places. With `waves`
    it is a trigonometric polynomial of that degree in one period of the ring.

    Args:
        lower: least value.
        upper: largest value, > lower.
        slope: largest |u0_x|, > 0, in units of u per unit of length.
        waves: degree, or None for every Lipschitz start.

    Raises:
        DomainError: an empty class.
    """

    lower: float
    upper: float
    slope: float
    waves: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.lower, self.upper, self.slope)
        if not (all(map(math.isfinite, numbers)) and self.lower < self.upper and self.slope > 0):
            raise DomainError(
                "starts: need finite bounds lower < upper and a slope > 0; got "
                f"{self.lower:g}, {self.upper:g} and {self.slope:g}."
            )
        if self.waves is not None and self.waves < 1:
            raise DomainError(f"starts: waves must be at least 1; got {self.waves}.")

    @classmethod
    def read(cls, text: str, default: Starts) -> Starts:
        """A class of starts from text such as "slope<=10; 0.1<=u<=1; waves<=8"; the rest is the
        default.

        Raises:
            DataError: a rule that cannot be read, or two of a kind.
        """
        found: dict[str, tuple[str, ...]] = {}
        for rule in filter(None, (part.strip() for part in re.split(r"[;,]", text))):
            matches = {kind: form.fullmatch(rule) for kind, form in _RULES.items()}
            kind, match = next((pair for pair in matches.items() if pair[1]), ("", None))
            if match is None:
                raise DataError(
                    f"starts: cannot read {rule!r}; write rules such as 'slope<=10', "
                    "'0.1<=u<=1' and 'waves<=8', separated by semicolons."
                )
            if kind in found:
                raise DataError(f"starts: {rule!r} is the second rule for its {kind}; give one.")
            found[kind] = match.groups()
        lower, upper = map(float, found.get("range", (default.lower, default.upper)))
        (slope,), waves = found.get("slope", (default.slope,)), found.get("waves")
        return cls(lower, upper, float(slope), default.waves if waves is None else int(waves[0]))

    def __str__(self) -> str:
        rules = f"{self.lower:g}<=u<={self.upper:g}; slope<={self.slope:g}"
        return rules if self.waves is None else f"{rules}; waves<={self.waves}"


Start = Callable[[Array], Array]


@dataclass(frozen=True)
class _Symmetry:
    """Which waves of the ring continue starts between walls."""

    cosines: bool
    sines: bool
    odd_only: bool

    @classmethod
    def of(cls, ends: Ends) -> _Symmetry:
        if not isinstance(ends, Walls):
            return cls(True, True, False)
        return cls(ends.left > 0, ends.left < 0, ends.left != ends.right)

    @property
    def is_centred(self) -> bool:
        """Whether starts are odd about some wall, so that no constant may be added."""
        return not self.cosines or self.odd_only


def random_start(
    starts: Starts, period: float, ends: Ends, generator: np.random.Generator
) -> Start:
    """A random member of a class, as a function of place, pressed against its bounds.

    Half of them are zigzags of random pitch whose slope is the largest allowed everywhere, half
    trigonometric polynomials; in a class of waves all are polynomials.

    Args:
        starts: the class.
        period: of the ring.
        ends: of the interval; starts continue by their images.
        generator: of everything random.
    """
    symmetry = _Symmetry.of(ends)
    shape = _zigzag if starts.waves is None and generator.random() < 0.5 else _polynomial
    wave, degree = shape(starts, period, symmetry, generator)
    fine = np.linspace(0, period, 8192, endpoint=False)
    values = wave(fine)
    steepest = np.abs(np.diff(values, append=values[:1])).max() * len(fine) / period
    # Differences miss at most a factor 1 + (pi k / n)^2 of the slope of waves up to k.
    steepest *= 1 + (math.pi * degree / len(fine)) ** 2
    half = (starts.upper - starts.lower) / 2
    low, high = values.min(), values.max()
    # Extrema between the points are higher by at most (pi k / n)^2 / 2 of the size.
    span = (high - low) * (1 + (math.pi * degree / len(fine)) ** 2)
    if symmetry.is_centred:
        span = 2 * max(abs(low), abs(high)) * (1 + (math.pi * degree / len(fine)) ** 2)
    scale = min(starts.slope / steepest, 2 * half / span) * (1 - 1e-9)
    room = half - scale * span / 2
    centre = 0.0 if symmetry.is_centred else (high + low) / 2
    shift = 0.0 if symmetry.is_centred else generator.uniform(-room, room)
    middle = (starts.upper + starts.lower) / 2 + shift
    return lambda x: np.asarray(middle + scale * (wave(x) - centre))


def _zigzag(
    starts: Starts, period: float, symmetry: _Symmetry, generator: np.random.Generator
) -> tuple[Start, float]:
    pitch = int(generator.integers(1, max(2, int(starts.slope * period / 2)) + 1))
    pitch += symmetry.odd_only and pitch % 2 == 0
    offset = generator.random() if symmetry.cosines and symmetry.sines else 0.0
    offset += 0.25 * (not symmetry.cosines)

    def wave(x: Array) -> Array:
        turns = x / period * pitch - offset
        return np.asarray(np.abs(2 * (turns - np.floor(turns)) - 1) - 0.5)

    return wave, 0.0


def _polynomial(
    starts: Starts, period: float, symmetry: _Symmetry, generator: np.random.Generator
) -> tuple[Start, float]:
    degree = int(generator.integers(1, (starts.waves or _MOST_WAVES) + 1))
    k = np.arange(1, degree + 1, 2 if symmetry.odd_only else 1)
    decay = k ** -generator.uniform(0.0, 2.5)
    cosine = generator.standard_normal(len(k)) * decay * symmetry.cosines
    sine = generator.standard_normal(len(k)) * decay * symmetry.sines

    def wave(x: Array) -> Array:
        angle = 2 * math.pi * np.asarray(x)[..., None] * k / period
        return np.asarray(np.cos(angle) @ cosine + np.sin(angle) @ sine)

    return wave, float(degree)
