"""A problem on polynomials: all its equations and conditions as rows, in units of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch

from pinn.geometry.box import Box, Face
from pinn.problem.orders import order_of
from pinn.problem.spectral.form import Form, Piece
from pinn.problem.spectral.region_space import RegionSpace
from pinn.problem.spectral.space import Space
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.geometry.base import Part
    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

# Coefficients of all fields together, by the number of coordinates: five waves across a square and
# one across a cube are then known to 1e-7, and a factorisation takes some tenths of a second.
COLUMNS = {1: 384, 2: 1024, 3: 1331}
# Polynomials along each coordinate for what has no waves, and for each radian across half the box.
FEWEST = {1: 32, 2: 16, 3: 8}
A_RADIAN = 1.4
# So many more where the sum of the degrees is counted, of which a product of waves has more.
TOTAL = {1: 0, 2: 0, 3: 5}
# Along a line more polynomials than these are only rounding in their derivatives.
MOST = 64
# Nodes beyond the number of polynomials, so that variable coefficients are integrated as well.
MORE_NODES = 3
# Turns of the scaling of rows and columns of blocks, which halve what is left each.
TURNS = 8
# Degrees of the polynomials by which blocks are measured, beyond the order of the problem.
PLAIN = 3


@dataclass(frozen=True)
class Block:
    """The rows of an equation or condition at its nodes.

    Attributes:
        value: (p,).
        pieces: terms of its derivative in the coefficients.
        points: its nodes (p, c).
        weights: roots of the weights of the nodes (p,).
        local: values and derivatives of the fields at the nodes, for conditions.
    """

    value: Array
    pieces: Sequence[Piece]
    points: Array
    weights: Array
    local: Sequence[Piece]

    def matrix(self, space: Space) -> Array:
        """Weighted rows (p, columns)."""
        total = np.zeros((len(self.weights), space.fields, space.size))
        for piece in self.pieces:
            total[:, piece.field] += piece.rows
        return total.reshape(len(self.weights), -1) * self.weights[:, None]


class Collocation:
    """Equations at nodes of a domain, conditions at those of the parts of its boundary.

    Args:
        problem: in a box of one to three coordinates, or another region of two or three.
        degree: polynomials along each coordinate; None for as many as the sizes above allow.
        space: the polynomials themselves, in place of their degree.

    Attributes:
        is_linear: whether all equations and conditions are.
        linear_equations: numbers of the equations that are.

    Raises:
        ArithmeticError: the problem is of no such kind.
    """

    def __init__(
        self, problem: Problem, degree: int | None = None, space: Space | None = None
    ) -> None:
        if len(problem.coordinates) not in COLUMNS:
            raise ArithmeticError("too many coordinates")
        if problem.unknown or problem.ansatz or problem.data or problem.given:
            raise ArithmeticError("more than equations and conditions")
        self.problem = problem
        self.order = max(problem.order, 1)
        self._inside = [Form(problem, equation) for equation in problem.equations]
        self._on = [
            (problem.domain.part(c.on), Form(problem, c.equation)) for c in problem.conditions
        ]
        self.space = _space(problem) if space is None else space
        if space is None:
            self.space = replace(self.space, degree=degree or self._degree())
        self.is_linear = all(form.is_linear for form in (*self._inside, *(f for _, f in self._on)))
        self.linear_equations = [n for n, form in enumerate(self._inside) if form.is_linear]

    def _degree(self) -> int:
        dimension = len(self.space.intervals)
        columns = COLUMNS[dimension] // self.space.fields
        points, _ = self.space.inside(FEWEST[dimension])
        waves = max(form.waves(self.space, points) for form in self._inside)
        fewest = FEWEST[dimension] + TOTAL[dimension] * isinstance(self.space, RegionSpace)
        most = self.space.most(columns, dimension)
        return math.ceil(min(fewest + A_RADIAN * waves, most, MOST))

    @property
    def nodes(self) -> int:
        """Nodes along each coordinate."""
        return self.space.degree + MORE_NODES

    def blocks(self, state: Array | None = None, nodes: int | None = None) -> list[Block]:
        """All rows, linearised at a state (f, n), 0 by default.

        Raises:
            ArithmeticError: a value is not finite.
        """
        space, count = self.space, nodes or self.nodes
        at = np.zeros((space.fields, space.size)) if state is None else state
        found = self._stated(self._inside, self._on, at, count)
        return found + self._seams(at, count) + self._means(at)

    def linear_blocks(self) -> list[Block]:
        """The rows of linear equations and conditions, which have the same slopes at any state.

        Raises:
            ArithmeticError: a value is not finite.
        """
        at = np.zeros((self.space.fields, self.space.size))
        inside = [self._inside[n] for n in self.linear_equations]
        on = [(part, form) for part, form in self._on if form.is_linear]
        return self._stated(inside, on, at, self.nodes) + self._seams(at, self.nodes)

    def _stated(
        self,
        inside: Sequence[Form],
        on: Sequence[tuple[Part, Form]],
        state: Array,
        count: int,
    ) -> list[Block]:
        space = self.space
        points, weights = space.inside(count)
        none = np.zeros_like(points)
        found = [
            Block(*form.at(space, points, none, state), points, weights, ()) for form in inside
        ]
        for part, form in on:
            points, weights = space.on(part, count)
            outward = part.normal(torch.from_numpy(points)).numpy()
            value, pieces = form.at(space, points, outward, state)
            found.append(Block(value, pieces, points, weights, self._local(part, points)))
        return found

    def _local(self, part: Part, points: Array) -> list[Piece]:
        """The fields and their derivatives across a face, or all where it is curved, in units of
        half the box.
        """
        axes = [part.axis] if isinstance(part, Face) else range(points.shape[1])
        orders = [[0] * points.shape[1]]
        for order in range(1, max(self.order, 2)):
            orders += [[order * (axis == one) for axis in range(points.shape[1])] for one in axes]
        return [
            Piece(field, rows)
            for rows in (self.space.rows(points, one) for one in orders)
            for field in range(self.space.fields)
        ]

    def _seams(self, state: Array, count: int) -> list[Block]:
        """Values and derivatives at one end of a periodic coordinate minus those at the other."""
        found = []
        for name in self.problem.periodic:
            axis = self.problem.domain.coordinates.index(name)
            faces = [f for f in self.problem.domain.parts() if isinstance(f, Face)]
            low, high = (f for f in faces if f.axis == axis)
            for number, field in enumerate(self.problem.fields):
                for order in range(order_of(self.problem, field, self.problem.coordinates[axis])):
                    orders = [order * (axis == a) for a in range(len(self.space.intervals))]
                    ends = [self.space.on(f, count) for f in (low, high)]
                    pieces = [
                        Piece(number, sign * self.space.rows(points, orders))
                        for sign, (points, _) in zip((1.0, -1.0), ends, strict=True)
                    ]
                    value = pieces[0].of(state) + pieces[1].of(state)
                    points, weights = ends[0]
                    local = self._local(low, points)
                    found.append(Block(value, pieces, points, weights, local))
        return found

    def _means(self, state: Array) -> list[Block]:
        """That the mean of a field in a gauge is 0."""
        found = []
        for name in self.problem.gauge:
            form = self.problem.expressions.get(name)
            if form not in self.problem.fields or self.problem.time is not None:
                raise ArithmeticError("a gauge of more than a field")
            mean = Piece(self.problem.fields.index(form), np.eye(1, self.space.size))
            middle = np.zeros((1, len(self.space.intervals)))
            found.append(Block(mean.of(state), [mean], middle, np.ones(1), [mean]))
        return found

    def scales(self, blocks: Sequence[Block]) -> tuple[Array, Array]:
        """Factors for blocks of rows and for fields that make every block about 1.

        Measured on polynomials of low degree, so that no unit of an equation or field counts.
        """
        space = self.space
        plain = space.degrees < self.order + PLAIN
        sizes = np.array(
            [
                np.linalg.norm(block.matrix(space).reshape(-1, space.fields, space.size), axis=0)[
                    :, plain
                ].max(-1)
                for block in blocks
            ]
        )
        rows, columns = np.ones(len(blocks)), np.ones(space.fields)
        for _ in range(TURNS):
            now = sizes * rows[:, None] * columns
            of_rows, of_columns = now.max(1), now.max(0)
            rows /= np.sqrt(np.where(of_rows > 0, of_rows, 1.0))
            columns /= np.sqrt(np.where(of_columns > 0, of_columns, 1.0))
        return rows, columns


def _space(problem: Problem) -> Space:
    intervals, fields = list(problem.domain.intervals.values()), len(problem.fields)
    if isinstance(problem.domain, Box):
        return Space(intervals, 1, fields)
    if problem.domain.dimension not in (2, 3):
        raise ArithmeticError("no region of the plane or of space")
    return RegionSpace(intervals, 1, fields, problem.domain)


def attempt(problem: Problem, degree: int | None = None) -> Collocation | None:
    """The problem on polynomials; None where it is of no kind that can be written so."""
    try:
        return Collocation(problem, degree)
    except (
        ArithmeticError,
        DomainError,
        np.linalg.LinAlgError,
        sympy.SympifyError,
        NotImplementedError,
        AttributeError,
    ):
        return None
