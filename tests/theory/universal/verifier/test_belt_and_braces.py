"""Should sympy be wrong, comparisons in numbers show it: a false step takes its place here."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sciformer.errors import CertificateError
from theory.universal.format import BlockClaim
from theory.universal.formula.target import read_target
from theory.universal.verifier.blocks import Block, prove_sum
from theory.universal.verifier.defined import prove_defined
from theory.universal.verifier.domain import Domain
from theory.universal.verifier.matrices import Near

LEAF = np.array([255], dtype=np.uint8)


def test_a_simplification_that_is_wrong_on_half_of_the_domain_is_refused() -> None:
    """Kills: points at one end of the domain, or a refusal only where every point differs."""
    target = read_target("max(x1, 0)", 1)
    [[right]] = target.written
    wrong = dataclasses.replace(right, expression=0 * target.variables[0])
    prove_defined(target)
    with pytest.raises(CertificateError, match=r"which is another function"):
        prove_defined(dataclasses.replace(target, written=((wrong,),)))


def test_blocks_that_are_wrong_on_half_of_the_domain_are_refused() -> None:
    """The expansion says that they are the formula. Kills: a refusal only where every point
    differs."""
    target = read_target("max(x1, 0)", 1)
    [[entry]] = target.entries
    claim = BlockClaim([["1"]], "max(y1, 0)", [0.0], 0.0, 0.0, 0.0)
    block = Block(claim, LEAF, Domain.of(target), "token 1, output 1")
    prove_sum([block], entry, target, "token 1, output 1")
    block.matrix = Near.exact(np.array([[2.0]]))
    with pytest.raises(CertificateError, match=r"blocks of token 1, output 1 are not the formula"):
        prove_sum([block], entry, target, "token 1, output 1")
