"""The evolution equation of a family, read from its sympy form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.families.conditions import BuiltIn
from pinn.problem.reading import difference

if TYPE_CHECKING:
    from pinn.families.family import Family


@dataclass(frozen=True)
class Evolution:
    """u_t = sum_n linear[n] d^n u / dx^n + sources + rest, for one field on one axis of space.

    Attributes:
        space: the axis of x among the coordinates.
        time: the axis of t.
        linear: coefficients by order n, free of coordinates and functions.
        sources: coefficient of each given function of x that stands by itself, by name.
        rest: all else, 0 if there is nothing else.
        initial: the initial value.
        start: name of the given function that is the initial value; None if that is a formula.
        walls: whether u is 0 at both ends of x; otherwise x is periodic.
    """

    space: int
    time: int
    linear: dict[int, Any]
    sources: dict[str, Any]
    rest: Any
    initial: Any
    start: str | None
    walls: bool


def read_evolution(family: Family) -> Evolution | None:
    """The evolution equation of a family, or None if it is another kind of problem."""
    problem = family.problem
    if len(problem.fields) != 1 or len(problem.coordinates) != 2 or problem.time is None:
        return None
    names = list(map(str, problem.coordinates))
    time = names.index(problem.time)
    space = 1 - time
    built = BuiltIn(family)
    walls, initial = built.walls[0], built.initial[0]
    ends = walls.get(space, {})
    is_periodic = names[space] in problem.periodic and not walls
    has_walls = set(ends) == {-1, 1} and all(value == 0 for value in ends.values())
    if initial is None or not (is_periodic or has_walls):
        return None
    form = sympy.expand(difference(problem.equations[0]).doit())
    u, x, t = problem.fields[0], problem.coordinates[space], problem.coordinates[time]
    factor = form.coeff(u.diff(t))
    if factor == 0 or not _constant(factor, problem):
        return None
    right = sympy.expand((factor * u.diff(t) - form) / factor)
    linear, sources = _linear(right, u, x, problem), _sources(right, x, family)
    known = [c * (u.diff(x, n) if n else u) for n, c in linear.items()]
    known += [c * family.functions[name] for name, c in sources.items()]
    rest = sympy.simplify(sympy.expand(right - sympy.Add(*known)))
    if rest.has(u.diff(t)):
        return None
    start = next((name for name, given in family.functions.items() if given == initial), None)
    return Evolution(space, time, linear, sources, rest, initial, start, has_walls)


def _linear(right: Any, u: Any, x: Any, problem: Any) -> dict[int, Any]:
    """Coefficients of u and its derivatives in x where they are free of places and functions."""
    symbol = {n: sympy.Symbol(f"_u{n}") for n in range(problem.order + 1)}
    # Highest derivatives first: u(x, t) stands inside all of them.
    plain = right
    for n in sorted(symbol, reverse=True):
        plain = plain.subs(u.diff(x, n) if n else u, symbol[n])
    found = {}
    for n, one in symbol.items():
        others = dict.fromkeys([*symbol.values()], 0)
        coefficient = plain.diff(one).subs(others)
        if coefficient != 0 and _constant(coefficient, problem):
            found[n] = coefficient
    return found


def _sources(right: Any, x: Any, family: Family) -> dict[str, Any]:
    found = {}
    for name, given in family.functions.items():
        coefficient = right.coeff(given)
        if given.args == (x,) and coefficient != 0 and _constant(coefficient, family.problem):
            found[name] = coefficient
    return found


def _constant(form: Any, problem: Any) -> bool:
    functions = form.atoms(sympy.core.function.AppliedUndef)
    return not functions and not form.free_symbols & set(problem.coordinates)
