"""Result of a theorem on one grid, and the error for theorems that do not apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.geometry.box import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.bounds.error_bound import Theorem
    from pinn.bounds.normal_form import NormalForm
    from pinn.bounds.walls import Boundary
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

    Array = NDArray[np.float64]


class NotApplicable(Exception):
    """Raised where a theorem does not apply to a problem; the text says why."""


@dataclass(frozen=True)
class Statement:
    """Statement of a theorem on one grid.

    Attributes:
        bound: of the error.
        theorem: that says so.
        constants: that entered.
        assumptions: that have to hold.
        growth: of the bound over time, at the ends of the slices and the start; None if static.
    """

    bound: float
    theorem: Theorem
    constants: dict[str, float]
    assumptions: tuple[str, ...] = ()
    growth: Array | None = None


@dataclass(frozen=True)
class Case:
    """A solved problem as the theorems see it."""

    problem: Problem
    trial: TrialSolution
    form: NormalForm
    boundary: Boundary

    @property
    def domain(self) -> Box:
        """The box, from which alone the boundaries are read."""
        domain = self.problem.domain
        assert isinstance(domain, Box), "other domains are refused with their boundary"
        return domain

    def axis(self, coordinate: Any) -> int:
        """The position of a coordinate."""
        return self.problem.coordinates.index(coordinate)

    @property
    def space(self) -> list[Any]:
        """Coordinates of space."""
        return list(self.form.diffusion)
