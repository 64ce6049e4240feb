"""Claims that no proof covers are refused one by one, and tails are sums of what they bound."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sciformer.errors import CertificateError
from theory.flows.verifier.burgers import BurgersClaim, truncation
from theory.flows.verifier.claim import of_record
from theory.flows.verifier.enclosures import Balls
from theory.flows.verifier.numbers import best_numbers


def record(**changes: Any) -> Any:
    """A record of forty layers, as it is read from a file; `changes` by the name of the number."""
    parts: dict[str, dict[str, Any]] = {
        "equation": {
            "diffusivity": "1/50", "drift": "0", "length": "3/2", "time": "1/2",
            "reaction": ["0", "2", "0", "-2"], "walls": None,
        },
        "starts": {"lower": -1.0, "upper": 1.0, "slope": 10.0, "waves": 6},
        "design": {"depth": 40, "tokens": 16, "sensors": 16},
    }  # fmt: skip
    for name, value in changes.items():
        [part] = [part for part in parts.values() if name in part]
        part[name] = value
    return SimpleNamespace(**{k: SimpleNamespace(**v) for k, v in parts.items()}, bound=0.03)


KINKS = {"waves": None, "sensors": 17}
EVEN = ["1/4", "0", "-1"]


@pytest.mark.parametrize(
    ("changes", "copies", "offset", "odd"),
    [
        ({}, 1, 0, False),
        (KINKS, 1, 0, False),
        ({"drift": "1/3"}, 1, 0, False),
        ({"walls": (1, 1)}, 2, Fraction(1, 2), False),
        ({"walls": (-1, -1)}, 2, Fraction(1, 2), True),
        ({"walls": (1, -1)}, 4, Fraction(1, 2), True),
        ({"walls": (-1, 1)}, 4, Fraction(1, 2), True),
        ({"walls": (1, 1), "lower": -0.5, "reaction": EVEN}, 2, Fraction(1, 2), False),
    ],
)
def test_claims_are_read_in_exact_numbers(
    changes: dict[str, Any], copies: int, offset: Any, odd: bool
) -> None:
    """Kills: a ring of another number of copies, a token on the wall, walls that are even."""
    claim = of_record(record(**changes), {})
    assert (claim.copies, claim.offset, claim.odd) == (copies, offset, odd)
    assert claim.step == Fraction(1, 80)
    assert (claim.nu, claim.length) == (Fraction(1, 50), Fraction(3, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"sensors": 17},  # a reading head for finitely many waves
        {"waves": None},  # kinks without one
        {"waves": None, "sensors": 15},
        {"drift": "1/3", "walls": (1, 1)},
        {"drift": "-1/3", "walls": (-1, 1)},
        {"walls": (-1, 1), "lower": -0.5},
        {"walls": (1, -1), "upper": 0.5},
        {"walls": (-1, -1), "reaction": EVEN},
    ],
)
def test_claims_that_no_proof_covers_are_refused(changes: dict[str, Any]) -> None:
    """Kills: each of the conditions of a proof, by itself."""
    with pytest.raises(CertificateError, match="numbers that no flow can have"):
        of_record(record(**changes), {})


@pytest.mark.parametrize(("tokens", "images"), [(8, 2), (20, 2), (50, 4)])
@pytest.mark.parametrize("latest", [Fraction(1, 2), Fraction(1)])
def test_tails_are_geometric_sums(tokens: int, images: int, latest: Fraction) -> None:
    """d sum_k first q^k on both sides, and the same times the distance I + k d of each key, over
    the weight inside. Kills: a sign or a step of the mean distance, one side for two.
    """
    nu, earliest, size = Fraction(1, 20), Fraction(2, 5), Fraction(1, 2)
    claim = BurgersClaim(nu, earliest, latest, size, Fraction(1), 1, 3, tokens, images, 1.0, {})
    numbers = best_numbers()
    with numbers.precision():
        mass, moment = (numbers.upper(v) for v in truncation(Balls(numbers), claim))
    t, n, a = float(latest), float(nu), float(size)
    away = images + np.arange(4000) / tokens
    # The bound of F(y) / F(x) at the first key, and how fast it falls from there on.
    first = np.exp(a * images / (2 * n) - images**2 / (4 * n * t))
    terms = first * np.exp(-(images - a * t) / (2 * n * t) * (away - images)) / tokens
    exact = np.exp(a * away / (2 * n) - away**2 / (4 * n * t)) / tokens
    assert (exact <= terms * (1 + 1e-12)).all()
    assert moment / mass == pytest.approx((away * terms).sum() / terms.sum(), rel=1e-9)
    near = np.linspace(1e-4, 0.5, 20_000)
    inside = (2 * near * np.exp(-(near**2) / (4 * n * 0.4) - a * near / (2 * n))).max()
    wanted = 2 * terms.sum() / inside
    # The best of a few half-widths stands for the best of all.
    assert wanted * (1 - 1e-9) <= mass <= 1.1 * wanted
