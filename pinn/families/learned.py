"""A learned family: a solution for any member, with an error that is stated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.families.answer import Answer
from pinn.families.calibration import Calibration
from pinn.families.kriging import krige
from pinn.families.members import Members
from pinn.families.solutions import LearnedSolution, Told
from pinn.families.unseen import (
    FamilyBounds,
    FamilyErrors,
    Reading,
    Sensors,
    as_reading,
    bounds,
    gaps,
)
from sciformer.errors import DomainError, UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.refining import RefinedSolution

UNSEEN = 987_654_321
"""Seed of the members that errors are taken over; training draws from 62-bit seeds of its own."""
CALIBRATION = 314_159_265  # seed of the members that bands are calibrated on


class Learned:
    """A learned family: `learned(start=(places, values), nu=0.01)` is a solution.

    Args:
        answer: start and trained network.
        reads_tokens: whether the network takes readings as they come; others read what is found
            from them at uniform places.
        about: how it was learned, as JSON values.

    Examples:
        >>> import numpy as np, pinn
        >>> burgers = pinn.learn("burgers-family")  # known in closed form: nothing is trained
        >>> places = np.linspace(0, 1, 60, endpoint=False)
        >>> solution = burgers(start=(places, np.sin(2 * np.pi * places)))
        >>> sorted(solution([[0.5, 0.25]]))
        ['u']
    """

    def __init__(self, answer: Answer, reads_tokens: bool, about: Mapping[str, Any]) -> None:
        self.answer, self.reads_tokens, self.about = answer, reads_tokens, dict(about)
        self.family: Family = answer.family
        self.calibration: Calibration | None = None
        answer.eval()
        answer.requires_grad_(False)

    def __repr__(self) -> str:
        network, count = self.about.get("network"), self.parameter_count
        return f"Learned({self.family.name}: {network}, {count} parameters)"

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters; 0 where the start is the solution."""
        return sum(p.numel() for p in self.answer.parameters())

    def __call__(self, **given: Any) -> LearnedSolution:
        """The solution of the member with these functions and numbers.

        Args:
            given: for each given function (places, values) or (places, values, noise), at any
                places, or a Python function of the coordinate; for each symbol a number.

        Raises:
            UsageError: something that is given is missing, or unknown.
            DataError: readings that are not finite or lie outside of the domain.
            DomainError: a number outside of what was drawn.

        Warns:
            UserWarning: too few readings, or functions unlike those that were drawn.
        """
        family = self.family
        known = (*family.fields, *family.distributions)
        for name in given:
            if name not in known:
                raise unknown_name(family.name, "given function or symbol", name, known)
        if missing := [name for name in known if name not in given]:
            raise UsageError(
                f"{family.name}: needs {', '.join(missing)} as well; functions as (places, "
                "values), symbols as numbers."
            )
        numbers = {name: self._number(name, given[name]) for name in family.distributions}
        readings = {name: self._readings(name, given[name]) for name in family.fields}
        solution = self.from_readings(readings, numbers)
        for doubt in solution.doubts:
            warnings.warn(f"{family.name}: {doubt}.", stacklevel=2)
        return solution

    def from_readings(
        self, readings: Mapping[str, Reading], numbers: Mapping[str, Tensor]
    ) -> LearnedSolution:
        """The solution of one member from readings of its functions; doubts are not warned of.

        Args:
            readings: places, values and noise of each function.
            numbers: each parameter, (1,).

        Raises:
            DataError: as a call.
        """
        fields = self.family.fields
        posterior = {name: krige(name, fields[name], *found) for name, found in readings.items()}
        members = Members(
            fields, {name: found.coefficients[None] for name, found in posterior.items()}, numbers
        )
        told = Told(readings, posterior)
        return LearnedSolution(self.answer, self.reads_tokens, members, told, self.calibration)

    def refine(self, neurons: int | None = None, **given: Any) -> RefinedSolution:
        """The solution of a member with more digits, by least squares on its equations.

        Args:
            neurons: see `LearnedSolution.refined`.
            given: as for a call.

        Raises, Warns: as a call.
        """
        return self(**given).refined(neurons)

    def solution(self, members: Members) -> LearnedSolution:
        """The solution of the first of some members, whose functions are known exactly."""
        return LearnedSolution(self.answer, self.reads_tokens, members[:1], None, self.calibration)

    def errors(
        self,
        functions: int = 100,
        seed: int = UNSEEN,
        *,
        sensors: int | Mapping[str, Any] | None = None,
    ) -> FamilyErrors:
        """Errors over members that were never seen, against the family's reference.

        Args:
            functions: number of members.
            seed: of the members.
            sensors: a number of uniform places at which functions are read, or for each function
                its places or (places, noise); by default functions are known exactly.

        Raises:
            DataError: the family has no reference.
        """
        return gaps(self, functions, seed, self._sensors(sensors)).errors()

    def bounds(self, functions: int = 5, seed: int = UNSEEN) -> FamilyBounds:
        """Bounds of the errors of members that were never seen; they need no reference.

        Args:
            functions: number of members; each takes a second or two.
            seed: of the members.

        Raises:
            UsageError: no theorem applies to the equation or its conditions.
        """
        return bounds(self, functions, seed)

    def calibrate(
        self,
        functions: int = 200,
        seed: int = CALIBRATION,
        *,
        sensors: int | Mapping[str, Any] | None = None,
    ) -> Calibration:
        """Computes the scores from which bands of any level follow, and keeps them.

        Args:
            functions: number of members.
            seed: of the members.
            sensors: as for `errors`; the bands then hold for readings of these sensors, and count
                what they leave open.

        Raises:
            DataError: the family has no reference.
            DomainError: fewer than two members.
        """
        if functions < 2:
            raise DomainError(f"calibrate: needs at least two members; got {functions}.")
        found = gaps(self, functions, seed, self._sensors(sensors))
        self.calibration = Calibration(found.scores, found.unknown)
        return self.calibration

    def _sensors(self, given: int | Mapping[str, Any] | None) -> Sensors | None:
        return None if given is None else Sensors(self.family, given)

    def _number(self, name: str, value: Any) -> Tensor:
        distribution, number = self.family.distributions[name], float(value)
        if self.answer.network is not None and not distribution.holds(number):
            raise DomainError(
                f"{self.family.name}: {name} = {number:g} lies outside of {distribution} that this "
                "run was trained on; learn the family with a wider range."
            )
        return torch.tensor([number], dtype=torch.float64)

    def _readings(self, name: str, given: Any) -> Reading:
        field = self.family.fields[name]
        if not callable(given):
            return as_reading(f"{self.family.name}: {name}", given)
        # Four readings a wave of the distribution: what it cannot hold is then seen.
        count = 4 * field.basis.count
        low, high = field.interval
        places = torch.linspace(low, high, count + 1, dtype=torch.float64)[:count]
        values = np.broadcast_to(np.asarray(given(places.numpy()), dtype=np.float64), count)
        return as_reading(name, (places, values.copy()))
