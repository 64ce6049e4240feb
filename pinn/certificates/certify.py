"""A proof of an error in L1: boxes, ellipses around them, and Gauss points in them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.certificates.balls import OUT, UNIT, Ball
from pinn.certificates.discs import Disc
from pinn.certificates.gauss import gauss_points
from pinn.certificates.residual import Residual, as_array
from sciformer.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pinn.certificates.claim import Claim

    Array = NDArray[np.float64]
    Whole = NDArray[np.int64]

ORDERS = (4, 6, 8, 10, 12, 14, 16, 18, 20, 24)
ELLIPSES = (2, 3, 4, 6, 9)
# Share of the tolerance that quadrature may cost.
SHARE = 0.1
# Boxes at most: each takes hundreds of Gauss points.
MOST_BOXES = 200_000
# Boxes whose enclosures are in memory at once, and numbers of a layer at points.
BOXES, NUMBERS = 1024, 1 << 21


@dataclass(frozen=True)
class Boxes:
    """Boxes of a domain: position and depth along x and t, (n, 2) each."""

    place: NDArray[np.int64]
    depth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.place)

    def halved(self, axis: int) -> tuple[Boxes, Boxes]:
        """The lower and the upper halves along an axis."""
        place, depth = self.place.copy(), self.depth.copy()
        place[:, axis] *= 2
        depth[:, axis] += 1
        above = place.copy()
        above[:, axis] += 1
        return Boxes(place, depth), Boxes(above, depth)

    def chosen(self, which: Any) -> Boxes:
        """The boxes of some indices."""
        return Boxes(self.place[which], self.depth[which])


class Frame:
    """The domain of a claim, and centres and half-widths of its boxes as balls.

    Args:
        claim: gives the ends.
    """

    def __init__(self, claim: Claim) -> None:
        self._low = np.array([float(v) for v in claim.low])
        self._width = np.array([float(b - a) for a, b in zip(claim.low, claim.high, strict=True)])
        # A few roundings of numbers that are at most this large.
        self.slack = 16 * UNIT * (np.abs(self._low) + 2 * self._width)
        area = math.prod(b - a for a, b in zip(claim.low, claim.high, strict=True))
        self.area = float(area) * OUT

    def centres(self, boxes: Boxes) -> Array:
        """Centres (n, 2), up to `slack`."""
        return self._low + self.halves(boxes) * (2 * boxes.place + 1)

    def halves(self, boxes: Boxes) -> Array:
        """Half-widths (n, 2), up to rounding."""
        found: Array = np.ldexp(self._width, -(boxes.depth + 1))
        return found


@dataclass
class _Tree:
    """A box and its subdivision."""

    code: int = -1
    lower: int = -1
    upper: int = -1
    order: int = 0
    ellipse: int = 0


def certify(
    claim: Claim, tolerance: float, report: Callable[[float, int], None] | None = None
) -> Claim:
    """The claim with a proven bound, about the least that its residual allows.

    Args:
        claim: equation, domain and network; its boxes and bound are not looked at.
        tolerance: error wanted in L1; a tenth of it may be lost by quadrature.
        report: called with the share of the domain that is done and the number of boxes.

    Raises:
        CertificateError: too many boxes; the sentence says where.

    Theorem: for r analytic and |r| <= M on the product of the Bernstein ellipses of a box, n Gauss
        points along each side give the integral of r^2 over it, of half-widths h and k, up to

            h k (256 / 15) M^2 rho^(-2 n) / (1 - rho^-2)

        and int |r| <= (area int r^2)^(1/2). Source: Trefethen 2013, theorem 19.3, twice.
    """
    frame, residual = Frame(claim), Residual(claim)
    goal = 4 * (SHARE * tolerance / frame.area) ** 2
    nodes = [_Tree()]
    todo = [(Boxes(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64)), np.zeros(1, np.int64))]
    parts: list[float] = []
    done, leaves = 0.0, 0
    while todo:
        boxes, numbers = todo.pop()
        if len(boxes) > BOXES:
            half = len(boxes) // 2
            todo += [(boxes.chosen(s), numbers[s]) for s in (slice(half), slice(half, None))]
            continue
        order, ellipse, sizes, axis = _look(frame, residual, boxes, goal)
        ready = order > 0
        for n, o, e in zip(numbers[ready], order[ready], ellipse[ready], strict=True):
            nodes[n].code, nodes[n].order, nodes[n].ellipse = 0, int(o), int(e)
        parts += _integrals(
            frame, residual, boxes.chosen(ready), order[ready], (ellipse[ready], sizes[ready])
        )
        leaves += int(ready.sum())
        done += float((0.5 ** boxes.depth[ready].sum(1)).sum())
        if report is not None:
            report(min(done, 1.0), leaves)
        for direction in (0, 1):
            which = ~ready & (axis == direction)
            if which.any():
                todo.append(_split(nodes, boxes.chosen(which), numbers[which], direction))
        if len(nodes) > 2 * MOST_BOXES:
            raise _exploded(frame, boxes.chosen(~ready), done)
    codes, orders, ellipses = _preorder(nodes)
    bound = math.fsum(parts) * OUT
    return dataclasses.replace(
        claim, codes=codes, orders=orders, ellipses=ellipses, bound=bound * (1 + 1e-9)
    )


def _look(
    frame: Frame, residual: Residual, boxes: Boxes, goal: float
) -> tuple[Array, Array, Array, Array]:
    """Gauss points (0: none suffice), ellipse and bound of |r| of each box, and where to halve."""
    count = len(boxes)
    order, ellipse = np.zeros(count, int), np.zeros(count, int)
    sizes, least = np.full(count, np.inf), np.full(count, np.inf)
    for rho in ELLIPSES:
        form = disc_residual(frame, residual, boxes, rho)
        size = np.broadcast_to(form.above, (count, 1))[:, 0]
        if rho == ELLIPSES[0]:
            axis = _steepest(form, boxes)
        wanted = np.zeros(count, int)
        for n in reversed(ORDERS):
            wanted = np.where(quadrature_error(size, rho, n) <= goal, n, wanted)
        better = (wanted > 0) & ((order == 0) | (wanted < order))
        order, ellipse = np.where(better, wanted, order), np.where(better, rho, ellipse)
        sizes = np.where(better, size, sizes)
        least = np.minimum(least, size)
    return order, ellipse, sizes, axis


def quadrature_error(size: Array, rho: int, order: int) -> Array:
    """(256 / 15) M^2 rho^(-2 n) / (1 - rho^-2), upward."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = size**2 * (256 / 15 / (1 - float(rho) ** -2)) * float(rho) ** (-2 * order)
        return np.where(np.isfinite(found), found * OUT, np.inf)


def disc_residual(frame: Frame, residual: Residual, boxes: Boxes, rho: int) -> Disc:
    """The residual on polydiscs that hold the Bernstein ellipses, whose longer half-axis is
    (rho + 1 / rho) / 2."""
    reach = np.array((rho + 1 / rho) / 2 * OUT)
    centre, half = frame.centres(boxes), frame.halves(boxes) * OUT
    zero = np.zeros((len(boxes), 1))
    slack = [np.full((len(boxes), 1), s) for s in frame.slack]
    x = Disc(centre[:, :1], half[:, :1], zero, slack[0], reach)
    t = Disc(centre[:, 1:], zero, half[:, 1:], slack[1], reach)
    with np.errstate(all="ignore"):
        found: Disc = residual(x, t, x.constant)
    return found


def _steepest(form: Disc, boxes: Boxes) -> Array:
    """The direction along which the residual's form changes most, else the longer side."""
    count = len(boxes)
    first, second = (
        np.broadcast_to(np.abs(g), (count, 1))[:, 0] for g in (form.first, form.second)
    )
    finite = np.isfinite(first) & np.isfinite(second)
    longer = (boxes.depth[:, 0] > boxes.depth[:, 1]).astype(int)
    # No side becomes more than 16 times as short as the other.
    apart = np.abs(boxes.depth[:, 0] - boxes.depth[:, 1]) >= 4
    return np.where(finite & ~apart, (second > first).astype(int), longer)


def _integrals(
    frame: Frame, residual: Residual, boxes: Boxes, order: Array, given: tuple[Array, Array]
) -> list[float]:
    """A bound of the integral of |r| over each box."""
    ellipse, sizes = given
    found: list[float] = []
    for n in np.unique(order):
        same = np.flatnonzero(order == n)
        block = max(1, NUMBERS // (residual.width * int(n) ** 2))
        for start in range(0, len(same), block):
            which = same[start : start + block]
            squares = gauss_sum(frame, residual, boxes.chosen(which), int(n))
            lost = [
                quadrature_error(sizes[i], int(rho), int(n))
                for i, rho in zip(which, ellipse[which], strict=True)
            ]
            area = 4 * np.prod(frame.halves(boxes.chosen(which)), axis=1) * OUT
            found += list(area * np.sqrt((squares + np.array(lost)) / 4) * OUT)
    return found


def gauss_sum(frame: Frame, residual: Residual, boxes: Boxes, order: int) -> Array:
    """sum_ij w_i w_j r^2 at the Gauss points of each box, upward, (n,)."""
    points, weights = gauss_points(order)
    centre, half = frame.centres(boxes), frame.halves(boxes)
    count = len(boxes)
    off = frame.slack + half * 2.0**-49  # of the box, and of the point within it
    columns = []
    for axis in (0, 1):
        line = centre[:, axis, None] + half[:, axis, None] * points  # (n, order)
        shape = (count, order, 1) if axis == 0 else (count, 1, order)
        wide = np.broadcast_to(line.reshape(shape), (count, order, order)).reshape(-1, 1)
        radius = np.repeat(off[:, axis], order**2)[:, None]
        columns.append(Ball(wide, radius))
    found = residual(columns[0], columns[1], lambda ball: ball)
    sizes = as_array(found, count * order**2).reshape(count, order, order)
    total = np.einsum("bij,i,j->b", sizes**2, weights, weights)
    return np.asarray(total * OUT)


def _split(nodes: list[_Tree], boxes: Boxes, numbers: Whole, axis: int) -> tuple[Boxes, Whole]:
    """Both halves of each box, entered in the tree."""
    lower, upper = boxes.halved(axis)
    start = len(nodes)
    nodes.extend(_Tree() for _ in range(2 * len(numbers)))
    for k, n in enumerate(numbers):
        nodes[n].code, nodes[n].lower, nodes[n].upper = axis + 1, start + 2 * k, start + 2 * k + 1
    place = np.stack([lower.place, upper.place], 1).reshape(-1, 2)
    depth = np.stack([lower.depth, upper.depth], 1).reshape(-1, 2)
    return Boxes(place, depth), start + np.arange(2 * len(numbers))


def _preorder(nodes: list[_Tree]) -> tuple[Whole, Whole, Whole]:
    codes: list[int] = []
    orders: list[int] = []
    ellipses: list[int] = []
    stack = [0]
    while stack:
        node = nodes[stack.pop()]
        codes.append(node.code)
        if node.code == 0:
            orders.append(node.order)
            ellipses.append(node.ellipse)
        else:
            stack += [node.upper, node.lower]
    found = [np.array(a, dtype=np.int64) for a in (codes, orders, ellipses)]
    return found[0], found[1], found[2]


def _exploded(frame: Frame, boxes: Boxes, done: float) -> CertificateError:
    smallest = int(np.argmax(boxes.depth.sum(1)))
    x, t = frame.centres(boxes)[smallest]
    widths = 2 * frame.halves(boxes)[smallest]
    return CertificateError(
        f"certify: more than {MOST_BOXES} boxes, with {done:.0%} of the domain done; the smallest, "
        f"{widths[0]:.1g} by {widths[1]:.1g}, lies at x = {x:.4g}, t = {t:.4g}, where the network "
        "is too steep for its enclosure; take fewer layers or a larger viscosity."
    )
