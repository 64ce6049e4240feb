"""Whether samples can tell unknown parameters at all, before anything is fitted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.identification.ties import refuse_ties
from pinn.problem.directions import faces_of
from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.reading import difference
from pinn.references.exact import evaluate
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.data.cloud import Cloud
    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]


class SampleWarning(UserWarning):
    """Warning that samples are not what they seem."""


def distinct(cloud: Cloud) -> Cloud:
    """Each sample once: rows that are equal in all numbers are copies and no further readings.

    As further readings they would make intervals narrower than they are. A warning says how many.
    """
    noise = [np.broadcast_to(level, len(cloud)) for level in cloud.noise.values()]
    table = np.column_stack([cloud.points, *cloud.values.values(), *noise])
    first = np.sort(np.unique(table, axis=0, return_index=True)[1])
    if len(first) == len(cloud):
        return cloud
    warnings.warn(
        f"{cloud.name}: {len(cloud) - len(first)} of {len(cloud)} samples are exact copies of "
        "others, and each is counted once; if they are separate readings, give more digits.",
        SampleWarning,
        stacklevel=3,
    )
    return cloud.in_order(first)


def check_identifiable(problem: Problem) -> None:
    """Refuses unknowns that no samples, or not these samples, can tell.

    What is refused here needs no fit to be seen: unknowns that do nothing, act only together, or
    are exponents of what may be negative; samples at fewer places than an ordinary equation has
    freedoms, at one moment of an evolution whose start is not known, and of one value that
    satisfies the equations. Whether other samples suffice is seen in the intervals of a fit.

    Raises:
        UsageError: an unknown is an exponent of what may be negative, does nothing, or acts only
            together with others.
        DataError: the samples tell too little.
    """
    _refuse_signed_powers(problem)
    refuse_ties(problem)
    _refuse_few_places(problem)
    _refuse_one_moment(problem)
    _refuse_one_value(problem)


def _refuse_signed_powers(problem: Problem) -> None:
    """Unknown exponents of fields that may be negative, where a power and its slope are no numbers.

    A network is negative somewhere on its way, and no step leads back from there.
    """
    real = {field: sympy.Dummy(str(field), real=True) for field in problem.fields}
    stated = [*problem.equations, *(c.equation for c in problem.conditions)]
    for form in [*map(difference, stated), *map(sympy.sympify, problem.expressions.values())]:
        for power in form.atoms(sympy.Pow):
            unknown = power.exp.free_symbols & set(problem.unknown)
            holds_field = any(power.base.has(field) for field in problem.fields)
            if unknown and holds_field and not power.base.xreplace(real).is_nonnegative:
                raise UsageError(
                    f"{problem.name}: {power} has the unknown exponent {power.exp} and no value "
                    f"where {power.base} is negative, as it may be during a fit; write it as "
                    f"sympy.Abs({power.base})**({power.exp})."
                )


def _refuse_few_places(problem: Problem) -> None:
    """An ordinary equation of order n with m unknowns has n + m freedoms."""
    if len(problem.coordinates) > 1:
        return
    needed = conditions_needed(problem, problem.coordinates[0])
    if needed is None:
        return
    places = {
        (name, place)
        for cloud in problem.data
        for name in cloud.values
        for place in cloud.points[:, 0]
    }
    given, freedoms = len(problem.conditions), needed + len(problem.unknown)
    if len(places) + given < freedoms:
        raise DataError(
            f"{problem.name}: the samples are values at {len(places)} different places, beside "
            f"{given} conditions; equations of order {needed} with {len(problem.unknown)} unknown "
            f"parameters ask for {freedoms} or more. Measure elsewhere, or give conditions."
        )


def _refuse_one_moment(problem: Problem) -> None:
    """A field that diffuses may be anything at one moment, if nothing is known of another."""
    time = problem.time
    if time is None or len(problem.coordinates) == 1 or time in problem.periodic:
        return
    axis = problem.domain.coordinates.index(time)
    moments = {moment for cloud in problem.data for moment in cloud.points[:, axis]}
    faces = faces_of(problem, time)
    is_known = any(problem.domain.part(c.on) in faces for c in problem.conditions)
    if len(moments) > 1 or is_known:
        return
    clock = problem.coordinates[axis]
    for field in problem.fields:
        order = order_of(problem, field, clock)
        across = [order_of(problem, field, c) for c in problem.coordinates if c != clock]
        if 0 < order < max(across):
            raise DataError(
                f"{problem.name}: all samples are of {time} = {moments.pop():g}, and nothing is "
                f"known of {field} at another {time}: any values there could have come "
                f"from some start. Give samples of several {time}, or its value at the start."
            )


def _refuse_one_value(problem: Problem) -> None:
    """Samples that do not vary tell as many unknowns as there are equations for that value."""
    constants: dict[Any, float] = {}
    for name, form in problem.expressions.items():
        seen = np.concatenate(
            [c.values[name] for c in problem.data if name in c.values] or [np.zeros(0)]
        )
        if not len(seen) or np.ptp(seen) > 0:
            return
        constants[form] = float(seen[0])
    if set(constants) != set(problem.fields):
        return
    forms = [difference(e) for e in problem.equations]
    left = [evaluate(form.subs(constants)) for form in forms]
    if any(form.has(*problem.coordinates) for form in left):
        return
    telling = sum(bool(form.free_symbols & set(problem.unknown)) for form in left)
    if telling < len(problem.unknown):
        names = " and ".join(map(str, problem.unknown))
        values = ", ".join(f"{field} = {value:g}" for field, value in constants.items())
        raise DataError(
            f"{problem.name}: all samples have one value, {values}, which "
            f"tells {telling} of {len(problem.unknown)} unknown parameters, {names}; give samples "
            f"of fields that vary."
        )
