"""Pairs of data: functions and numbers of members, and fields that were measured or computed."""

from __future__ import annotations

from collections.abc import Mapping
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
from sciformer.runs.reading import MOST_TENSOR_BYTES

if TYPE_CHECKING:
    from pinn.families.answer import Answer
    from pinn.families.family import Family

MADE = 1000
"""Members whose reference is computed where data are wanted and none are given."""
MADE_POINTS = 1024
EDGE = 1e-9
"""Of a side of the domain, by which rounding may lift a point out of it."""
HELD = 0.1
"""Share of the members that is kept for validation."""

FEWEST = 10  # known values on conditions from which on they are compared with the data
OPEN = 0.95  # share of their variation, more than which no reading leaves open
MET = 0.01  # of the largest value anywhere, up to which data are near: walls at 0 have no size


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
    """Pairs of an npz or HDF5 file (.h5, .hdf5).

    It holds `places` (b, m) and `values` (b, m) of the given function, or `start_places` and
    `start_values` for a function called start where there are several, `lengths` (b,) where rows
    are filled up; each parameter (b,) by its name; `points` (b, p, c) or (p, c); each field (b, p)
    by its name, nan where it is not known.

    Raises:
        DataError: an array is missing, or of another shape, or not finite where it counts; points
            or places outside of the domain.
        UsageError: HDF5 needs the extra `exchange`.
    """
    path = Path(path)
    is_hdf5 = path.suffix.lower() in (".h5", ".hdf5")
    file = _File(path, _read_hdf5(path) if is_hdf5 else read_arrays(path))
    fields = np.stack([file.take(name, 2) for name in family.problem.field_names], -1)
    if np.isinf(fields).any() or not np.isfinite(fields).any():
        raise DataError(
            f"{path}: needs some field value known, nan where one is not, and none inf."
        )
    count = len(fields)
    if count < 2:
        raise DataError(f"{path}: needs two members at least; got {count}.")
    points = file.points(family, (*fields.shape[:2], len(family.problem.coordinates)))
    numbers = {n: torch.from_numpy(file.take(n, 1, count)) for n in family.distributions}
    for name, found in numbers.items():
        if not bool(torch.isfinite(found).all()):
            raise DataError(f"{path}: {name} must be finite.")
        drawn = family.distributions[name]
        if not all(drawn.holds(float(number)) for number in found):
            raise DataError(
                f"{path}: {name} goes from {found.min():g} to {found.max():g}, outside of {drawn} "
                "that the family draws; give the family a wider range, or leave those members out."
            )
    coefficients = {name: file.coefficients(family, name, count) for name in family.fields}
    return Pairs(
        Members(family.fields, coefficients, numbers),
        torch.from_numpy(points),
        torch.from_numpy(fields),
    )


@dataclass(frozen=True)
class _File:
    """The arrays of a file of pairs."""

    path: Path
    arrays: Mapping[str, Any]

    def take(self, name: str, axes: int, count: int | None = None) -> Any:
        """An array of numbers with the given number of axes and, if given, of rows."""
        if name not in self.arrays:
            held = ", ".join(sorted(self.arrays))
            raise DataError(
                f"{self.path}: holds no array {name!r}, but {held or 'nothing'}; see "
                "pinn.families.pairs.read_pairs for what it should hold."
            )
        found = self.arrays[name]
        if found.dtype.kind not in "fiu" or found.ndim != axes:
            raise DataError(
                f"{self.path}: {name} must be numbers with {axes} axes; got {found.dtype} of shape "
                f"{found.shape}."
            )
        if count not in (None, len(found)):
            raise DataError(f"{self.path}: {name} must have {count} rows; got {len(found)}.")
        return found.astype(np.float64)

    def points(self, family: Family, wanted: tuple[int, int, int]) -> Any:
        """Points of each member (b, p, c), inside the domain."""
        given = self.arrays.get("points")
        points = self.take("points", 2 if given is not None and given.ndim == 2 else 3)
        if points.shape not in (wanted, wanted[1:]):
            raise DataError(f"{self.path}: points must have shape {wanted}; got {points.shape}.")
        for name, values in zip(family.problem.domain.coordinates, points.T, strict=True):
            low, high = family.problem.domain.intervals[name]
            edge = EDGE * (high - low)
            if not ((values >= low - edge) & (values <= high + edge)).all():
                raise DataError(
                    f"{self.path}: points must be finite and inside of the domain; {name} goes "
                    f"from {values.min():g} to {values.max():g}, the domain from {low:g} to "
                    f"{high:g}."
                )
        return np.broadcast_to(points, wanted).copy()

    def coefficients(self, family: Family, name: str, count: int) -> Tensor:
        """A function of every member from its readings, (b, k)."""
        single = len(family.fields) == 1 and "places" in self.arrays
        prefix = "" if single else f"{name}_"
        places, values = (self.take(f"{prefix}{what}", 2, count) for what in ("places", "values"))
        if places.shape != values.shape:
            raise DataError(
                f"{self.path}: {prefix}places and {prefix}values must have the same shape; got "
                f"{places.shape} and {values.shape}."
            )
        key, most = f"{prefix}lengths", places.shape[1]
        lengths = self.take(key, 1, count) if key in self.arrays else np.full(count, most)
        if not ((lengths >= 1) & (lengths <= most) & (lengths == np.floor(lengths))).all():
            raise DataError(f"{self.path}: {key} must be whole numbers from 1 to {most}.")
        found = []
        for i, n in enumerate(lengths.astype(int)):
            readings = torch.from_numpy(places[i, :n]), torch.from_numpy(values[i, :n])
            who = f"{self.path}: member {i}, {name}"
            found.append(krige(who, family.fields[name], *readings).coefficients)
        return torch.stack(found)


def _read_hdf5(path: Path) -> dict[str, Any]:
    """The arrays at the root of an HDF5 file, after their sizes were added up."""
    from pinn.data.files import checked_dataset, exchange_library

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; check the path.")
    h5py = exchange_library("h5py", path)
    try:
        with h5py.File(path, "r") as file:
            sets = {key: checked_dataset(h5py, path.name, key, file) for key in file}
            total = sum(found.size * found.dtype.itemsize for found in sets.values())
            if total > MOST_TENSOR_BYTES:
                raise DataError(
                    f"{path}: holds {total} bytes, more than the {MOST_TENSOR_BYTES} that such a "
                    "file may hold; take a part of the members."
                )
            return {key: np.asarray(found[()]) for key, found in sets.items()}
    except OSError as error:
        raise DataError(f"{path}: is not a whole HDF5 file ({error}).") from error


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
        self._refuse_other_conditions()
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

    def _refuse_other_conditions(self) -> None:
        """Where the factor is 0 the offset is all of the field, and data must be near to it.

        Raises:
            DataError: they are as far from it as from their own mean.
        """
        built_in = (self._factor.abs() <= EDGE * self._factor.abs().amax()) & self._known
        if built_in.sum() < FEWEST:
            return
        there, wanted = self._fields[built_in], self._offset[built_in]
        gap = float((there - wanted).square().mean().sqrt())
        if gap > max(OPEN * float(there.std()), MET * float(self._fields.abs().max())):
            family = self._answer.family
            names = ", ".join(family.problem.domain.coordinates)
            raise DataError(
                f"{family.name}: at its initial values and walls the data miss what their members "
                f"were given by {gap:.2g}, as much as they vary; check the order of coordinates, "
                f"which is {names}, the units, and that rows of all arrays are of the same member."
            )

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
