"""Verifies a compiled flow: the bound is derived anew, from weights and equation alone.

Nothing of the compiler is used. Shared are the theorems (docs/tutorials/compiled_flows.md), the
files, and the libraries of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sciformer.errors import CertificateError
from theory.flows.record import BurgersRecord, read_record
from theory.flows.stored_weights import read_weights
from theory.flows.verifier import burgers
from theory.flows.verifier.claim import Claim, of_record
from theory.flows.verifier.enclosures import Balls, flow
from theory.flows.verifier.layers import LayerErrors, Range
from theory.flows.verifier.numbers import Numbers, best_numbers
from theory.flows.verifier.statement import statement
from theory.flows.verifier.weights import (
    Block,
    check_reading_head,
    read_block,
    table_distance,
)

Report = Callable[[float], None]

_UP = 1 + 2.0**-47


@dataclass(frozen=True)
class FlowVerification:
    """Result of a verification.

    Args:
        bound: the claimed bound, which holds.
        derived: the bound that was derived anew, at most the claimed one.
        layers: number of layers.
        arithmetic: the library that computed.
        proven: what holds, from the numbers that the proof used and from no remark.
    """

    bound: float
    derived: float
    layers: int
    arithmetic: str
    proven: str


def verify_flow(
    directory: Path | str, *, numbers: Numbers | None = None, report: Report | None = None
) -> FlowVerification:
    """Derives the bound of a compiled flow and compares it with the claim.

    Args:
        directory: as `theory.flows.storage.save` writes it.
        numbers: a library of balls; the best that is installed by default.
        report: called with the fraction of the layers that are done.

    Raises:
        DataError: files that cannot be read.
        CertificateError: the claim does not follow from weights and equation.

    Examples:
        >>> import tempfile, theory
        >>> from theory.flows.named import NAMED
        >>> from theory.flows.storage import save
        >>> from theory.flows.verifier.verify import verify_flow
        >>> equation, starts = NAMED["fisher-kpp"]
        >>> flow = theory.compile_flow(equation, epsilon=0.1, starts=starts)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     verify_flow(save(flow, directory)).derived <= flow.certificate.bound
        True
    """
    numbers = best_numbers() if numbers is None else numbers
    record = read_record(Path(directory))
    tensors = read_weights(Path(directory), record)
    layers = 1 if isinstance(record, BurgersRecord) else record.design.depth
    try:
        with numbers.precision():
            balls = Balls(numbers)
            if isinstance(record, BurgersRecord):
                derived = burgers.derive(balls, burgers.of_record(record, tensors))
            else:
                derived = derive(balls, of_record(record, tensors), report)
    except ArithmeticError as error:
        raise CertificateError(
            f"verify: no bound follows from the numbers of {directory} ({error}); compile again."
        ) from error
    if not derived <= record.bound:
        raise CertificateError(
            f"verify: the weights prove a bound of {derived:.6g}, not the claimed "
            f"{record.bound:.6g}; compile again."
        )
    return FlowVerification(record.bound, derived, layers, numbers.name, statement(record))


def derive(balls: Balls, claim: Claim, report: Report | None = None) -> float:
    """The bound that follows from weights and equation.

    Raises:
        CertificateError: none does.
    """
    place = solution_range(balls, claim)
    block = read_block(balls, claim, place.lower, place.upper)
    layers = LayerErrors(balls, claim, place)
    table = table_distance(balls, claim)
    keys = check_reading_head(claim) if claim.sensors != claim.tokens else 0
    size = max(abs(place.lower), abs(place.upper))
    rho = _growth(balls, claim, block)
    total, lower, upper = 0.0, claim.lower, claim.upper
    for n in range(claim.depth):
        reads = n == 0 and keys > 0
        head = layers.reading() if reads else layers.aliasing(n) + layers.normalisation(table)
        many = 2 * (keys if reads else claim.tokens * claim.copies) + 40
        rounding = 1.01 * many * 2.0**-53 * size
        added = layers.splitting(n) + rho * (head + rounding)
        added += (1 + rho) * (block.error + block.rounding)
        total = (_slope(block, lower - total, upper + total) * total + added * _UP) * _UP
        if not math.isfinite(total):
            raise CertificateError("verify: from these weights no finite bound follows.")
        for _ in range(2):
            # Tokens of the float64 pass, rounded in block and head.
            lower = block.move(lower, -1) - (block.rounding + rounding) * _UP
            upper = block.move(upper, 1) + (block.rounding + rounding) * _UP
        if report is not None:
            report((n + 1) / claim.depth)
    return total


def _growth(balls: Balls, claim: Claim, block: Block) -> float:
    """The largest slope of half a step of reaction over the range that the block is known on."""
    steepest = claim.f.bounds(balls, 1, float(block.knots[0]), float(block.knots[-1]))[1]
    return balls.up(balls.exp(balls.of(max(0.0, steepest)) * balls.of(claim.step / 2)))


def _slope(block: Block, lower: float, upper: float) -> float:
    first = block.steepest(lower, upper)
    return first * _UP * block.steepest(block.move(lower, -1), block.move(upper, 1))


def solution_range(balls: Balls, claim: Claim) -> Range:
    """The range that solutions stay in: the starts', moved by the reaction where it points out."""
    lower, upper = claim.lower, claim.upper
    longest = Fraction(3, 2) * claim.time
    if not _points_inward(balls, claim, lower, 1):
        end = flow(balls, claim.f, balls.of(lower), longest, _rate(balls, claim))
        lower = balls.numbers.lower(end)
    if not _points_inward(balls, claim, upper, -1):
        end = flow(balls, claim.f, balls.of(upper), longest, _rate(balls, claim))
        upper = balls.up(end)
    return Range.of(balls, claim.f, lower, upper)


def _points_inward(balls: Balls, claim: Claim, end: float, inward: int) -> bool:
    sign = claim.f.sign(end)
    if sign is None:
        return balls.numbers.lower(inward * claim.f.at(balls, balls.of(end))) >= 0
    return sign * inward >= 0


def _rate(balls: Balls, claim: Claim) -> float:
    return max(map(abs, claim.f.bounds(balls, 1, claim.lower, claim.upper)))
