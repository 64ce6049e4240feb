"""Orders of equations in each coordinate, and how many conditions they ask for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.kept import kept
from pinn.problem.reading import difference
from pinn.references.exact import evaluate

if TYPE_CHECKING:
    from pinn.problem.problem import Problem


def order_of(problem: Problem, field: Any, coordinate: Any) -> int:
    """The highest derivative of a field in a coordinate."""
    orders = [
        count
        for equation in problem.equations
        for derivative in sympy.sympify(equation).atoms(sympy.Derivative)
        for variable, count in derivative.variable_count
        if derivative.expr == field and variable == coordinate
    ]
    return max(map(int, orders), default=0)


def conditions_needed(problem: Problem, coordinate: Any) -> int | None:
    """Number of conditions at both ends of a coordinate together; None if it cannot be counted.

    The degree in xi of det P, with P_ij the sum of dF_i / d(D u_j) times the symbol of D, where the
    derivative along the coordinate has the symbol xi and the others have generic numbers: 2 for
    the heat equation in space and 1 in time, 4 for incompressible flow in each direction, of which
    the pressure needs none.

    Accuracy: coefficients are looked at for generic values of coordinates and fields.
    Source: the order of a system after Jacobi; Douglis, Nirenberg 1955.
    """
    return kept(problem, ("needed", coordinate), lambda: _needed(problem, coordinate))


def _needed(problem: Problem, coordinate: Any) -> int | None:
    if len(problem.equations) != len(problem.fields):
        return None
    generic, linear = kept(problem, "linear", lambda: _linear(problem))
    xi, row = sympy.Symbol("xi"), dict.fromkeys(problem.fields, sympy.Integer(0))
    rows = [dict(row) for _ in problem.equations]
    for number, field, counts, slope in linear:
        symbol = sympy.Integer(1)
        for variable, count in counts:
            symbol *= (xi if variable == coordinate else generic(str(variable))) ** count
        rows[number][field] += slope * symbol
    matrix = sympy.Matrix([list(row.values()) for row in rows])
    determinant = sympy.expand(matrix.det(method="berkowitz"))
    return None if determinant == 0 else int(sympy.degree(determinant, xi))


class _Generic:
    """A number for each name, that nothing singles out."""

    def __init__(self) -> None:
        self._random, self._found = random.Random(5), dict[str, Any]()

    def __call__(self, name: str) -> Any:
        drawn = sympy.Rational(self._random.randint(101, 997), 331)
        return self._found.setdefault(name, drawn)


def _linear(problem: Problem) -> tuple[_Generic, list[tuple[int, Any, Any, Any]]]:
    """The equations linearised at generic values: equation, field, derivative and its factor."""
    number_of, found = _Generic(), []
    values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
    for number, equation in enumerate(problem.equations):
        form = evaluate(difference(equation))
        atoms = [*form.atoms(sympy.Derivative), *problem.fields]
        # Real, so that sympy knows the slope of |u|.
        names = {atom: sympy.Dummy(str(atom), real=True) for atom in atoms}
        derivatives = {a: n for a, n in names.items() if isinstance(a, sympy.Derivative)}
        plain = form.xreplace(derivatives).xreplace(names)
        for atom, name in names.items():
            slope = plain.diff(name).subs(values)
            slope = slope.subs({s: number_of(str(s)) for s in slope.free_symbols}).doit()
            if slope == 0:
                continue
            field = atom.expr if isinstance(atom, sympy.Derivative) else atom
            factor = sympy.nsimplify(slope.evalf(20), rational=True)
            found.append((number, field, getattr(atom, "variable_count", ()), factor))
    return number_of, found
