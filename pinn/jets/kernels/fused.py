"""Smooth functions and elementwise products of jets on a GPU: each in one launch."""

from __future__ import annotations

import functools
import operator
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.jets.algebra import slopes_of
from pinn.jets.kernels.formulas import NoLineError, Symbol
from pinn.jets.kernels.launching import KEPT, Kernel, Pass

if TYPE_CHECKING:
    from pinn.jets.algebra import Operators, Term
    from pinn.jets.kernels.product_rule import Table
    from pinn.jets.smooth import Smooth


def compose(x: Tensor, y: Tensor, function: Smooth, operators: Operators) -> bool:
    """Writes f(x) into y; both contiguous. The value itself is torch's.

    Returns:
        Whether there is such a kernel; if not, y is as good as empty.
    """
    kernel = _compose(function, operators) if isinstance(function, Hashable) else None
    if kernel is None:
        return False
    y[0] = function.value(x[0])
    return kernel.launch(x[0].numel(), x, y)


def pull(
    x: Tensor, y: Tensor, g: Tensor, gx: Tensor, function: Smooth, operators: Operators
) -> bool:
    """Writes the cotangent of x into gx. Returns: as `compose`."""
    kernel = _pull(function, operators) if isinstance(function, Hashable) else None
    return kernel is not None and kernel.launch(x[0].numel(), x, y, g, gx)


def wave(x: Tensor, y: Tensor, sine: Tensor, cosine: Tensor, operators: Operators) -> bool:
    """Writes a sin(x) + b cos(x) into y. Returns: as `compose`."""
    return _wave(operators).launch(x[0].numel(), x, y, sine, cosine)


def pull_wave(
    x: Tensor,
    g: Tensor,
    gx: Tensor,
    both: Tensor,
    sine: Tensor,
    cosine: Tensor,
    operators: Operators,
) -> bool:
    """Writes the cotangents of x, and of a and b at every entry. Returns: as `compose`."""
    return _pull_wave(operators).launch(x[0].numel(), x, g, gx, both, sine, cosine)


def multiply(x: Tensor, y: Tensor, z: Tensor, table: Table) -> bool:
    """z_c = sum over (c, a, b, w) of w x_a y_b, for contiguous tensors of one shape.

    Returns: as `compose`.
    """
    return _multiply(table, len(z)).launch(x[0].numel(), x, y, z)


@functools.lru_cache(KEPT)
def _compose(function: Any, operators: Operators) -> Kernel | None:
    made = Pass("x", "y")
    x: Any = made.read("x", range(len(operators)))
    value: Any = made.read("y", [0])[0]
    try:
        slopes = function.derivatives(x[0], value, operators.order)
    except NoLineError:
        return None
    for c, symbol in enumerate(_pushed(x, slopes, operators), start=1):
        made.write("y", c, symbol)
    return made.kernel()


@functools.lru_cache(KEPT)
def _pull(function: Any, operators: Operators) -> Kernel | None:
    made = Pass("x", "y", "g", "gx")
    x, g = _of_both(made, "x", "g", operators)
    value: Any = made.read("y", [0])[0]
    try:
        slopes = function.derivatives(x[0], value, operators.order + 1)
    except NoLineError:
        return None
    for c, symbol in enumerate(_pulled(x, g, slopes, operators)[0]):
        made.write("gx", c, symbol)
    return made.kernel()


@functools.lru_cache(KEPT)
def _wave(operators: Operators) -> Kernel:
    made = Pass("x", "y", "sine", "cosine")
    x: Any = made.read("x", range(len(operators)))
    value, *slopes = _waves(made, x[0], operators.order)
    for c, symbol in enumerate([value, *_pushed(x, slopes, operators)]):
        made.write("y", c, symbol)
    return made.kernel()


@functools.lru_cache(KEPT)
def _pull_wave(operators: Operators) -> Kernel:
    made = Pass("x", "g", "gx", "both", "sine", "cosine")
    x, g = _of_both(made, "x", "g", operators)
    _, *slopes = _waves(made, x[0], operators.order + 1)
    pulled, cotangents = _pulled(x, g, slopes, operators)
    for c, symbol in enumerate(pulled):
        made.write("gx", c, symbol)
    sine, cosine = torch.sin(x[0]), torch.cos(x[0])
    even, odd = _alternating(cotangents[::2]), _alternating(cotangents[1::2])
    made.write("both", 0, even * sine + odd * cosine)
    made.write("both", 1, even * cosine - odd * sine)
    return made.kernel()


@functools.lru_cache(KEPT)
def _multiply(table: Table, channels: int) -> Kernel:
    made = Pass("x", "y", "z")
    x, y = (made.read(name, range(channels)) for name in ("x", "y"))
    products: list[list[Symbol]] = [[] for _ in range(channels)]
    for c, a, b, weight in table:
        products[c].append(x[a] * y[b] * weight)
    for c, terms in enumerate(products):
        made.write("z", c, _sum(terms))
    return made.kernel()


def _of_both(made: Pass, left: str, right: str, operators: Operators) -> tuple[Any, Any]:
    channels = range(len(operators))
    return made.read(left, channels), made.read(right, channels)


def _waves(made: Pass, x: Any, order: int) -> list[Symbol]:
    """a sin x + b cos x and its derivatives to the order."""
    a, b = made.number("sine"), made.number("cosine")
    s, c = torch.sin(x), torch.cos(x)
    value, slope = a * s + b * c, a * c - b * s
    turns = value, slope, -value, -slope
    return [turns[n % 4] for n in range(order + 1)]


def _pushed(x: Sequence[Symbol], slopes: Sequence[Symbol], operators: Operators) -> list[Symbol]:
    """Channels of f(x) after the first: `composition.push`, given f', f'', ... at x_0."""
    found = [slopes[0] * channel for channel in x[1:]] if slopes else []
    for slope, power in zip(slopes[1:], operators.powers, strict=True):
        for c, terms in power:
            found[c - 1] = found[c - 1] + _combination(x, terms) * slope
    return found


def _pulled(
    x: Sequence[Symbol], g: Sequence[Symbol], slopes: Sequence[Symbol], operators: Operators
) -> tuple[list[Symbol], list[Symbol]]:
    """Cotangents of x, and of f, f', ...: `composition.pull`, given f', f'', ... at x_0."""
    found = [slopes[0] * cotangent for cotangent in g]
    cotangents = [g[0]]
    if len(g) > 1:
        cotangents.append(_sum([a * b for a, b in zip(g[1:], x[1:], strict=True)]))
    for power, slope in zip(operators.powers, slopes[1:], strict=False):
        cotangents.append(_sum([g[c] * _combination(x, terms) for c, terms in power]))
        for c, terms in power:
            outer = g[c] * slope
            for channel, factors, weight in slopes_of(terms):
                product = _product([outer, *(x[factor] for factor in factors)])
                found[channel] = found[channel] + product * weight
    for cotangent, slope in zip(cotangents[1:], slopes[1:], strict=True):
        found[0] = found[0] + cotangent * slope
    return found, cotangents


def _combination(x: Sequence[Symbol], terms: Sequence[Term]) -> Symbol:
    """Sum of weight * product of channels."""
    return _sum([_product([x[n] for n in factors]) * weight for factors, weight in terms])


def _sum(terms: Sequence[Symbol]) -> Symbol:
    return functools.reduce(operator.add, terms)


def _product(factors: Sequence[Symbol]) -> Symbol:
    return functools.reduce(operator.mul, factors)


def _alternating(terms: Sequence[Symbol]) -> Any:
    """t_0 - t_1 + t_2 - ...; the number 0 if there are none."""
    found: Any = 0.0
    for n, term in enumerate(terms):
        found = term if n == 0 else found + term * (-1.0) ** n
    return found
