"""Attacks on what is claimed: precisions, blocks, hints, formulas, weights of extreme sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from sciformer.errors import CertificateError, SciformerError
from theory.universal.format import BlockClaim
from theory.universal.formula.target import Written, read_target
from theory.universal.layer import LayerWeights, SingleLayer
from theory.universal.verifier.bisection import Tree
from theory.universal.verifier.blocks import Block, Share, Units, share_net
from theory.universal.verifier.defined import prove_defined
from theory.universal.verifier.domain import Domain
from theory.universal.verifier.errors import BlockError
from theory.universal.verifier.forward import ARITHMETICS, forward_errors
from theory.universal.verifier.network import Network
from theory.universal.verifier.verify import verify

from ..layers import exact_forward, random_layer
from .forging import IDENTITY, Change, Files, hand_made, identity, token_wise


def through(size: float, back: float) -> LayerWeights:
    """y = x by way of attention values of this size: x -> 1e10 x -> size 1e10 x -> ... -> x."""
    return LayerWeights(
        heads=1,
        embedding=np.array([[1e10], [0.0]]),
        positions=np.zeros((1, 2)),
        query=np.zeros((1, 2)),
        key=np.zeros((1, 2)),
        value=np.array([[size, 0.0]]),
        output=np.array([[0.0], [back]]),
        hidden=np.array([[0.0, 1e-5], [0.0, -1e-5]]),
        hidden_bias=np.zeros(2),
        readout=np.array([[1.0, -1.0]]),
        readout_bias=np.zeros(1),
    ).rounded("float32")


def test_float32_numbers_that_overflow(tmp_path: Path) -> None:
    """x by way of 1e40, a fine float64, is NaN in float32. Kills: a format without a largest
    number."""
    there, far = through(1e15, 1e-20), through(1e30, 1e-35)
    fine = hand_made(tmp_path / "a", there, "x1", bound=0.01, arithmetic="float32")
    assert verify(fine).bound is not None
    path = hand_made(tmp_path / "b", far, "x1", bound=0.01, arithmetic="float32")
    assert not torch.isfinite(SingleLayer(far, "float32")(torch.ones(1, 1))).any()
    with pytest.raises(CertificateError, match=r"rounding alone may take"):
        verify(path)


@pytest.mark.parametrize("where", ["embedding", "query", "key", "value", "output", "hidden"])
@pytest.mark.parametrize("arithmetic", ["float32", "float64"])
def test_every_step_that_may_overflow_has_no_bound(where: str, arithmetic: str) -> None:
    """Kills: a step of the forward pass that is not compared with the largest number."""
    weights = random_layer(2, 1, seed=3, scale=0.1)
    limit, huge = np.ones(2), ARITHMETICS[arithmetic].largest / 1.01
    assert np.isfinite(forward_errors(weights, limit, ARITHMETICS[arithmetic])).all()
    steep = dataclasses.replace(weights, **{where: np.full_like(getattr(weights, where), huge)})
    assert np.isinf(forward_errors(steep, limit, ARITHMETICS[arithmetic])).all()


@pytest.fixture
def flushing() -> Iterator[None]:
    """A process in which subnormal operands and results are 0."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    yield
    torch.set_flush_denormal(False)


def test_a_process_that_flushes_subnormal_numbers_proves_nothing(
    tmp_path: Path, flushing: None
) -> None:
    """Kills: intervals whose ends cannot be moved outward from 0."""
    path = hand_made(tmp_path / "a", IDENTITY, "x1", bound=0.05)
    with pytest.raises(CertificateError, match=r"flushes subnormal numbers"):
        verify(path)


@pytest.mark.parametrize("where", ["embedding", "hidden", "hidden_bias", "readout", "input"])
def test_operands_that_a_processor_reads_as_0(where: str, tmp_path: Path) -> None:
    """y = x by way of one subnormal number and one huge one is 0 where subnormal operands are.

    Kills: a rounding bound for which weights and inputs are the numbers they are.
    """
    small, large = 2.0**-1023, 2.0**1023
    weights, domain = IDENTITY, (-1.0, 1.0)
    if where == "embedding":
        weights = dataclasses.replace(
            weights, embedding=weights.embedding * small, hidden=weights.hidden * large
        )
    elif where == "hidden":
        weights = dataclasses.replace(
            weights, hidden=weights.hidden * small, readout=weights.readout * large
        )
    elif where == "readout":
        weights = dataclasses.replace(
            weights, readout=weights.readout * small, hidden=weights.hidden * large
        )
    elif where == "hidden_bias":
        weights = token_wise(np.zeros(1), np.array([small]), np.array([large]))
    else:
        weights = dataclasses.replace(weights, hidden=weights.hidden * large)
        domain = (0.0, small)
    formula = {"hidden_bias": "1", "input": f"{2**1023}*x1"}.get(where, "x1")
    end = torch.tensor([[domain[1]]], dtype=torch.float64)
    layer = SingleLayer(weights)
    with torch.no_grad():
        assert layer(end).item() == 1.0
        if torch.set_flush_denormal(True):
            try:
                assert layer(end).item() == 0.0
            finally:
                torch.set_flush_denormal(False)
    path = hand_made(tmp_path / "a", weights, formula, bound=0.5, domain=domain)
    with pytest.raises(CertificateError, match=r"rounding alone may take"):
        verify(path)


def in_block(**change: Any) -> Change:
    return lambda files: files.record["entries"][0]["blocks"][0].update(change)


@pytest.mark.parametrize(
    "change",
    [
        in_block(rows=[["0"]]),
        in_block(rows=[["-0/1"]]),
        in_block(rows=[["1\n"]]),
        in_block(rows=[["\u0661"]]),
        in_block(rows=[["1" * 61]]),
        in_block(rows=[["2"]]),
        in_block(expression="-y1"),
        in_block(expression="y1 + 1e-300"),
        in_block(expression="sqrt(y1**2)"),
        in_block(expression="x1"),
        in_block(expression="\u0661*y1"),
        in_block(expression="y1\u200b"),
        in_block(expression="y\uff11"),
    ],
)
def test_blocks_that_are_not_the_formula(change: Change, tmp_path: Path) -> None:
    """Linear forms of other numbers and digits, expressions that differ somewhere."""
    path = identity(tmp_path, change)
    with pytest.raises(SciformerError, match=r"^(verify|formula|compile): "):
        verify(path)


@pytest.mark.parametrize(
    "change",
    [
        in_block(lower=1e308, upper=-1e308),
        in_block(slope=[1e308], constant=-1e308),
        in_block(slope=[-0.0], constant=5e-324),
        in_block(rows=[["2/2"]]),
        in_block(expression="sqrt(y1)**2"),
    ],
)
def test_hints_of_absurd_numbers_change_no_bound(change: Change, tmp_path: Path) -> None:
    """Kills: a range, slope or constant of the file that is believed."""
    result = verify(identity(tmp_path, change))
    assert result.bound is not None
    assert result.bound < 1e-12


def two_blocks(first: str, second: str, **hints: Any) -> Change:
    def change(files: Files) -> None:
        (block,) = files.record["entries"][0]["blocks"]
        files.record["entries"][0]["blocks"] = [
            {**block, "expression": first, **hints},
            {**block, "expression": second},
        ]
        files.trees, files.record["boxes"] = files.trees * 2, 2 * files.record["boxes"]

    return change


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("y1 + 1e300", "-1e300"),
        ("y1 + 1/(y1 - 2/7)", "-1/(y1 - 2/7)"),
        ("y1 + log(y1)", "-log(y1)"),
        ("y1/2 + exp(600*y1)", "y1/2 - exp(600*y1)"),
    ],
)
def test_blocks_that_cancel_on_paper(first: str, second: str, tmp_path: Path) -> None:
    """Their sum is x1; each alone is huge or undefined. Kills: a sum without its parts."""
    with pytest.raises(SciformerError, match=r"^verify: "):
        verify(identity(tmp_path, two_blocks(first, second)), most_boxes=20_000)


def test_affine_hints_that_overflow(tmp_path: Path) -> None:
    change = two_blocks("y1", "0", slope=[1e308], constant=1e308)
    weights = token_wise(np.array([1.0]), np.array([2.0]), np.array([1.0]), readout_bias=-2.0)
    files = Files.of(hand_made(tmp_path / "a", weights, "x1", bound=0.05))
    change(files)
    with pytest.raises(CertificateError, match=r"rounding alone may take"):
        verify(files.write(tmp_path / "b"))


def test_a_block_that_explodes_when_multiplied_out(tmp_path: Path) -> None:
    """y1^30 of a sum of 16 coordinates has 10^12 terms. Kills: `expand` before an estimate."""
    weights = token_wise(np.array([1.0]), np.zeros(1), np.array([1.0]), tokens=16)
    files = Files.of(hand_made(tmp_path / "a", weights, "x1", bound=0.05))
    in_block(rows=[["1"] * 16], expression="y1**30", slope=[0.0])(files)
    with pytest.raises(SciformerError, match=r"multiplied out it has up to"):
        verify(files.write(tmp_path / "b"))


@pytest.mark.parametrize(
    "formula",
    [
        "x1/(x1 + 1)*(x1 + 1)",
        "x1 + 0/(x1 - 1)",
        "x1 + 0*tan(1.5707963267948966*x1)",
        "x1 + 0*exp(800*x1)",
        "x1 + 1e308 + 1e308 - 1e308 - 1e308",
        "x1*1**log(x1)",
        "min(x1, sqrt(x1 + 2) + sqrt(x1 - 2))",
        "where(x1 > 2, sqrt(x1 - 2), x1)",
        "0**x1 + x1",
        "x1 + 1e309 - 1e309",
        "x\u0661",
    ],
)
def test_formulas_at_the_edge_of_definedness(formula: str, tmp_path: Path) -> None:
    """All are x1 where they are anything. Kills: definedness judged after sympy has simplified."""
    path = identity(tmp_path, lambda files: files.record.__setitem__("formula", formula))
    with pytest.raises(SciformerError, match=r"^(verify|formula|compile): "):
        verify(path)


@pytest.mark.parametrize(
    "formula", ["sqrt(x1 + 1)**2 - 1", "log(exp(x1))", "x1*1e-308*1e308", "where(x1 <= 0, x1, x1)"]
)
def test_formulas_that_only_look_dangerous(formula: str, tmp_path: Path) -> None:
    path = identity(tmp_path, lambda files: files.record.__setitem__("formula", formula))
    assert verify(path).bound is not None


def test_an_expression_that_is_not_what_was_written() -> None:
    """Kills: sympy's reading of a formula that nobody compares with the formula."""
    target = read_target("|x1|", 1)
    ((written,),) = target.written
    prove_defined(target)
    (x,) = target.variables
    wrong = Written(written.text, x, written.program)
    with pytest.raises(CertificateError, match=r"\|x1\| was read as x1, which is another"):
        prove_defined(dataclasses.replace(target, entries=((x,),), written=((wrong,),)))


@pytest.mark.parametrize(("hidden", "readout"), [(1e300, 1e-300), (1e-290, 1e290), (1e200, 1e200)])
def test_weights_at_the_ends_of_float64(hidden: float, readout: float, tmp_path: Path) -> None:
    """Products that are 1 are proven, products that overflow are not."""

    def change(files: Files) -> None:
        files.tensors["hidden.weight"] = np.array([[hidden], [-hidden]])
        files.tensors["readout.weight"] = np.array([[readout, -readout]])

    path = identity(tmp_path, change)
    if hidden * readout < 2:
        assert verify(path).bound is not None
    else:
        with pytest.raises(CertificateError, match=r"rounding alone"):
            verify(path)


@pytest.mark.parametrize("seed", range(6))
def test_content_heads_whose_features_cancel(seed: int) -> None:
    """Features of 1e9 and a layer of about 1e7: what is lost in their sums counts, three times.

    Kills: `rounding` left out of the reach or of the doubt, a bound of the units alone.
    """
    weights = random_layer(2, 1, seed=seed, heads=2, head_width=3, scale=0.2)
    weights = dataclasses.replace(weights, output=weights.output * 1e9)
    target = read_target("0", 2)
    domain = Domain.of(target)
    claim = BlockClaim([["1", "0"], ["0", "1"]], "0", [0.0, 0.0], 0.0, -1.0, 1.0)
    block = Block(claim, Tree(np.array([255], np.uint8)), domain, "token 1")
    (share,), rest = share_net([block], Network(weights), 0, 0, domain, "token 1")
    points = np.random.default_rng(seed).uniform(-1, 1, (20, 2))
    seen = BlockError(share).see(points, points)
    size = np.abs(seen.lower)
    with mpmath.workdps(60):
        for point, low, high in zip(points, seen.lower, seen.upper, strict=True):
            exact = exact_forward(weights, point[:, None])[0][0]
            assert low - rest <= exact <= high + rest
    assert size.max() > 1e6
    assert (seen.upper - seen.lower).max() < 1e-10 * size.max()


@pytest.mark.parametrize("seed", range(4))
def test_units_whose_offset_cancels_their_slope(seed: int) -> None:
    """Pre-activations of about 1 out of terms of 1e8, near a corner of the domain.

    Kills: a reach from which the offset is taken away.
    """
    rng = np.random.default_rng(seed)
    domain = Domain.of(read_target("0", 2))
    claim = BlockClaim([["1", "0"], ["0", "1"]], "0", [0.0, 0.0], 0.0, -1.0, 1.0)
    block = Block(claim, Tree(np.array([255], np.uint8)), domain, "token 1")
    slope = rng.uniform(0.5e8, 1e8, (3, 2))
    units = Units(slope, 1.0 - slope.sum(1), np.zeros((3, 0)), np.ones(3), np.zeros(3))
    points = 1.0 - rng.uniform(0, 1e-9, (200, 2))
    seen = BlockError(Share(block, units, np.zeros(2), 0.0, None)).see(points, points)
    for point, low, high in zip(points.tolist(), seen.lower, seen.upper, strict=True):
        exact = Fraction(0)
        for row, offset in zip(slope.tolist(), units.offset.tolist(), strict=True):
            terms = (Fraction(s) * Fraction(y) for s, y in zip(row, point, strict=True))
            exact += max(sum(terms, start=Fraction(offset)), Fraction(0))
        assert Fraction(low) <= exact <= Fraction(high)
    assert (seen.upper - seen.lower).max() < 1e-4
