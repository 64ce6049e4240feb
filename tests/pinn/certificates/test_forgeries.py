"""Claims of solutions that a forger writes by hand: hidden numbers, underflow, bombs."""

from __future__ import annotations

import time
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinn.certificates.balls import Ball
from pinn.certificates.claim import Claim, write
from pinn.certificates.verifier.rounding import evaluation_error
from pinn.certificates.verifier.verify import verify_solution
from sciformer.errors import CertificateError, DataError


def zero(**changes: Any) -> Claim:
    """v = 0 for u_t = u_xx / 20 with u = 0 at the start and at both ends: bound 0."""
    leaf = np.zeros(1, np.int64)
    given: dict[str, Any] = {
        "low": (Fraction(0), Fraction(0)),
        "high": (Fraction(1), Fraction(1)),
        "flux": (Fraction(0),),
        "diffusion": Fraction(1, 20),
        **dict.fromkeys(("source", "start", "offset"), "0/1"),
        "walls": ("0/1", "0/1"),
        "factor": ["mul", "x", "t", ["add", "1/1", ["mul", "-1/1", "x"]]],
        "origin": np.zeros(2),
        "unit": np.ones(2),
        "weights": (np.zeros((1, 2)), np.zeros((1, 1))),
        "biases": (np.zeros(1), np.zeros(1)),
        "wide": (),
        "codes": leaf,
        "orders": leaf + 2,
        "ellipses": leaf + 2,
        "bound": 1e-6,
        "rounding": 1e-6,
    }
    return Claim(**{**given, **changes})


def power_of_ten(exponent: int) -> str:
    one = "1" + "0" * abs(exponent)
    return f"{one}/1" if exponent > 0 else f"1/{one}"


def nested(head: str, times: int, inner: Any, *more: int) -> Any:
    formula = inner
    for _ in range(times):
        formula = [head, formula, *more]
    return formula


def test_the_claim_that_forgeries_start_from_holds(tmp_path: Path) -> None:
    write(zero(), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert verify_solution(tmp_path).derived == 0


def test_a_source_that_float64_reads_as_0(tmp_path: Path) -> None:
    """10^-350 (e^500 + 1) (e^306 + 1) is 1, and its first factor is not a number of float64.

    Kills: a rational number that is enclosed by the rounded distance to its float64.
    """
    tiny = [power_of_ten(-190), power_of_ten(-160)]
    large = [["add", ["exp", f"{k}/1"], "1/1"] for k in (500, 306)]
    write(zero(source=["mul", *tiny, *large]), tmp_path)
    with pytest.raises(CertificateError, match=r"prove a bound of .*, not the claimed 1e-06"):
        verify_solution(tmp_path)
    tiniest = Ball.of(Fraction(1, 10**350))
    assert tiniest.radius > 0


def test_a_network_whose_products_underflow() -> None:
    """N(x) = x to 16 digits in exact numbers, and 0 in float64.

    Kills: a bound of the rounding error without an absolute term.
    """
    sizes = (1e-200, 1e-200, 1e300, 1e100)
    weights = [np.array([[size]]) for size in sizes]
    weights[0] = np.array([[sizes[0], 0.0]])
    claim = zero(weights=tuple(weights), biases=tuple(np.zeros(1) for _ in sizes))
    at = np.array([[1.0, 0.0]])
    for weight in weights[:-1]:
        at = np.tanh(at @ weight.T)
    assert (at @ weights[-1].T).item() == 0
    assert evaluation_error(claim) > 0.9


X_AND_T = ["add", "x", "t", "1/1"]
BOMBS = {
    "powers": {"source": nested("pow", 4, X_AND_T, 64)},
    "digits": {"offset": nested("pow", 6, "3/7", 64)},
    "factors": {"start": ["mul", *[["add", "x", "t", f"{k}/7"] for k in range(60)]]},
    "towers of exp": {"start": nested("exp", 40, "2/1")},
    "towers of sin": {"source": nested("sin", 90, "x")},
    "huge numbers": {"source": ["pow", power_of_ten(190), 10]},
    "exp(800)": {"offset": ["mul", power_of_ten(-190), power_of_ten(-190), ["exp", "800/1"]]},
    "units": {"unit": np.array([5e-324, 1.0])},
    "flux": {"flux": (Fraction(0), Fraction(10**199))},
    "a deep tree": {
        "codes": np.array([1] * 45 + [0] * 46),
        "orders": np.full(46, 2),
        "ellipses": np.full(46, 2),
    },
    "one Gauss point": {"orders": np.ones(1, np.int64)},
    "a circle": {"ellipses": np.ones(1, np.int64)},
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name: str, tmp_path: Path) -> None:
    """Kills: a formula handed to sympy before its cost is known, a number beyond float64."""
    write(zero(**BOMBS[name]), tmp_path)
    begun = time.process_time()
    with pytest.raises((CertificateError, DataError)):
        verify_solution(tmp_path)
    assert time.process_time() - begun < 2
