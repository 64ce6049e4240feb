"""Ends of a coordinate where an equation degenerates, so that nothing has to be given there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.problem.directions import faces_of
from pinn.problem.expressions import Expressions
from pinn.problem.functionals import functionals_in
from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.geometry.box import Face
    from pinn.problem.problem import Problem

PROBES = 16
# Distances from the end, as shares of the interval, at which coefficients are looked at: what is
# large at the one for a steep layer is no longer large at the other.
FAR, NEAR = 1e-4, 1e-8
# Exponents are read off with an error of about FAR.
ROUNDING = 1e-3


def free_ends(problem: Problem, coordinate: Any, name: str) -> list[Face]:
    """The ends at which only one of two solutions of second order stays bounded.

    At a distance d from such an end the equation is u'' + (p / d) u' + (q / d^2) u = 0 up to terms
    that are smaller, and its solutions behave as d^r with r (r - 1) + p r + q = 0. Where one r is
    negative, or both are 0 (the other solution has a logarithm), that the solution is smooth takes
    the place of a condition: r = 0 in u_rr + u_r / r, x = 0 in (x u_x)_x, S = 0 in Black-Scholes.

    Args:
        problem: with one equation and one field; there are no such ends known of others.
        coordinate: its symbol.
        name: its name in the domain.

    Source: Frobenius's indicial equation; for degenerate diffusion Fichera 1960.
    """
    if len(problem.equations) != 1 or len(problem.fields) != 1:
        return []
    [field], form = problem.fields, sympy.sympify(difference(problem.equations[0])).doit()
    if order_of(problem, field, coordinate) != 2:
        return []
    factors = [_slope(form, f) for f in (field.diff(coordinate, 2), field.diff(coordinate), field)]
    second, first, zeroth = factors
    if second is None or second == 0 or first is None:
        return []
    if functionals_in(second, first, zeroth):
        return []
    try:
        compiled = problem.compile([second, first, zeroth or sympy.Integer(0)])
    except UsageError:  # a coefficient that has no value here has no exponents either
        return []
    return [face for face in faces_of(problem, name) if _is_free(problem, face, compiled)]


def _slope(form: Any, unknown: Any) -> Any | None:
    """The known factor of a field or derivative; None if it is not known."""
    mark = sympy.Dummy()
    # Derivatives of other orders stay whole, although the field is a part of them.
    others = {d: sympy.Dummy() for d in form.atoms(sympy.Derivative) if d != unknown}
    factor = form.xreplace(others).xreplace({unknown: mark}).diff(mark)
    names = {*others.values(), mark}
    is_known = not factor.free_symbols & names and not factor.atoms(
        sympy.core.function.AppliedUndef
    )
    return factor if is_known else None


def _is_free(problem: Problem, face: Face, compiled: Expressions) -> bool:
    points = face.sample(PROBES)
    width = problem.domain.high[face.axis] - problem.domain.low[face.axis]
    first, second = (
        _indices(problem, compiled, points, face, share * width) for share in (FAR, NEAR)
    )
    # An end is singular where p stays as it is however near one looks, and is not 0 there.
    is_settled = ((first - second).abs() <= ROUNDING * (1 + second.abs())).all()
    if not bool(is_settled) or not bool(second.isfinite().all()):
        return False
    p, q = second
    root = (1 - p) ** 2 - 4 * q
    low, high = ((1 - p + sign * root.clamp_min(0).sqrt()) / 2 for sign in (-1, 1))
    is_double = (low.abs() <= ROUNDING**0.5) & (high.abs() <= ROUNDING**0.5)
    is_free = (root >= -ROUNDING) & ((low < -ROUNDING) | is_double)
    return bool(is_free.all())


def _indices(
    problem: Problem, compiled: Expressions, points: Tensor, face: Face, distance: float
) -> Tensor:
    """p and q at a distance from a face, (2, points)."""
    inside = points.clone()
    inside[:, face.axis] -= face.outward * distance
    second, first, zeroth = compiled(inside.unbind(-1), None, problem.parameter_values)
    return torch.stack([-face.outward * first * distance / second, zeroth * distance**2 / second])
