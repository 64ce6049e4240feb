"""Whether what is known in a problem balances, by the alternative of Fredholm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pinn.geometry.box import Box
from pinn.problem.spectral.collocation import Collocation
from pinn.problem.spectral.region_space import IntegratedSpace
from pinn.problem.spectral.space import Space
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.problem.problem import Problem
    from pinn.problem.spectral.collocation import Block

    Array = NDArray[np.float64]

# Polynomials along each coordinate for the fields and for the functions that equations are
# multiplied with, by the number of coordinates, on boxes and on other regions: so many more of the
# former that no function but a true one makes all that is unknown vanish.
FIELDS, FACTORS = {1: 40, 2: 16, 3: 7}, {1: 24, 2: 10, 3: 4}
REGION_FIELDS, REGION_FACTORS = {2: 12, 3: 8}, {2: 6, 3: 4}
# More polynomials for the fields, on which what was found is tried again.
FINER = 2
# What is left of the unknown, relative to its terms: 1e-7 squared is still above the rounding of
# the squares that are summed.
VANISHED = 1e-7
# The same where it is tried again, beside large terms of high degree.
CONFIRMED = 1e-6
# Factors of which more than this share is in the highest degrees are not resolved; that no field is
# left in them is tried again with more fields.
RESOLVED = 0.1
# Functions on a part that depend on those of lower degree up to this share are the same there.
DEPENDENT = 1e-8
# A share of the known terms below which they balance: what is given with four digits does.
BALANCED = 1e-4
# An equation that is multiplied with a constant, but for this share, has a mean to speak of.
CONSTANT = 0.01
ROUNDING = 1e-9  # of a mean that is 0


@dataclass(frozen=True)
class Balance:
    """The ways in which all that is unknown in a problem cancels, and what is left.

    Attributes:
        ways: number of combinations of equations and conditions in which no field is left.
        left: share of the known terms that is left in the worst of them.
        equation: number of the equation that is simply integrated; None where it is multiplied
            with a function that is no constant.
        mean: of the known terms of that equation, on its right-hand side.
        wanted: what the mean would have to be.
    """

    ways: int
    left: float
    equation: int | None = None
    mean: float = 0.0
    wanted: float = 0.0

    @property
    def is_even(self) -> bool:
        """Whether the known terms balance."""
        return self.left <= BALANCED


def balance_of(problem: Problem) -> Balance | None:
    """The balance of what is known, from the linear equations and conditions of a problem.

    Looks for functions psi in the domain and phi on its walls with

        integral of psi L u  +  sum of the integrals of phi B u  =  0   for all fields u

    for which a solution of L u = f, B u = g needs integral of psi f + sum of phi g = 0.

    Args:
        problem: in a box of one to three coordinates, a region of the plane, or what is extruded
            from one; others have none.

    Returns:
        None where nothing can be said.

    Source: the alternative of Fredholm, in the weak form of the adjoint problem.
    """
    try:
        return _balance(_System(problem))
    except (ArithmeticError, np.linalg.LinAlgError, DomainError):
        return None


class _System:
    """Equations and conditions times functions and integrated, as rows in the coefficients.

    Attributes:
        matrix: of all that is unknown, (functions, coefficients).
        known: what is known, (functions,).
        degrees: of the functions.
    """

    def __init__(self, problem: Problem) -> None:
        self.collocation = Collocation(problem, space=_space(problem, 0))
        self.space = self.collocation.space
        self.blocks = self.collocation.linear_blocks()
        self.scales, columns = self.collocation.scales(self.blocks)
        is_region = isinstance(self.space, IntegratedSpace)
        self.count = (REGION_FACTORS if is_region else FACTORS)[len(self.space.intervals)]
        found = [_functions(self.space, block, self.count) for block in self.blocks]
        self.shapes = [shape for shape, _ in found]  # coefficients on the polynomials
        self.functions = [
            np.abs(block.weights)[:, None] * self.values(block.points, shape)
            for block, shape in zip(self.blocks, self.shapes, strict=True)
        ]
        parts = list(zip(self.blocks, self.scales, self.functions, strict=True))
        matrix = np.concatenate([s * f.T @ block.matrix(self.space) for block, s, f in parts])
        matrix *= np.repeat(columns, self.space.size)
        self.matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1.0)
        self.known = np.concatenate([s * f.T @ (b.value * b.weights) for b, s, f in parts])
        self.degrees = np.concatenate([degrees for _, degrees in found])

    def values(self, points: Array, shape: Array) -> Array:
        """Polynomials of low degree with coefficients (n, ...) at points."""
        rows = self.space.rows(points, [0] * points.shape[1])
        return np.asarray(rows[:, _low(self.space, self.count)] @ shape)

    def split(self, factors: Array) -> list[Array]:
        """The factors of each block."""
        ends = np.cumsum([f.shape[1] for f in self.functions])
        return np.split(factors, ends[:-1])


def _space(problem: Problem, more: int) -> Space:
    dimension = len(problem.coordinates)
    if dimension not in FIELDS:
        raise ArithmeticError("too many coordinates")
    intervals, fields = list(problem.domain.intervals.values()), len(problem.fields)
    if isinstance(problem.domain, Box):
        return Space(intervals, FIELDS[dimension] + more, fields)
    if dimension not in REGION_FIELDS:
        raise ArithmeticError("no region of the plane, nor extruded from one")
    return IntegratedSpace(intervals, REGION_FIELDS[dimension] + more, fields, problem.domain)


def _low(space: Space, count: int) -> NDArray[np.int64]:
    """Numbers of the polynomials of degrees below `count`, in their order."""
    chosen = np.flatnonzero(space.degrees < count)
    return np.asarray(chosen[np.argsort(space.degrees[chosen], kind="stable")])


def _functions(space: Space, block: Block, count: int) -> tuple[Array, NDArray[np.int64]]:
    """Polynomials that are orthonormal over the nodes of a block: their coefficients (n, k), and
    their degrees (k,).
    """
    chosen = _low(space, count)
    values = space.rows(block.points, [0] * block.points.shape[1])[:, chosen]
    values *= np.abs(block.weights)[:, None]
    found, degrees = np.zeros((len(values), 0)), list[int]()
    for degree in range(count):
        fresh = values[:, space.degrees[chosen] == degree]
        for _ in range(2):  # once more for rounding
            fresh = fresh - found @ (found.T @ fresh)
        left, sizes, _ = np.linalg.svd(fresh, full_matrices=False)
        fresh = left[:, sizes > DEPENDENT]
        found = np.concatenate([found, fresh], axis=1)
        degrees += [degree] * fresh.shape[1]
    shape, *_ = np.linalg.lstsq(values, found, rcond=DEPENDENT)
    return np.asarray(shape, dtype=np.float64), np.array(degrees, dtype=np.int64)


def _balance(system: _System) -> Balance | None:
    squares, vectors = np.linalg.eigh(system.matrix @ system.matrix.T)
    if len(squares) > system.matrix.shape[1]:
        return None
    ways = vectors[:, squares <= VANISHED**2 * squares[-1]]
    size = float(np.linalg.norm(system.known))
    factors = ways @ (ways.T @ system.known)
    left = float(np.linalg.norm(factors)) / size if size else 0.0
    if left <= BALANCED:
        return Balance(ways.shape[1], left)
    factors /= np.linalg.norm(factors)
    highest = system.degrees >= min(7 * system.count / 8, system.count - 1)
    if np.linalg.norm(factors[highest]) > RESOLVED or not _is_confirmed(system, factors):
        return None
    return _meant(system, factors, Balance(ways.shape[1], left))


def _is_confirmed(system: _System, factors: Array) -> bool:
    """Whether more fields than it was found on vanish, and what is known does not."""
    space = _space(system.collocation.problem, FINER)
    blocks = Collocation(system.collocation.problem, space=space).linear_blocks()
    unknown, known = [], []
    parts = zip(blocks, system.scales, system.shapes, system.split(factors), strict=True)
    for block, scale, shape, own in parts:
        factor = scale * np.abs(block.weights) * system.values(block.points, shape @ own)
        unknown.append(factor @ block.matrix(space))
        known.append(float(factor @ (block.value * block.weights)))
    left, size = np.sum(unknown, axis=0), np.sum(np.abs(unknown), axis=0)
    vanishes = np.linalg.norm(left) <= CONFIRMED * np.linalg.norm(size)
    return bool(vanishes and abs(sum(known)) > BALANCED * np.sum(np.abs(known)))


def _meant(system: _System, factors: Array, balance: Balance) -> Balance:
    """The balance with the mean of the equation that is simply integrated, if one is."""
    own = system.split(factors)
    numbers = system.collocation.linear_equations
    if not numbers:
        return balance
    index = max(range(len(numbers)), key=lambda n: float(np.linalg.norm(own[n])))
    block, scale = system.blocks[index], system.scales[index]
    factor = system.values(block.points, system.shapes[index] @ own[index])
    if not np.ptp(factor) < CONSTANT * abs(factor.mean()):
        return balance
    share = float(own[index] @ (system.functions[index].T @ block.weights))
    mean = 0.0 - float((block.value * block.weights) @ np.abs(block.weights))
    wanted = mean + float(factors @ system.known) / float(scale * share)
    is_even = abs(wanted) <= ROUNDING * max(abs(mean), abs(mean - wanted))
    return replace(balance, equation=numbers[index], mean=mean, wanted=0.0 if is_even else wanted)
