"""Quadrature over regions of the plane, what is extruded from them, and their boundaries."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.polynomial import legendre

from pinn.geometry.base import PartOfPart
from pinn.geometry.box import Box, Face
from pinn.geometry.regions import Extension, Product
from pinn.geometry.shapes import Edges
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pinn.geometry.base import Domain, Part

    Array = NDArray[np.float64]

# Places along a part at which it is looked whether they belong to it, and halvings of the interval
# in which it ends, down to rounding.
PROBES, HALVINGS = 256, 50
# Gauss nodes of an interval, and the longest as a share of a part: an eighth of a circle holds
# fewer than ten radians of a polynomial of degree 24.
NODES, LONGEST = 20, 1 / 8
# Distance over which the speed along a part is measured: chords of a circle are off it by
# (2 pi h)^2 / 6, which two of them cancel down to (2 pi h)^4.
STEP = 1e-3
# Points for each moment, so that weights that give all moments differ little from equal ones; some
# near the outline are negative, and rounding grows by the sum of their sizes over the area.
SPARE, STABLE = 6, 10.0
# The area by moments and by a count of points agree to so much if the outline closes.
CLOSED = 0.05


def along(part: Part) -> tuple[Array, Array]:
    """Nodes (p, 2) along a part of a boundary, and weights (p,) of sum its length.

    Raises:
        DomainError: it does not lie in the plane.
    """
    if part.sample(1).shape[1] != 2:
        raise DomainError(f"{part}: is not the boundary of a region of the plane.")
    ends = _ends(part)
    nodes, weights = legendre.leggauss(NODES)
    places: list[Array] = [np.zeros((0, 2))]
    lengths: list[Array] = [np.zeros(0)]
    for low, high in itertools.pairwise(ends):
        if not _contained(part, np.array([(low + high) / 2]))[0]:
            continue
        panels = np.linspace(low, high, 1 + int(np.ceil((high - low) / LONGEST)))
        for start, stop in itertools.pairwise(panels):
            middle, half = (start + stop) / 2, (stop - start) / 2
            speed = _speed(part, middle, min(STEP, half / 2))
            places.append(_at(part, middle + half * nodes).numpy())
            lengths.append(speed * half * weights)
    return np.concatenate(places), np.concatenate(lengths)


def on(part: Part, degree: int) -> tuple[Array, Array]:
    """Nodes (p, c) on a part of a boundary, and weights (p,) of sum its length or area.

    Args:
        part: of a region of the plane, or of what is extruded from one: its wall or an end.
        degree: of polynomials that are integrated along what is extruded, and over an end.

    Raises:
        DomainError: it is of no such kind.
    """
    if isinstance(part, Extension):
        pair = along(part.part), within(part.other, degree)
        return _pairs(*pair) if part.is_first else _pairs(*reversed(pair))
    if isinstance(part, Face) and isinstance(part.domain, Product):
        first, second = part.domain.first, part.domain.second
        is_first = part.coordinate in first.coordinates
        ends = _end(first if is_first else second, part)
        return (
            _pairs(ends, within(second, degree))
            if is_first
            else _pairs(within(first, degree), ends)
        )
    return along(part)


def within(domain: Domain, degree: int) -> tuple[Array, Array]:
    """Nodes (p, c) in an interval, a region of the plane or a product of them, and weights (p,).

    Raises:
        DomainError: it is of no such kind, or see `over`.
    """
    if isinstance(domain, Product):
        return _pairs(within(domain.first, degree), within(domain.second, degree))
    if not isinstance(domain, Box) or domain.dimension != 1:
        return over(domain, degree)
    [(low, high)] = domain.intervals.values()
    nodes, weights = legendre.leggauss(degree // 2 + 1)
    return ((low + high + (high - low) * nodes) / 2)[:, None], (high - low) / 2 * weights


def _end(factor: Domain, face: Face) -> tuple[Array, Array]:
    """A face of a product as a part of the factor that has its coordinate."""
    if factor.dimension == 1:
        return np.array([[face.value]]), np.ones(1)
    return along(factor.part(face.name))


def _pairs(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    """All pairs of a node of one and a node of another."""
    (here, some), (there, others) = first, second
    points = [np.repeat(here, len(there), axis=0), np.tile(there, (len(here), 1))]
    return np.concatenate(points, axis=1), np.outer(some, others).ravel()


def over(domain: Domain, degree: int) -> tuple[Array, Array]:
    """Nodes (p, 2) in a region and weights (p,), of sum its area, that integrate polynomials.

    The integral of every polynomial of at most that degree is one along the outline, by the
    theorem of Gauss. Even points inside have the weights that give all of them and are nearest to
    equal ones, so that nothing is asked of a function where the region is not.

    Raises:
        DomainError: it does not lie in the plane, its outline does not close, or weights are
            large beside their sum.
    """
    if domain.dimension != 2:
        raise DomainError(f"{domain}: is not a region of the plane.")
    count = (degree + 1) * (degree + 2) // 2
    moments = np.zeros(count)
    for part in _outline(domain):
        places, lengths = along(part)
        if len(places):
            across = part.normal(torch.from_numpy(places))[:, 0].numpy()
            moments += (across * lengths) @ _polynomials(domain, places, degree, integrated=1)
    points = domain.sample(SPARE * count).numpy()
    rows = _polynomials(domain, points, degree)
    equal = np.full(len(points), moments[0] / len(points))
    across, factor = np.linalg.qr(rows)
    weights = equal + across @ np.linalg.solve(factor.T, moments - equal @ rows)
    is_stable = np.abs(weights).sum() <= STABLE * moments[0]
    if abs(moments[0] / _area(domain) - 1) > CLOSED or not is_stable:
        raise DomainError(f"{domain}: no quadrature is known of it.")
    return points, weights


def _speed(part: Part, place: float, step: float) -> float:
    """The length that a part goes for each unit, from two chords of which one is half the other."""
    near, far = (
        float(np.linalg.norm(np.diff(_at(part, place + np.array([-h, h])).numpy(), axis=0)))
        / (2 * h)
        for h in (step / 2, step)
    )
    return (4 * near - far) / 3


def _area(domain: Domain) -> float:
    """The area to some per cent."""
    engine: Any = torch.quasirandom.SobolEngine  # untyped in torch
    unit = engine(2, scramble=True, seed=0).draw(16 * PROBES, dtype=torch.float64)
    share = float(domain.contains(domain.from_unit(unit)).double().mean())
    (a, b), (c, d) = domain.intervals.values()
    return max(share, 1 / len(unit)) * (b - a) * (d - c)


def _outline(domain: Domain) -> Iterator[Part]:
    """Parts that make the whole boundary, each once: a polygon as a whole."""
    for part in domain.parts():
        curve = _curve(part)
        if not isinstance(curve, Edges) or len(curve.chosen) == len(curve.polygon.corners):
            yield part


def _curve(part: Part) -> Part:
    while isinstance(part, PartOfPart):
        part = part.part
    return part


def _ends(part: Part) -> list[float]:
    """Places along a part, from 0 to 1, between which it belongs to it or not, and is smooth."""
    places = (np.arange(PROBES) + 0.5) / PROBES
    inside = _contained(part, places)
    changes = np.flatnonzero(inside[1:] != inside[:-1])
    low, high = places[changes], places[changes + 1]
    for _ in range(HALVINGS if len(changes) else 0):
        middle = (low + high) / 2
        is_same = _contained(part, middle) == inside[changes]
        low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
    curve = _curve(part)
    corners: list[float] = []
    if isinstance(curve, Edges):
        lengths = (curve.polygon.edges()[1] - curve.polygon.edges()[0]).norm(dim=-1)
        ways = lengths[list(curve.chosen)].cumsum(0)
        corners = (ways / ways[-1]).tolist()
    found = np.unique(np.clip([0.0, *low, *corners, 1.0], 0, 1))
    is_apart = np.diff(found, append=2.0) > 1 / 2**HALVINGS * PROBES
    return [*found[is_apart].tolist()]


def _contained(part: Part, places: Array) -> NDArray[np.bool_]:
    return np.asarray(part.contains(_at(part, places)).numpy())


def ends(part: Part) -> torch.Tensor:
    """Points (p, 2) at which a part in the plane begins, ends, or has a corner."""
    return _at(part, np.asarray(_ends(part)))


def _at(part: Part, places: Array) -> torch.Tensor:
    """Points at places from 0 to 1 along a part."""
    unit = torch.from_numpy(places)[:, None].repeat(1, part.dimension)
    return part.from_unit(unit)


def _polynomials(domain: Domain, points: Array, degree: int, integrated: int = 0) -> Array:
    """Products of Legendre polynomials over the box around a region, (p, n), by total degree.

    Args:
        domain: the region.
        points: (p, 2).
        degree: the highest total degree.
        integrated: how often they are integrated along the first coordinate.
    """
    along_axes = []
    halves = [(high - low) / 2 for low, high in domain.intervals.values()]
    for axis, (low, high) in enumerate(domain.intervals.values()):
        times = integrated if axis == 0 else 0
        factors = legendre.legint(np.eye(degree + 1), times, axis=0)
        scaled = (2 * points[:, axis] - low - high) / (high - low)
        along_axes.append(legendre.legvander(scaled, degree + times) @ factors)
    pairs = [(n - j, j) for n in range(degree + 1) for j in range(n + 1)]
    first, second = (list(numbers) for numbers in zip(*pairs, strict=True))
    return np.asarray(along_axes[0][:, first] * along_axes[1][:, second] * halves[0] ** integrated)
