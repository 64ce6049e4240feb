"""The reaction f of one field, as the compiler asks for it."""

from __future__ import annotations

from typing import Protocol

from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval


class Rate(Protocol):
    """A smooth function f of one number, bounded over intervals and complex discs."""

    @property
    def is_zero(self) -> bool:
        """Whether f vanishes everywhere."""
        ...

    @property
    def is_odd(self) -> bool:
        """Whether f(-u) = -f(u)."""
        ...

    @property
    def operations(self) -> int:
        """The number of sums, products and functions that make it up."""
        ...

    @property
    def written(self) -> str | list[str]:
        """The form that a record holds."""
        ...

    @property
    def affine(self) -> tuple[float, float] | None:
        """Source and rate of f = source + rate u, or None."""
        ...

    def sign(self, u: float) -> int | None:
        """The sign of f(u) where it is known exactly, else None."""
        ...

    def derivative(self, order: int = 1) -> Rate: ...

    def at(self, u: Interval) -> Interval:
        """An enclosure of f on intervals; NaN where f may be undefined."""
        ...

    def values(self, u: Array) -> Array:
        """f in floats."""
        ...

    def range(self, lower: float, upper: float) -> tuple[float, float]:
        """Bounds of f over [lower, upper]."""
        ...

    def largest(self, lower: float, upper: float) -> float:
        """A bound of |f| over [lower, upper]."""
        ...

    def double_commutator(self, lower: float, upper: float) -> float:
        """A bound of |f''' f + f'' f'| over [lower, upper]."""
        ...

    def majorant(self, centre: float, radius: Array, height: Array) -> Array:
        """A bound of |f(centre + z)| over complex |z| <= radius with |Im z| <= height, infinite
        where f is not known to be analytic there.
        """
        ...

    def trajectory(self, u: Interval, order: int) -> list[Interval]:
        """Taylor coefficients in time of solutions of u' = f(u), from order 0 to `order`."""
        ...


def shown(f: Rate) -> str:
    """The reaction as a formula of at most sixty characters, for messages."""
    written = f.written
    if not isinstance(written, str):
        powers = ("", "*u", *(f"*u^{k}" for k in range(2, len(written))))
        terms = [c + p for c, p in zip(written, powers, strict=False) if c != "0"]
        written = " + ".join(terms).replace("+ -", "- ") or "0"
    return written if len(written) <= 60 else f"{written[:57]}..."
