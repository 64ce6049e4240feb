"""Verifies a compiled flow: the bound is derived anew, from weights and equation alone.

Nothing of the compiler is used. Shared are the theorems (docs/tutorials/compiled_flows.md), the
files, and the libraries of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sciformer.errors import CertificateError
from theory.flows.verifier import burgers
from theory.flows.verifier.claim import Claim, format_of, read
from theory.flows.verifier.enclosures import Balls, bounds, flow
from theory.flows.verifier.layers import LayerErrors, Range
from theory.flows.verifier.numbers import Numbers, best_numbers
from theory.flows.verifier.weights import (
    Block,
    check_reading_head,
    read_block,
    table_distance,
)

_UP = 1 + 2.0**-47


@dataclass(frozen=True)
class FlowVerification:
    """What was confirmed.

    Args:
        bound: the claimed bound, which holds.
        derived: the bound that was derived anew, at most the claimed one.
        layers: number of layers.
        arithmetic: the library that computed.
    """

    bound: float
    derived: float
    layers: int
    arithmetic: str


def verify_flow(directory: Path | str, *, numbers: Numbers | None = None) -> FlowVerification:
    """Derives the bound of a compiled flow and compares it with the claim.

    Args:
        directory: as `theory.flows.storage.save` writes it.
        numbers: a library of balls; the best that is installed by default.

    Raises:
        DataError: files that cannot be read.
        CertificateError: the claim does not follow from weights and equation.
    """
    numbers = best_numbers() if numbers is None else numbers
    with numbers.precision():
        if format_of(directory) == burgers.FORMAT:
            head = burgers.read(Path(directory))
            bound, layers, derived = head.bound, 1, burgers.derive(Balls(numbers), head)
        else:
            claim = read(directory)
            bound, layers, derived = claim.bound, claim.depth, derive(Balls(numbers), claim)
    if not derived <= bound:
        raise CertificateError(
            f"verify: the weights prove a bound of {derived:.6g}, not the claimed {bound:.6g}; "
            "compile again."
        )
    return FlowVerification(bound, derived, layers, numbers.name)


def derive(balls: Balls, claim: Claim) -> float:
    """The bound that follows from weights and equation."""
    place = solution_range(balls, claim)
    block = read_block(balls, claim, place.lower, place.upper)
    layers = LayerErrors(balls, claim, place)
    table = table_distance(balls, claim)
    keys = check_reading_head(claim) if claim.sensors != claim.tokens else 0
    size = max(abs(place.lower), abs(place.upper))
    half = balls.exp(balls.of(place.growth) * balls.of(claim.step / 2))
    rho = balls.up(half)
    total, lower, upper = 0.0, claim.lower, claim.upper
    for n in range(claim.depth):
        reads = n == 0 and keys > 0
        head = layers.reading() if reads else layers.aliasing(n) + layers.normalisation(table)
        many = 2 * (keys if reads else claim.tokens * claim.copies) + 40
        rounding = 1.01 * many * 2.0**-53 * size
        added = layers.splitting(n) + rho * (head + rounding)
        added += (1 + rho) * (block.error + block.rounding)
        total = (_slope(block, lower - total, upper + total) * total + added * _UP) * _UP
        for _ in range(2):
            lower, upper = block.move(lower, -1), block.move(upper, 1)
    return total


def _slope(block: Block, lower: float, upper: float) -> float:
    first = block.steepest(lower, upper)
    return first * _UP * block.steepest(block.move(lower, -1), block.move(upper, 1))


def solution_range(balls: Balls, claim: Claim) -> Range:
    """The range that solutions stay in: the starts', moved by the reaction where it points out."""
    lower, upper = claim.lower, claim.upper
    longest = Fraction(3, 2) * claim.time
    if _value(claim, lower) < 0:
        end = flow(balls, claim.f, balls.of(lower), longest, _rate(balls, claim))
        lower = balls.numbers.lower(end)
    if _value(claim, upper) > 0:
        end = flow(balls, claim.f, balls.of(upper), longest, _rate(balls, claim))
        upper = balls.up(end)
    return Range.of(balls, claim.f, lower, upper)


def _value(claim: Claim, u: float) -> Fraction:
    return sum((c * Fraction(u) ** k for k, c in enumerate(claim.f)), Fraction(0))


def _rate(balls: Balls, claim: Claim) -> float:
    slope = tuple(k * c for k, c in enumerate(claim.f))[1:] or (Fraction(0),)
    return max(map(abs, bounds(balls, slope, claim.lower, claim.upper)))
