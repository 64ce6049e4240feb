"""The straight-line program of a formula as it was written, before sympy simplifies anything.

sqrt(x)**2, x/x and exp(log(x)) are undefined where their parts are, although sympy writes x, 1 and
x for them. Whether a formula is defined is therefore asked of these programs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from theory.universal.formula.program import Program, Step
from theory.universal.formula.syntax import PRIMITIVES, Node

_ONE = sympy.Integer(1)
_HALF = sympy.Rational(1, 2)

Exponent = Callable[[Node], sympy.Rational | None]


class _Writer:
    """Emits one step per operation; equal subtrees run once."""

    def __init__(self, names: Sequence[str], exponent: Exponent) -> None:
        self.inputs, self.exponent = len(names), exponent
        self.variables = {name: place for place, name in enumerate(names)}
        self.places: dict[Node, int] = {}
        self.steps: list[Step] = []

    def emit(self, operation: str, *inputs: int, exponent: int = 0) -> int:
        return self._append(Step(operation, inputs, exponent=exponent))

    def constant(self, value: sympy.Expr) -> int:
        return self._append(Step("constant", value=value))

    def _append(self, step: Step) -> int:
        self.steps.append(step)
        return self.inputs + len(self.steps) - 1

    def place(self, node: Node) -> int:
        if node not in self.places:
            self.places[node] = self.build(node)
        return self.places[node]

    def build(self, node: Node) -> int:
        match node.operation:
            case "number":
                return self.constant(sympy.Rational(node.value))
            case "name":
                return self.named(node.value)
            case "add":
                return self.fold("add", [self.place(c) for c in node.children])
            case "multiply":
                return self.product(node.children)
            case "reciprocal":
                return self.emit("power", self.place(node.children[0]), exponent=-1)
            case "negate":
                return self.emit("multiply", self.constant(-_ONE), self.place(node.children[0]))
            case "power":
                return self.power(*node.children)
            case "max" | "min":
                return self.fold(node.operation, [self.place(c) for c in node.children])
            case "sqrt":
                return self.emit("sqrt", self.place(node.children[0]))
            case "where":
                condition, then, otherwise = node.children
                margin = self.margin(condition)
                return self.emit("choose", margin, self.place(then), self.place(otherwise))
            case name if name in PRIMITIVES:
                return self.emit(name, self.place(node.children[0]))
            case name:
                return self.derived(name, self.place(node.children[0]))

    def named(self, name: str) -> int:
        if name in self.variables:
            return self.variables[name]
        return self.constant(sympy.pi if name == "pi" else sympy.E)

    def fold(self, operation: str, places: Sequence[int]) -> int:
        result = places[0]
        for place in places[1:]:
            result = self.emit(operation, result, place)
        return result

    def product(self, factors: Sequence[Node]) -> int:
        """A product in which equal factors become a power, whose enclosure is not negative where it
        is even.
        """
        counts: dict[int, int] = {}
        for factor in factors:
            place = self.place(factor)
            counts[place] = counts.get(place, 0) + 1
        powers = [p if k == 1 else self.emit("power", p, exponent=k) for p, k in counts.items()]
        return self.fold("multiply", powers)

    def power(self, base: Node, exponent: Node) -> int:
        value = self.exponent(exponent)
        if value is not None and (2 * value).is_Integer:
            place = self.place(base)
            if value.is_Integer:
                return self.emit("power", place, exponent=int(value))
            return self.emit("power", self.emit("sqrt", place), exponent=int(2 * value))
        product = self.emit("multiply", self.place(exponent), self.emit("log", self.place(base)))
        return self.emit("exp", product)

    def margin(self, condition: Node) -> int:
        """An expression that is > 0 inside the condition and < 0 outside."""
        left, right = (self.place(c) for c in condition.children)
        if condition.value in ("<", "<="):
            left, right = right, left
        return self.emit("add", left, self.emit("multiply", self.constant(-_ONE), right))

    def derived(self, name: str, place: int) -> int:
        """Functions that are written with others."""
        if name == "tan":
            turned = self.emit("power", self.emit("cos", place), exponent=-1)
            return self.emit("multiply", self.emit("sin", place), turned)
        if name in ("sinh", "cosh"):
            sign = self.constant(-_ONE)
            falling = self.emit("exp", self.emit("multiply", sign, place))
            if name == "sinh":
                falling = self.emit("multiply", sign, falling)
            both = self.emit("add", self.emit("exp", place), falling)
            return self.emit("multiply", self.constant(_HALF), both)
        if name == "relu":
            return self.emit("max", place, self.constant(sympy.Integer(0)))
        if name == "sigmoid":
            half = self.emit("multiply", self.constant(_HALF), place)
            both = self.emit("add", self.constant(_ONE), self.emit("tanh", half))
            return self.emit("multiply", self.constant(_HALF), both)
        low = {"sign": -1, "heaviside": 0}[name]
        return self.emit("choose", place, self.constant(_ONE), self.constant(sympy.Integer(low)))


def program_as_written(node: Node, names: Sequence[str], exponent: Exponent) -> Program:
    """One step for each operation of the tree, in the order in which it was written.

    Args:
        node: the syntax tree.
        names: the variables, in the order of the inputs.
        exponent: the value of an exponent if it is a rational number, else None.
    """
    writer = _Writer(names, exponent)
    place = writer.place(node)
    writer.emit("copy", place)
    return Program(len(names), tuple(writer.steps))
