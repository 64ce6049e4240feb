"""Equations and conditions on polynomials: their values, and their derivatives in coefficients."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.problem.functionals import functionals_in, on_unit, unit_nodes
from pinn.problem.reading import difference, normal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pinn.problem.functionals import Functional
    from pinn.problem.problem import Problem
    from pinn.problem.spectral.space import Space

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A term of a linear form in the fields: factors (p,) times rows (p, n) of one field."""

    field: int
    rows: Array

    def of(self, coefficients: Array) -> Array:
        """The term (p,) for the coefficients (f, n) of all fields."""
        return np.asarray(self.rows @ coefficients[self.field])


class Form:
    """An equation as a function of the coefficients of its fields.

    Args:
        problem: gives fields, coordinates and values of parameters.
        equation: what vanishes; components of the normal may stand in it.

    Raises:
        ArithmeticError: something in it is no function of numbers.
    """

    def __init__(self, problem: Problem, equation: Any) -> None:
        self._coordinates = problem.coordinates
        self._normals = tuple(normal(c) for c in problem.coordinates)
        values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
        numbers = functionals_in(difference(equation))
        names = {n: sympy.Dummy(real=True) for n in numbers}
        plain = sympy.sympify(difference(equation)).xreplace(names).doit()
        derivatives = {d: sympy.Dummy(real=True) for d in plain.atoms(sympy.Derivative)}
        fields = {f: sympy.Dummy(real=True) for f in problem.fields}
        plain = plain.xreplace(derivatives).xreplace(fields).subs(values)
        local = {**derivatives, **fields}
        symbols = [*local.values(), *names.values()]
        slopes = [plain.diff(symbol) for symbol in symbols]
        is_known = all(not s.has(*[f.func for f in problem.fields]) for s in (plain, *slopes))
        if not is_known or any(s.has(sympy.Derivative, sympy.DiracDelta) for s in slopes):
            raise ArithmeticError("the form has no slopes in the fields")
        self._local = [_sampled(problem, atom) for atom in local]
        self._elsewhere = [_Elsewhere(problem, n, values) for n in numbers]
        self.is_linear = not any(s.free_symbols & set(symbols) for s in slopes)
        self.is_linear &= all(one.is_linear for one in self._elsewhere)
        arguments = [*self._coordinates, *self._normals, *symbols]
        self._function = _function(arguments, [plain, *slopes])

    def at(
        self, space: Space, points: Array, outward: Array, state: Array
    ) -> tuple[Array, list[Piece]]:
        """The value (p,) at a state (f, n), and its derivative in the coefficients as terms.

        Args:
            space: of the fields.
            points: (p, c).
            outward: normals (p, c); zeros inside.
            state: coefficients (f, n).

        Raises:
            ArithmeticError: a value is not finite.
        """
        rows = [space.rows(points, orders) * space.unit(orders) for _, orders in self._local]
        here = [r @ state[field] for r, (field, _) in zip(rows, self._local, strict=True)]
        there = [one.at(space, points, state) for one in self._elsewhere]
        arguments = [*points.T, *outward.T, *here, *(value for value, _ in there)]
        value, *slopes = self._function(arguments, len(points))
        pieces = [
            Piece(field, slope[:, None] * r)
            for (field, _), r, slope in zip(self._local, rows, slopes, strict=False)
        ]
        for slope, (_, inner) in zip(slopes[len(self._local) :], there, strict=True):
            pieces += [Piece(one.field, slope[:, None] * one.rows) for one in inner]
        return value, pieces

    def waves(self, space: Space, points: Array) -> float:
        """Radians across half the box of what satisfies it, from its factors at the state 0.

        (|factor of a lower derivative| / |factor of a higher one|)^(1 / difference of their orders)

        Raises:
            ArithmeticError: a factor is not finite.
        """
        zeros = [np.zeros(len(points))] * (len(self._coordinates) + len(self._local))
        elsewhere = [np.zeros(len(points))] * len(self._elsewhere)
        _, *slopes = self._function([*points.T, *zeros, *elsewhere], len(points))
        factors: dict[int, float] = {}
        for (_, orders), slope in zip(self._local, slopes, strict=False):
            size = float(np.abs(slope).max()) * space.unit(orders)
            factors[sum(orders)] = max(factors.get(sum(orders), 0.0), size)
        return max(
            (
                (factors[low] / factors[high]) ** (1 / (high - low))
                for low, high in itertools.combinations(sorted(factors), 2)
                if factors[high] > 0
            ),
            default=0.0,
        )


class _Elsewhere:
    """A functional by its quadrature."""

    def __init__(self, problem: Problem, functional: Functional, values: Mapping[Any, Any]) -> None:
        read = functional.reading
        units, moved, element = on_unit(read.limits)
        symbols = list(read.samples)
        self._samples = list(read.samples.values())
        integrand = (element * read.integrand.xreplace(moved)).subs(values)
        slopes = [integrand.diff(symbol) for symbol in symbols]
        self.is_linear = not any(s.free_symbols & set(symbols) for s in slopes)
        places = [p.xreplace(moved).subs(values) for s in self._samples for p in s.place]
        self._places = _function([*problem.coordinates, *units], places)
        self._function = _function([*problem.coordinates, *units, *symbols], [integrand, *slopes])
        self._nodes = unit_nodes(len(units))

    def at(self, space: Space, points: Array, state: Array) -> tuple[Array, list[Piece]]:
        """The functional (p,) at a state, and its derivative for each value that it takes."""
        total = np.zeros(len(points))
        found = [np.zeros((len(points), space.size)) for _ in self._samples]
        width = points.shape[1]
        for node, weight in self._nodes:
            unit = [np.full(len(points), x) for x in node]
            places = self._places([*points.T, *unit], len(points))
            rows = [
                space.rows(np.stack(places[n * width : (n + 1) * width], -1), sample.orders)
                * space.unit(sample.orders)
                for n, sample in enumerate(self._samples)
            ]
            taken = [r @ state[s.field] for r, s in zip(rows, self._samples, strict=True)]
            value, *slopes = self._function([*points.T, *unit, *taken], len(points))
            total += weight * value
            for whole, slope, r in zip(found, slopes, rows, strict=True):
                whole += weight * slope[:, None] * r
        return total, [Piece(s.field, w) for s, w in zip(self._samples, found, strict=True)]


def _sampled(problem: Problem, atom: Any) -> tuple[int, tuple[int, ...]]:
    """The number of the field of a derivative, and its orders."""
    counts = Counter(dict(getattr(atom, "variable_count", ())))
    field = atom.expr if counts else atom
    return problem.fields.index(field), tuple(int(counts[c]) for c in problem.coordinates)


def _real(values: Any) -> Array:
    """Values as real numbers; some functions of scipy give them as complex ones."""
    real = np.real_if_close(values)
    if np.iscomplexobj(real):
        raise ArithmeticError("not real")
    return np.asarray(real, dtype=np.float64)


def _function(
    arguments: Sequence[Any], forms: Sequence[Any]
) -> Callable[[Sequence[Array], int], list[Array]]:
    if any(form.free_symbols - set(arguments) for form in forms):
        raise ArithmeticError("a symbol without a value")
    compiled = sympy.lambdify(list(arguments), list(forms), modules=["scipy", "numpy"])

    def call(values: Sequence[Array], count: int) -> list[Array]:
        try:
            with np.errstate(all="ignore"):
                found = [_real(one) for one in compiled(*values)]
        except (TypeError, ValueError, NameError) as error:
            raise ArithmeticError("a function that numbers cannot be put in") from error
        whole = [np.broadcast_to(one, (count,)) for one in found]
        if not all(np.isfinite(one).all() for one in whole):
            raise ArithmeticError("not finite")
        return whole

    return call
