"""lambda_1 and lambda_2 of the Navier-Stokes equations from velocity alone, without derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinn.data.flow import FlowGrid
from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

POWER = 7  # of the window (1 - s^2)^7: smooth enough that sums are integrals to 1e-5
LEAST = 3  # half-width of a window in grid steps, below which sums are no integrals
VANISHING = 1e-6  # a term this small beside its natural size is rounding


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
        """The same with wider or narrower supports."""
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
    the convective term, because sum_i d_i w_i = 0.

    Args:
        grid: the axes of the data.
        windows: supports of the test functions.

    Raises:
        DataError: fewer grid points along an axis than a window needs.

    Cost: 0.1 s for 100 x 50 x 200 samples.
    Source: Bortz, Messenger, Dukic 2023 for weak-form identification; test functions free of
        divergence are our choice.
    """

    def __init__(self, grid: FlowGrid, windows: Windows) -> None:
        sizes = (len(grid.x), len(grid.y), len(grid.t))
        for label, n, share in zip("xyt", sizes, windows.half_widths, strict=True):
            if round(share * (n - 1)) < LEAST:
                raise DataError(
                    f"{grid.name}: the weak form needs at least {math.ceil(LEAST / share) + 1} "
                    f"values of {label} and there are {n}; give a finer grid."
                )
        self._x, self._y, self._t = (
            _windows(n, spacing, share, number)
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
        """What the terms of a flow of this speed would be, did nothing cancel."""

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
        DataError: the velocity is constant or steady, or its convection is a gradient.
    """
    speed = float(np.sqrt(np.mean(grid.u**2 + grid.v**2)))
    if max(np.ptp(grid.u), np.ptp(grid.v)) <= VANISHING * speed:
        raise DataError(
            f"{grid.name}: the velocity is constant, so lambda_1 and lambda_2 are not "
            "identifiable: every value satisfies the equations; give a flow that varies."
        )
    form = WeakForm(grid, windows)
    terms, sizes = form.terms(grid.u, grid.v), form.natural_sizes(speed)
    reasons = (
        ("rate", "the flow is steady, so only lambda_2 / lambda_1 is identifiable"),
        ("convection", "convection is balanced by pressure, so lambda_1 is not identifiable"),
        ("diffusion", "diffusion is balanced by pressure, so lambda_2 is not identifiable"),
    )
    for term, reason in reasons:
        if np.abs(getattr(terms, term)).max() <= VANISHING * getattr(sizes, term)[0]:
            raise DataError(f"{grid.name}: {reason}; give a flow in which that term acts.")


def _windows(points: int, spacing: float, share: float, number: int) -> list[Array]:
    """Derivatives 0 to 3 of windows side by side, times the spacing: each (number, points)."""
    half = round(share * (points - 1))
    first, last = half, points - 1 - half
    centres = np.unique(np.rint(np.linspace(first, last, number)).astype(int))
    s = (np.arange(points) - centres[:, None]) / half
    polynomial = np.polynomial.Polynomial([1, 0, -1]) ** POWER
    inside = np.abs(s) < 1
    return [
        np.where(inside, polynomial.deriv(k)(s), 0.0) * spacing / (half * spacing) ** k
        for k in range(4)
    ]
