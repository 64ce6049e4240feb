"""Statements of theorems about the error of a solution."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Kind(str, Enum):
    """Ways to compute a bound."""

    ESTIMATE = "estimate"
    PROVEN = "proven"

    def __str__(self) -> str:
        return self.value


class Norm(str, Enum):
    """Norms over space; with a time, of the error at each moment."""

    L1 = "L1"
    L2 = "L2"
    MAX = "max"

    def __str__(self) -> str:
        return self.value

    @property
    def power(self) -> float:
        """p of the Lp norm."""
        return {Norm.L1: 1.0, Norm.L2: 2.0, Norm.MAX: np.inf}[self]


@dataclass(frozen=True)
class Theorem:
    """An inequality under the name that it is known by."""

    name: str
    inequality: str


@dataclass(frozen=True)
class ErrorBound:
    """||u - v|| <= bound for the exact solution u and the computed v.

    Attributes:
        bound: of the norm over space, at every moment where there is a time; in units of the field
            times those of a length to the power d / p.
        norm: L1, L2 or max, not divided by the size of the domain.
        kind: "estimate" where the norm of the residual is a sum over points, "proven" where it was
            enclosed.
        theorem: name and inequality.
        constants: what entered it, by name.
        assumptions: what has to hold, sentences without a full stop.
        size: ||v|| in the same norm, the largest over time.
        times: moments (n,) at which `growth` holds the bound; None if static.
        growth: the bound of ||u(t) - v(t)|| at these moments (n,).
    """

    bound: float
    norm: Norm
    kind: Kind
    theorem: Theorem
    constants: Mapping[str, float]
    assumptions: tuple[str, ...]
    size: float
    times: Array | None = field(default=None, repr=False)
    growth: Array | None = field(default=None, repr=False)

    @property
    def relative(self) -> float:
        """The bound over the size of the computed solution; infinite where that is 0."""
        return self.bound / self.size if self.size > 0 else float("inf")

    def __str__(self) -> str:
        """The bound in one line."""
        when = "" if self.times is None else " at every time"
        return (
            f"{self.norm} error{when} is at most {self.bound:.2e}, {self.relative:.2e} of the "
            f"solution ({self.kind}, by {self.theorem.name})"
        )

    def summary(self) -> dict[str, Any]:
        """The bound as JSON values."""
        return {
            "bound": self.bound,
            "relative": self.relative if np.isfinite(self.relative) else None,
            "norm": self.norm.value,
            "kind": self.kind.value,
            "theorem": self.theorem.name,
            "inequality": self.theorem.inequality,
            "constants": dict(self.constants),
            "assumptions": list(self.assumptions),
        }
