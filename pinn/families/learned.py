"""A learned family: a solution for any member, with an error that is stated."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.families.answer import Answer
from pinn.families.calibration import Calibration
from pinn.families.kriging import krige
from pinn.families.members import Members
from pinn.families.solutions import LearnedSolution, Told, grid, size_of
from sciformer.errors import DomainError, UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.refining import RefinedSolution

UNSEEN = 987_654_321
"""Seed of the members that errors are taken over; training draws from 62-bit seeds of its own."""
CALIBRATION = 314_159_265  # seed of the members that bands are calibrated on


@dataclass(frozen=True)
class FamilyErrors:
    """Relative L2 errors of unseen members: ||u - u*|| / ||u*|| over a grid, all fields together.

    Attributes:
        functions: number of members.
        median: over them.
        mean: over them.
        q95: the 95 % quantile.
        worst: the largest.
        milliseconds: CPU time of one member, from its readings to the fields on the grid.
    """

    functions: int
    median: float
    mean: float
    q95: float
    worst: float
    milliseconds: float


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
        posterior = {n: krige(n, family.fields[n], *r) for n, r in readings.items()}
        members = Members(
            family.fields, {n: p.coefficients[None] for n, p in posterior.items()}, numbers
        )
        doubts = [doubt for name, found in posterior.items() for doubt in found.doubts(name)]
        for doubt in doubts:
            warnings.warn(f"{family.name}: {doubt}.", stacklevel=2)
        told = Told(readings, posterior, tuple(doubts))
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

    def errors(self, functions: int = 100, seed: int = UNSEEN) -> FamilyErrors:
        """Errors over members that were never seen, against the family's reference.

        Raises:
            DataError: the family has no reference.
        """
        found, _, seconds = self._gaps(functions, seed)
        relative = found.sort().values
        last = len(relative) - 1
        return FamilyErrors(
            functions=functions,
            median=float(relative.median()),
            mean=float(relative.mean()),
            q95=float(relative[min(last, int(0.95 * len(relative)))]),
            worst=float(relative[-1]),
            milliseconds=1e3 * seconds / functions,
        )

    def calibrate(self, functions: int = 200, seed: int = CALIBRATION) -> Calibration:
        """Computes the scores from which bands of any level follow, and keeps them.

        Raises:
            DataError: the family has no reference.
            DomainError: fewer than two members.
        """
        if functions < 2:
            raise DomainError(f"calibrate: needs at least two members; got {functions}.")
        _, scores, _ = self._gaps(functions, seed)
        self.calibration = Calibration(scores)
        return self.calibration

    def _gaps(self, functions: int, seed: int) -> tuple[Tensor, Tensor, float]:
        """Relative L2 errors (n,), scores (n, f) and CPU seconds of the answers alone."""
        family, points = self.family, grid(self.family)
        members = family.draw(functions, seed)
        exact = family.exact(members, points.numpy())
        relative, scores, seconds = [], [], 0.0
        for i in range(functions):
            begun = time.process_time()
            found = self.solution(members[i : i + 1])(points)
            seconds += time.process_time() - begun
            names = family.problem.field_names
            u = torch.stack([found[name] for name in names], -1)
            gap = u - torch.stack([exact[name][i] for name in names], -1)
            relative.append(gap.norm() / (u - gap).norm().clamp(min=1e-300))
            scores.append(gap.abs().amax(0) / size_of(u))
        return torch.stack(relative), torch.stack(scores), seconds

    def _number(self, name: str, value: Any) -> Tensor:
        distribution, number = self.family.distributions[name], float(value)
        if self.answer.network is not None and not distribution.holds(number):
            raise DomainError(
                f"{self.family.name}: {name} = {number:g} lies outside of {distribution} that this "
                "run was trained on; learn the family with a wider range."
            )
        return torch.tensor([number], dtype=torch.float64)

    def _readings(self, name: str, given: Any) -> tuple[Tensor, Tensor, float]:
        field = self.family.fields[name]
        if callable(given):
            # Four readings a wave of the distribution: what it cannot hold is then seen.
            count = 4 * field.basis.count
            low, high = field.interval
            places = torch.linspace(low, high, count + 1, dtype=torch.float64)[:count]
            values = np.broadcast_to(np.asarray(given(places.numpy()), dtype=np.float64), count)
            return places, torch.from_numpy(values.copy()), 0.0
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise UsageError(
                f"{self.family.name}: {name} must be (places, values), (places, values, noise) or "
                f"a function; got {type(given).__name__}."
            )
        rows = [torch.as_tensor(np.asarray(part, dtype=np.float64)).flatten() for part in given[:2]]
        return rows[0], rows[1], float(given[2]) if len(given) == 3 else 0.0


def figures(errors: FamilyErrors) -> dict[str, Any]:
    """Errors as JSON values."""
    return asdict(errors)
