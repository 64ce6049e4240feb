"""The number of waves of a first-order system that enter through a face and must be given there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.problem.consistency import independent_on
from pinn.problem.directions import faces_of
from pinn.problem.functionals import holds
from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.geometry.box import Face
    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

# Points of a face at which speeds are looked at.
PROBES = 32
# Speeds below this share of the largest are 0 but for rounding.
ROUNDING = 1e-9


def check_characteristics(problem: Problem) -> None:
    """Refuses a system in space and time with fewer conditions on a face than waves enter there.

    With M u_t + A u_x + ... = 0 the speeds are the eigenvalues of M^-1 A; those that point into the
    domain carry what only a condition can say.

    Args:
        problem: only one with several fields, derivatives of first order and known real speeds is
            looked at.

    Raises:
        UsageError: the sentence says how many conditions are missing, and where.

    Source: Kreiss 1970, hyperbolic initial boundary value problems.
    """
    names = problem.domain.coordinates
    if len(problem.fields) < 2 or problem.time is None or len(names) < 2:
        return
    clock = problem.coordinates[names.index(problem.time)]
    starts = {face.outward: face for face in faces_of(problem, problem.time)}
    if set(starts) != {-1, 1}:
        return
    given = {side: len(independent_on(problem, face)) for side, face in starts.items()}
    sense = 1 if given[-1] >= given[1] else -1  # all values at the end: time runs backwards
    for coordinate, name in zip(problem.coordinates, names, strict=True):
        if coordinate != clock and name not in problem.periodic:
            for face in faces_of(problem, name):
                _check_face(problem, face, clock, coordinate, sense)


def _check_face(problem: Problem, face: Face, clock: Any, coordinate: Any, sense: int) -> None:
    speeds = _speeds(problem, face, clock, coordinate)
    if speeds is None:
        return
    size = np.abs(speeds).max()
    entering = (sense * face.outward * speeds < -ROUNDING * size).sum(1)
    needed, given = int(entering.min()), len(independent_on(problem, face))
    if given < needed:
        raise UsageError(
            f"{problem.name}: {needed} of {len(problem.fields)} waves of these equations enter "
            f"through {face.name} and {given or 'no'} condition{'s' if given != 1 else ''} "
            f"{'say' if given != 1 else 'says'} what they carry; add for example "
            f'Condition(Eq({problem.fields[0]}, ...), on="{face.name}"), or '
            f'periodic=("{face.coordinate}",).'
        )


def _speeds(problem: Problem, face: Face, clock: Any, coordinate: Any) -> Array | None:
    """Speeds along a coordinate on a face, (points, fields); None where they are not known."""
    fields = problem.fields
    if len(problem.equations) != len(fields):
        return None
    if any(order_of(problem, f, c) > 1 for f in fields for c in problem.coordinates):
        return None
    forms = [sympy.sympify(difference(e)).doit() for e in problem.equations]
    slopes = [
        [[form.diff(field.diff(c)) for field in fields] for form in forms]
        for c in (clock, coordinate)
    ]
    every = [entry for matrix in slopes for row in matrix for entry in row]
    if any(holds(e, f) for e in every for f in fields) or any(e.atoms(sympy.Subs) for e in every):
        return None
    points, count = face.sample(PROBES), len(fields)
    compiled = problem.compile(every)
    values = compiled(points.unbind(-1), None, problem.parameter_values)
    numbers = np.stack([value.numpy() for value in values], -1)
    before, along = np.moveaxis(numbers.reshape(len(points), 2, count, count), 1, 0)
    if not np.isfinite(numbers).all() or (np.linalg.matrix_rank(before) < count).any():
        return None
    speeds = np.linalg.eigvals(np.linalg.solve(before, along))
    is_real = np.abs(speeds.imag).max() <= ROUNDING * np.abs(speeds).max()
    return np.asarray(speeds.real) if is_real else None
