"""Taylor coefficients of the solutions of u' = f(u), grown together for all parts of a formula."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import sympy

from sciformer.errors import DataError
from theory.universal.enclosure.intervals import Interval
from theory.universal.enclosure.range import enclose_constant
from theory.universal.formula.program import Program


@dataclass
class Node:
    """A part of a formula as a series in time.

    Args:
        terms: the coefficients known so far.
    """

    terms: list[Interval]

    def next(self, order: int) -> Interval:
        """The coefficient of an order from those below, and those of earlier nodes up to it."""
        raise DataError("reaction: the next coefficient of u is that of the reaction.")


@dataclass
class _Constant(Node):
    def next(self, order: int) -> Interval:
        return Interval.point(np.zeros_like(self.terms[0].lower))


@dataclass
class _Sum(Node):
    left: Node
    right: Node

    def next(self, order: int) -> Interval:
        return self.left.terms[order] + self.right.terms[order]


@dataclass
class _Product(Node):
    left: Node
    right: Node

    def next(self, order: int) -> Interval:
        left, right = self.left.terms[: order + 1], self.right.terms[order::-1]
        return _total(_stacked(left) * _stacked(right))


@dataclass
class _Function(Node):
    """g(a) with g(a)' = slope a':  k g_k = sum_{i=1}^k i a_i slope_{k-i}."""

    inner: Node
    slope: Node = field(init=False)

    def next(self, order: int) -> Interval:
        moved = _stacked(self.inner.terms[1 : order + 1])
        weights = np.arange(1.0, order + 1).reshape(-1, *[1] * (moved.lower.ndim - 1))
        slopes = _stacked(self.slope.terms[order - 1 :: -1])
        total = _total(Interval.point(weights) * moved * slopes)
        return total * Interval.point(float(order)).reciprocal()


def _stacked(terms: list[Interval]) -> Interval:
    return Interval(np.stack([t.lower for t in terms]), np.stack([t.upper for t in terms]))


def _total(terms: Interval) -> Interval:
    """The sum along the first axis: k float sums are off by less than k 2^-52 of the sizes."""
    slack = (len(terms.lower) + 2) * 2.0**-52
    return Interval(
        terms.lower.sum(0) - slack * np.abs(terms.lower).sum(0),
        terms.upper.sum(0) + slack * np.abs(terms.upper).sum(0),
    )


class Trajectory:
    """The arithmetic that builds the nodes of a formula, and grows them order by order.

    Every function is known by its slope, so that one rule of growth serves all. The verifier has
    recurrences of its own: `theory.flows.verifier.series`.

    Args:
        u: initial values.
    """

    def __init__(self, u: Interval) -> None:
        self.u = Node([u])
        self.nodes: list[Node] = []

    def grow(self, program: Program, order: int) -> list[Interval]:
        """The coefficients of u, from order 0 to `order`, where u' = program(u)."""
        rate = program.run(self, [self.u])
        for k in range(order):
            self.u.terms.append(rate.terms[k] * Interval.point(float(k + 1)).reciprocal())
            for node in self.nodes:
                node.terms.append(node.next(k + 1))
        return self.u.terms

    def _kept(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def constant(self, value: sympy.Expr) -> Node:
        known, zero = enclose_constant(value), np.zeros_like(self.u.terms[0].lower)
        return self._kept(_Constant([Interval(known.lower + zero, known.upper + zero)]))

    def add(self, left: Node, right: Node) -> Node:
        return self._kept(_Sum([left.terms[0] + right.terms[0]], left, right))

    def multiply(self, left: Node, right: Node) -> Node:
        return self._kept(_Product([left.terms[0] * right.terms[0]], left, right))

    def power(self, base: Node, exponent: int) -> Node:
        if exponent < 0:
            return self.function("reciprocal", self.power(base, -exponent))
        if exponent == 0:
            return self.constant(sympy.Integer(1))
        if exponent == 1:
            return base
        half = self.power(base, exponent // 2)
        square = self._kept(_Product([half.terms[0].power(2)], half, half))
        return self.multiply(square, base) if exponent % 2 else square

    def sqrt(self, value: Node) -> Node:
        return self.function("sqrt", value)

    def function(self, name: str, value: Node) -> Node:
        if name in ("sin", "cos"):
            return self._turning(value)[name == "cos"]
        first = getattr(Interval, name)(value.terms[0])
        made = _Function([first], value)
        self._kept(made)
        made.slope = self._slope(name, value, made)
        return made

    def _slope(self, name: str, value: Node, made: Node) -> Node:
        match name:
            case "exp":
                return made
            case "log":
                return self.power(value, -1)
            case "reciprocal":
                return self._minus(self.power(made, 2))
            case "sqrt":
                return self.power(self.add(made, made), -1)
            case "tanh":
                return self.add(self.constant(sympy.Integer(1)), self._minus(self.power(made, 2)))
            case "atan":
                one = self.constant(sympy.Integer(1))
                return self.power(self.add(one, self.power(value, 2)), -1)
        raise DataError(f"reaction: {name} has no slope here.")

    def _turning(self, value: Node) -> tuple[Node, Node]:
        sine = _Function([value.terms[0].sin()], value)
        cosine = _Function([value.terms[0].cos()], value)
        self.nodes += [sine, cosine]
        sine.slope, cosine.slope = cosine, self._minus(sine)
        return sine, cosine

    def _minus(self, value: Node) -> Node:
        return self.multiply(self.constant(sympy.Integer(-1)), value)

    def maximum(self, left: Node, right: Node) -> Node:
        raise DataError("reaction: max has a corner.")

    def minimum(self, left: Node, right: Node) -> Node:
        raise DataError("reaction: min has a corner.")

    def choose(self, condition: Node, then: Node, otherwise: Node) -> Node:
        raise DataError("reaction: where has a jump.")
