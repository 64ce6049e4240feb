"""Derivatives of a reference from its numbers alone, by differences of two orders."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from torch import Tensor

    from pinn.problem.expressions import FieldDerivative
    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

REACH = 4  # points to each side: exact for polynomials up to degree 8
NEAR = 2  # the same of the stencil beside it: up to degree 4
STEP = 2e-3  # of each interval
# Noise of a value counts a hundredth in a second derivative over so much longer steps.
WIDE_STEP = 10 * STEP


@dataclass(frozen=True)
class Derivatives:
    """Fields and derivatives at points, (p,) each, by a good stencil and by a worse one.

    How far the two are apart says what of them is truncation or noise.
    """

    good: Mapping[FieldDerivative, Tensor]
    other: Mapping[FieldDerivative, Tensor]

    def better(self, unknown: FieldDerivative) -> Tensor:
        """The derivatives by the good stencil."""
        return self.good[unknown]

    def worse(self, unknown: FieldDerivative) -> Tensor:
        """The derivatives by the other stencil."""
        return self.other[unknown]

    def __getitem__(self, chosen: slice) -> Derivatives:
        """The derivatives at some of the points."""
        return Derivatives(
            {unknown: values[chosen] for unknown, values in self.good.items()},
            {unknown: values[chosen] for unknown, values in self.other.items()},
        )


def differentiate(
    problem: Problem, wanted: Iterable[FieldDerivative], points: Array, step: float = STEP
) -> Derivatives:
    """Derivatives of the reference at points (p, c), also on the ends of the intervals.

    Central differences, or one-sided ones where those would leave the interval of a coordinate.

    Args:
        problem: has the reference, which is called once.
        wanted: derivatives such as `FieldDerivative(0, "xx")`.
        points: in the domain.
        step: between nodes, as a share of each interval.

    Raises:
        DataError: the reference does not give one value per point for each field.
    """
    stencils = [
        _Stencils(points[:, axis], *ends, step)
        for axis, ends in enumerate(problem.domain.intervals.values())
    ]
    letters = problem.residual.letters
    plans = [
        (unknown, [(axis, n) for axis, x in enumerate(letters) if (n := unknown.operator.count(x))])
        for unknown in sorted(wanted, key=lambda u: (u.field, u.operator))
    ]
    places: list[Array] = []
    weights: list[tuple[FieldDerivative, Array, Array]] = []
    for unknown, orders in plans:
        for nodes in itertools.product(range(2 * REACH + 1), repeat=len(orders)):
            shifted, good, other = points.copy(), np.ones(len(points)), np.ones(len(points))
            for (axis, order), node in zip(orders, nodes, strict=True):
                shifted[:, axis] += stencils[axis].offsets(node)
                good *= stencils[axis].weights(order, node, REACH)
                other *= stencils[axis].weights(order, node, NEAR)
            places.append(shifted)
            weights.append((unknown, good, other))
    values = _values(problem, np.concatenate(places), len(points))
    totals = {u: np.zeros(len(points)) for u, _ in plans}
    others = {u: np.zeros(len(points)) for u, _ in plans}
    for index, (unknown, good, other) in enumerate(weights):
        at = values[problem.field_names[unknown.field]][index * len(points) :][: len(points)]
        with np.errstate(invalid="ignore", over="ignore"):  # a reference may be infinite
            totals[unknown] += np.where(good == 0, 0, good * at)
            others[unknown] += np.where(other == 0, 0, other * at)
    return Derivatives(*({u: torch.from_numpy(v) for u, v in t.items()} for t in (totals, others)))


def _values(problem: Problem, places: Array, count: int) -> dict[str, Array]:
    assert problem.reference is not None, "there is something to differentiate"
    try:
        values: Any = problem.reference(places)
    except Exception as error:  # whatever a function of somebody else raises
        raise DataError(
            f"{problem.name}: the reference fails with {type(error).__name__}: {error}; it is "
            f"called once with all points, {places.shape}, and returns an array for each field."
        ) from error
    if not isinstance(values, Mapping):
        raise DataError(
            f"{problem.name}: the reference must return {{name: (p,)}}, as "
            f"{{'{problem.field_names[0]}': values}}; got {type(values).__name__}."
        )
    for name in problem.field_names:
        if name not in values or np.shape(values[name]) != (len(places),):
            raise DataError(
                f"{problem.name}: the reference must give one value per point for each of "
                f"{', '.join(problem.field_names)}; got "
                f"{ {key: np.shape(value) for key, value in values.items()} } for "
                f"{len(places)} points."
            )
    return {name: np.asarray(values[name], dtype=np.float64) for name in problem.field_names}


class _Stencils:
    """Differences along one coordinate at points, turned inwards near the ends of its interval."""

    def __init__(self, at: Array, low: float, high: float, step: float) -> None:
        self._step = step * (high - low)
        margin = REACH * self._step
        self._sides = np.where(at < low + margin, 1, np.where(at > high - margin, -1, 0))

    def offsets(self, node: int) -> Array:
        """Distance of a node from the points."""
        return self._step * np.where(self._sides == 0, node - REACH, self._sides * node)

    def weights(self, order: int, node: int, reach: int) -> Array:
        """Weight of a node's value in a derivative, by a stencil of 2 `reach` + 1 nodes."""
        central = _weights(order, tuple(range(-reach, reach + 1))).get(node - REACH, 0.0)
        inward = _weights(order, tuple(range(2 * reach + 1))).get(node, 0.0)
        sided = np.where(self._sides == 0, central, self._sides.astype(float) ** order * inward)
        return np.asarray(sided / self._step**order)


def _weights(order: int, offsets: tuple[int, ...]) -> dict[int, float]:
    """Weights of a difference by offset, from the moment equations; none without enough nodes."""
    nodes = np.array(offsets, dtype=np.float64)
    right = np.zeros(len(nodes))
    right[order] = math.factorial(order)
    weights = np.linalg.solve(np.vander(nodes, increasing=True).T, right)
    return dict(zip(offsets, weights.tolist(), strict=True))
