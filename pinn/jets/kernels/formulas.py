"""Elementwise formulas, recorded as the lines of a program while they are evaluated on symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

# Whole and half powers become products and roots up to this one; others have no line.
LARGEST_POWER = 8.0


class NoLineError(Exception):
    """A formula that is not elementwise arithmetic, so that no line can be written for it."""


class Program:
    """Lines `t3 = t1 * t2` in single assignment; what was computed before is not written twice."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._known: dict[str, str] = {}

    def symbol(self, expression: str) -> Symbol:
        """A symbol that stands for an expression in earlier names."""
        name = self._known.get(expression)
        if name is None:
            name = self._known[expression] = f"t{len(self._known)}"
            self.lines.append(f"{name} = {expression}")
        return Symbol(self, name)


class Symbol:
    """A number of a `Program`, with the arithmetic of a tensor as far as smooth functions use it.

    Methods that end in an underscore change what the symbol stands for, as they change a tensor.
    """

    def __init__(self, program: Program, name: str) -> None:
        self.program, self.name = program, name

    def __add__(self, other: Any) -> Symbol:
        return self._write("{} + {}", other)

    def __sub__(self, other: Any) -> Symbol:
        return self._write("{} - {}", other)

    def __mul__(self, other: Any) -> Symbol:
        if _is_one(other):
            return Symbol(self.program, self.name)  # another object: methods may change it
        return self._write("{} * {}", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return self._write("{} / {}", other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.program.symbol(f"{_text(other)} / {self.name}")

    def __neg__(self) -> Symbol:
        return self.program.symbol(f"-{self.name}")

    def __pow__(self, exponent: float) -> Symbol:
        whole, half = divmod(abs(exponent), 1.0)
        if half not in (0.0, 0.5) or abs(exponent) > LARGEST_POWER:
            raise NoLineError(f"a power {exponent}")
        factors = [self] * int(whole)
        if half:
            factors.append(self.program.symbol(f"tl.sqrt({self.name})"))
        if not factors:
            return self.program.symbol(f"{self.name} * 0.0 + 1.0")
        product = factors[0]
        for factor in factors[1:]:
            product = product * factor
        return 1.0 / product if exponent < 0 else product

    def mul_(self, other: Any) -> Symbol:
        """Multiplies."""
        self.name = (self * other).name
        return self

    def add_(self, other: Any) -> Symbol:
        """Adds."""
        self.name = (self + other).name
        return self

    def _write(self, pattern: str, other: Any) -> Symbol:
        return self.program.symbol(pattern.format(self.name, _text(other)))

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        line = _FUNCTIONS.get(function)
        if line is None or kwargs:
            raise NoLineError(f"{getattr(function, '__name__', function)}")
        return line(*args)


def _called(name: str) -> Callable[[Symbol], Symbol]:
    return lambda x: x.program.symbol(f"tl.{name}({x.name})")


_FUNCTIONS: dict[Any, Callable[..., Symbol]] = {
    torch.sin: _called("sin"),
    torch.cos: _called("cos"),
    torch.exp: _called("exp"),
    torch.zeros_like: lambda x: Symbol(x.program, "0.0"),
    torch.full_like: lambda x, value: Symbol(x.program, _text(value)),
}


def _text(number: Any) -> str:
    """A symbol's name, or the digits of a number, in brackets where it has a sign."""
    if isinstance(number, Symbol):
        return number.name
    digits = repr(float(number))
    return f"({digits})" if digits.startswith("-") else digits


def _is_one(number: Any) -> bool:
    return not isinstance(number, Symbol) and float(number) == 1.0
