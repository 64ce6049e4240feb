"""Jumps and kinks of known functions of the coordinates."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Sympy writes these as cases; all other functions here are smooth where they are finite.
_BY_CASES = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Min, sympy.Max)
_STEPS = (sympy.floor, sympy.ceiling, sympy.Mod, sympy.frac)
# Relative size of a difference of two branches that is no more than rounding of their digits.
ROUNDING = 1e-9


def is_smooth(expression: Any, coordinates: Sequence[Any], order: int) -> bool:
    """Whether a function and its derivatives below `order` are continuous in the coordinates.

    Splines are, written by cases; |x| has a kink at 0.
    """
    expression = sympy.sympify(expression)
    if any(expression.atoms(sympy.DiracDelta, *_STEPS)):
        return False
    for function in expression.atoms(*_BY_CASES):
        if function.free_symbols & set(coordinates):
            return False
    return all(
        _is_smooth_piecewise(piecewise, coordinates, order)
        for piecewise in expression.atoms(sympy.Piecewise)
        if piecewise.free_symbols & set(coordinates)
    )


def jumps(expression: Any, coordinates: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Functions in an expression whose value jumps, with the coordinates they jump in."""
    expression = sympy.sympify(expression)
    stepping = (sympy.sign, sympy.Heaviside, sympy.Piecewise, *_STEPS)
    for function in sorted(expression.atoms(*stepping), key=str):
        for coordinate in coordinates:
            deciding = (
                set().union(*(c.free_symbols for _, c in function.args))
                if isinstance(function, sympy.Piecewise)
                else function.free_symbols
            )
            if coordinate in deciding and not is_smooth(function, coordinates, 1):
                yield function, str(coordinate)


def planes(expression: Any, coordinates: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Planes coordinate = value across which an expression changes from case to case.

    Returns:
        Pairs of coordinate and value, sorted; boundaries of another form are left out.
    """
    expression = sympy.sympify(expression)
    edges = {
        _edge(relation)
        for piecewise in expression.atoms(sympy.Piecewise)
        for _, condition in piecewise.args
        for relation in condition.atoms(sympy.core.relational.Relational)
    }
    edges |= {f.args[0] for f in expression.atoms(sympy.Abs, sympy.sign, sympy.Heaviside)}
    edges |= {one - other for f in expression.atoms(sympy.Min, sympy.Max)
              for one, other in itertools.combinations(f.args, 2)}  # fmt: skip
    found = set()
    for edge in edges:
        for coordinate in coordinates:
            if edge.free_symbols == {coordinate} and edge.is_polynomial(coordinate):
                found |= {
                    (coordinate, place) for place in sympy.Poly(edge, coordinate).real_roots()
                }
    return sorted(found, key=lambda pair: (str(pair[0]), float(pair[1])))


def _is_smooth_piecewise(piecewise: Any, coordinates: Sequence[Any], order: int) -> bool:
    """Whether neighbouring branches agree where they meet, with their derivatives below `order`."""
    conditions = [condition for _, condition in piecewise.args]
    relations = set().union(*(c.atoms(sympy.core.relational.Relational) for c in conditions))
    held = {c for relation in relations for c in coordinates if relation.has(c)}
    if len(held) != 1 or any(not _edge(r).is_polynomial(*held) for r in relations):
        return False
    [coordinate] = held
    edges = [_edge(relation) for relation in relations]
    if any(edge.free_symbols != held for edge in edges):
        return False
    places = sorted({place for e in edges for place in sympy.Poly(e, coordinate).real_roots()})
    if not places:
        return True
    between = [(p + q) / 2 for p, q in itertools.pairwise(places)]
    branches = [
        _active(piecewise, coordinate, at) for at in (places[0] - 1, *between, places[-1] + 1)
    ]
    return all(
        _agree(one, other, coordinate, place, order)
        for place, one, other in zip(places, branches, branches[1:], strict=False)
        if one is not None and other is not None
    )


def _edge(relation: Any) -> Any:
    return relation.lhs - relation.rhs


def _active(piecewise: Any, coordinate: Any, at: Any) -> Any | None:
    """The branch that holds at a place; None where none does."""
    for branch, condition in piecewise.args:
        if condition.subs(coordinate, at) == sympy.true:
            return branch
    return None


def _agree(one: Any, other: Any, coordinate: Any, place: Any, order: int) -> bool:
    for n in range(max(order, 1)):
        left, right = (e.diff(coordinate, n).subs(coordinate, place) for e in (one, other))
        gap = left - right
        if not gap.is_number:
            if sympy.simplify(gap) != 0:
                return False
        elif abs(gap.evalf()) > ROUNDING * max(abs(left.evalf()), abs(right.evalf())):
            return False
    return True
