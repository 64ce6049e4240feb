"""A sympy expression as a straight-line program that any arithmetic can run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
import sympy

from sciformer.errors import DataError, DomainError
from theory.universal.arrays import Array

T = TypeVar("T")

_FUNCTIONS = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tanh: "tanh",
    sympy.atan: "atan",
    sympy.Abs: "abs",
}
_NUMPY: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "atan": np.arctan,
    "abs": np.abs,
}


class Arithmetic(Protocol[T]):
    """Operations that a program needs of the values it runs on."""

    def constant(self, value: sympy.Expr) -> T: ...
    def add(self, left: T, right: T) -> T: ...
    def multiply(self, left: T, right: T) -> T: ...
    def power(self, base: T, exponent: int) -> T: ...
    def sqrt(self, value: T) -> T: ...
    def function(self, name: str, value: T) -> T: ...
    def maximum(self, left: T, right: T) -> T: ...
    def minimum(self, left: T, right: T) -> T: ...
    def choose(self, condition: T, then: T, otherwise: T) -> T:
        """`then` where condition > 0, `otherwise` where it is < 0, either where it is 0."""
        ...


@dataclass(frozen=True)
class Step:
    """One operation on earlier results."""

    operation: str
    inputs: tuple[int, ...] = ()
    value: sympy.Expr | None = None
    exponent: int = 0


@dataclass(frozen=True)
class Program:
    """Steps in the order of evaluation; the first `inputs` results are the variables."""

    inputs: int
    steps: tuple[Step, ...]

    def run(self, arithmetic: Arithmetic[T], inputs: Sequence[T]) -> T:
        """The value of the expression at `inputs`, one value per variable."""
        results = list(inputs)
        for step in self.steps:
            results.append(self._apply(step, arithmetic, [results[i] for i in step.inputs]))
        return results[-1]

    @staticmethod
    def _apply(step: Step, arithmetic: Arithmetic[T], values: list[T]) -> T:
        match step.operation:
            case "constant":
                assert step.value is not None, "a constant carries its value"
                return arithmetic.constant(step.value)
            case "copy":
                return values[0]
            case "add":
                return arithmetic.add(*values)
            case "multiply":
                return arithmetic.multiply(*values)
            case "power":
                return arithmetic.power(values[0], step.exponent)
            case "sqrt":
                return arithmetic.sqrt(values[0])
            case "max":
                return arithmetic.maximum(*values)
            case "min":
                return arithmetic.minimum(*values)
            case "choose":
                return arithmetic.choose(*values)
            case name:
                return arithmetic.function(name, values[0])


class _Compiler:
    def __init__(self, variables: Sequence[sympy.Symbol]) -> None:
        self.places: dict[sympy.Basic, int] = {v: i for i, v in enumerate(variables)}
        self.steps: list[Step] = []
        self.inputs = len(variables)

    def emit(self, step: Step) -> int:
        self.steps.append(step)
        return self.inputs + len(self.steps) - 1

    def place(self, expression: sympy.Basic) -> int:
        if expression not in self.places:
            self.places[expression] = self.build(expression)
        return self.places[expression]

    def build(self, expression: sympy.Basic) -> int:
        if isinstance(expression, sympy.Symbol):
            raise DataError(f"formula: {expression} is not a variable of this target; remove it.")
        if expression.is_number:
            _check_real(expression)
        if expression.is_Rational or isinstance(expression, sympy.NumberSymbol):
            return self.emit(Step("constant", value=expression))
        if isinstance(expression, sympy.Add):
            return self.fold("add", expression.args)
        if isinstance(expression, sympy.Mul):
            return self.fold("multiply", expression.args)
        if isinstance(expression, sympy.Max):
            return self.fold("max", expression.args)
        if isinstance(expression, sympy.Min):
            return self.fold("min", expression.args)
        if isinstance(expression, sympy.Pow):
            return self.power(expression)
        if isinstance(expression, sympy.Piecewise):
            return self.piecewise(expression)
        name = _FUNCTIONS.get(expression.func)
        if name is None:
            raise DataError(
                f"formula: {expression.func.__name__} has no enclosure; "
                f"use {', '.join(sorted(_FUNCTIONS.values()))}, sqrt, max, min or where."
            )
        return self.emit(Step(name, (self.place(expression.args[0]),)))

    def fold(self, operation: str, arguments: Sequence[sympy.Basic]) -> int:
        result = self.place(arguments[0])
        for argument in arguments[1:]:
            result = self.emit(Step(operation, (result, self.place(argument))))
        return result

    def power(self, expression: sympy.Pow) -> int:
        base, exponent = expression.args
        if exponent.is_Integer:
            return self.emit(Step("power", (self.place(base),), exponent=int(exponent)))
        doubled = 2 * exponent
        if doubled.is_Integer:
            root = self.emit(Step("sqrt", (self.place(base),)))
            return self.emit(Step("power", (root,), exponent=int(doubled)))
        return self.place(sympy.exp(exponent * sympy.log(base), evaluate=False))

    def piecewise(self, expression: sympy.Piecewise) -> int:
        (*cases, (last, always)) = expression.args
        if always != True:  # noqa: E712 (a sympy truth value)
            raise DataError(f"formula: {expression} is undefined in places; add an otherwise case.")
        result = self.place(last)
        for value, condition in reversed(cases):
            inputs = (self.place(_margin(condition)), self.place(value), result)
            result = self.emit(Step("choose", inputs))
        return result


def _check_real(constant: sympy.Expr) -> None:
    """Refuses a constant that is not a real number of the range of float64."""
    try:
        finite = bool(constant.is_real) and math.isfinite(float(constant))
    except (OverflowError, TypeError):
        finite = False
    if not finite:
        raise DomainError(
            f"formula: the constant {constant} is not known to be a finite real number; remove it, "
            "or keep it within the range of float64."
        )


def _margin(condition: sympy.Basic) -> sympy.Expr:
    """An expression that is > 0 inside the condition and < 0 outside."""
    if isinstance(condition, sympy.Gt | sympy.Ge):
        return condition.lhs - condition.rhs
    if isinstance(condition, sympy.Lt | sympy.Le):
        return condition.rhs - condition.lhs
    raise DataError(
        f"formula: the condition {condition} is not an inequality; write "
        "where(a < b, then, otherwise)."
    )


def compile_expression(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> Program:
    """The straight-line program of `expression` in `variables`; equal subexpressions run once.

    Raises:
        DataError: an unknown symbol, function or condition.
        DomainError: a constant that is not real, such as sqrt(-1), or not finite, such as 1/0.
    """
    compiler = _Compiler(variables)
    place = compiler.place(sympy.sympify(expression))
    compiler.emit(Step("copy", (place,)))
    return Program(len(variables), tuple(compiler.steps))


@lru_cache(maxsize=1024)
def _as_float(value: sympy.Expr) -> float:
    """The nearest float, which sympy takes longer for than numpy for a hundred points."""
    return float(value)


class Floats:
    """Plain float64 arrays: samples for fitting and for attacks; no bound is taken from it."""

    def constant(self, value: sympy.Expr) -> Array:
        """A constant."""
        return np.asarray(_as_float(value))

    def add(self, left: Array, right: Array) -> Array:
        """x + y."""
        return np.asarray(left + right)

    def multiply(self, left: Array, right: Array) -> Array:
        """x y."""
        return np.asarray(left * right)

    def power(self, base: Array, exponent: int) -> Array:
        """x^k for an integer k."""
        return np.asarray(np.power(base, float(exponent)))

    def sqrt(self, value: Array) -> Array:
        """The square root."""
        return np.asarray(np.sqrt(value))

    def function(self, name: str, value: Array) -> Array:
        """The function of `_NUMPY` with this name."""
        return np.asarray(_NUMPY[name](value))

    def maximum(self, left: Array, right: Array) -> Array:
        """max(x, y)."""
        return np.maximum(left, right)

    def minimum(self, left: Array, right: Array) -> Array:
        """min(x, y)."""
        return np.minimum(left, right)

    def choose(self, condition: Array, then: Array, otherwise: Array) -> Array:
        """`then` where condition > 0, else `otherwise`."""
        return np.where(condition > 0, then, otherwise)


def evaluate(program: Program, points: Array) -> Array:
    """Values (p,) of the program at points (p, c), in plain float64."""
    with np.errstate(all="ignore"):
        value = program.run(Floats(), list(points.T))
    return np.array(np.broadcast_to(value, points.shape[:1]), dtype=np.float64)
