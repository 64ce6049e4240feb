"""What a certificate of a flow says, in one sentence that is written from its numbers alone."""

from __future__ import annotations

from fractions import Fraction

from theory.flows.record import BurgersRecord, FlowRecord, StartsRecord, number

_WALLS = {1: "u_x = 0", -1: "u = 0"}


def statement(record: FlowRecord | BurgersRecord) -> str:
    """The claim with its equation and its class of starts."""
    if isinstance(record, BurgersRecord):
        e = record.equation
        return (
            f"|error| <= {record.bound:.6g} for u_t + u u_x = {e.viscosity:g} u_xx, period 1, "
            f"0 <= x <= 1, t from {e.earliest:g} to {e.latest:g}, every start with "
            f"{_starts(record.starts)}"
        )
    return (
        f"|error| <= {record.bound:.6g} for {_equation(record)}, {_ends(record)}, t = "
        f"{record.equation.time}, every start with {_starts(record.starts)}"
    )


def _equation(record: FlowRecord) -> str:
    e = record.equation
    drift = -number(e.drift)
    terms = [_term(number(e.diffusivity), "u_xx"), _term(drift, "u_x") if drift else ""]
    if isinstance(e.reaction, str):
        terms.append(f"+ ({e.reaction})")
    else:
        powers = ("", "u", *(f"u^{k}" for k in range(2, len(e.reaction))))
        terms += [
            _term(number(c), p) for c, p in zip(e.reaction, powers, strict=False) if number(c)
        ]
    return "u_t = " + " ".join(filter(None, terms)).removeprefix("+ ")


def _term(factor: Fraction, what: str) -> str:
    sign, size = "-" if factor < 0 else "+", str(abs(factor))
    return f"{sign} {size} {what}".rstrip()


def _ends(record: FlowRecord) -> str:
    e = record.equation
    if e.walls is None:
        return f"period {e.length}"
    (left, right), end = (_WALLS[sign] for sign in e.walls), number(e.left) + number(e.length)
    return f"{left} at {e.left}, {right} at {end}"


def _starts(starts: StartsRecord) -> str:
    waves = "" if starts.waves is None else f", waves <= {starts.waves}"
    return f"{starts.lower:.17g} <= u <= {starts.upper:.17g}, |u_x| <= {starts.slope:.17g}{waves}"
