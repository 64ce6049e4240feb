"""What a compiled flow claims, read from its files into exact numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import CertificateError, DataError

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Claim:
    """u_t = nu u_xx - c u_x + f(u), a class of starts, sizes, weights, and the bound.

    Args:
        nu, drift, length, time: exact numbers.
        f: coefficients of the reaction, lowest first.
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
    f: tuple[Fraction, ...]
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


def format_of(directory: Path | str) -> str:
    """What kind of flow a directory says it holds.

    Raises:
        DataError: no file that can be read.
    """
    path = Path(directory) / "flow.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"verify: {path} is no readable flow ({error}); compile again.") from error


def read(directory: Path | str) -> Claim:
    """Reads and checks the form of a claim.

    Raises:
        DataError: files that cannot be read.
        CertificateError: numbers that no claim can have.
    """
    from safetensors.numpy import load_file

    path = Path(directory)
    try:
        record = json.loads((path / "flow.json").read_text(encoding="utf-8"))
        tensors = load_file(path / "flow.safetensors")
        claim = _claim(record, tensors)
    except CertificateError:
        raise
    except Exception as error:
        raise DataError(f"verify: {path} is no readable flow ({error}); compile again.") from error
    _check(claim)
    return claim


def _claim(record: dict[str, Any], tensors: Tensors) -> Claim:
    e, s, d = record["equation"], record["starts"], record["design"]
    walls = e["walls"]
    copies = 1 if walls is None else 2 if walls[0] == walls[1] else 4
    return Claim(
        nu=Fraction(e["diffusivity"]),
        drift=Fraction(e["drift"]),
        length=Fraction(e["length"]),
        time=Fraction(e["time"]),
        f=tuple(Fraction(c) for c in e["reaction"]),
        copies=copies,
        offset=Fraction(0) if walls is None else Fraction(1, 2),
        odd=walls is not None and -1 in walls,
        lower=float(s["lower"]),
        upper=float(s["upper"]),
        slope=float(s["slope"]),
        waves=None if s["waves"] is None else int(s["waves"]),
        depth=int(d["depth"]),
        tokens=int(d["tokens"]),
        sensors=int(d["sensors"]),
        bound=float(record["bound"]),
        tensors=tensors,
    )


def _check(claim: Claim) -> None:
    good = [
        claim.nu > 0,
        claim.length > 0,
        claim.time > 0,
        claim.depth >= 1,
        claim.tokens >= 1,
        np.isfinite([claim.lower, claim.upper, claim.slope, claim.bound]).all(),
        claim.lower < claim.upper,
        claim.slope > 0,
        all(np.isfinite(t).all() for t in claim.tensors.values()),
        claim.sensors == claim.tokens or claim.waves is None,
        claim.waves is not None or claim.sensors > claim.tokens,
        not (claim.drift and claim.copies > 1),
        not claim.odd or (claim.lower == -claim.upper and not any(claim.f[::2])),
    ]
    if not all(good):
        raise CertificateError("verify: the claim holds numbers that no flow can have.")
