"""Where functionals take their values, and whether these are there and can be integrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.geometry.box import Face
from pinn.problem.expressions import Expressions
from pinn.problem.functionals import functionals_in, nodes
from pinn.problem.reading import difference
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.geometry.base import Part
    from pinn.problem.functionals import Functional
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

PROBES = 32
# Places outside by less than this share of the domain are rounding.
ROUNDING = 1e-9
# Integrals of a kernel over the whole and in two halves agree to so much if it is smooth.
SMOOTH = 1e-6


def check_functionals(problem: Problem) -> None:
    """Refuses values that are taken outside of the domain, and integrals of functions that are not
    smooth.

    Raises:
        UsageError: the sentence says which, and how to state the same.
    """
    for equation in problem.equations:
        for functional in functionals_in(equation):
            _check(problem, functional, problem.domain.sample(PROBES))
    for condition in problem.conditions:
        for functional in functionals_in(condition.equation):
            _check(problem, functional, problem.domain.part(condition.on).sample(PROBES))


def touched(problem: Problem, condition: Condition) -> set[Part]:
    """The parts of the boundary of which a condition says something."""
    found = {problem.domain.part(condition.on)}
    faces = [part for part in problem.domain.parts() if isinstance(part, Face)]
    for functional in functionals_in(difference(condition.equation)):
        read = functional.reading
        for sample in read.samples.values():
            for face in faces:
                place = sample.place[face.axis]
                is_there = place.is_number and face.is_at(float(place))
                found |= {face} if is_there or place in {v for v, *_ in read.limits} else set()
    return found


def is_full(problem: Problem, condition: Condition) -> bool:
    """Whether a condition is an equation for each point of its part, and not for fewer numbers.

    The integral over x at t = 0 is one number, and no start.
    """
    gap, part = difference(condition.equation), problem.domain.part(condition.on)
    if gap.has(*[field.func for field in problem.fields]):
        return True
    along = [
        c
        for axis, c in enumerate(problem.coordinates)
        if not (isinstance(part, Face) and axis == part.axis)
    ]
    found = functionals_in(gap)
    return all(any(functional.depends_on(c) for functional in found) for c in along)


def _check(problem: Problem, functional: Functional, points: Tensor) -> None:
    read = functional.reading
    kernel = read.integrand
    for symbol in read.samples:
        kernel = kernel.xreplace({symbol: sympy.Integer(1)})
    places = [place for sample in read.samples.values() for place in sample.place]
    width = len(problem.coordinates)
    for at, _ in nodes(read.limits):
        moved = _values(problem, [p.xreplace(at) for p in places], points)
        for number in range(0, len(places), width):
            _refuse_outside(problem, functional, moved[:, number : number + width])
    if not read.limits:
        return
    whole = sum(weight * kernel.xreplace(at) for at, weight in nodes(read.limits))
    variable, low, high = read.limits[0]
    middle = (low + high) / 2
    halves = sum(
        weight * kernel.xreplace(at)
        for part in ((variable, low, middle), (variable, middle, high))
        for at, weight in nodes([part, *read.limits[1:]])
    )
    one, two = _values(problem, [whole, halves], points).unbind(-1)
    size = float(two.abs().max())
    if not float((one - two).abs().max()) <= SMOOTH * size:
        raise UsageError(
            f"{problem.name}: what is integrated in {functional} is not smooth, so that its "
            f"quadrature means little; split the integral where it has a kink, jump or pole, such "
            f"as at the point itself."
        )


def _values(problem: Problem, forms: list[Any], points: Tensor) -> Tensor:
    compiled = Expressions(forms, problem.coordinates, (), problem.symbols, who=problem.name)
    return torch.stack(compiled(points.unbind(-1), parameters=problem.parameter_values), -1)


def _refuse_outside(problem: Problem, functional: Functional, places: Tensor) -> None:
    low, high = (places.new_tensor(ends) for ends in (problem.domain.low, problem.domain.high))
    middle = (low + high) / 2
    inside = problem.domain.contains(middle + (places - middle) * (1 - ROUNDING))
    if not bool(inside.all()):
        lost = ", ".join(
            f"{name} = {value:.6g}"
            for name, value in zip(
                problem.domain.coordinates, places[~inside][0].tolist(), strict=True
            )
        )
        raise UsageError(
            f"{problem.name}: {functional} takes a value at {lost}, outside of the domain, where "
            f"nothing is solved; values there, such as those before a delay has passed, have to be "
            f"put in as a known function on a domain of their own."
        )
