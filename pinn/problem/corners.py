"""Values given to a field on two parts of the boundary that differ where these meet."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.geometry.base import PartOfPart
from pinn.geometry.box import Face
from pinn.geometry.quadrature import ends
from pinn.problem.expressions import Expressions
from pinn.problem.functionals import functionals_in
from pinn.problem.kept import kept
from pinn.problem.reading import difference, normal
from pinn.problem.scales import Scales
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.geometry.base import Part
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Points of an edge in which two parts meet, if it is more than a corner.
PROBES = 32
# A jump of this share of the size of a field is no more than what a converged solution may miss.
NOTICED = 1e-3
# Ends of parts are found by halving; two that are so near, as a share of the domain, are one.
NEAR = 1e-6


@dataclass(frozen=True)
class Jump:
    """A jump of a field at a corner, where a value is given on either side.

    Attributes:
        field: that jumps.
        values: given on the two parts, at the place.
        parts: names of the parts.
        place: the coordinates of where they meet, where the jump is largest.
    """

    field: Any
    values: tuple[float, float]
    parts: tuple[str, str]
    place: tuple[float, ...]

    @property
    def size(self) -> float:
        """The difference of the two values."""
        return abs(self.values[0] - self.values[1])

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return (
            "Let one value go over into the other within a length or time that is resolved, or "
            "build the jump in by ansatz= with a function that has it, such as atan2(y, x); "
            "without that do not use the solution near there."
        )

    def __str__(self) -> str:
        at = ", ".join(f"{value:.6g}" for value in self.place)
        given = " and ".join(
            f"{value:.6g} on {part}" for value, part in zip(self.values, self.parts, strict=True)
        )
        return (
            f"{self.field} is given as {given}, a jump of {self.size:.3g} at the corner ({at}), "
            "which no smooth function follows"
        )


def jumps_at_corners(problem: Problem) -> list[Jump]:
    """Jumps of fields where two parts of the boundary with given values meet, in space or time.

    Only values that are given outright are compared, and no field with an explicit ansatz, which
    is where a user builds such a jump in.

    Args:
        problem: on any domain; of two curved parts only those in the plane are looked at.
    """
    return kept(problem, "jumps at corners", lambda: _jumps(problem))


def _jumps(problem: Problem) -> list[Jump]:
    if problem.given:
        return []
    values = [(c, *given) for c in problem.conditions if (given := _given(problem, c))]
    found = []
    for (one, field, value), (other, same, others) in itertools.combinations(values, 2):
        parts = problem.domain.part(one.on), problem.domain.part(other.on)
        if field != same or field in problem.ansatz or parts[0] == parts[1]:
            continue
        places = _meeting(problem, *parts)
        if not len(places):
            continue
        sides = [
            _values(problem, formula, part, places)
            for formula, part in zip((value, others), parts, strict=True)
        ]
        gaps = (sides[0] - sides[1]).abs().nan_to_num(0.0, torch.inf)
        worst = int(gaps.argmax())
        if float(gaps[worst]) > NOTICED * Scales.of(problem).fields[field]:
            here = (float(sides[0][worst]), float(sides[1][worst]))
            place = tuple(places[worst].tolist())
            found.append(Jump(field, here, (one.on, other.on), place))
    return found


def _given(problem: Problem, condition: Condition) -> tuple[Any, Any] | None:
    """The field that a condition gives the value of, and the value; None if it is no value."""
    gap = difference(condition.equation)
    fields = [field for field in problem.fields if gap.has(field.func)]
    if len(fields) != 1 or gap.has(sympy.Derivative) or functionals_in(gap):
        return None
    [field] = fields
    slope = gap.diff(field)
    if slope == 0 or slope.has(field.func):
        return None
    value = -gap.subs(field, 0) / slope
    return None if value.free_symbols & set(problem.unknown) else (field, value)


def _values(problem: Problem, formula: Any, part: Part, places: Tensor) -> Tensor:
    symbols = (*problem.coordinates, *map(normal, problem.coordinates))
    function = Expressions([formula], symbols, (), problem.symbols, who=problem.name)
    columns = torch.cat([places, part.normal(places)], -1).unbind(-1)
    values: list[Tensor] = function(columns, parameters=problem.parameter_values)
    return values[0].expand(len(places))


def _meeting(problem: Problem, one: Part, other: Part) -> Tensor:
    """Points (p, c) in which two parts meet."""
    found = torch.zeros(0, problem.domain.dimension, dtype=torch.float64)
    extent = found.new_tensor(problem.domain.high) - found.new_tensor(problem.domain.low)
    try:
        for part, across in ((one, other), (other, one)):
            face = _whole(across)
            if isinstance(face, Face) and not len(found):
                found = _on_face(problem, part, face)
        if not len(found) and problem.domain.dimension == 2:
            first, second = ends(one), ends(other)
            apart = ((first[:, None] - second[None]).abs() / extent).amax(-1)
            found = first[apart.amin(-1) <= NEAR]
    except DomainError:
        return found[:0]  # nothing is left of a part
    found = torch.where(found.abs() < NEAR * extent, 0.0, found)
    return found[problem.domain.nearly_contains(found, NEAR)]


def _on_face(problem: Problem, part: Part, face: Face) -> Tensor:
    """Points of a part, moved along the coordinate that a face holds, as far as they stay on it."""
    whole = _whole(part)
    if isinstance(whole, Face) and whole.axis == face.axis:
        return part.sample(1)[:0]
    points = part.sample(PROBES)
    points[:, face.axis] = face.value
    return points[whole.contains(points) & face.contains(points)]


def _whole(part: Part) -> Part:
    """The part of which some is left in a domain made of several."""
    while isinstance(part, PartOfPart):
        part = part.part
    return part
