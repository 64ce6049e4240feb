"""A problem on polynomials: all its equations and conditions as rows, in units of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import sympy

from pinn.geometry.box import Box, Face
from pinn.problem.orders import order_of
from pinn.problem.spectral.form import Form, Piece
from pinn.problem.spectral.space import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

# Coefficients of all fields together, by the number of coordinates: five waves across a square and
# one across a cube are then known to 1e-7, and a factorisation takes some tenths of a second.
COLUMNS = {1: 384, 2: 1024, 3: 1331}
# Polynomials along each coordinate for what has no waves, and for each radian across half the box.
FEWEST = {1: 32, 2: 16, 3: 8}
A_RADIAN = 1.4
# Along a line more polynomials than these are only rounding in their derivatives.
MOST = 64
ROUNDING = 1e-9  # of a root that is a whole number
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
        face: where it holds; None inside.
        weights: roots of the weights of the nodes (p,).
        local: values and derivatives of the fields at the nodes, for conditions.
    """

    value: Array
    pieces: Sequence[Piece]
    face: Face | None
    weights: Array
    local: Sequence[Piece]

    def matrix(self, space: Space) -> Array:
        """Weighted rows (p, columns)."""
        total = np.zeros((len(self.weights), space.fields, space.size))
        for piece in self.pieces:
            total[:, piece.field] += piece.rows
        return total.reshape(len(self.weights), -1) * self.weights[:, None]


class Collocation:
    """Equations at the Gauss nodes of a box, conditions at those of its faces.

    Args:
        problem: in a box of one to three coordinates.
        degree: polynomials along each coordinate; None for as many as the sizes above allow.

    Raises:
        ArithmeticError: the problem is of no such kind.
    """

    def __init__(self, problem: Problem, degree: int | None = None) -> None:
        if not isinstance(problem.domain, Box) or len(problem.coordinates) not in COLUMNS:
            raise ArithmeticError("not a box")
        if problem.unknown or problem.ansatz or problem.data or problem.given:
            raise ArithmeticError("more than equations and conditions")
        self.problem = problem
        self.order = max(problem.order, 1)
        self._inside = [Form(problem, equation) for equation in problem.equations]
        self._on = [
            (problem.domain.part(c.on), Form(problem, c.equation)) for c in problem.conditions
        ]
        self.space = Space(list(problem.domain.intervals.values()), 1, len(problem.fields))
        self.space = replace(self.space, degree=degree or self._degree())
        self.is_linear = all(form.is_linear for form in (*self._inside, *(f for _, f in self._on)))

    def _degree(self) -> int:
        dimension = len(self.space.intervals)
        most = int((COLUMNS[dimension] / self.space.fields) ** (1 / dimension) + ROUNDING)
        points, _ = self.space.nodes(FEWEST[dimension])
        waves = max(form.waves(self.space, points) for form in self._inside)
        return math.ceil(min(FEWEST[dimension] + A_RADIAN * waves, most, MOST))

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
        points, weights = space.nodes(count)
        none = np.zeros_like(points)
        found = [
            Block(*form.at(space, points, none, at), None, weights, ()) for form in self._inside
        ]
        for face, form in self._on:
            assert isinstance(face, Face), "a box has faces only"
            points, weights = space.nodes(count, (face.axis, face.value))
            outward = np.zeros_like(points)
            outward[:, face.axis] = face.outward
            value, pieces = form.at(space, points, outward, at)
            found.append(Block(value, pieces, face, weights, self._local(face, points)))
        return found + self._seams(at, count) + self._means(at)

    def _local(self, face: Face, points: Array) -> list[Piece]:
        """The fields and their derivatives across a face, in units of half the box."""
        found = []
        for order in range(max(self.order, 2)):
            orders = [order * (axis == face.axis) for axis in range(points.shape[1])]
            rows = self.space.rows(points, orders)
            found += [Piece(field, rows) for field in range(self.space.fields)]
        return found

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
                    ends = [self.space.nodes(count, (axis, f.value)) for f in (low, high)]
                    pieces = [
                        Piece(number, sign * self.space.rows(points, orders))
                        for sign, (points, _) in zip((1.0, -1.0), ends, strict=True)
                    ]
                    value = pieces[0].of(state) + pieces[1].of(state)
                    points, weights = ends[0]
                    local = self._local(low, points)
                    found.append(Block(value, pieces, low, weights, local))
        return found

    def _means(self, state: Array) -> list[Block]:
        """That the mean of a field in a gauge is 0."""
        found = []
        for name in self.problem.gauge:
            form = self.problem.expressions.get(name)
            if form not in self.problem.fields or self.problem.time is not None:
                raise ArithmeticError("a gauge of more than a field")
            mean = Piece(self.problem.fields.index(form), np.eye(1, self.space.size))
            found.append(Block(mean.of(state), [mean], None, np.ones(1), [mean]))
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


def attempt(problem: Problem, degree: int | None = None) -> Collocation | None:
    """The problem on polynomials; None where it is of no kind that can be written so."""
    try:
        return Collocation(problem, degree)
    except (ArithmeticError, sympy.SympifyError, NotImplementedError, AttributeError):
        return None
