"""The steady flow in a lid-driven cavity at three Reynolds numbers, and Ghia's table beside one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REYNOLDS = (100, 400, 1000)
DEGREE = 3  # of the spline; it forgets the jumps at the lid's ends by 0.27 a node

# u at x = 0.5 over y, and v at y = 0.5 over x, at Re = 100.
# Source: Ghia, Ghia, Shin 1982, tables I and II; off by up to 0.005 in u and 0.009 in v.
GHIA_Y = (
    1, 0.9766, 0.9688, 0.9609, 0.9531, 0.8516, 0.7344, 0.6172, 0.5,
    0.4531, 0.2813, 0.1719, 0.1016, 0.0703, 0.0625, 0.0547, 0,
)  # fmt: skip
GHIA_U = (
    1, 0.84123, 0.78871, 0.73722, 0.68717, 0.23151, 0.00332, -0.13641, -0.20581,
    -0.21090, -0.15662, -0.10150, -0.06434, -0.04775, -0.04192, -0.03717, 0,
)  # fmt: skip
GHIA_X = (
    1, 0.9688, 0.9609, 0.9531, 0.9453, 0.9063, 0.8594, 0.8047, 0.5,
    0.2344, 0.2266, 0.1563, 0.0938, 0.0781, 0.0703, 0.0625, 0,
)  # fmt: skip
GHIA_V = (
    0, -0.05906, -0.07391, -0.08864, -0.10313, -0.16914, -0.22445, -0.24533, 0.05454,
    0.17527, 0.17507, 0.16077, 0.12317, 0.10890, 0.10091, 0.09233, 0,
)  # fmt: skip


@dataclass(frozen=True)
class Cavity:
    """u, v, p in the unit square whose lid y = 1 moves with speed 1.

    The fields are cubic splines through a table. Within 2 % of a lid corner, where u jumps and
    p is unbounded, they mean little. The constant of p is free: p has mean zero over the table.

    Args:
        reynolds: lid speed times side over viscosity.
        axis: (n,), nodes in x and in y.
        u, v, p: (n, n) over x and y.
    """

    reynolds: float
    axis: Array
    u: Array
    v: Array
    p: Array

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, 2) in the order x, y, as {"u": (p,), "v": ..., "p": ...}.

        Raises:
            DomainError: a point outside the unit square.
        """
        x, y = np.asarray(points, dtype=np.float64).T
        if not ((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)).all():
            raise DomainError(
                "cavity: points must lie in the unit square; got x from "
                f"{x.min():g} to {x.max():g} and y from {y.min():g} to {y.max():g}."
            )
        return {name: np.asarray(self._spline(name).ev(x, y)) for name in ("u", "v", "p")}

    def extrema(self) -> dict[str, tuple[float, float]]:
        """Extrema on the middle lines, as (place, value): "u_min", "v_max" and "v_min"."""
        return {
            "u_min": self._extremum("u", 1.0, (0.1, 0.6)),
            "v_max": self._extremum("v", -1.0, (0.1, 0.4)),
            "v_min": self._extremum("v", 1.0, (0.7, 0.95)),
        }

    def _extremum(self, name: str, sign: float, bounds: tuple[float, float]) -> tuple[float, float]:
        from scipy.optimize import minimize_scalar

        def value(s: float) -> float:
            point = (0.5, s) if name == "u" else (s, 0.5)
            return float(self._spline(name).ev(*point))

        found = minimize_scalar(lambda s: sign * value(s), bounds=bounds, options={"xatol": 1e-9})
        return float(found.x), value(float(found.x))

    def _spline(self, name: str) -> Any:
        from scipy.interpolate import RectBivariateSpline

        table = getattr(self, name)
        return RectBivariateSpline(self.axis, self.axis, table, kx=DEGREE, ky=DEGREE)


@cache
def embedded_cavity(reynolds: int = 100) -> Cavity:
    """A cavity of the package, read once; see `cavity_re100.json` and its like.

    Args:
        reynolds: one of `REYNOLDS`.

    Raises:
        DomainError: another one.
    """
    if reynolds not in REYNOLDS:
        raise DomainError(
            f"cavity: tables are there for Re = {', '.join(map(str, REYNOLDS))}; got "
            f"{reynolds:g}. Compute it by sciformer cavity --reynolds {reynolds:g} --generate FILE."
        )
    with np.load(Path(__file__).with_name(f"cavity_re{reynolds}.npz")) as stored:
        fields = {name: stored[name].astype(np.float64) for name in ("u", "v", "p")}
        return Cavity(float(stored["reynolds"]), stored["axis"], **fields)
