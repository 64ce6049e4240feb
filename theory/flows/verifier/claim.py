"""The claim of a compiled flow, in exact numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sciformer.errors import CertificateError
from theory.flows.record import FlowRecord, number
from theory.flows.verifier.enclosures import Rate
from theory.flows.verifier.formulas import FormulaRate
from theory.flows.verifier.polynomials import PolynomialRate
from theory.universal.reading import Tensors


@dataclass(frozen=True)
class Claim:
    """u_t = nu u_xx - c u_x + f(u), a class of starts, sizes, weights, and the bound.

    Args:
        nu, drift, length, time: exact numbers.
        f: the reaction.
        copies: of the interval in the ring: 1, 2 or 4.
        offset: place of the first token in units of the spacing.
        odd: whether solutions are odd about some end.
        lower, upper, slope: of the starts.
        waves: degree of the starts, or None.
        depth, tokens, sensors: sizes.
        bound: what is claimed.
        tensors: the weights.
    """

    nu: Fraction
    drift: Fraction
    length: Fraction
    time: Fraction
    f: Rate
    copies: int
    offset: Fraction
    odd: bool
    lower: float
    upper: float
    slope: float
    waves: int | None
    depth: int
    tokens: int
    sensors: int
    bound: float
    tensors: Tensors

    @property
    def step(self) -> Fraction:
        """T / N."""
        return self.time / self.depth


def of_record(record: FlowRecord, tensors: Tensors) -> Claim:
    """The exact numbers of a record.

    Raises:
        CertificateError: a class, ends or design that no proof covers.
    """
    e, s, d, walls = record.equation, record.starts, record.design, record.equation.walls
    claim = Claim(
        nu=number(e.diffusivity),
        drift=number(e.drift),
        length=number(e.length),
        time=number(e.time),
        f=_rate(e.reaction),
        copies=1 if walls is None else 2 if walls[0] == walls[1] else 4,
        offset=Fraction(0) if walls is None else Fraction(1, 2),
        odd=walls is not None and -1 in walls,
        lower=s.lower,
        upper=s.upper,
        slope=s.slope,
        waves=s.waves,
        depth=d.depth,
        tokens=d.tokens,
        sensors=d.sensors,
        bound=record.bound,
        tensors=tensors,
    )
    good = [
        claim.sensors == claim.tokens or claim.waves is None,
        claim.waves is not None or claim.sensors > claim.tokens,
        not (claim.drift and claim.copies > 1),
        not claim.odd or (claim.lower == -claim.upper and claim.f.is_odd),
    ]
    if not all(good):
        raise CertificateError("verify: the claim holds numbers that no flow can have.")
    return claim


def _rate(written: list[str] | str) -> Rate:
    if isinstance(written, str):
        return FormulaRate(written)
    return PolynomialRate(tuple(number(c) for c in written))
