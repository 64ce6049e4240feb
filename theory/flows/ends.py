"""Continuation of tokens on an interval beyond its ends: round a ring, or by reflected images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sciformer.errors import DomainError


class Ends(Protocol):
    """A rule that turns tokens on an interval into tokens on a ring, which heads act on."""

    def copies(self) -> int:
        """Number of copies of the interval that make up the ring."""

    def offset(self) -> float:
        """The place of the first token, in units of the spacing."""

    def extend(self, tokens: Tensor) -> Tensor:
        """Tokens (..., n, w) on the interval to tokens (..., copies n, w) on the ring."""


@dataclass(frozen=True)
class Periodic:
    """The two ends are the same place: x_i = i L / n."""

    def copies(self) -> int:
        return 1

    def offset(self) -> float:
        return 0.0

    def extend(self, tokens: Tensor) -> Tensor:
        return tokens


PERIODIC = Periodic()


@dataclass(frozen=True)
class Walls:
    """Reflected images at both ends: x_i = (i + 1/2) L / n.

    u(-x) = left u(x),   u(L + x) = right u(L - x)

    +1 is an even image, an insulated (Neumann) end; -1 an odd image, a cold (Dirichlet) end. The
    flow must commute with the reflection: no drift, and a reaction that is odd where images are.

    Args:
        left: +1 or -1.
        right: +1 or -1.

    Raises:
        DomainError: another number.
    """

    left: int
    right: int

    def __post_init__(self) -> None:
        if {self.left, self.right} - {1, -1}:
            raise DomainError(
                "Walls: an image has sign +1 (insulated) or -1 (cold); got "
                f"{self.left} and {self.right}."
            )

    def copies(self) -> int:
        return 2 if self.left == self.right else 4

    def offset(self) -> float:
        return 0.5

    def extend(self, tokens: Tensor) -> Tensor:
        once = torch.cat([tokens, self.right * tokens.flip(-2)], -2)
        return once if self.left == self.right else torch.cat([once, -once], -2)


@dataclass(frozen=True)
class Line:
    """Tokens on [0, L] and the ring that their images make.

    Args:
        tokens: n >= 1.
        length: L > 0, in the equation's unit of length.
        ends: what lies beyond the ends.

    Raises:
        DomainError: no token or no length.
    """

    tokens: int
    length: float
    ends: Ends = PERIODIC

    def __post_init__(self) -> None:
        if self.tokens < 1 or not self.length > 0:
            raise DomainError(
                "Line: needs at least one token and a positive length; got "
                f"{self.tokens} tokens and length {self.length:g}."
            )

    @property
    def spacing(self) -> float:
        """Distance of neighbouring tokens."""
        return self.length / self.tokens

    @property
    def ring(self) -> int:
        """Number of tokens on the ring."""
        return self.tokens * self.ends.copies()

    @property
    def period(self) -> float:
        """Length of the ring."""
        return self.length * self.ends.copies()

    def places(self) -> Tensor:
        """Coordinates of the tokens, float64 (n,)."""
        steps = torch.arange(self.tokens, dtype=torch.float64) + self.ends.offset()
        return steps * self.spacing
