"""The solution of one member of a family, as any other solution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinn.families.answer import cast
from pinn.families.draws import uniform_inputs
from pinn.families.networks.inputs import Inputs, Readings, quadrature, read
from pinn.families.pairs import moved
from pinn.families.where import Where
from pinn.jets import Jet
from pinn.settings import Settings
from pinn.solution import Solution
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.bounds.error_bound import ErrorBound
    from pinn.families.answer import Answer
    from pinn.families.calibration import Calibration
    from pinn.families.family import Family
    from pinn.families.kriging import Posterior
    from pinn.families.members import Members
    from pinn.families.refining import RefinedSolution
    from pinn.problem.problem import Problem

GRID = (64, 26)
"""Points along space and time on which errors and sizes are taken."""

BLOCK = 2048
"""Points at once: a head of attention has some hundred tokens for each of them, 10 MB an array."""


def grid(family: Family) -> Tensor:
    """Points over the domain on which errors are taken, (p, c); one end of a period only."""
    problem = family.problem
    axes = []
    for name, (low, high) in problem.domain.intervals.items():
        count = GRID[name == problem.time]
        around = name in problem.periodic
        axes.append(torch.linspace(low, high, count + around, dtype=torch.float64)[:count])
    return torch.cartesian_prod(*axes).reshape(-1, len(axes))


SMALL = 0.1
"""Of a band, which readings may leave open beyond those of its calibration."""
SAME = 1 + 1e-6
"""What the same sensors leave open, up to rounding."""


@dataclass(frozen=True)
class Told:
    """The functions and numbers of a member as a user gave them.

    Attributes:
        readings: places, values and noise of each function.
        posterior: what they say of it.
    """

    readings: Mapping[str, tuple[Tensor, Tensor, Tensor]]
    posterior: Mapping[str, Posterior]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against trusting an answer, one half-sentence each."""
        return tuple(d for name, one in self.posterior.items() for d in one.doubts(name))


def size_of(fields: Tensor) -> Tensor:
    """Root mean square of each field (p, f) over points, (f,)."""
    return fields.square().mean(0).sqrt().clamp(min=1e-300)


class Member(nn.Module):
    """The answer of one member as a function of points (p, c), or of a jet of them.

    Args:
        answer: of the family.
        reads_tokens: whether its network takes readings as they come.
        members: one member, as it was drawn or read.
        told: readings of its functions, for a network that takes them as they are.
    """

    def __init__(
        self, answer: Answer, reads_tokens: bool, members: Members, told: Told | None
    ) -> None:
        super().__init__()
        self.values = None  # the parameters of the problem are numbers
        self._answer, family = answer, answer.family
        self._members, self._shift = family.centred(members)
        self._inputs: Inputs | None = None
        if answer.network is not None:
            dtype = next(answer.parameters()).dtype
            if told is None or not reads_tokens:
                self._inputs = uniform_inputs(family, self._members, dtype)
            else:
                self._inputs = self._read(family, told.readings, dtype)

    def _read(self, family: Family, readings: Mapping[str, Any], dtype: torch.dtype) -> Inputs:
        """Readings as they came, moved with the member."""
        found = read(family, self._members, {n: r[0] for n, r in readings.items()}, dtype)
        own = {}
        for name, (places, values, _) in readings.items():
            field = family.fields[name]
            low, high = field.interval
            if family.moving is not None and name in family.moving:
                places = low + (places - self._shift - low) % (high - low)
            order = places.argsort()
            weights = quadrature(places[order][None], low, high, periodic=field.periodic)
            columns = (places[order][None], values[order][None] / field.std, weights)
            own[name] = Readings(*(column.to(dtype) for column in columns))
        return Inputs(found.white, found.numbers, own)

    def forward(self, points: Any) -> Any:
        """Fields (p, f)."""
        if not isinstance(points, Jet):
            return self.at(points)
        where = Where(self._moved(points.value), points.operators)
        found = self._answer(self._members, self._inputs, where)
        return torch.cat([cast(field, torch.float64) for field in found], -1)

    def at(self, points: Tensor) -> Tensor:
        """Fields (p, f) without derivatives."""
        blocks = torch.split(self._moved(points), BLOCK)
        parts = [self._answer.exactly(self._members, self._inputs, Where(b)) for b in blocks]
        return torch.cat([torch.cat(part, -1) for part in parts])

    def _moved(self, points: Tensor) -> Tensor:
        return moved(self._answer.family, points.double()[None], -self._shift)[0]


def _member(reads_tokens: bool, members: Members, told: Told | None, answer: Answer) -> Member:
    return Member(answer, reads_tokens, members, told)


class LearnedSolution(Solution):
    """The solution of one member: fields at any points, plots and files as of any solution.

    Attributes:
        posterior: what the readings determine of each function, by name.
        doubts: what speaks against trusting it, one half-sentence each.
    """

    def __init__(
        self,
        answer: Answer,
        reads_tokens: bool,
        members: Members,
        told: Told | None,
        calibration: Calibration | None,
    ) -> None:
        self._family, self._member, self._calibration = answer.family, members, calibration
        self._answer, self._made = answer, partial(_member, reads_tokens, members, told)
        self.posterior = {} if told is None else dict(told.posterior)
        self.doubts = () if told is None else told.doubts
        trial: Any = self._made(answer)
        self.trial = trial
        self.settings = Settings(network=answer)

    @cached_property
    def problem(self) -> Problem:  # type: ignore[override]
        """The member as an ordinary problem; written out when it is first asked for."""
        return self._family.instance(members=self._member)

    @property
    def parameters(self) -> dict[str, float]:
        return {name: float(value[0]) for name, value in self._member.numbers.items()}

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.trial.parameters())

    def __call__(self, points: Any) -> dict[str, Any]:
        given = torch.as_tensor(np.asarray(points) if not isinstance(points, Tensor) else points)
        problem = self._family.problem
        if given.ndim != 2 or given.shape[1] != len(problem.coordinates):
            return super().__call__(points)  # which says what is wrong
        low, high = (
            torch.tensor(end).double() for end in (problem.domain.low, problem.domain.high)
        )
        inside = ((given >= low) & (given <= high)).all()
        return self._at(given, points) if inside else super().__call__(points)

    def _at(self, given: Tensor, points: Any) -> dict[str, Any]:
        problem = self._family.problem
        if problem.quantities:
            return super()._at(given, points)
        columns = dict(zip(problem.field_names, self.trial.at(given).unbind(-1), strict=True))
        if isinstance(points, Tensor):
            return columns
        return {name: column.numpy() for name, column in columns.items()}

    def refined(self, neurons: int | None = None) -> RefinedSolution:
        """The solution with more digits, by a wide layer around the answer: a second or two.

        Args:
            neurons: of the layer; by default `pinn.families.refining.NEURONS`.

        Raises:
            UsageError: fewer than one neuron.
        """
        from pinn.families.refining import NEURONS, refine_answer

        wanted = NEURONS if neurons is None else neurons
        if wanted < 1:
            raise UsageError(f"{self._family.name}: refining takes neurons >= 1; got {wanted}.")
        return refine_answer(self.problem, self._made, self._answer, wanted)

    def measured(self) -> Any:
        """The answer in double precision, as the theorems of `pinn.bounds` ask for it."""
        from pinn.families.measured import measured

        return measured(self.problem, self._made, self._answer)

    def error_bound(self, norm: str | None = None) -> ErrorBound:
        from pinn.families.bound import bound_answer

        open_ones = [name for name, found in self.posterior.items() if found.unknown > 0]
        left = tuple(
            f"{name} is the mean of what its readings leave open, and the bound is that of the "
            "member with this mean"
            for name in open_ones
        )
        return bound_answer(self.problem, self._made, self._answer, norm, left)

    def band(self, level: float = 0.9) -> dict[str, float]:
        """Half widths that hold each whole field with a probability, by calibration.

        Raises:
            UsageError: nothing was calibrated; the member is unlike those that were drawn; the
                readings leave more open than those of the calibration, by a tenth of the band.
            DomainError: a level that the calibration cannot promise.
        """
        calibration = self._calibration
        if calibration is None:
            raise UsageError(
                f"{self._family.name}: no band without calibration; call learned.calibrate() first."
            )
        quantile = calibration.quantile(level)
        small = SMALL * float(quantile.min())
        for name, found in self.posterior.items():
            counted = calibration.unknown.get(name, 0.0)
            left = found.open(name, SAME * counted + small)
            more = ", or calibrate(sensors=...) at these places" if left else ""
            for reason in (*found.unlike(name), *left):
                raise UsageError(f"{self._family.name}: has no band; {reason}{more}.")
        fields = self.trial.at(grid(self._family))
        widths = quantile * size_of(fields)
        return dict(zip(self._family.problem.field_names, widths.tolist(), strict=True))
