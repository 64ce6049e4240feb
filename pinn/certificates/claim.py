"""The claim of a certificate and its files: data that is checked and never executed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.errors import DataError
from sciformer.runs.files import atomic
from sciformer.runs.reading import read_json, read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

FORMAT = "sciformer solution certificate 1"
CLAIM, TENSORS = "solution.json", "solution.safetensors"
# Functions that a formula may hold beside sums, products and powers.
FUNCTIONS = ("sin", "cos", "exp")
# Sizes beyond which a file is refused before any work: far above what a proof can afford.
MOST_LAYERS, MOST_WIDTH, MOST_NEURONS = 12, 4096, 100_000
MOST_CODES, MOST_NODES, MOST_DEGREE = 4_000_000, 2000, 20
# Of a formula that is multiplied out: conditions are compared in that form, within seconds.
MOST_TERMS, MOST_DIGITS, MOST_DEPTH = 2000, 20_000, 12
COORDINATES = ("x", "t")

Formula = Any
"""A number "p/q", "pi", "x", "t", or a list: ["add", ...], ["mul", ...], ["pow", f, n], ["sin", f],
["cos", f], ["exp", f]."""


@dataclass(frozen=True)
class Wide:
    """output tanh(weights s + bias), s the inputs of some linear layers and those of the network.

    Attributes:
        layers: positions of the linear layers whose inputs s begins with.
        weights, bias, output: (m, n), (m,) and (1, m).
    """

    layers: tuple[int, ...]
    weights: Array
    bias: Array
    output: Array


@dataclass(frozen=True)
class Claim:
    """v(x, t) = offset + factor N is within `bound` of the solution u in L1 at every time.

        u_t + (sum_k flux[k] u^k)_x = diffusion u_xx + source,   u(x, low t) = start,
        u = walls[0], walls[1] at the lower and the upper end of x

    N has inputs ((x, t) - origin) / unit, linear layers with tanh between them, and wide layers
    that add to its output; all numbers as they are stored, in exact arithmetic.

    Attributes:
        low, high: ends of x and t, rational.
        flux: coefficients of f(u), rational.
        diffusion: a >= 0.
        source, start, offset, factor: formulas of x and t.
        walls: formulas of t.
        origin, unit: of the inputs (2,).
        weights, biases: of the linear layers.
        wide: layers of random neurons.
        codes: the tree of boxes in preorder: 0 a leaf, 1 halved in x, 2 halved in t.
        orders: of each leaf, number of Gauss points along each side.
        ellipses: of each leaf, rho of the Bernstein ellipses, an integer.
        bound: of ||u(t) - v(t)||_1 at every t in the interval.
        rounding: of |v as float64 computes it - v| anywhere in the domain.
    """

    low: tuple[Fraction, Fraction]
    high: tuple[Fraction, Fraction]
    flux: tuple[Fraction, ...]
    diffusion: Fraction
    source: Formula
    start: Formula
    walls: tuple[Formula, Formula]
    offset: Formula
    factor: Formula
    origin: Array
    unit: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    wide: tuple[Wide, ...]
    codes: Codes = field(repr=False)
    orders: Codes = field(repr=False)
    ellipses: Codes = field(repr=False)
    bound: float = math.inf
    rounding: float = math.inf


def write(claim: Claim, directory: Path) -> None:
    """Writes a claim into a directory, which is made."""
    import json

    import torch
    from safetensors.torch import save_file

    numbers = {
        "format": FORMAT,
        "low": [_spelled(v) for v in claim.low],
        "high": [_spelled(v) for v in claim.high],
        "flux": [_spelled(v) for v in claim.flux],
        "diffusion": _spelled(claim.diffusion),
        **{name: getattr(claim, name) for name in ("source", "start", "offset", "factor")},
        "walls": list(claim.walls),
        "layers": len(claim.weights),
        "wide": [list(one.layers) for one in claim.wide],
        "bound": claim.bound.hex(),
        "rounding": claim.rounding.hex(),
    }
    arrays: dict[str, Any] = {"origin": claim.origin, "unit": claim.unit}
    for k, (weight, bias) in enumerate(zip(claim.weights, claim.biases, strict=True)):
        arrays |= {f"weight.{k}": weight, f"bias.{k}": bias}
    for k, one in enumerate(claim.wide):
        arrays |= {f"wide.{k}.{n}": getattr(one, n) for n in ("weights", "bias", "output")}
    for name in ("codes", "orders", "ellipses"):
        arrays[name] = getattr(claim, name).astype(np.int64)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    with atomic(directory / TENSORS) as path:
        save_file(tensors, path)
    with atomic(directory / CLAIM) as path:
        path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def read(directory: Path) -> Claim:
    """Reads a claim, believing nothing about its truth, but only well-formed ones.

    Raises:
        DataError: files that are missing, damaged, or too large to be worth a look.
    """
    content = read_json(directory / CLAIM, inside=directory)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _damaged(directory, f"its format is not {FORMAT!r}")
    try:
        return _claim(directory, content)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        raise _damaged(directory, f"{type(error).__name__}: {error}") from error


def _claim(directory: Path, content: Mapping[str, Any]) -> Claim:
    layers = content["layers"]
    if not isinstance(layers, int) or not 1 <= layers <= MOST_LAYERS:
        raise ValueError(f"{layers} layers")
    tensors, _ = read_tensors(directory / TENSORS, inside=directory)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    weights = tuple(_floats(arrays[f"weight.{k}"], 2) for k in range(layers))
    biases = tuple(_floats(arrays[f"bias.{k}"], 1) for k in range(layers))
    _check_shapes(weights, biases)
    wide = tuple(
        _wide(layers, weights, {n: arrays[f"wide.{k}.{n}"] for n in ("weights", "bias", "output")})
        for k, layers in enumerate(content["wide"])
    )
    low, high = (tuple(map(_fraction, content[name])) for name in ("low", "high"))
    if len(low) != 2 or len(high) != 2 or not all(a < b for a, b in zip(low, high, strict=True)):
        raise ValueError("ends of the domain")
    flux = tuple(map(_fraction, content["flux"]))
    if not 1 <= len(flux) <= MOST_DEGREE:
        raise ValueError("coefficients of the flux")
    walls = [_formula(f) for f in content["walls"]]
    unit = _floats(arrays["unit"], 1)
    if len(walls) != 2 or unit.shape != (2,) or not (unit > 0).all():
        raise ValueError("walls or inputs")
    numbers = {name: float.fromhex(content[name]) for name in ("bound", "rounding")}
    if not all(math.isfinite(v) and v >= 0 for v in numbers.values()):
        raise ValueError("bounds that are not numbers")
    codes, orders, ellipses = (_codes(arrays[n]) for n in ("codes", "orders", "ellipses"))
    if len(orders) != len(ellipses) or len(orders) != int((codes == 0).sum()):
        raise ValueError("leaves")
    origin = _floats(arrays["origin"], 1)
    if origin.shape != (2,):
        raise ValueError("inputs")
    formulas = {n: _formula(content[n]) for n in ("source", "start", "offset", "factor")}
    return Claim(
        low=(low[0], low[1]),
        high=(high[0], high[1]),
        flux=flux,
        diffusion=_fraction(content["diffusion"]),
        walls=(walls[0], walls[1]),
        origin=origin,
        unit=unit,
        weights=weights,
        biases=biases,
        wide=wide,
        codes=codes,
        orders=orders,
        ellipses=ellipses,
        **formulas,
        **numbers,
    )


def _check_shapes(weights: Sequence[Array], biases: Sequence[Array]) -> None:
    entering = 2
    for weight, bias in zip(weights, biases, strict=True):
        if weight.shape[1] != entering or weight.shape[0] != len(bias):
            raise ValueError("layers that do not follow each other")
        entering = len(bias)
    if entering != 1 or max(len(b) for b in biases) > MOST_WIDTH:
        raise ValueError("widths of layers")


def _wide(layers: Any, weights: Sequence[Array], given: Mapping[str, Any]) -> Wide:
    if not all(isinstance(k, int) and 0 <= k < len(weights) for k in layers):
        raise ValueError("layers that a wide layer looks at")
    matrix, output = _floats(given["weights"], 2), _floats(given["output"], 2)
    bias = _floats(given["bias"], 1)
    units = 2 + sum(weights[k].shape[1] for k in layers)
    if matrix.shape != (len(bias), units) or output.shape != (1, len(bias)):
        raise ValueError("sizes of a wide layer")
    if len(bias) > MOST_NEURONS:
        raise ValueError("too many neurons")
    return Wide(tuple(layers), matrix, bias, output)


def _floats(array: Any, axes: int) -> Array:
    if array.dtype != np.float64 or array.ndim != axes or not np.isfinite(array).all():
        raise ValueError("an array that is not finite float64")
    return np.asarray(array)


def _codes(array: Any) -> Codes:
    if array.dtype != np.int64 or array.ndim != 1 or len(array) > MOST_CODES:
        raise ValueError("codes")
    return np.asarray(array)


def _spelled(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _fraction(text: Any) -> Fraction:
    if not isinstance(text, str) or len(text) > 200:
        raise ValueError("a number that is not a fraction")
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below or "1"))


def _formula(given: Formula) -> Formula:
    """A value of the file as a formula, if it is one."""
    stack, seen = [given], 0
    while stack:
        node = stack.pop()
        seen += 1
        if seen > MOST_NODES:
            raise ValueError("a formula that is too long")
        if isinstance(node, str):
            if node not in (*COORDINATES, "pi"):
                _fraction(node)
            continue
        if not isinstance(node, list) or len(node) < 2:
            raise ValueError("a formula")
        head, *rest = node
        if head in ("add", "mul") or (head in FUNCTIONS and len(rest) == 1):
            stack += rest
        elif head == "pow" and len(rest) == 2 and isinstance(rest[1], int) and 2 <= rest[1] <= 64:
            stack.append(rest[0])
        else:
            raise ValueError(f"an unknown operation {head!r}")
    _check_cost(given, 0)
    return given


def _check_cost(formula: Formula, depth: int) -> tuple[int, int]:
    """Bounds of the terms of a formula that is multiplied out, and of the digits of its numbers.

    n factors, each a sum of m terms, have C(m + n - 1, n) different products.
    """
    if isinstance(formula, str):
        return 1, len(formula)
    head, *rest = formula
    depth += head in FUNCTIONS
    if head == "pow":
        inner, digits = _check_cost(rest[0], depth)
        terms, digits = math.comb(inner + rest[1] - 1, rest[1]), digits * rest[1]
    else:
        costs = [_check_cost(f, depth) for f in rest]
        digits = sum(d for _, d in costs)
        terms = (math.prod if head == "mul" else sum)(t for t, _ in costs)
    if terms > MOST_TERMS or digits > MOST_DIGITS or depth > MOST_DEPTH:
        raise ValueError("a formula that explodes when it is multiplied out")
    return (1 if head in FUNCTIONS else terms), digits


def _damaged(directory: Path, why: str) -> DataError:
    return DataError(
        f"{directory}: holds no certificate of a solution that can be read ({why}); make it again "
        "with sciformer solve --certify."
    )
