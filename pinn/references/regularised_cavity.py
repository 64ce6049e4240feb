"""The steady flow in a cavity whose lid slows down towards its ends, by a spectral method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pinn.references.chebyshev import chebyshev_basis
from sciformer.errors import ConvergenceError, DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_REYNOLDS = 1000.0  # TERMS polynomials an axis hold the layers at the walls up to here
TERMS = 40
# Newton's method reaches the flow at FROM_REST from rest, and from a third of a Reynolds number.
FROM_REST, RAMP, STEPS, TOLERANCE = 200.0, 3.0, 12, 1e-9
UNIT = (0.0, 1.0)
VELOCITY, LAPLACIAN = ((0, 1), (1, 0)), ((2, 0), (0, 2))


@dataclass(frozen=True)
class RegularisedCavity:
    """u, v, p in the unit square whose lid y = 1 moves with u = 16 x^2 (1 - x)^2.

    psi = 16 x^2 (1 - x)^2 (y^3 - y^2) + (x (1 - x) y (1 - y))^2 sum_ij a_ij T_i(x) T_j(y)

    with u = psi_y, v = -psi_x, by Galerkin's method for the vorticity equation and then for p. A
    weak form is needed although the lid is smooth: psi is a power 3.7 of the distance to a corner.

    Args:
        reynolds: the lid's largest speed times its length over viscosity.

    Raises:
        DomainError: reynolds <= 0, or above `MOST_REYNOLDS`.

    Accuracy: velocities to 1e-7 at Re = 100 and 400 and 2e-6 at Re = 1000, the pressure to 1e-6
        and 2e-6, by 36 terms against 46.
    Source: Shen 1991, for the lid and the method.
    """

    reynolds: float

    def __post_init__(self) -> None:
        if not 0 < self.reynolds <= MOST_REYNOLDS:
            raise DomainError(
                f"regularised cavity: reynolds must lie in (0, {MOST_REYNOLDS:g}]; got "
                f"{self.reynolds:g}."
            )

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, 2) in the order x, y; the mean of p over the square is 0."""
        return solved(self.reynolds)(points)


@dataclass(frozen=True)
class Coefficients:
    """Chebyshev coefficients of the streamfunction beyond the lid's part, and of the pressure."""

    stream: Array
    pressure: Array

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, 2) in the order x, y."""
        x, y = np.asarray(points, dtype=np.float64).T
        n = len(self.pressure)
        return {
            "u": self._derivative(x, y, 0, 1),
            "v": -self._derivative(x, y, 1, 0),
            "p": _sum(_cheb(x, n, 0), _cheb(y, n, 0), self.pressure),
        }

    def _derivative(self, x: Array, y: Array, i: int, j: int) -> Array:
        n = len(self.stream)
        return _sum(_walled(x, n, i), _walled(y, n, j), self.stream) + _lid(x, y, i, j)


@lru_cache(maxsize=4)
def solved(reynolds: float, terms: int = TERMS) -> Coefficients:
    """The flow in so many terms an axis.

    Raises:
        ConvergenceError: Newton's method does not settle.

    Cost: some 6 Gflop a Newton step at 40 terms; 10 steps at Re = 1000.
    """
    ramp = [reynolds]
    while ramp[-1] > FROM_REST:
        ramp.append(ramp[-1] / RAMP)
    grid = _Grid(terms)
    stream = np.zeros((terms, terms))
    for number in reversed(ramp):
        stream = _newton(grid, stream, 1 / number)
    return Coefficients(stream, grid.pressure(stream, 1 / reynolds))


def _newton(grid: _Grid, a: Array, viscosity: float) -> Array:
    """The a with  int w (psi_y phi_x - psi_x phi_y) + viscosity int w lap phi = 0  for all phi.

    w = lap psi; the convective term is integrated by parts, as phi and its slopes vanish on walls.
    """
    for _ in range(STEPS):
        psi = {order: grid.values(a, *order) for order in (*VELOCITY, *LAPLACIAN)}
        w = psi[2, 0] + psi[0, 2]
        u, v = psi[0, 1], -psi[1, 0]
        weights = {(1, 0): u * w, (0, 1): v * w, (2, 0): viscosity * w, (0, 2): viscosity * w}
        gap = sum(grid.tested(weight, *order) for order, weight in weights.items())
        terms = [(of, (1, 0), u) for of in LAPLACIAN] + [(of, (0, 1), v) for of in LAPLACIAN]
        terms += [((0, 1), (1, 0), w), ((1, 0), (0, 1), -w)]
        plain = np.full_like(w, viscosity)
        terms += [(of, by, plain) for of in LAPLACIAN for by in LAPLACIAN]
        matrix = sum(grid.matrix(*term) for term in terms)
        step = np.linalg.solve(matrix, np.ravel(gap)).reshape(a.shape)
        a = a - step
        # By values: coefficients of high terms are determined less well than their sum is.
        if np.abs(grid.values(step, 0, 1) - grid.values(0 * step, 0, 1)).max() <= TOLERANCE:
            return a
    raise ConvergenceError(
        f"regularised cavity: Newton's method did not settle at Re = {1 / viscosity:g} within "
        f"{STEPS} steps; take a smaller Reynolds number."
    )


class _Grid:
    """Gauss-Legendre points, exact for products of three, and the basis and its derivatives."""

    def __init__(self, terms: int) -> None:
        nodes, weights = np.polynomial.legendre.leggauss(3 * terms // 2 + 8)
        self.terms, self._weights = terms, np.multiply.outer(weights, weights) / 4
        s = (nodes + 1) / 2
        self._one = weights / 2
        self._walled = [_walled(s, terms, order) for order in range(4)]
        self._cheb = [_cheb(s, terms, order) for order in range(2)]
        x, y = np.meshgrid(s, s, indexing="ij")
        self._lid = {(i, j): _lid(x, y, i, j) for i in range(4) for j in range(4 - i)}

    def values(self, a: Array, i: int, j: int) -> Array:
        """A derivative of psi at the points."""
        return np.asarray(self._walled[i] @ a @ self._walled[j].T + self._lid[i, j])

    def tested(self, values: Array, i: int, j: int) -> Array:
        """Integrals of values times a derivative of every basis function, (terms, terms)."""
        return np.asarray(self._walled[i].T @ (self._weights * values) @ self._walled[j])

    def matrix(self, of: tuple[int, int], by: tuple[int, int], values: Array) -> Array:
        """Integrals of values times derivatives `by` of test and `of` of trial functions."""
        n = self.terms
        in_y = np.einsum("ql,qj->qlj", self._walled[by[1]], self._walled[of[1]]).reshape(-1, n * n)
        in_x = np.einsum("pk,pi->pki", self._walled[by[0]], self._walled[of[0]]).reshape(-1, n * n)
        both = in_x.T @ ((self._weights * values) @ in_y)  # (k i, l j)
        return np.asarray(both.reshape(n, n, n, n).swapaxes(1, 2).reshape(n * n, n * n))

    def pressure(self, a: Array, viscosity: float) -> Array:
        """Coefficients of the p whose gradient is nearest to viscosity lap u - (u.grad) u."""
        psi = {order: self.values(a, *order) for order in self._lid}
        u, v = psi[0, 1], -psi[1, 0]
        along_x = viscosity * (psi[2, 1] + psi[0, 3]) - u * psi[1, 1] - v * psi[0, 2]
        along_y = -viscosity * (psi[3, 0] + psi[1, 2]) + u * psi[2, 0] + v * psi[1, 1]
        value, slope = self._cheb
        mass, stiff = (part.T @ (self._one[:, None] * part) for part in (value, slope))
        right = slope.T @ (self._weights * along_x) @ value
        right += value.T @ (self._weights * along_y) @ slope
        matrix = np.kron(stiff, mass) + np.kron(mass, stiff)
        found = np.linalg.solve(matrix[1:, 1:], right.ravel()[1:])
        p = np.concatenate([[0.0], found]).reshape(self.terms, self.terms)
        means = self._one @ value
        p[0, 0] -= means @ p @ means
        return np.asarray(p)


def _sum(in_x: Array, in_y: Array, a: Array) -> Array:
    return np.asarray(np.einsum("pi,pi->p", in_x @ a, in_y))


def _lid(x: Array, y: Array, i: int, j: int) -> Array:
    """Derivatives of 16 x^2 (1 - x)^2 (y^3 - y^2)."""
    along = np.polynomial.Polynomial([0, 0, 16, -32, 16]).deriv(i)
    down = np.polynomial.Polynomial([0, 0, -1, 1]).deriv(j)
    return np.asarray(along(x) * down(y))


def _walled(s: Array, terms: int, order: int) -> Array:
    """d^order/ds^order of (s (1 - s))^2 T_k(s), by Leibniz' rule: (p, terms)."""
    wall = np.polynomial.Polynomial([0, 0, 1, -2, 1])
    total = np.zeros((len(s), terms))
    binomial = 1
    for k in range(order + 1):
        total += binomial * wall.deriv(k)(s)[:, None] * _cheb(s, terms, order - k)
        binomial = binomial * (order - k) // (k + 1)
    return total


def _cheb(s: Array, terms: int, order: int) -> Array:
    return chebyshev_basis(s, terms, UNIT, order)
