"""From formula to layer: what is emitted, what is refused and how."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch

import theory
from sciformer.attention import MultiheadAttention
from sciformer.errors import DomainError, UnknownNameError
from theory.universal.attack import attack
from theory.universal.certificate import CompiledLayer, load_layer
from theory.universal.certifier.certify import certify
from theory.universal.construction.choose import Copy, Linear
from theory.universal.formula.target import read_target
from theory.universal.layer import SingleLayer, weights_of


@pytest.fixture(scope="module")
def small() -> CompiledLayer:
    return theory.compile("x1*x2; |x1 - x2|", 2, epsilon=0.2)


def test_layer_is_plain_and_within_its_bound(small: CompiledLayer) -> None:
    target = read_target("x1*x2; |x1 - x2|", 2)
    assert isinstance(small.module.attention, MultiheadAttention)
    assert {p.dtype for p in small.module.parameters()} == {torch.float64}
    seen = attack(small.module, target).max()
    assert 0.02 < seen <= small.certificate.bound <= 0.2


@pytest.mark.parametrize(
    ("formula", "tokens", "width", "epsilon", "units"),
    [
        ("x1*x2; sin(2*x1+x2)+x1²/2", 2, 1, 0.1, 20),
        ("x2; x3; x4; x1", 4, 1, 1e-9, 4),
        ("x1_1*x2_2 - x1_2*x2_1, |x1_1 - x2_1|; x1_1, max(x1_2, x2_2)", 2, 2, 0.3, 24),
        ("exp(x1 - x2/2)", 2, 1, 0.05, 8),
        ("sqrt(1 + x1); where(x2 > 0, x2**2, -x2/2)", 2, 1, 0.1, 12),
        # More linear forms than coordinates: six blocks share four.
        ("x1*x2 + x2*x3 + x3*x4", 4, 1, 0.5, 16),
    ],
)
def test_formulas_are_compiled_with_few_units(
    formula: str, tokens: int, width: int, epsilon: float, units: int
) -> None:
    layer = theory.compile(formula, tokens, width, epsilon)
    target = read_target(formula, tokens, width)
    assert attack(layer.module, target).max() <= layer.certificate.bound <= epsilon
    assert weights_of(layer.module).hidden_units <= units


def test_sort_of_three_takes_soft_maxima() -> None:
    """Kills: `auto` that never tries tilted means (hundreds of units, or no fit at all)."""
    entries = "min(x1,x2,x3); x1+x2+x3-min(x1,x2,x3)-max(x1,x2,x3); max(x1,x2,x3)"
    layer = theory.compile(entries, 3, epsilon=0.2)
    assert weights_of(layer.module).hidden_units == 3
    assert "hybrid" in layer.certificate.construction


@pytest.mark.parametrize("construction", ["copy", "relative", "linear", "hybrid", "tilted"])
def test_constructions_all_certify(construction: str) -> None:
    formula = "x1 + (x1+x2)**2/4; x2 + (x1+x2)**2/4"
    layer = theory.compile(formula, 2, epsilon=0.25, construction=construction)
    assert layer.certificate.bound <= 0.25
    assert attack(layer.module, read_target(formula, 2)).max() <= layer.certificate.bound


def test_six_coupled_coordinates_that_separate() -> None:
    layer = theory.compile("x1*x2 + x3*x4 + x5*x6", 6, epsilon=0.5)
    assert layer.certificate.bound <= 0.5
    assert layer.certificate.boxes < 5000


def test_beta_changes_nothing() -> None:
    """P15: nets at beta = 0.1, 1 and 10 agree to rounding times the condition number."""
    x = np.random.default_rng(0).uniform(-1, 1, (100, 2, 1))
    outputs = []
    for beta in (0.1, 1.0, 10.0):
        layer = theory.compile("x1*x2; x1", 2, epsilon=0.3, construction=Copy(beta))
        outputs.append(layer(torch.from_numpy(x)).detach().numpy())
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-12
    assert np.abs(outputs[2] - outputs[1]).max() < 1e-12


def test_same_weights_every_time_and_on_disk(small: CompiledLayer, tmp_path: Path) -> None:
    """P16: the round trip is bit-exact, and so is a second compilation."""
    again = theory.compile("x1*x2; |x1 - x2|", 2, epsilon=0.2)
    assert weights_of(again.module).digest == small.certificate.weights_digest
    read = load_layer(small.save(tmp_path / "layer"))
    for (name, a), (_, b) in zip(
        small.module.state_dict().items(), read.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    record = json.loads((tmp_path / "layer" / "certificate.json").read_text())
    assert record["assumptions"]
    assert record["bound"] == small.certificate.bound


def test_float32_layers_are_certified_anew(small: CompiledLayer) -> None:
    """P17: the cast is another layer, with another digest; certify judges it by its own numbers."""
    target = read_target("x1*x2; |x1 - x2|", 2)
    cast = weights_of(SingleLayer(weights_of(small.module)).to(torch.float32))
    assert cast.digest != small.certificate.weights_digest
    bound = max(e.bound for e in certify(cast, target, 0.21))
    assert bound != small.certificate.bound
    assert bound <= 0.21


def test_sympy_expressions_and_custom_constructions() -> None:
    x1, x2 = sympy.symbols("x1 x2", real=True)
    layer = theory.compile([[sympy.sin(x1)], [x1 + x2]], 2, epsilon=0.1, construction=Linear(1e-2))
    assert layer.certificate.heads == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"formula": "1/(x1 - 0.3)"}, r"could not prove that .*near x1 = 0.3, .*choose a domain"),
        ({"formula": "log(x1)"}, r"not finite and real on the whole domain"),
        ({"formula": "1/(x1**2 + x2**2)"}, r"not finite and real on the whole domain.*x1 = 0, x"),
        ({"formula": "x1", "epsilon": 0.0}, r"epsilon must be a finite number > 0; got 0"),
        ({"formula": "sign(x1)"}, r"jumps by 2 near .* comes nearer than 1; join the branches"),
        ({"formula": "where(x1 < x2, 0, 3)"}, r"jumps by 3 .*nearer than 1.5"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        theory.compile(**{"tokens": 2, "epsilon": 0.1, **arguments})


def test_cost_out_of_reach_is_estimated_and_refused() -> None:
    formula = "sin(x1*x2*x3 + x4*x5*x6)*x1"
    with pytest.raises(DomainError, match=r"couples 6 coordinates .* about 2e\+09 boxes"):
        theory.compile(formula, 6, epsilon=0.1)
    with pytest.raises(UnknownNameError, match=r"unknown construction 'copi'. Did you mean 'copy'"):
        theory.compile("x1", 2, epsilon=0.1, construction="copi")
