"""Bounds of the distance of float64 from the exact value of a trial solution, anywhere in its
domain.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pinn.certificates.verifier.forms import ULPS, UPWARD, U
from sciformer.errors import CertificateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.certificates.claim import Claim, Formula

    Array = NDArray[np.float64]

# Roundings of one function of the library, or of a number that is written into the program.
ONE = 2 * ULPS * U
# What one operation loses at most to underflow, also where subnormal numbers are read as 0.
SUBNORMAL = 2.0**-1022
# Beyond, exp overflows: float64 has no such number.
MOST_EXPONENT = 700.0


@np.errstate(over="ignore", invalid="ignore")
def evaluation_error(claim: Claim) -> float:
    """A bound of |v as float64 computes it - v| for points of float64 in the domain.

    Sums of n terms may be added in any order, and lose (n + 1) U of the sum of their sizes; sin,
    cos, exp, tanh and powers of the library are assumed right to `ULPS`. Layers lie behind each
    other, so that an error entering one leaves it times |W|, and tanh lets no error grow.

    Returns:
        The bound; infinite or NaN where a number may overflow.
    """
    sizes = _sizes(claim)
    most = np.array(list(sizes.values())) + np.abs(claim.origin)
    size = most / claim.unit * UPWARD
    error = 4 * U * size
    layers = list(zip(claim.weights, claim.biases, strict=True))
    entered = [(size, error)]
    for index, (weight, bias) in enumerate(layers):
        size, error = _linear(weight, bias, *entered[-1])
        if index < len(layers) - 1:
            entered.append((np.ones(len(bias)), (error + ONE) * UPWARD))
    for one in claim.wide:
        parts = [entered[k] for k in one.layers] + entered[:1]
        seen = [np.concatenate([p[i] for p in parts]) for i in range(2)]
        _, inner = _linear(one.weights, one.bias, seen[0], seen[1])
        none, ones = np.zeros(1), np.ones(len(one.bias))
        more, lost = _linear(one.output, none, ones, (inner + ONE) * UPWARD)
        error = (error + lost + U * (size + more)) * UPWARD
        size = (size + more) * UPWARD
    network = float(size[0]), float(error[0])
    offset, factor = (_of(f, sizes) for f in (claim.offset, claim.factor))
    return _sum([offset, _product([factor, network])])[1] * UPWARD


def check_sizes(claim: Claim) -> None:
    """Refuses formulas with values beyond the range of float64.

    Raises:
        CertificateError: a formula may overflow somewhere in the domain.
    """
    sizes = _sizes(claim)
    named = {"start": claim.start, "offset": claim.offset}
    named |= {"factor": claim.factor, "wall": claim.walls[0], "other wall": claim.walls[1]}
    for name, formula in named.items():
        if not math.isfinite(sum(_of(formula, sizes))):
            raise CertificateError(
                f"verify: the formula of its {name} may overflow in float64, so nothing can be "
                "said about it; scale the problem."
            )


def _sizes(claim: Claim) -> dict[str, float]:
    """Bounds of |x| and |t|."""
    return {
        name: float(max(abs(a), abs(b))) * UPWARD
        for name, a, b in zip(("x", "t"), claim.low, claim.high, strict=True)
    }


def _linear(weight: Array, bias: Array, size: Array, error: Array) -> tuple[Array, Array]:
    """Bounds of sizes and errors behind a linear layer."""
    count = weight.shape[1] + 2
    reach = np.abs(weight) @ (size + error) + np.abs(bias)
    lost = 2 * count * (U * reach + SUBNORMAL)
    return reach * UPWARD, (np.abs(weight) @ error + lost) * UPWARD


Pair = tuple[float, float]
"""A bound of a size, and of an error."""


def _of(formula: Formula, sizes: dict[str, float]) -> Pair:
    if isinstance(formula, str):
        if formula in sizes:
            return sizes[formula], 0.0
        value = math.pi if formula == "pi" else abs(float(Fraction(formula)))
        return value * UPWARD, value * ONE
    head, *rest = formula
    if head == "pow":
        size, error = _product([_of(rest[0], sizes)] * rest[1])
        return size, error + ONE * size
    parts = [_of(f, sizes) for f in rest]
    if head == "add":
        return _sum(parts)
    if head == "mul":
        return _product(parts)
    [(size, error)] = parts
    if head == "exp":
        if not size + error <= MOST_EXPONENT:
            return math.inf, math.inf
        top = math.exp(size + error) * UPWARD
        return top, top * (error * UPWARD + ONE)
    return 1.0, error + ONE


def _sum(parts: list[Pair]) -> Pair:
    size = sum(s + e for s, e in parts) * UPWARD
    return size, (sum(e for _, e in parts) + (len(parts) + 1) * U * size) * UPWARD


def _product(parts: list[Pair]) -> Pair:
    size, error = 1.0, 0.0
    for s, e in parts:
        error = (error * (s + e) + size * e + U * (size + error) * (s + e)) * UPWARD + SUBNORMAL
        size = size * s * UPWARD + SUBNORMAL
    return size, error
