"""Checks that the parts of a problem agree with each other: names, kinds and numbers of things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.geometry.base import Domain
from pinn.geometry.box import SPELLING
from pinn.problem.functionals import functionals_in, holds
from pinn.problem.reading import difference
from sciformer.errors import DataError, DomainError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinn.problem.stated import Stated

# What the values of a mapping must have, and how one is written.
_MAPPINGS = {
    "parameters": ("__class__", '{"k": 0.1}'),
    "exact": ("__class__", '{"u": sin(x)}'),
    "quantities": ("__class__", '{"flux": u.diff(x)}'),
    "unknown": ("start", '{"k": Unknown(size=0.1)}'),
    "ansatz": ("offset", '{"u": Ansatz(offset=1, factor=x)}'),
}


def check_kinds(problem: Stated, condition: type[Any]) -> None:
    """Refuses what is not a coordinate, domain or condition, before anything is read of it.

    Args:
        problem: as its user gave it.
        condition: what a condition has to be.

    Raises:
        UsageError: the sentence says what was wanted.
    """
    who = problem.name
    for coordinate in problem.coordinates:
        if not isinstance(coordinate, sympy.Symbol):
            raise UsageError(
                f"{who}: {coordinate!r} is not a coordinate; give symbols, such as "
                "sympy.Symbol('x')."
            )
    if not isinstance(problem.domain, Domain):
        raise UsageError(
            f"{who}: {problem.domain!r} is not a domain; give for example "
            f"Box({problem.coordinates[0]}=(0, 1))."
        )
    for given in problem.conditions:
        if not isinstance(given, condition) or not isinstance(given.on, str):
            part = problem.domain.parts()[0].name
            raise UsageError(
                f"{who}: {given!r} is not a condition; write "
                f'Condition(Eq(left, right), on="{part}").'
            )
    for name, (wanted, example) in _MAPPINGS.items():
        found = getattr(problem, name)
        are_right = isinstance(found, Mapping) and all(hasattr(v, wanted) for v in found.values())
        if not are_right:
            raise UsageError(f"{who}: {name}={found!r} is not a mapping such as {name}={example}.")
    for name in (*problem.periodic, *problem.gauge):
        if not isinstance(name, str):
            raise UsageError(
                f"{who}: {name!r} is not a name in periodic or gauge; write for example "
                f'periodic=("{problem.coordinates[0]}",).'
            )
    for cloud in problem.data:
        if not hasattr(cloud, "noise"):
            raise UsageError(
                f"{who}: {cloud!r} is not data; write data=Cloud(points, {{'u': values}})."
            )
    if not (problem.reference is None or callable(problem.reference)):
        raise UsageError(
            f"{who}: reference={problem.reference!r} is not a function; give one of points (p, c) "
            f"that returns {{'u': (p,)}}, or a formula in exact={{'u': ...}}."
        )


def check_names(problem: Stated) -> None:
    """Refuses names that a problem uses and does not have, or has for two things.

    Raises:
        UsageError: a name of a field, parameter, coordinate or quantity.
        DomainError: the domain has other coordinates.
        DataError: data of other quantities, or of points with other coordinates.
    """
    who, names = problem.name, tuple(str(c) for c in problem.coordinates)
    if names != problem.domain.coordinates:
        raise DomainError(
            f"{who}: the domain has coordinates {problem.domain.coordinates}, the problem {names}; "
            f"give both the same names in the same order."
        )
    for symbol in problem.symbols:
        if str(symbol) in names:
            raise UsageError(
                f"{who}: {symbol} is a coordinate and also has a value in parameters or unknown; "
                f"rename one of them."
            )
    if not problem.equations:
        raise UsageError(f"{who}: needs at least one equation.")
    for equation in problem.equations:
        if not difference(equation).has(*[f.func for f in problem.fields]):
            raise UsageError(
                f"{who}: the equation {equation} holds no field; write it in "
                f"{', '.join(map(str, problem.fields))} and their derivatives."
            )
    for condition in problem.conditions:
        if not any(holds(difference(condition.equation), field) for field in problem.fields):
            raise UsageError(
                f"{who}: the condition {condition.equation} on {condition.on} holds no field; "
                f"write it in {', '.join(map(str, problem.fields))} and their derivatives."
            )
    measurable, kind = tuple(problem.expressions), "quantity" if problem.quantities else "field"
    _refuse_unknown(who, "coordinate", problem.periodic, names)
    _refuse_unknown(who, kind, problem.gauge, measurable)
    _refuse_unknown(who, "field", map(str, problem.ansatz), tuple(map(str, problem.fields)))
    _refuse_unknown(who, "parameter", map(str, problem.unknown), _free_names(problem))
    for cloud in problem.data:
        _refuse_unknown(f"{who}: {cloud.name}", kind, cloud.values, measurable)
        if cloud.points.shape[1] != len(names):
            raise DataError(
                f"{who}: {cloud.name} has points with {cloud.points.shape[1]} coordinates; needs "
                f"{len(names)}, {', '.join(names)}."
            )


def check_places(problem: Stated) -> None:
    """Refuses data at places outside of the domain, where no equation holds.

    Places that were written with six digits may lie outside by their rounding.

    Raises:
        DataError: the sentence names the coordinate, the first value and the interval.
    """
    for cloud in problem.data:
        inside = problem.domain.nearly_contains(torch.tensor(cloud.points), SPELLING)
        outside = np.flatnonzero(~inside.numpy())
        if len(outside):
            raise DataError(
                f"{problem.name}: {len(outside)} of {len(cloud)} samples of {cloud.name} lie "
                f"outside the domain, {_misplaced(problem.domain, cloud.points[outside[0]])}; "
                f"check the units, or widen the domain."
            )


def _misplaced(domain: Domain, point: Any) -> str:
    """What is wrong with a place outside: its coordinate, or where it lies beyond the boundary."""
    for value, (name, (low, high)) in zip(point, domain.intervals.items(), strict=True):
        margin = SPELLING * (high - low)
        if not low - margin <= value <= high + margin:
            return f"{name} from {low:.10g} to {high:.10g}, the first at {name} = {value:.10g}"
    place = ", ".join(f"{n} = {v:.10g}" for n, v in zip(domain.coordinates, point, strict=True))
    return f"{domain}, the first at {place}"


def check_sizes(problem: Stated) -> None:
    """Refuses sizes and scales that are not one for each equation and coordinate.

    Raises:
        UsageError: the sentence says how many are wanted.
    """
    sizes, names = problem.residual_sizes, problem.domain.coordinates
    if sizes and (len(sizes) != len(problem.equations) or not min(sizes) > 0):
        raise UsageError(
            f"{problem.name}: residual_sizes must be {len(problem.equations)} numbers > 0, one for "
            f"each equation; got {sizes}."
        )
    fields = [str(field.func) for field in problem.fields]
    for name, level in problem.levels.items():
        if name not in fields or not np.isfinite(float(level)):
            raise UsageError(
                f"{problem.name}: levels must give a number for some of the fields "
                f"{', '.join(fields)}; got {name!r}: {level}."
            )
    if problem.scales and set(problem.scales) != set(names):
        raise UsageError(
            f"{problem.name}: scales of {', '.join(problem.scales)} do not match the coordinates "
            f"{', '.join(names)}; give one length for each."
        )


def check_formulas(problem: Stated) -> None:
    """Refuses closed forms and forms of solutions that are made of the fields themselves.

    Raises:
        UsageError: the sentence names the formula.
    """
    heads = [field.func for field in problem.fields]
    given = {field: [form] for field, form in problem.exact.items()}
    for field, form in problem.ansatz.items():
        given.setdefault(field, []).extend([form.offset, form.factor])
    for field, forms in given.items():
        for form in map(sympy.sympify, forms):
            if form.has(*heads):
                raise UsageError(
                    f"{problem.name}: {form} is given for {field} and holds a field; write it in "
                    f"coordinates and parameters."
                )


def _free_names(problem: Stated) -> tuple[str, ...]:
    """Names of symbols that are stated beside coordinates, and of the parameters."""
    stated = [*problem.equations, *(c.equation for c in problem.conditions)]
    forms = [difference(equation) for equation in stated]
    forms += [sympy.sympify(form) for form in problem.expressions.values()]
    built_in = [form for a in problem.ansatz.values() for form in (a.offset, a.factor)]
    forms += map(sympy.sympify, built_in)
    forms += [functional.form for functional in functionals_in(*forms)]
    held = {symbol for form in forms for symbol in form.free_symbols}
    return tuple(map(str, {*held, *problem.parameters} - set(problem.coordinates)))


def _refuse_unknown(who: str, kind: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise unknown_name(who, kind, name, known)
