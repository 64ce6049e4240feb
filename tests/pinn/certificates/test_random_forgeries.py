"""Random edits of every field of a solution's claim: whatever is accepted is true.

The fast test makes a few; `pytest -m slow -s -k random_forgeries` makes `MANY` and prints how many
were accepted.
"""

from __future__ import annotations

import copy
import dataclasses
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinn.certificates.certify import certify
from pinn.certificates.claim import Claim, write
from pinn.certificates.verifier.rounding import evaluation_error
from pinn.certificates.verifier.verify import verify_solution
from sciformer.errors import CertificateError, DataError
from tests.pinn.certificates.claims import claim_with_wide_layer, residual_of

FEW, MANY, PIECES = 60, 1_000, 5
FACTORS = (0.0, -1.0, 0.5, 0.999, 1 - 1e-9, 1 + 1e-9, 1.001, 2.0, 1e8, 1e-300)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """A claim that holds, and that the verifier confirms."""
    claim = claim_with_wide_layer()
    claim = certify(claim, 0.3 * residual_of(claim))
    claim = dataclasses.replace(claim, rounding=1.001 * evaluation_error(claim))
    path = tmp_path_factory.mktemp("proven")
    write(claim, path)
    assert verify_solution(path).derived <= claim.bound
    return claim


def _array(value: Any, generator: np.random.Generator) -> Any:
    """Another array: a number scaled or exchanged, a row dropped or doubled, another kind."""
    array = np.array(value)
    match generator.integers(6):
        case 0:
            return np.delete(array, generator.integers(len(array)), 0)
        case 1:
            return np.concatenate([array, array[:1]])
        case 2:
            return np.roll(array, 1)
        case 3 if array.dtype.kind == "f":
            array.flat[generator.integers(array.size)] = generator.choice([np.nan, np.inf, -0.0])
        case 4 if array.dtype.kind == "i":
            array.flat[generator.integers(array.size)] += generator.choice([-3, -1, 1, 7])
        case _:
            place = generator.integers(array.size)
            array.flat[place] = array.flat[place] * generator.choice(FACTORS[:8])
    return array


def _fraction(value: Fraction, generator: np.random.Generator) -> Fraction:
    return value * Fraction(float(generator.choice(FACTORS))) + int(generator.integers(8) == 0)


def _formula(value: Any, generator: np.random.Generator) -> Any:
    """A node exchanged for another, or wrapped."""
    if isinstance(value, list) and len(value) > 1 and generator.random() < 0.7:
        place = int(generator.integers(1, len(value)))
        return [*value[:place], _formula(value[place], generator), *value[place + 1 :]]
    others = [
        "0/1",
        "1/1000",
        "x",
        "t",
        "pi",
        ["mul", "2/1", value],
        ["sin", value],
        ["exp", value],
    ]
    return others[generator.integers(len(others))]


def _edited(value: Any, generator: np.random.Generator) -> Any:
    """The same kind of thing with one change, as deep as it has to go."""
    if isinstance(value, Fraction):
        return _fraction(value, generator)
    if isinstance(value, np.ndarray):
        return _array(value, generator)
    if isinstance(value, float):
        return value * float(generator.choice(FACTORS))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = str(generator.choice([f.name for f in dataclasses.fields(value)]))
        return dataclasses.replace(value, **{name: _edited(getattr(value, name), generator)})
    if isinstance(value, tuple) and value:
        place = int(generator.integers(len(value)))
        return (*value[:place], _edited(value[place], generator), *value[place + 1 :])
    if isinstance(value, int):
        return value + int(generator.integers(-2, 3))
    return _formula(value, generator)


def accepted_of(proven: Claim, seeds: range, path: Path) -> int:
    """How many forgeries of these seeds are accepted; each of them was found to be true."""
    accepted = 0
    for seed in seeds:
        generator = np.random.default_rng(seed)
        claim = copy.deepcopy(proven)
        for _ in range(generator.integers(1, 3)):
            claim = _edited(claim, generator)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                write(claim, path / str(seed))
                found = verify_solution(path / str(seed))
        except (CertificateError, DataError):
            continue
        accepted += 1
        # The midpoint rule is right to a thousandth for residuals as smooth as these.
        assert residual_of(claim) <= 1.001 * found.derived, (seed, claim)
        assert found.derived <= claim.bound, seed
    return accepted


def test_random_forgeries_that_are_accepted_are_true(proven: Claim, tmp_path: Path) -> None:
    """Kills: a field that the verifier believes, a leaf that is left out, a bound as it stands."""
    assert 0 < accepted_of(proven, range(FEW), tmp_path) < FEW


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(PIECES))
def test_many_random_forgeries(piece: int, proven: Claim, tmp_path: Path) -> None:
    count = MANY // PIECES
    seeds = range(FEW + piece * count, FEW + (piece + 1) * count)
    accepted = accepted_of(proven, seeds, tmp_path)
    print(f"piece {piece}: {accepted} of {count} accepted, all true")  # noqa: T201 (the result)
    assert 0 < accepted < count
