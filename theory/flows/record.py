"""Files of a compiled flow: `flow.json` states the claim, `flow.safetensors` holds the weights.

Compiler and verifier share these forms and limits, beside the theorems. Types, sizes and shapes are
checked before anything is believed, computed or allocated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from sciformer.errors import SciformerError
from theory.flows.reaction_text import read_reaction
from theory.universal.reading import damaged, read_as, read_json

FORMAT, BURGERS_FORMAT = "sciformer-flow-1", "sciformer-burgers-1"
CERTIFICATE, WEIGHTS = "flow.json", "flow.safetensors"

# Beyond these a module would not run on a laptop.
MOST_LAYERS, MOST_TOKENS, MOST_SENSORS, MOST_UNITS = 200_000, 8192, 1_000_000, 20_000
MOST_BURGERS_TOKENS, MOST_IMAGES, MOST_WAVES = 20_000, 1_000, 4096
MOST_PERIODS = 100
"""Intervals that the kernel of a step may reach over; what has spread so far is constant."""
MOST_DEGREE = 32
"""Degree of a reaction: the verifier's Taylor steps have terms of eleven times that degree."""
MOST_OPERATIONS = 200_000
"""Taylor steps of a reaction's flow times the operations of the reaction; python-flint does about
ten thousand a second.
"""
# A float64 written as a fraction has up to 324 digits on one side.
_NUMBER = re.compile(r"-?[0-9]{1,330}(/[1-9][0-9]{0,329})?")
_LARGEST = Fraction(10**70)

SPARE = 1.001
"""A bound over the sum of its parts: other arithmetic confirms it with a thousandth to spare."""
CLAIM = "|module(u0 at the sensors) - u(T) at the places| <= bound for every such start"
BURGERS_CLAIM = (
    "|module(u0(j / sensors), viscosity, (x, t)) - u(x, t)| <= bound for every such start, "
    "0 <= x <= 1 and earliest <= t <= latest"
)
"""What a bound says; a certificate in other words would promise what was not proven."""


@dataclass(frozen=True)
class EquationRecord:
    """u_t = diffusivity u_xx - drift u_x + f(u); numbers are rational strings.

    Args:
        name: a remark.
        diffusivity, drift, length, time: exact numbers.
        left: the coordinate of the left end; what holds at one holds at all.
        reaction: coefficients of a polynomial f, lowest first; or f as a formula in u.
        walls: signs of the images at both ends; None for periodic ends.
    """

    name: str
    diffusivity: str
    drift: str
    reaction: list[str] | str
    length: str
    time: str
    walls: tuple[int, int] | None
    left: str


@dataclass(frozen=True)
class StartsRecord:
    """A class of starts: range, slope, and the degree of trigonometric polynomials or None."""

    lower: float
    upper: float
    slope: float
    waves: int | None


@dataclass(frozen=True)
class DesignRecord:
    """Sizes of a flow of layers."""

    depth: int
    tokens: int
    sensors: int
    units: int


@dataclass(frozen=True)
class BudgetRecord:
    """The compiler's view of the parts of its bound, which add up to it. No proof uses it."""

    splitting: float
    heads: float
    block: float
    rounding: float
    growth: float


@dataclass(frozen=True)
class FlowRecord:
    """Content of flow.json for a flow of layers."""

    format: str
    claim: str
    equation: EquationRecord
    starts: StartsRecord
    epsilon: float
    bound: float
    design: DesignRecord
    budget: BudgetRecord


@dataclass(frozen=True)
class BurgersEquationRecord:
    """u_t + u u_x = viscosity u_xx with period 1, from the earliest time to the latest."""

    name: str
    viscosity: float
    earliest: float
    latest: float


@dataclass(frozen=True)
class BurgersDesignRecord:
    """Sizes of a Burgers head."""

    sensors: int
    tokens: int
    images: int


@dataclass(frozen=True)
class BurgersRecord:
    """Content of flow.json for a Burgers head."""

    format: str
    claim: str
    equation: BurgersEquationRecord
    starts: StartsRecord
    epsilon: float
    bound: float
    design: BurgersDesignRecord


def read_record(directory: Path) -> FlowRecord | BurgersRecord:
    """The claim of a directory, of which form, types and sizes are as they can be.

    Raises:
        DataError: no such file, or another form.
    """
    found = read_json(directory / CERTIFICATE)
    if found.get("format") == FORMAT:
        record: FlowRecord | BurgersRecord = read_as(FlowRecord, found, CERTIFICATE)
    elif found.get("format") == BURGERS_FORMAT:
        record = read_as(BurgersRecord, found, CERTIFICATE)
    else:
        raise damaged(CERTIFICATE, f"its format is neither {FORMAT} nor {BURGERS_FORMAT}")
    if record.claim != (CLAIM if isinstance(record, FlowRecord) else BURGERS_CLAIM):
        raise damaged(CERTIFICATE, "its claim is in other words than those that are proven")
    if not 0 < record.bound <= record.epsilon:
        raise damaged(CERTIFICATE, "its bound is not between 0 and epsilon")
    _check_starts(record.starts)
    if isinstance(record, FlowRecord):
        _check_flow(record)
    else:
        _check_burgers(record)
    return record


def _check_starts(starts: StartsRecord) -> None:
    waves = 1 if starts.waves is None else starts.waves
    if not (starts.lower < starts.upper and starts.slope > 0 and 1 <= waves <= MOST_WAVES):
        raise damaged(CERTIFICATE, "its class of starts is empty or out of reach")
    for value in (starts.lower, starts.upper, starts.slope):
        _in_reach(Fraction(value))


def _check_flow(record: FlowRecord) -> None:
    e, d = record.equation, record.design
    sizes = ((d.depth, MOST_LAYERS), (d.tokens, MOST_TOKENS), (d.sensors, MOST_SENSORS))
    if not all(1 <= size <= most for size, most in (*sizes, (d.units, MOST_UNITS))):
        raise damaged(CERTIFICATE, "its design is out of reach")
    if isinstance(e.reaction, str):
        _check_formula(e.reaction)
    elif len(e.reaction) > MOST_DEGREE + 1 or not e.reaction:
        raise damaged(CERTIFICATE, f"its reaction has no degree from 0 to {MOST_DEGREE}")
    if e.walls is not None and not set(e.walls) <= {1, -1}:
        raise damaged(CERTIFICATE, "a wall is neither even (1) nor odd (-1)")
    for coefficient in [] if isinstance(e.reaction, str) else e.reaction:
        number(coefficient)
    nu, length, time = (number(text) for text in (e.diffusivity, e.length, e.time))
    if not (nu > 0 and length > 0 and time > 0):
        raise damaged(CERTIFICATE, "diffusivity, length or time is not > 0")
    if abs(number(e.left)) > 10**6 * length:
        raise damaged(CERTIFICATE, "its interval is out of reach")
    if reach(nu, number(e.drift), time / d.depth) > MOST_PERIODS * length:
        raise damaged(CERTIFICATE, f"a step reaches over more than {MOST_PERIODS} intervals")
    _check_budget(record)


def _check_budget(record: FlowRecord) -> None:
    """Parts that are not those of the bound would mislead, though no proof uses them."""
    b = record.budget
    parts = (b.splitting, b.heads, b.block, b.rounding)
    if min(parts) < 0 or not math.isclose(SPARE * sum(parts), record.bound, rel_tol=1e-9):
        raise damaged(CERTIFICATE, "its budget is not that of its bound")


def _check_formula(text: str) -> None:
    try:
        read_reaction(text)
    except SciformerError as error:
        raise damaged(CERTIFICATE, str(error).partition("\n")[0].rstrip(".")) from error


def _check_burgers(record: BurgersRecord) -> None:
    e, d = record.equation, record.design
    good = (
        e.viscosity > 0
        and 0 < e.earliest <= e.latest
        and 3 <= d.sensors <= 2 * MOST_WAVES + 1
        and d.sensors <= d.tokens <= MOST_BURGERS_TOKENS
        and 1 <= d.images <= MOST_IMAGES
        and record.starts.waves is not None
        # Waves above half the sensors would be read as slower ones.
        and d.sensors >= 2 * record.starts.waves + 1
    )
    if not good:
        raise damaged(CERTIFICATE, "it holds numbers that no Burgers head can have")
    for value in (e.viscosity, e.earliest, e.latest):
        _in_reach(Fraction(value))


def reach(nu: Fraction, drift: Fraction, step: Fraction) -> float:
    """Distance from a token within which its kernel has weight: nine standard deviations and the
    drift.
    """
    return 9 * math.sqrt(2 * nu * step) + abs(float(drift * step))


def number(text: str) -> Fraction:
    """The rational number of a string such as "-3/10".

    Raises:
        DataError: another text, more digits than a float has, or a size out of reach.
    """
    if not _NUMBER.fullmatch(text):
        raise damaged(CERTIFICATE, f"{text[:40]!r} is not a rational number of few digits")
    return _in_reach(Fraction(text))


def is_in_reach(value: Fraction) -> bool:
    """Whether squares and quotients of a number are floats."""
    return not value or 1 / _LARGEST < abs(value) < _LARGEST


def _in_reach(value: Fraction) -> Fraction:
    if not is_in_reach(value):
        raise damaged(CERTIFICATE, "a number is out of reach")
    return value


def values(record: Any) -> dict[str, Any]:
    """The fields of a record by name."""
    return {f.name: getattr(record, f.name) for f in fields(record)}
