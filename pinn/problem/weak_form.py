"""Whether functions with kinks and jumps satisfy equations across them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.problem.reading import difference
from pinn.references.cases import branch, edges, written_out
from pinn.references.exact import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pinn.geometry.base import Domain
    from pinn.problem.stated import Stated

    Array = NDArray[np.float64]

# Points between which edges are looked for, edges beyond which no more are, and places on each.
PROBES, MOST_EDGES, PLACES = 256, 64, 3
# Halvings of a distance that leave rounding only.
HALVINGS = 60
# Sides of an edge are looked at in this distance from it, as a share of the domain: on the edge
# itself sin(z)/z has no value.
ASIDE = 1e-12
# Differences below this share of the sizes are 0: a slope such as sqrt(z) leaves 1e-6 aside.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Edge:
    """A place where functions change from case to case.

    Attributes:
        slopes: of a function that is 0 along the edge, by coordinate.
        before: the formulas of the fields on the one side, and a place there.
        beyond: those on the other.
        elsewhere: points at which the size of a formula is taken.
    """

    slopes: Mapping[Any, float]
    before: _Side
    beyond: _Side
    elsewhere: Sequence[Mapping[Any, Any]]


@dataclass(frozen=True)
class _Side:
    """Formulas of fields, and an exact number for each coordinate."""

    fields: Mapping[Any, Any]
    at: Mapping[Any, Any]


def missed_across(problem: Stated, fields: Mapping[Any, Any], numbers: Mapping[Any, float]) -> str:
    """The first place where functions miss an equation in the sense of distributions, in words.

    Across g = 0 a function f = before + (beyond - before) H(g) has D^a f = ... + sum over the
    derivatives of delta(g); the most singular part of it is (grad g)^a [d^k f] delta^(|a| - k - 1),
    with k the first derivative that jumps. In an equation the parts of equal singularity have to
    cancel, with coefficients of functions that jump taken at the mean of both sides: u'' = 0 has no
    solution |x|, and u_t + u u_x = 0 a shock at the mean of its two sides only.

    Args:
        problem: its equations, where they hold.
        fields: a formula for each field.
        numbers: a value for each parameter.

    Returns:
        The place and the equation; empty where nothing was missed.

    Source: Hoermander 1983, section 3.1; for shocks the condition of Rankine and Hugoniot.
    """
    coordinates = problem.coordinates
    forms = {
        field: written_out(sympy.sympify(formula).subs(dict(numbers)), coordinates)
        for field, formula in fields.items()
    }
    for edge in _edges(forms, problem.domain, coordinates):
        for equation in problem.equations:
            form = evaluate(difference(equation).subs(dict(numbers)))
            if not _cancels(form, edge, forms, coordinates):
                place = ", ".join(f"{c} = {float(x):.6g}" for c, x in edge.before.at.items())
                return f"{equation} across {place}, where it has a kink or a jump"
    return ""


def _edges(forms: Mapping[Any, Any], domain: Domain, coordinates: Sequence[Any]) -> Iterator[Edge]:
    points = domain.sample(PROBES).numpy()
    found = sorted({edge for form in forms.values() for edge in edges(form)}, key=str)
    extent = np.array(domain.high) - np.array(domain.low)
    elsewhere = [_exact(point, coordinates) for point in points[:PLACES]]
    for function in found[:MOST_EDGES]:
        slopes = {c: function.diff(c) for c in coordinates}
        for one, other in _pairs(function, points, domain, coordinates):
            low, high = _divided(function, one, other, coordinates)
            aside = ASIDE * extent * np.sign(other - one)
            before, beyond = (
                _Side({field: branch(form, at) for field, form in forms.items()}, at)
                for at in (_exact(low, coordinates, -aside), _exact(high, coordinates, aside))
            )
            numbers = {c: _number(slope, before.at) for c, slope in slopes.items()}
            if any(numbers.values()):
                yield Edge(numbers, before, beyond, elsewhere)


def _exact(point: Array, coordinates: Sequence[Any], beside: Array | float = 0.0) -> dict[Any, Any]:
    """A place as rational numbers: sympy then evaluates with as many digits as cancel."""
    parts = (point.tolist(), np.broadcast_to(beside, point.shape).tolist())
    return {
        c: sympy.Rational(x) + sympy.Rational(d)
        for c, x, d in zip(coordinates, *parts, strict=True)
    }


def _pairs(
    function: Any, points: Array, domain: Domain, coordinates: Sequence[Any]
) -> Iterator[tuple[Array, Array]]:
    """Pairs of points in the domain between which a function of coordinates changes its sign."""
    roots = _roots(function, coordinates)
    if roots is None:
        values = _values(function, points, coordinates)
        below, above = points[values < 0], points[values > 0]
        for number in range(min(PLACES, len(below), len(above))):
            yield below[number], above[-1 - number]
        return
    [axis] = [i for i, c in enumerate(coordinates) if c in function.free_symbols]
    step = (domain.high[axis] - domain.low[axis]) / PROBES**2
    for root in roots:
        for point in points[:PLACES]:
            one, other = point.copy(), point.copy()
            one[axis], other[axis] = root - step, root + step
            if bool(domain.contains(torch.from_numpy(np.stack([one, other]))).all()):
                yield one, other


def _roots(function: Any, coordinates: Sequence[Any]) -> list[float] | None:
    """The roots of a polynomial of one coordinate; None for other functions."""
    held = function.free_symbols
    if len(held) != 1 or not function.is_polynomial(*held) or not held <= set(coordinates):
        return None
    return [float(root) for root in sympy.Poly(function, *held).real_roots()]


def _values(function: Any, points: Array, coordinates: Sequence[Any]) -> Array:
    compiled = sympy.lambdify(list(coordinates), function, modules=["scipy", "numpy"])
    with np.errstate(all="ignore"):
        found = np.asarray(compiled(*points.T), dtype=np.float64)
    return np.nan_to_num(np.broadcast_to(found, points.shape[:1]))


def _divided(
    function: Any, one: Array, other: Array, coordinates: Sequence[Any]
) -> tuple[Array, Array]:
    """Neighbouring points on both sides of the edge between two points."""
    sign = np.sign(_values(function, one[None], coordinates)[0])
    low, high = one, other
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if np.sign(_values(function, middle[None], coordinates)[0]) == sign:
            low = middle
        else:
            high = middle
    return low, high


def _cancels(form: Any, edge: Edge, fields: Mapping[Any, Any], coordinates: Sequence[Any]) -> bool:
    """Whether the most singular part of an equation is 0 across an edge."""
    along = max(coordinates, key=lambda c: abs(edge.slopes[c]))
    highest = max((int(d.derivative_count) for d in form.atoms(sympy.Derivative)), default=0)
    jumping = {field: _first_jump(field, edge, along, highest) for field in fields}
    parts: dict[int, list[float]] = defaultdict(list)
    for derivative in form.atoms(sympy.Derivative):
        if derivative.expr not in jumping:
            continue
        order, jump = jumping[derivative.expr]
        singular = int(derivative.derivative_count) - order - 1
        if singular < 0 or jump == 0:
            continue
        direction = np.prod([edge.slopes[v] ** int(n) for v, n in derivative.variable_count])
        factor = _coefficient(form, derivative, edge)
        parts[singular].append(factor * float(direction) * jump)
    for _, summands in sorted(parts.items(), reverse=True):
        size = sum(map(abs, summands))
        if size > 0:
            return not abs(sum(summands)) > ROUNDING * size
    return True


def _first_jump(field: Any, edge: Edge, along: Any, highest: int) -> tuple[int, float]:
    """The order of the first derivative that jumps, and its jump over the slope to that order."""
    before, beyond = edge.before.fields[field], edge.beyond.fields[field]
    for order in range(highest):
        sides = _number(before, edge.before.at), _number(beyond, edge.beyond.at)
        around = [abs(_number(form, at)) for form in (before, beyond) for at in edge.elsewhere]
        size = max(map(abs, [*sides, *(a for a in around if math.isfinite(a))]))
        if not abs(sides[1] - sides[0]) <= ROUNDING * size:
            return order, (sides[1] - sides[0]) / edge.slopes[along] ** order
        before, beyond = before.diff(along), beyond.diff(along)
    return highest, 0.0


def _coefficient(form: Any, derivative: Any, edge: Edge) -> float:
    """What stands before a derivative, at the mean of both sides."""
    mark = sympy.Dummy()
    slope = form.xreplace({derivative: mark}).diff(mark)
    sides = [
        _number(evaluate(slope.xreplace({mark: derivative}).subs(dict(side.fields))), side.at)
        for side in (edge.before, edge.beyond)
    ]
    return sum(sides) / 2


def _number(form: Any, at: Mapping[Any, float]) -> float:
    try:
        return float(sympy.sympify(form).subs(at).evalf())
    except TypeError:  # complex or not finite
        return float("nan")
