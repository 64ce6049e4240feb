"""Verifies the certificate of a solution: the bound is derived anew on every box of its tree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinn.certificates.claim import Claim, read
from pinn.certificates.verifier.forms import UPWARD, Form, U
from pinn.certificates.verifier.formulas import check_conditions, expression
from pinn.certificates.verifier.gauss import rule
from pinn.certificates.verifier.residual import Residual
from pinn.certificates.verifier.rounding import check_sizes, evaluation_error
from sciformer.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Deeper boxes are below the resolution of float64, in which their corners are written.
DEEPEST = 40
MOST_ORDER, MOST_ELLIPSE = 32, 64
# Numbers of a layer at points that are in memory at once.
NUMBERS = 1 << 21


@dataclass(frozen=True)
class SolutionVerification:
    """Result of a verification.

    Attributes:
        equation: that the solution belongs to, in words.
        bound: claimed bound of ||u(t) - v(t)||_1 at every t, which holds in exact arithmetic.
        derived: the bound that was derived anew.
        in_float64: the bound for v as float64 computes it.
        boxes: number of them.
    """

    equation: str
    bound: float
    derived: float
    in_float64: float
    boxes: int


def verify_solution(
    directory: Path | str, report: Callable[[float], None] | None = None
) -> SolutionVerification:
    """Derives the bound of a solution's error from equation, domain and weights.

    Args:
        directory: with the files of a claim.
        report: called with the share that is done.

    Raises:
        DataError: files that cannot be read.
        CertificateError: the claim does not follow.
    """
    claim = read(Path(directory))
    if claim.diffusion < 0:
        raise CertificateError("verify: with diffusion < 0 errors grow at any rate.")
    check_sizes(claim)
    check_conditions(claim)
    with np.errstate(all="ignore"):  # what overflows has no bound, and is refused for that
        derived, rounding = derive(claim, report), evaluation_error(claim)
    width = float(claim.high[0] - claim.low[0]) * UPWARD
    for name, found, claimed in (
        ("a bound", derived, claim.bound),
        ("a rounding", rounding, claim.rounding),
    ):
        if not found <= claimed:
            raise CertificateError(
                f"verify: equation and weights prove {name} of {found:.6g}, not the claimed "
                f"{claimed:.6g}; certify again."
            )
    total = (claim.bound + width * claim.rounding) * UPWARD
    return SolutionVerification(_words(claim), claim.bound, derived, total, len(claim.orders))


def derive(claim: Claim, report: Callable[[float], None] | None = None) -> float:
    """The bound: int |r| over the domain, by Cauchy and Schwarz on each box from int r^2."""
    place, depth = _leaves(claim)
    residual, parts = Residual(claim), []
    order, ellipse = claim.orders, claim.ellipses
    if len(order) and not (order.min() >= 1 and order.max() <= MOST_ORDER):
        raise CertificateError("verify: an order of a Gauss rule is out of range.")
    if len(ellipse) and not (ellipse.min() >= 2 and ellipse.max() <= MOST_ELLIPSE):
        raise CertificateError("verify: an ellipse is out of range.")
    pairs = np.stack([order, ellipse], 1)
    done = 0
    for n, rho in np.unique(pairs, axis=0):
        same = np.flatnonzero((order == n) & (ellipse == rho))
        block = max(1, NUMBERS // (residual.width * int(n) ** 2))
        for start in range(0, len(same), block):
            which = same[start : start + block]
            parts += _integrals(claim, residual, (place[which], depth[which]), int(n), int(rho))
            done += len(which)
            if report is not None:
                report(done / len(order))
    return math.fsum(parts) * UPWARD


def _leaves(claim: Claim) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Boxes of the tree in its order; a tree covers the domain whatever its codes are."""
    places, depths = [], []
    stack = [((0, 0), (0, 0))]
    for code in claim.codes.tolist():
        if not stack:
            raise CertificateError("verify: the tree of boxes has an end that belongs to nothing.")
        place, depth = stack.pop()
        if code == 0:
            places.append(place)
            depths.append(depth)
            continue
        if code not in (1, 2) or max(depth) >= DEEPEST:
            raise CertificateError("verify: the tree of boxes is damaged, or too deep.")
        axis = code - 1
        for upper in (1, 0):
            moved, deeper = list(place), list(depth)
            moved[axis] = 2 * moved[axis] + upper
            deeper[axis] += 1
            stack.append(((moved[0], moved[1]), (deeper[0], deeper[1])))
    if stack or not places:
        raise CertificateError("verify: the tree of boxes does not cover the domain.")
    return np.array(places, dtype=np.int64), np.array(depths, dtype=np.int64)


def _integrals(
    claim: Claim,
    residual: Residual,
    boxes: tuple[NDArray[np.int64], NDArray[np.int64]],
    order: int,
    rho: int,
) -> list[float]:
    """int |r| over each box, upward.

    |r| <= M on the ellipses makes Chebyshev coefficients of r^2 in one variable at most
    2 M^2 rho^-k; n Gauss points are exact up to degree 2 n - 1, odd degrees drop out, and degree k
    costs at most 2 + 2 / (k^2 - 1) <= 32 / 15:

        (64 / 15) M^2 rho^(-2 n) / (1 - rho^-2)

    in each of two variables, times the length 2 of the other.
    """
    if order < 2:
        raise CertificateError("verify: one Gauss point is too few, k >= 4 is used.")
    place, depth = boxes
    low = np.array([float(v) for v in claim.low])
    width = np.array([float(b - a) for a, b in zip(claim.low, claim.high, strict=True)])
    half = width / 2.0 ** (depth + 1)
    centre = low + half * (2 * place + 1)
    off = 20 * U * (np.abs(low) + 2 * width)
    size = _on_polydiscs(residual, centre, half, off, rho)
    with np.errstate(over="ignore", invalid="ignore"):
        tail = 256 / 15 * size**2 * float(rho) ** (-2 * order) / (1 - float(rho) ** -2) * UPWARD
    points, weights = rule(order)
    count = len(place)
    x = _points(centre[:, 0], half[:, 0], points, off[0], along=1)
    t = _points(centre[:, 1], half[:, 1], points, off[1], along=2)
    values = np.broadcast_to(residual(x, t).size(), (count * order * order, 1))
    squares = values.reshape(count, order, order) ** 2
    total = (squares * weights[:, None] * weights).sum((1, 2)) * UPWARD + tail
    if not np.isfinite(total).all():
        raise CertificateError("verify: on a box of the tree the residual has no bound.")
    area = 4 * half[:, 0] * half[:, 1]
    return [float(v) for v in area * np.sqrt(total / 4) * UPWARD]


def _on_polydiscs(residual: Residual, centre: Array, half: Array, off: Array, rho: int) -> Array:
    """A bound of |r| on discs around the ellipses with half-axis (rho + 1 / rho) / 2."""
    reach = (rho + 1 / rho) / 2 * UPWARD
    forms = []
    for axis in range(2):
        slopes = np.zeros((len(centre), 1, 2))
        slopes[:, 0, axis] = half[:, axis] * UPWARD
        rest = np.full((len(centre), 1), off[axis])
        forms.append(Form(centre[:, axis : axis + 1], slopes, rest, reach))
    with np.errstate(all="ignore"):
        size = residual(*forms).size()
    return np.broadcast_to(size, (len(centre), 1))[:, 0]


def _points(centre: Array, half: Array, points: Array, off: float, along: int) -> Form:
    """One coordinate of all Gauss points of all boxes, (boxes * n * n, 1)."""
    count = len(points)
    line = centre[:, None] + half[:, None] * points
    shape = (len(centre), count, 1) if along == 1 else (len(centre), 1, count)
    full = np.broadcast_to(line.reshape(shape), (len(centre), count, count)).reshape(-1, 1)
    rest = np.repeat(off + half * 2.0**-49, count * count)[:, None]
    return Form(full, None, rest, 0.0)


def _words(claim: Claim) -> str:
    """The equation and where it holds, as sympy writes them."""
    import sympy

    u = sympy.Symbol("u")
    flux = sum(
        (sympy.Rational(c.numerator, c.denominator) * u**k for k, c in enumerate(claim.flux)),
        sympy.Integer(0),
    )
    diffusion = sympy.Rational(claim.diffusion.numerator, claim.diffusion.denominator)
    source = expression(claim.source)
    ends = [f"{a} <= {n} <= {b}" for n, a, b in zip("xt", claim.low, claim.high, strict=True)]
    walls = " and ".join(str(expression(w)) for w in claim.walls)
    return (
        f"u_t + ({flux})_x = {diffusion} u_xx + {source}, u = {expression(claim.start)} at the "
        f"start, {walls} at the ends, {', '.join(ends)}"
    )
