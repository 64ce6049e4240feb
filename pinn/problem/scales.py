"""Sizes of fields and equations, by dimensional analysis of what a problem states."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.functionals import at_the_point
from pinn.problem.kept import kept
from pinn.problem.levels import about, levels_by_field
from pinn.problem.reading import difference, normal
from pinn.problem.sizes import Term, extent, extents, largest, summands
from pinn.problem.smoothness import is_smooth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

    from pinn.problem.problem import Problem

# Points at which known functions are looked at; their largest size is wanted, not their integral.
PROBES = 64
# One known function shortens a unit at most so much: a front is steep, but not everywhere.
SHORTEST = 30.0
# Values that differ by less than this share are one value with rounding, not a range.
RANGE = 1e-9
# A field that stays nearer to a level than this share of it is measured by its distance from there.
NEARLY = 0.1


class Scales:
    """Typical sizes that make a problem free of units.

    Derivatives are counted as size over unit^order, with the unit of a coordinate half its extent
    in space and the whole of it in time, or less if known functions vary faster. A field has half
    the range of the values that conditions and data give it. A field that no value is given to has
    the size at which one of its terms balances the known terms of an equation.

    Args:
        problem: its domain, conditions, data, parameters and equations are looked at, and not its
            reference.
        levels: of fields, by field; by default those that the problem states.

    Attributes:
        units: unit of each coordinate, by symbol.
        levels: about which the fields vary, by field, where they are not 0.
        fields: size of each field.
        equations: sum of the sizes of the terms of each equation, in order.
        derivatives: the same of those terms that hold derivatives of fields.
        steep: the length over which a known function varies, by coordinate, where that is shorter
            than any unit.

    Accuracy: an order of magnitude; all sizes change with the units exactly as the quantities do.
    """

    def __init__(self, problem: Problem, levels: Mapping[Any, float] | None = None) -> None:
        self._problem = problem
        given = levels_by_field(problem) if levels is None else levels
        self.levels = {field: level for field, level in given.items() if level}
        self.units = {
            c: (high - low) * (1.0 if str(c) == problem.time else 0.5)
            for c, (low, high) in zip(
                problem.coordinates, problem.domain.intervals.values(), strict=True
            )
        }
        self._shortest = {c: unit / SHORTEST for c, unit in self.units.items()}
        self.steep: dict[Any, float] = {}
        self._largest: dict[Any, float] = {}
        inside = problem.domain.sample(PROBES)
        for known, points in self._known(inside):
            self._shorten(known, points)
        forms = [at_the_point(difference(e)) for e in problem.equations]
        self._terms = [self._terms_of(form, inside) for form in forms]
        self.fields = self._field_sizes()
        found = [
            _or_one(sum(t.size(self.fields, self._amplitude) for t in terms))
            for terms in self._terms
        ]
        self.equations = list(problem.residual_sizes) or found
        moving = ([term for term in terms if not term.is_bare] for terms in self._terms)
        self.derivatives = [sum(t.size(self.fields, self._amplitude) for t in m) for m in moving]

    @classmethod
    def of(cls, problem: Problem) -> Scales:
        """The scales of a problem, found once: long known functions take a second to compile."""
        return kept(problem, "scales", lambda: cls(problem)._about_its_levels())

    def _about_its_levels(self) -> Scales:
        """The same, about the levels that fields stay near to where the problem states none."""
        problem = self._problem
        if problem.levels or problem.functionals or problem.data or problem.unknown:
            return self
        tried = {}
        for field, (low, high) in self._states.items():
            if (high - low) / 2 <= NEARLY * abs(low + high) / 2 > 0:
                tried[field] = (low + high) / 2
        while tried:
            found = Scales(problem, tried)
            near = {f: a for f, a in tried.items() if found.fields[f] <= NEARLY * abs(a)}
            near = {f: a for f, a in near.items() if f in found._found}
            if near == tried:
                return found
            tried = near
        return self

    def condition(self, condition: Any) -> float:
        """Sum of the sizes of the terms of a condition."""
        part = self._problem.domain.part(condition.on)
        points = part.sample(PROBES)
        gap = sympy.expand(at_the_point(difference(condition.equation)))
        terms = self._terms_of(gap, points, part.normal(points))
        return _or_one(sum(t.size(self.fields, self._amplitude) for t in terms))

    def total(self, terms: Iterable[Any], points: Tensor, normals: Tensor | None = None) -> float:
        """Sum of the sizes of terms at points."""
        return sum(self._term(t, points, normals).size(self.fields, self._amplitude) for t in terms)

    def _known(self, inside: Tensor) -> Iterator[tuple[Any, Tensor]]:
        """Functions that are given by the equations and conditions, and where they are given."""
        problem = self._problem
        heads = [f.func for f in problem.fields]
        forms = [at_the_point(difference(e)) for e in problem.equations]
        places = [(about(form, self.levels), inside) for form in forms]
        for condition in problem.conditions:
            part = problem.domain.part(condition.on)
            gap = about(at_the_point(difference(condition.equation)), self.levels)
            if isinstance(part, Face):  # along its normal nothing is said of how the values vary
                gap = gap.subs(problem.coordinates[part.axis], part.value)
            places.append((gap, part.sample(PROBES)))
        for gap, points in places:
            terms = summands(gap)
            known = sympy.Add(*(t for t in terms if not t.has(*heads)))
            if not any(known.has(normal(c)) for c in problem.coordinates):
                yield known, points

    def _shorten(self, known: Any, points: Tensor) -> None:
        """Lowers units to the lengths over which a known function varies by its own size."""
        slopes = {
            c: known.diff(c)
            for c in self.units
            if known.has(c) and known.diff(c) != 0 and is_smooth(known, (c,), 1)
        }
        if not slopes:
            return
        # Compiled together: a long known function and its slopes share most of their parts.
        size, *steepest = (
            max(map(abs, ends))
            for ends in extents(self._problem, [known, *slopes.values()], points)
        )
        for coordinate, steep in zip(slopes, steepest, strict=True):
            if size > 0 and steep > 0:
                unit, length = self.units[coordinate], size / steep
                self.units[coordinate] = min(unit, max(length, unit / SHORTEST))
                if length < self._shortest[coordinate]:
                    self.steep[coordinate] = min(length, self.steep.get(coordinate, length))

    def _amplitude(self, field: Any) -> float:
        """The largest value of a field, which its range may be far from."""
        return max(self._largest.get(field, 0.0), self.fields[field])

    def _terms_of(self, form: Any, points: Tensor, normals: Tensor | None = None) -> list[Term]:
        """The terms of an expression about the levels of its fields."""
        return [self._term(t, points, normals) for t in self._summands(form, points, normals)]

    def _summands(
        self, form: Any, points: Tensor, normals: Tensor | None = None
    ) -> tuple[Any, ...]:
        """The same as expressions; all that is known about levels counts as one, and as nothing
        where it is rounding.
        """
        if not self.levels:
            return summands(form)
        heads, terms = [f.func for f in self._problem.fields], summands(about(form, self.levels))
        known = sympy.Add(*(t for t in terms if not t.has(*heads)))
        unknown = tuple(t for t in terms if t.has(*heads))
        plain = [self._term(t, points, normals) for t in summands(form)]
        at = {f: abs(self.levels.get(f, 0.0)) for f in self._problem.fields}
        whole = sum(t.size(at) for t in plain if t.is_bare)
        is_rounding = largest(self._problem, known, points, normals) <= RANGE * whole
        return unknown if is_rounding else (*unknown, known)

    def _term(self, term: Any, points: Tensor, normals: Tensor | None = None) -> Term:
        """A product as a known factor and powers of fields and derivatives."""
        problem = self._problem
        known, unknown = sympy.Integer(1), []
        for factor in sympy.Mul.make_args(term):
            if factor.has(*[f.func for f in problem.fields]):
                unknown.append(factor)
            else:
                known *= factor
        size = largest(problem, known, points, normals)
        return Term(size, tuple(unknown), problem.fields, self.units)

    def _field_sizes(self) -> dict[Any, float]:
        ranges, constants = self._given()
        self._largest = constants
        found = {f: size for f, size in ranges.items() if size > 0}
        self.fields = dict(found)
        for _ in self._problem.fields:  # each round finds one more
            for field in self._problem.fields:
                if field in found:
                    continue
                candidates = [self._balanced(field, terms, found) for terms in self._terms]
                sizes = [c for c in candidates if 0 < c < math.inf]
                constant = constants.get(field, 0.0)
                sizes += [constant] if constant > 0 else []
                if sizes:
                    found[field] = min(sizes)
                    break
        self._found = frozenset(found)
        return {field: found.get(field, 1.0) for field in self._problem.fields}

    def _given(self) -> tuple[dict[Any, float], dict[Any, float]]:
        """Half the range of the values given to each field, and the largest of them."""
        values: dict[Any, list[float]] = {}
        states: dict[Any, list[float]] = {}
        slopes: dict[Any, float] = {}
        problem = self._problem
        for condition in problem.conditions:
            gap = sympy.expand(at_the_point(difference(condition.equation)))
            fields = [f for f in problem.fields if gap.has(f.func)]
            points = problem.domain.part(condition.on).sample(PROBES)
            normals = problem.domain.part(condition.on).normal(points)
            if len(fields) != 1:
                continue
            stated = self._summands(gap, points, normals)
            terms = [(t, t.has(fields[0].func)) for t in stated]
            known = sympy.Add(*(t for t, is_unknown in terms if not is_unknown))
            unknown = [t for t, is_unknown in terms if is_unknown]
            if unknown == [fields[0]] or unknown == [-fields[0]]:
                sign = -1 if unknown == [fields[0]] else 1
                low, high = extent(problem, sign * known, points, normals)
                values.setdefault(fields[0], []).extend([low, high])
                continue
            at_rest = sympy.Add(*(t for t in unknown if not t.has(sympy.Derivative))) / fields[0]
            if at_rest.is_number and at_rest != 0:
                states.setdefault(fields[0], []).extend(
                    extent(problem, -known / at_rest, points, normals)
                )
            source = largest(problem, known, points, normals)
            balance = [self._term(t, points, normals) for t in unknown]
            at = [source / s for t in balance if (s := t.size({fields[0]: 1.0})) > 0]
            if source > 0 and at:
                slopes[fields[0]] = max(slopes.get(fields[0], 0.0), min(at))
        for cloud in problem.data:
            for name, numbers in cloud.values.items():
                if name in problem.field_names:
                    field = problem.fields[problem.field_names.index(name)]
                    values.setdefault(field, []).extend(
                        [float(numbers.min()), float(numbers.max())]
                    )
        every = {f: values.get(f, []) + states.get(f, []) for f in (*values, *states)}
        self._states = {f: (min(found), max(found)) for f, found in every.items()}
        constants = {f: max(map(abs, given)) for f, given in values.items()}
        ranges = dict(slopes)
        for field, given in values.items():
            width = max(given) - min(given)
            if width > RANGE * constants[field]:
                ranges[field] = max(width / 2, slopes.get(field, 0.0))
        return ranges, constants

    def _balanced(self, field: Any, terms: Sequence[Term], found: Mapping[Any, float]) -> float:
        """The least size of a field at which one of its terms is as large as all known ones."""
        known = [t.size(found) for t in terms if t.fields <= set(found)]
        if len(self._problem.coordinates) == 1:
            # What a state is made of drives its change: a decay by its own value, for example.
            amplitudes = {**found, **self._largest}
            bare = [t for t in terms if t.is_bare and t.fields <= set(amplitudes)]
            known += [t.size(amplitudes) for t in bare]
        source = max(known, default=0.0)
        sizes = []
        for term in terms:
            if term.fields - set(found) == {field} and source > 0:
                unit, degree = term.size({**found, field: 1.0}), term.degree(field)
                if unit > 0 and degree > 0:
                    sizes.append((source / unit) ** (1 / degree))
        return min(sizes, default=math.inf)


def _or_one(size: float) -> float:
    return size if 0 < size < math.inf else 1.0
