"""Exact solutions in closed form: numbers from formulas, and whether they satisfy an equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.references.cases import steps_left_flat, written_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# An imaginary part of this share of a value is rounding.
IMAGINARY = 1e-12


class ClosedForm:
    """Fields given by formulas in the coordinates.

    Args:
        coordinates: sympy symbols, in order.
        fields: a formula for each field, by name; free symbols are coordinates only.
    """

    def __init__(self, coordinates: Sequence[Any], fields: Mapping[str, Any]) -> None:
        self._names = tuple(fields)
        self._made_of = (tuple(coordinates), list(fields.values()))
        self._evaluate = _compile(*self._made_of)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled function, which no file can hold."""
        return {key: value for key, value in vars(self).items() if key != "_evaluate"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._evaluate = _compile(*self._made_of)

    def __call__(self, points: Array) -> dict[str, Array]:
        """The fields at points (p, c), as {name: (p,)}."""
        return dict(zip(self._names, self._evaluate(points), strict=True))


def substitute(expression: Any, fields: Mapping[Any, Any], parameters: Mapping[Any, float]) -> Any:
    """The expression with formulas in place of fields, derivatives taken, numbers for parameters.

    Args:
        expression: of coordinates, fields, their derivatives and parameters.
        fields: formula for each field, such as {u(x, t): sin(x) * t}.
        parameters: number for each symbol.
    """
    formulas = {f: written_out(formula, f.args) for f, formula in fields.items()}
    found = evaluate(sympy.sympify(expression).subs(formulas)).subs(dict(parameters))
    return steps_left_flat(found)


def evaluate(expression: Any) -> Any:
    """The expression with its derivatives and elementary integrals carried out.

    Integrals without an elementary rule stay as they are. Of sympy's methods for them only those
    that end are asked: its heuristic search and its Meijer G-functions can run for hours.
    """
    return sympy.sympify(expression).doit(heurisch=False, meijerg=False)


def largest(expression: Any, coordinates: Sequence[Any], points: Array) -> tuple[float, float]:
    """The largest |expression| at points, and the largest sum of the sizes of its summands.

    The second says how much cancels: only a residual far below it is a rounding error.
    """
    summands = list(sympy.Add.make_args(sympy.sympify(expression)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # said by the result
        values = np.stack(_compile(coordinates, summands)(points))
    return float(np.abs(values.sum(0)).max()), float(np.abs(values).sum(0).max())


def real(values: Any) -> NDArray[Any]:
    """Real values, as of LambertW, which scipy returns as complex ones; NaN where they are not."""
    found = np.asarray(values)
    if not np.iscomplexobj(found):
        return found
    is_real = np.abs(found.imag) <= IMAGINARY * np.abs(found.real)
    return np.where(is_real, found.real, np.nan)


def _compile(coordinates: Sequence[Any], formulas: Sequence[Any]) -> Callable[[Array], list[Array]]:
    # Numpy alone has no error, Bessel or Lambert functions; scipy takes half a second to import.
    modules = ["scipy", "numpy"] if any(map(_is_special, formulas)) else "numpy"
    function = sympy.lambdify(list(coordinates), list(formulas), modules=modules, cse=True)

    def evaluate(points: Array) -> list[Array]:
        columns = np.asarray(points, dtype=np.float64).T
        values = map(real, function(*columns))
        return [np.broadcast_to(v.astype(np.float64), columns[0].shape) for v in values]

    return evaluate


def _is_special(formula: Any) -> bool:
    found = sympy.sympify(formula).atoms(sympy.Function)
    return any(
        isinstance(atom, sympy.LambertW)
        or type(atom).__module__.startswith("sympy.functions.special")
        for atom in found
    )
