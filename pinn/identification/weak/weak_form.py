"""lambda_1 and lambda_2 of the Navier-Stokes equations from velocity alone, without derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinn.data.flow import FlowGrid
from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

POWER = 7  # of the window (1 - s^2)^7: its third derivative, the highest here, is smooth
LEAST = 3  # half-width of a window in grid steps, below which no window is told from another
VANISHING = 1e-6  # a term this small beside its natural size is rounding
DEGREE, LOWER_DEGREE = 7, 5  # of the splines through the samples, and of those compared with them
FINE = 16  # points a grid step at which splines and windows are multiplied: 1e-13 of the integral
# What is 0 in truth differs between both splines by about as much as it is, at most by 1.4 times.
TOLD_APART = 2.0


@dataclass(frozen=True)
class Windows:
    """Supports of the test functions.

    Args:
        half_widths: in x, y, t, as shares of the extents of the data.
        per_axis: how many windows stand side by side along each axis.
    """

    half_widths: tuple[float, float, float] = (0.2, 0.28, 0.09)
    per_axis: tuple[int, int, int] = (14, 8, 38)

    def scaled(self, factor: float) -> Windows:
        """The windows with wider or narrower supports."""
        x, y, t = (factor * width for width in self.half_widths)
        return Windows((x, y, t), self.per_axis)


@dataclass(frozen=True)
class Terms:
    """The three terms of the equation against every test function: r + l1 n + l2 d = 0.

    Args:
        rate: r, of u_t.
        convection: n, of (u.grad) u.
        diffusion: d, of -lap u.
    """

    rate: Array
    convection: Array
    diffusion: Array

    def solve(self) -> Array:
        """lambda_1, lambda_2 in least squares over the test functions."""
        columns = np.stack([self.convection, self.diffusion], axis=1)
        return np.asarray(np.linalg.lstsq(columns, -self.rate, rcond=None)[0])


class WeakForm:
    """u_t + lambda_1 (u.grad) u + grad p - lambda_2 lap u = 0 against test functions free of
    divergence.

    int u.w_t + lambda_1 int u_i u_j d_j w_i + lambda_2 int u.lap w = 0,
    w = (phi_y, -phi_x),   phi(x, y, t) = A(x) B(y) C(t),   A(s) = (1 - s^2)^7 on its support

    The pressure and every derivative of the data are gone; so is the bias that noise would give
    the convective term, because sum_i d_i w_i = 0. The integrals are those of splines through the
    samples: plain sums of samples are wrong by 1e-3 where a window is a few steps wide.

    Args:
        grid: the axes of the data.
        windows: supports of the test functions.
        degree: of the splines, odd.

    Raises:
        DataError: fewer grid points along an axis than a window needs.

    Cost: 0.1 s for 100 x 50 x 200 samples.
    Source: Bortz, Messenger, Dukic 2023 for weak-form identification; test functions free of
        divergence are our choice.
    """

    def __init__(self, grid: FlowGrid, windows: Windows, degree: int = DEGREE) -> None:
        sizes = (len(grid.x), len(grid.y), len(grid.t))
        for label, n, share in zip("xyt", sizes, windows.half_widths, strict=True):
            if round(share * (n - 1)) < LEAST:
                raise DataError(
                    f"{grid.name}: the weak form needs at least {math.ceil(LEAST / share) + 1} "
                    f"values of {label} and there are {n}; give a finer grid."
                )
        self._x, self._y, self._t = (
            _windows(n, spacing, share, number, degree)
            for n, spacing, share, number in zip(
                sizes, grid.spacing, windows.half_widths, windows.per_axis, strict=True
            )
        )

    def terms(self, u: Array, v: Array) -> Terms:
        """The terms for a velocity u, v of shape (n_x, n_y, n_t)."""
        value, rate = self._t[0].T, self._t[1].T
        plain_u, plain_v, shear = u @ value, v @ value, (u * v) @ value
        return Terms(
            rate=self._sum(u @ rate, 0, 1) - self._sum(v @ rate, 1, 0),
            convection=self._sum((u * u - v * v) @ value, 1, 1)
            + self._sum(shear, 0, 2)
            - self._sum(shear, 2, 0),
            diffusion=self._sum(plain_u, 2, 1)
            + self._sum(plain_u, 0, 3)
            - self._sum(plain_v, 3, 0)
            - self._sum(plain_v, 1, 2),
        )

    def natural_sizes(self, speed: float) -> Terms:
        """Sizes that the terms of a flow of this speed would have without cancellation."""

        def size(x: int, y: int, t: int) -> Array:
            axes = (self._x[x], self._y[y], self._t[t])
            return np.array([math.prod(np.abs(axis).sum(1).max() for axis in axes)])

        return Terms(speed * size(0, 1, 1), speed**2 * size(1, 1, 0), speed * size(2, 1, 0))

    def _sum(self, in_time: Array, x: int, y: int) -> Array:
        """Integrals over x and y, times derivatives of A and B, of what was integrated in t."""
        over_y = self._y[y] @ in_time  # (n_x, j, k)
        return np.tensordot(self._x[x], over_y, axes=1).ravel()


def check_identifiable(grid: FlowGrid, windows: Windows) -> None:
    """Refuses flows in which a coefficient leaves no trace.

    Raises:
        DataError: the velocity is constant or steady, or its convection is a gradient, as far as
            this grid tells.
    """
    speed = float(np.sqrt(np.mean(grid.u**2 + grid.v**2)))
    if max(np.ptp(grid.u), np.ptp(grid.v)) <= VANISHING * speed:
        raise DataError(
            f"{grid.name}: the velocity is constant, so lambda_1 and lambda_2 are not "
            "identifiable: every value satisfies the equations; give a flow that varies."
        )
    form = WeakForm(grid, windows)
    terms, sizes = form.terms(grid.u, grid.v), form.natural_sizes(speed)
    lower = WeakForm(grid, windows, LOWER_DEGREE).terms(grid.u, grid.v)
    for name, term in vars(terms).items():
        unsure = float(np.linalg.norm(term - getattr(lower, name)))
        floor = VANISHING * getattr(sizes, name)[0]
        if np.abs(term).max() <= floor or np.linalg.norm(term) <= TOLD_APART * unsure:
            raise unidentifiable(grid.name, name, "as far as this grid tells")


def check_above_noise(name: str, terms: Terms, noisy: Sequence[Terms]) -> None:
    """Refuses flows in which a term is no larger than noise makes it.

    Args:
        name: of the data.
        terms: of the data.
        noisy: of the data with as much noise added as they have.

    Raises:
        DataError: noise changes a term by half of its size or more.
    """
    for label, term in vars(terms).items():
        changes = [np.mean((getattr(other, label) - term) ** 2) for other in noisy]
        if np.mean(term**2) <= TOLD_APART**2 * np.mean(changes):
            raise unidentifiable(name, label, "as far as the noise tells")


def unidentifiable(name: str, term: str, how_far: str) -> DataError:
    """The refusal of a flow in which a term of the equation is 0."""
    reason = {
        "rate": "the flow is steady, so only lambda_2 / lambda_1 is identifiable",
        "convection": "convection is balanced by pressure, so lambda_1 is not identifiable",
        "diffusion": "diffusion is balanced by pressure, so lambda_2 is not identifiable",
    }[term]
    return DataError(f"{name}: {how_far} {reason}; give a flow in which that term acts.")


def _windows(points: int, spacing: float, share: float, number: int, degree: int) -> list[Array]:
    """Weights of the samples in integrals over windows side by side and their derivatives 0 to 3.

    weight_j = int A^(k)(x) l_j(x) dx,   l_j(x_i) = 1 for i = j, and 0 for the others

    with splines l_j of the degree, without knots at the samples next to the ends.

    Returns:
        Four arrays (number, points).
    """
    from scipy.interpolate import BSpline
    from scipy.sparse.linalg import splu

    half = round(share * (points - 1))
    first, last = half, points - 1 - half
    centres = np.unique(np.rint(np.linspace(first, last, number)).astype(int))
    places = np.arange(points, dtype=np.float64)
    between = (degree + 1) // 2
    ends = np.ones(degree + 1)
    knots = np.concatenate([0 * ends, places[between:-between], places[-1] * ends])
    fine = np.arange((points - 1) * FINE + 1) / FINE
    splines = BSpline.design_matrix(fine, knots, degree).T
    through_samples = splu(BSpline.design_matrix(places, knots, degree).T.tocsc())
    s = (fine - centres[:, None]) / half
    polynomial = np.polynomial.Polynomial([1, 0, -1]) ** POWER
    inside = np.abs(s) < 1
    weights = []
    for k in range(4):
        values = np.where(inside, polynomial.deriv(k)(s), 0.0) / (half * spacing) ** k
        weights.append(through_samples.solve(splines @ values.T).T * (spacing / FINE))
    return weights
