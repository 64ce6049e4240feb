"""Values of fields at other places, and integrals of them, as parts of equations and conditions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from pinn.references.cases import written_out
from pinn.references.exact import evaluate
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Panels of an integral and Gauss-Legendre nodes in each, by the number of integrals in one another:
# sin(20 x) over the unit interval is integrated to 1e-10 by the first, and each node is one more
# evaluation of the network.
Rule = Mapping[int, tuple[int, int]]
PANELS: Rule = {1: (2, 10), 2: (1, 12), 3: (1, 6)}
# A rule to judge by. A thin layer can lie between the nodes of the training: the network has fitted
# the sums there, and not the integrals.
FINER: Rule = {1: (8, 10), 2: (3, 12), 3: (2, 6)}
# For sizes a value elsewhere counts as one here, times a factor by which u(0) - u(1) is not 0.
APART = sympy.Rational(8, 7)


@dataclass(frozen=True)
class Sample:
    """A field or derivative at a place.

    Attributes:
        field: which one.
        orders: of the derivative, for each coordinate.
        place: an expression for each coordinate.
    """

    field: int
    orders: tuple[int, ...]
    place: tuple[Any, ...]


@dataclass(frozen=True)
class Reading:
    """A functional as an integral over variables of its own.

    Attributes:
        limits: (variable, low, high), the outermost first; none for a value at a place.
        integrand: in coordinates, variables, parameters and symbols of samples.
        samples: by symbol.
    """

    limits: tuple[tuple[Any, Any, Any], ...]
    integrand: Any
    samples: Mapping[Any, Sample]


class Functional(sympy.AtomicExpr):  # type: ignore[misc]  # untyped in sympy
    """A value of fields at another place, or an integral of them.

    It stands in an equation as one atom, in which nothing is differentiated or looked for.

    Args:
        form: u(x, 0), Subs(Derivative(u(x), x), x, 1), Integral(u(s), (s, 0, x)), ...
        fields: functions of all coordinates.
        coordinates: of the point at which the equation holds.
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, form: Any, fields: Sequence[Any], coordinates: Sequence[Any]) -> Functional:
        self: Functional = super().__new__(cls)
        self.form, self.fields, self.coordinates = form, tuple(fields), tuple(coordinates)
        return self

    form: Any
    fields: tuple[Any, ...]
    coordinates: tuple[Any, ...]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.form, self.fields, self.coordinates)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.form, self.fields, self.coordinates)

    def _sympystr(self, printer: Any) -> str:
        return str(printer._print(self.form))

    def _latex(self, printer: Any) -> str:
        return str(printer._print(self.form))

    @cached_property
    def reading(self) -> Reading:
        """What is integrated over what.

        Raises:
            UsageError: an integral without finite limits, or one in another.
        """
        limits, inner, own = [], self.form, dict[Any, Any]()
        if isinstance(inner, sympy.Integral):
            for limit in reversed(inner.limits):
                if len(limit) != 3 or any(end.is_infinite for end in limit[1:]):
                    raise UsageError(f"{self} needs two finite limits for {limit[0]}.")
                # Not its own variable: Integral(u(x), (x, 0, x)) ends at the point.
                ends = [end.xreplace(own) for end in limit[1:]]
                own[limit[0]] = sympy.Dummy(str(limit[0]), real=True)
                limits.append((own[limit[0]], *ends))
            if len(limits) not in PANELS:
                raise UsageError(f"{self} is over more than {max(PANELS)} coordinates.")
            inner = inner.function.xreplace(own)
        samples: dict[Sample, Any] = {}
        integrand = self._resolved(inner, {}, samples)
        return Reading(tuple(limits), integrand, {symbol: s for s, symbol in samples.items()})

    def _resolved(self, form: Any, at: Mapping[Any, Any], samples: dict[Sample, Any]) -> Any:
        """A form with symbols for fields and derivatives, at values of some variables."""
        heads = [field.func for field in self.fields]
        if isinstance(form, sympy.Subs):
            points = (point.xreplace(dict(at)) for point in form.point)
            return self._resolved(
                form.expr, {**at, **dict(zip(form.variables, points, strict=True))}, samples
            )
        counts = dict(form.variable_count) if isinstance(form, sympy.Derivative) else {}
        value = form.expr if counts else form
        if isinstance(value, AppliedUndef) and value.func in heads:
            place = tuple(a.xreplace(dict(at)) for a in value.args)
            self._refuse_misplaced(value, place)
            orders = tuple(int(counts.get(a, 0)) for a in value.args)
            sample = Sample(heads.index(value.func), orders, place)
            return samples.setdefault(sample, sympy.Dummy(f"{value.func}", real=True))
        if isinstance(form, sympy.Integral):
            raise UsageError(f"{self} holds an integral inside; make it a field of its own.")
        if not form.args:
            return form.xreplace(dict(at))
        return form.func(*(self._resolved(a, at, samples) for a in form.args))

    def _refuse_misplaced(self, value: Any, place: Sequence[Any]) -> None:
        """Refuses another number of arguments, and coordinates in the place of others."""
        names = ", ".join(map(str, self.coordinates))
        if len(place) != len(self.coordinates):
            raise UsageError(
                f"{value} has {len(place)} arguments; fields are functions of {names}."
            )
        pairs = zip(place, self.coordinates, strict=True)
        moved = {str(p) for p, c in pairs if p != c and p in self.coordinates}
        # u(y, x) may be a symmetry; time is in the place of space by mistake only.
        if moved and (set(place) != set(self.coordinates) or moved & {"t", "time"}):
            raise UsageError(f"{value} has a coordinate in the place of another; they are {names}.")

    def depends_on(self, coordinate: Any) -> bool:
        """Whether it differs from point to point along a coordinate."""
        read = self.reading
        held = [read.integrand, *(end for _, *ends in read.limits for end in ends)]
        held += [p for sample in read.samples.values() for p in sample.place]
        return any(form.has(coordinate) for form in held)

    def here(self) -> Any:
        """An expression of the fields at the point itself that has about the size of this one."""
        read = self.reading
        found, at = read.integrand, dict[Any, Any]()
        for variable, low, high in read.limits:
            low, high = low.xreplace(at), high.xreplace(at)
            found *= high - low
            at[variable] = (low + high) / 2
        local = {}
        for symbol, sample in read.samples.items():
            pairs = [(c, n) for c, n in zip(self.coordinates, sample.orders, strict=True) if n]
            field = self.fields[sample.field]
            local[symbol] = field.diff(*pairs) if pairs else field
        return APART * found.xreplace(at).xreplace(local)

    def of(self, formulas: Mapping[Any, Any]) -> Any:
        """The functional of closed forms, by the same nodes as that of a network.

        Args:
            formulas: one for each field.
        """
        read = self.reading
        total: Any = sympy.Integer(0)
        for at, weight in nodes(read.limits):
            values = {}
            for symbol, sample in read.samples.items():
                formula = written_out(formulas[self.fields[sample.field]], self.coordinates)
                pairs = [(c, n) for c, n in zip(self.coordinates, sample.orders, strict=True) if n]
                slope = evaluate(formula.diff(*pairs)) if pairs else formula
                place = [p.xreplace(at) for p in sample.place]
                places = dict(zip(self.coordinates, place, strict=True))
                values[symbol] = slope.subs(places, simultaneous=True)
            total += weight * read.integrand.xreplace(at).xreplace(values)
        return total


def on_unit(
    limits: Sequence[tuple[Any, Any, Any]],
) -> tuple[tuple[Any, ...], dict[Any, Any], Any]:
    """Symbols on (0, 1), one for each variable, the variables in them, and the volume element.

    Args:
        limits: (variable, low, high), the outermost first.
    """
    at: dict[Any, Any] = {}
    symbols, element = [], sympy.Integer(1)
    for variable, low, high in limits:
        low, high = low.xreplace(at), high.xreplace(at)
        symbols.append(sympy.Dummy(f"unit_{variable}"))
        at[variable] = low + (high - low) * symbols[-1]
        element *= high - low
    return tuple(symbols), at, element


def nodes(limits: Sequence[tuple[Any, Any, Any]]) -> Iterator[tuple[dict[Any, Any], Any]]:
    """Values of the variables at each node, and its weight, as expressions.

    Args:
        limits: (variable, low, high), the outermost first.
    """
    symbols, at, element = on_unit(limits)
    for places, weight in unit_nodes(len(limits)):
        chosen = {s: sympy.Float(x, 17) for s, x in zip(symbols, places, strict=True)}
        yield (
            {v: form.xreplace(chosen) for v, form in at.items()},
            weight * element.xreplace(chosen),
        )


def unit_nodes(dimension: int, rule: Rule = PANELS) -> list[tuple[tuple[float, ...], float]]:
    """Gauss-Legendre nodes on a unit cube, and their weights; one node in none.

    Args:
        dimension: of the cube.
        rule: panels and nodes in each, by the dimension.
    """
    if not dimension:
        return [((), 1.0)]
    panels, count = rule[dimension]
    places, weights = np.polynomial.legendre.leggauss(count)
    along = [
        ((panel + (place + 1) / 2) / panels, weight / 2 / panels)
        for panel in range(panels)
        for place, weight in zip(places.tolist(), weights.tolist(), strict=True)
    ]
    return [
        (tuple(place for place, _ in chosen), math.prod(weight for _, weight in chosen))
        for chosen in itertools.product(along, repeat=dimension)
    ]


def with_functionals(
    who: str, fields: Sequence[Any], coordinates: Sequence[Any]
) -> Callable[[Any], Any]:
    """Puts functionals in the place of integrals of fields and of values at other places.

    Args:
        who: the name that messages begin with.
        fields: u(x, t) and others.
        coordinates: in the problem's order.
    """
    heads = [field.func for field in fields]

    def is_elsewhere(form: Any) -> bool:
        if isinstance(form, (sympy.Integral, sympy.Subs)):
            return bool(form.has(*heads))
        # u(x, t/2).diff(x) is one value, too, and no derivative of another.
        value = form.expr if isinstance(form, sympy.Derivative) else form
        return isinstance(value, AppliedUndef) and value.func in heads and value not in fields

    def replaced(form: Any) -> Any:
        if isinstance(form, Functional) or not getattr(form, "args", ()):
            return form
        if is_elsewhere(form):
            functional = Functional(form, fields, coordinates)
            try:
                functional.reading  # noqa: B018  so that mistakes show at once
            except UsageError as error:
                raise UsageError(f"{who}: {error}") from error
            return functional
        parts = [replaced(a) for a in form.args]
        return form if tuple(parts) == tuple(form.args) else form.func(*parts)

    return replaced


def functionals_in(*forms: Any) -> list[Functional]:
    """All functionals in some expressions, in one order."""
    found = {atom for f in forms if hasattr(f, "atoms") for atom in f.atoms(Functional)}
    return sorted(found, key=str)


def holds(form: Any, field: Any) -> bool:
    """Whether an expression holds a field, here or in a functional."""
    inside = any(functional.form.has(field.func) for functional in functionals_in(form))
    return bool(form.has(field.func)) or inside


def at_the_point(form: Any) -> Any:
    """The expression with values here in the place of functionals, for sizes and for zeros."""
    found = functionals_in(form)
    return form.xreplace({functional: functional.here() for functional in found}) if found else form
