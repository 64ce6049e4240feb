"""Members that were never seen, as sensors see them, and how far answers are from the reference."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pinn.families.networks.inputs import uniform_places
from pinn.families.solutions import grid, size_of
from sciformer.errors import DomainError, UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members
    from pinn.families.solutions import LearnedSolution

Reading = tuple[Tensor, Tensor, Tensor]
"""Places (m,), values (m,) and standard deviation, () or (m,)."""


@dataclass(frozen=True)
class FamilyErrors:
    """Relative L2 errors of unseen members: ||u - u*|| / ||u*|| over a grid, all fields together.

    Attributes:
        functions: number of members.
        median: over them.
        mean: over them.
        q95: the 95 % quantile.
        worst: the largest.
        milliseconds: CPU time of one member, from what is known of it to the fields on the grid.
    """

    functions: int
    median: float
    mean: float
    q95: float
    worst: float
    milliseconds: float


@dataclass(frozen=True)
class FamilyBounds:
    """Bounds of relative L2 errors of unseen members, the largest over time; without a reference.

    Attributes:
        functions: number of members.
        median: over them.
        worst: the largest.
    """

    functions: int
    median: float
    worst: float


class Sensors:
    """Places at which every function of a family is read, and the noise of the readings.

    Args:
        family: whose functions are read.
        given: a number of uniform places, or for each function its places or (places, noise), the
            noise a standard deviation in units of the function.

    Raises:
        UsageError: a function without places, or an unknown one.
        DomainError: no sensor.
    """

    def __init__(self, family: Family, given: int | Mapping[str, Any]) -> None:
        if isinstance(given, int):
            if given < 1:
                raise DomainError(f"{family.name}: needs one sensor at least; got {given}.")
            given = {name: uniform_places(family, name, given) for name in family.fields}
        for name in given:
            if name not in family.fields:
                raise unknown_name(family.name, "given function", name, family.fields)
        if missing := [name for name in family.fields if name not in given]:
            raise UsageError(f"{family.name}: sensors need places of {', '.join(missing)} as well.")
        self._places: dict[str, Tensor] = {}
        self._noise: dict[str, Tensor] = {}
        for name, found in given.items():
            places, noise = (*found, 0.0)[:2] if isinstance(found, tuple) else (found, 0.0)
            self._places[name] = torch.as_tensor(np.asarray(places, dtype=np.float64)).flatten()
            self._noise[name] = torch.as_tensor(np.asarray(noise, dtype=np.float64))

    def read(self, member: Members, generator: torch.Generator) -> dict[str, Reading]:
        """Readings of one member, with noise."""
        found = {}
        for name, places in self._places.items():
            values = member.fields[name].values(member.coefficients[name], places)[0]
            noise = self._noise[name]
            drawn = torch.randn(len(places), generator=generator, dtype=torch.float64)
            found[name] = (places, values + noise * drawn, noise)
        return found


class Answers(Protocol):
    """A learned family, as `Learned` is one."""

    family: Family

    def solution(self, members: Members) -> LearnedSolution:
        """The solution of a member whose functions are known exactly."""
        ...

    def from_readings(
        self, readings: Mapping[str, Reading], numbers: Mapping[str, Tensor]
    ) -> LearnedSolution:
        """The solution of a member from readings of its functions."""
        ...


@dataclass(frozen=True)
class Gaps:
    """Distances of answers from the reference, one row a member.

    Attributes:
        relative: relative L2 errors, all fields together, (n,).
        scores: largest error of each field over the root mean square of its answer, (n, f).
        unknown: what readings leave open of each function, by name; empty without readings.
        seconds: CPU time of the answers alone.
    """

    relative: Tensor
    scores: Tensor
    unknown: Mapping[str, float]
    seconds: float

    def errors(self) -> FamilyErrors:
        """What they are over all members."""
        relative = self.relative.sort().values
        last = len(relative) - 1
        return FamilyErrors(
            functions=len(relative),
            median=float(relative.median()),
            mean=float(relative.mean()),
            q95=float(relative[min(last, int(0.95 * len(relative)))]),
            worst=float(relative[-1]),
            milliseconds=1e3 * self.seconds / len(relative),
        )


def gaps(learned: Answers, functions: int, seed: int, sensors: Sensors | None) -> Gaps:
    """Answers of members that were never seen beside the reference of their family.

    Args:
        learned: that answers.
        functions: number of members.
        seed: of members and noise.
        sensors: that read them; None for functions that are known exactly.

    Raises:
        DataError: the family has no reference, or readings are none.
        DomainError: functions < 1.
    """
    family, points = learned.family, grid(learned.family)
    members = family.draw(functions, seed)
    exact = family.exact(members, points.numpy())
    names = family.problem.field_names
    generator = torch.Generator().manual_seed(seed)
    relative, scores, seconds = [], [], 0.0
    for i in range(functions):
        member = members[i : i + 1]
        readings = None if sensors is None else sensors.read(member, generator)
        begun = time.process_time()
        if readings is None:
            solution = learned.solution(member)
        else:
            solution = learned.from_readings(readings, member.numbers)
        found = solution(points)
        seconds += time.process_time() - begun
        u = torch.stack([found[name] for name in names], -1)
        gap = u - torch.stack([exact[name][i] for name in names], -1)
        relative.append(gap.norm() / (u - gap).norm().clamp(min=1e-300))
        scores.append(gap.abs().amax(0) / size_of(u))
    # It depends on places and noise alone, and is that of any member.
    unknown = {name: one.unknown for name, one in solution.posterior.items()}
    return Gaps(torch.stack(relative), torch.stack(scores), unknown, seconds)


def bounds(learned: Answers, functions: int, seed: int) -> FamilyBounds:
    """Error bounds of answers of members that were never seen.

    Args:
        learned: that answers.
        functions: number of members; each takes a second or two.
        seed: of the members.

    Raises:
        UsageError: no theorem applies to the equation or its conditions.
        DomainError: functions < 1.
    """
    members = learned.family.draw(functions, seed)
    found = [
        learned.solution(members[i : i + 1]).error_bound("L2").relative for i in range(functions)
    ]
    return FamilyBounds(functions, float(np.median(found)), max(found))


def as_reading(who: str, given: Any) -> Reading:
    """A reading from (places, values) or (places, values, noise).

    Raises:
        UsageError: something else; a noise that is negative, not finite, or of another length.
    """
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise UsageError(
            f"{who} must be (places, values), (places, values, noise) or a function; got "
            f"{type(given).__name__}."
        )
    places, values, *rest = (torch.as_tensor(np.asarray(part, dtype=np.float64)) for part in given)
    noise = rest[0].squeeze() if rest else torch.zeros((), dtype=torch.float64)
    if noise.ndim and noise.numel() != places.numel():
        raise UsageError(
            f"{who}: the noise must be one number, or one for each of {places.numel()} readings; "
            f"got {noise.numel()}."
        )
    if not bool(((noise >= 0) & (noise < math.inf)).all()):
        raise UsageError(f"{who}: the noise must be a standard deviation >= 0.")
    return places.flatten(), values.flatten(), noise
