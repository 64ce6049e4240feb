"""Pairs of data: functions and numbers of members, and fields that were measured or computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.families.kriging import krige
from pinn.families.members import Members
from pinn.families.networks.inputs import Inputs
from pinn.families.where import Where
from sciformer.errors import DataError, UsageError
from sciformer.runs.arrays import read_arrays

if TYPE_CHECKING:
    from pinn.families.answer import Answer
    from pinn.families.family import Family

MADE = 1000
"""Members whose reference is computed where data are wanted and none are given."""
MADE_POINTS = 1024
HELD = 0.1
"""Share of the members that is kept for validation."""


@dataclass(frozen=True)
class Pairs:
    """Members and their fields at points of their own.

    Attributes:
        members: B of them.
        points: (B, p, c).
        fields: (B, p, f), nan where nothing is known.
    """

    members: Members
    points: Tensor
    fields: Tensor


def read_pairs(family: Family, path: Path) -> Pairs:
    """Pairs of an npz file.

    It holds `places` (b, m) and `values` (b, m) of the given function, or `start_places` and
    `start_values` for a function called start where there are several, `lengths` (b,) where rows
    are filled up; each parameter (b,) by its name; `points` (b, p, c) or (p, c); each field (b, p)
    by its name.

    Raises:
        DataError: an array is missing, or of another shape, or not finite where it counts.
    """
    arrays = read_arrays(path)
    functions = tuple(family.fields)

    def take(name: str, axes: int) -> Any:
        if name not in arrays:
            raise DataError(
                f"{path}: holds no array {name!r}, only {', '.join(sorted(arrays))}; see "
                "pinn.families.pairs.read_pairs for what it should hold."
            )
        found = arrays[name]
        if found.dtype.kind not in "fiu" or found.ndim != axes:
            raise DataError(
                f"{path}: {name} must be numbers with {axes} axes; got {found.dtype} of shape "
                f"{found.shape}."
            )
        return found.astype(np.float64)

    fields = np.stack([take(name, 2) for name in family.problem.field_names], -1)
    count = len(fields)
    points = take("points", arrays["points"].ndim if "points" in arrays else 3)
    points = np.broadcast_to(points, (count, *points.shape[-2:])).copy()
    wanted = (count, fields.shape[1], len(family.problem.coordinates))
    if points.shape != wanted:
        raise DataError(f"{path}: points must have shape {wanted}; got {points.shape}.")
    numbers = {name: torch.from_numpy(take(name, 1)) for name in family.distributions}
    coefficients = {}
    for name in functions:
        single = len(functions) == 1 and "places" in arrays
        prefix = "" if single else f"{name}_"
        places, values = take(f"{prefix}places", 2), take(f"{prefix}values", 2)
        key = f"{prefix}lengths"
        lengths = take(key, 1) if key in arrays else np.full(count, places.shape[1])
        rows = zip(places, values, lengths, strict=False)
        found = [
            krige(
                name,
                family.fields[name],
                torch.from_numpy(x[: int(n)]),
                torch.from_numpy(y[: int(n)]),
            )
            for x, y, n in rows
        ]
        coefficients[name] = torch.stack([one.coefficients for one in found])
    sizes = {len(found) for found in (*coefficients.values(), *numbers.values())}
    if sizes != {count} or count < 2:
        raise DataError(
            f"{path}: needs two members at least and as many rows in each array; got "
            f"{sorted({*sizes, count})}."
        )
    if not np.isfinite(points).all() or not np.isfinite(fields).any():
        raise DataError(f"{path}: points must be finite and some field value known.")
    return Pairs(
        Members(family.fields, coefficients, numbers),
        torch.from_numpy(points),
        torch.from_numpy(fields),
    )


def made_pairs(family: Family, seed: int, count: int = MADE) -> Pairs:
    """Pairs from the reference of a family, at random points that all members share.

    Raises:
        UsageError: the family has no reference.
    """
    if family.reference is None:
        raise UsageError(
            f"{family.name}: has no reference that data could be made by; give pairs by data=..., "
            "or learn by the residual."
        )
    members = family.draw(count, seed)
    domain = family.problem.domain
    # On a grid: references are fast where many points share a time.
    side = round(MADE_POINTS ** (1 / domain.dimension))
    points = domain.grid([side] * domain.dimension)
    found = family.exact(members, points.numpy())
    fields = torch.stack([found[name] for name in family.problem.field_names], -1)
    return Pairs(members, points.expand(count, -1, -1), fields)


class DataObjective:
    """The mean square of the answer minus data, over the mean square of the data.

    Offset and factor of every member are computed once, at all of its points.

    Args:
        answer: whose network is trained.
        pairs: the data.
        inputs_of: readings of members, as the network expects them.
        batch: members and values of each a step.
        seed: of the batches.
    """

    def __init__(
        self, answer: Answer, pairs: Pairs, inputs_of: Any, batch: tuple[int, int], seed: int
    ) -> None:
        self._answer, self._inputs_of, self._batch = answer, inputs_of, batch
        self._generator = torch.Generator().manual_seed(seed)
        device = next(answer.parameters()).device
        members, shift = answer.family.centred(pairs.members)
        points = moved(answer.family, pairs.points, -shift)
        known = torch.isfinite(pairs.fields)
        self._known, self._fields = known, torch.where(known, pairs.fields, 0.0)
        self._scale = float(self._fields.square().sum() / known.sum())
        tables = [self._start(members[i : i + 1], points[i]) for i in range(len(points))]
        self._members, self._points = members.to(device), points.to(device)
        self._known, self._fields = self._known.to(device), self._fields.to(device)
        self._offset, self._factor = (
            torch.stack(parts).to(device) for parts in zip(*tables, strict=True)
        )
        held = max(1, round(HELD * len(points)))
        self._held = torch.arange(held, device=device)
        self._used = torch.arange(held, len(points))

    def __call__(self) -> Tensor:
        """The loss of one batch."""
        members, values = self._batch
        rows = self._used[torch.randint(len(self._used), (members,), generator=self._generator)]
        picked = torch.randint(self._points.shape[1], (members, values), generator=self._generator)
        device = self._points.device
        return self._loss(rows.to(device), picked.to(device))

    def validation(self) -> float:
        """The loss on members that are never trained on."""
        every = torch.arange(self._points.shape[1], device=self._points.device)
        with torch.no_grad():
            return float(self._loss(self._held, every.expand(len(self._held), -1)))

    def _start(self, member: Members, points: Tensor) -> tuple[Tensor, Tensor]:
        """Offset and factor of one member at its points, (p, f) each."""
        with torch.no_grad():
            found = self._answer.start(member, Where(points))
        offset, factor = (
            torch.stack([v[:, 0].expand(len(points)) for v in part], -1) for part in found
        )
        return offset, factor

    def _loss(self, rows: Tensor, picked: Tensor) -> Tensor:
        answer = self._answer
        inputs: Inputs = self._inputs_of(self._members[rows])
        dtype = inputs.white.dtype
        at = (rows[:, None], picked)
        points = self._points[at].transpose(0, 1).to(dtype)  # (q, b, c)
        assert answer.network is not None, "a network learns"
        learned = torch.stack(answer.network(inputs, points), -1).transpose(0, 1)  # (b, q, f)
        offset, factor, exact, known = (
            table[at].to(dtype) for table in (self._offset, self._factor, self._fields, self._known)
        )
        gap = (offset + factor * learned * answer.sizes.to(dtype) - exact) * known
        loss: Tensor = gap.square().sum() / known.sum().clamp(min=1) / self._scale
        return loss


def moved(family: Family, points: Tensor, shift: Tensor) -> Tensor:
    """Points (b, p, c) moved by each member's shift (b,) along the coordinate that moves."""
    name = family.moving_coordinate
    if name is None:
        return points
    axis = family.problem.domain.coordinates.index(name)
    result = points.clone()
    result[..., axis] += shift[:, None]
    return result
