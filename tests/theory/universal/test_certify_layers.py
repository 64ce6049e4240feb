"""Layers made elsewhere, precisions and domains: what `theory.certify` and `compile` promise."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import theory
from sciformer.cli.main import main
from sciformer.errors import ConvergenceError, DataError, DomainError, ShapeError, UsageError
from tests.theory.universal.layers import random_layer
from theory.universal.attack import attack, observed_error
from theory.universal.certificate import CompiledLayer
from theory.universal.formula.target import read_target
from theory.universal.layer import SingleLayer, apply

FORMULA = "x1*x2; sin(2*x1 + x2)"
SIDES = {"x1": (0.0, 1.0), "x2": (-1.0, 3.0)}


@pytest.fixture(scope="module")
def wide() -> CompiledLayer:
    return theory.compile(FORMULA, 2, epsilon=0.1, domain=SIDES)


def test_domains_of_unequal_sides_are_compiled_and_verified(
    wide: CompiledLayer, tmp_path: Path
) -> None:
    """Kills: one interval taken for all coordinates, by compiler or verifier."""
    assert wide.certificate.domain == [(0.0, 1.0), (-1.0, 3.0)]
    assert 0.05 < observed_error(wide) <= wide.certificate.bound <= 0.1
    found = theory.verify(wide.save(tmp_path))
    assert found.bound is not None
    assert observed_error(wide) <= found.bound <= 0.1
    outside = np.array([[[3.0], [0.5]]])
    target = read_target(FORMULA, 2)
    assert np.abs(apply(wide.module, outside) - target.values(outside)).max() > 0.1


def test_a_larger_domain_is_not_certified_by_a_smaller_one(wide: CompiledLayer) -> None:
    with pytest.raises(ConvergenceError, match=r"error of token 1, output 1 is proven to be .* at"):
        theory.certify(wide.module, FORMULA, domain=(-1.0, 3.0), epsilon=0.1)


@pytest.mark.parametrize("given", ["module", "state", "weights"])
def test_layers_from_elsewhere_are_certified(given: str, tmp_path: Path) -> None:
    """A random layer against a formula it has nothing to do with: the bound is sharp and true."""
    weights = random_layer(2, 1, 7)
    module = SingleLayer(weights)
    layer = {"module": module, "state": module.state_dict(), "weights": weights}[given]
    heads = weights.heads if given == "state" else None
    found = theory.certify(layer, "x1*x2; |x1|", heads=heads)
    seen = float(attack(module, read_target("x1*x2; |x1|", 2)).max())
    assert seen <= found.certificate.bound <= found.certificate.epsilon <= 1.6 * seen
    assert found.certificate.weights_digest == weights.digest
    if given == "module":
        proven = theory.verify(found.save(tmp_path)).bound
        assert proven is not None
        assert seen <= proven


def test_a_trained_layer_is_certified() -> None:
    """Training lowers the proven error."""
    torch.manual_seed(0)
    layer = SingleLayer(random_layer(2, 1, 11, units=16))
    points = torch.rand(512, 2, 1, dtype=torch.float64) * 2 - 1
    wanted = points[:, :1] * points[:, 1:]
    before = theory.certify(layer, "x1*x2").certificate.bound
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(150):
        loss = ((layer(points) - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = theory.certify(layer, "x1*x2").certificate.bound
    assert after < before / 3


def test_layers_that_cannot_be_read_are_refused() -> None:
    weights = random_layer(2, 1, 7)
    state = SingleLayer(weights).state_dict()
    bad = dataclasses.replace(weights, hidden=weights.hidden * np.nan)
    thin = dataclasses.replace(weights, hidden_bias=weights.hidden_bias[1:])
    cases: list[tuple[type[Exception], str, dict[str, object]]] = [
        (DataError, r"number of heads is missing", {"layer": state}),
        (DataError, r"'embedding.weight' is missing", {"layer": {}, "heads": 1}),
        (DataError, r"hidden holds a number that is not finite", {"layer": bad}),
        (ShapeError, r"shapes of the weights do not fit", {"layer": thin}),
        (
            ShapeError,
            r"2 outputs per token and the layer 1",
            {"layer": weights, "formula": "x1, x2"},
        ),
        (ShapeError, r"2 tokens need a formula", {"layer": weights, "formula": "x1; x2; x1"}),
        (DomainError, r"epsilon must be", {"layer": weights, "epsilon": -1.0}),
        (DomainError, r"not finite and real", {"layer": weights, "formula": "1/x1"}),
    ]
    for kind, sentence, arguments in cases:
        with pytest.raises(kind, match=sentence):
            theory.certify(**{"formula": "x1", **arguments})


def test_certificates_say_for_which_precision_they_hold(tmp_path: Path) -> None:
    """float32 layers are compiled, certified and verified as such. Kills: a float64 rounding."""
    layer = theory.compile(FORMULA, 2, epsilon=0.1, dtype="float32")
    assert layer.certificate.arithmetic == "float32"
    assert {p.dtype for p in layer.module.parameters()} == {torch.float32}
    assert 0.05 < observed_error(layer) <= layer.certificate.bound <= 0.1
    assert theory.verify(layer.save(tmp_path)).arithmetic == "float32"
    with pytest.raises(ConvergenceError, match=r"float32 forward pass alone may be off"):
        theory.compile("x2; x1", 2, epsilon=1e-7, dtype="float32")
    with pytest.raises(UsageError, match=r"unknown precision 'float16'"):
        theory.compile("x2; x1", 2, epsilon=1e-7, dtype="float16")


@pytest.mark.parametrize("seed", range(4))
def test_derivatives_are_bounded(seed: int) -> None:
    """No difference quotient and no partial derivative exceeds its bound, which is sharp.

    Kills: slopes about the centre of a box taken for all slopes, a coordinate forgotten.
    """
    formula = ("x1*x2; sin(2*x1 + x2)", "exp(x1 - x2)/3; |x1| + x2**3")[seed % 2]
    weights = random_layer(2, 1, seed, scale=(0.0, 0.6)[seed // 2], units=6)
    bounds = theory.derivatives(weights, formula, domain=SIDES)
    target = read_target(formula, 2, domain=SIDES)
    rng = np.random.default_rng(seed)
    start = rng.uniform(target.lower, target.upper, (3000, 2))
    stop = np.clip(start + rng.normal(size=start.shape) * 1e-3, target.lower, target.upper)
    change = np.abs(_error(weights, target, stop) - _error(weights, target, start))
    distance = np.linalg.norm(stop - start, axis=1)[:, None, None]
    quotient = (change / np.maximum(distance, 1e-12)).max(0)
    assert np.all(quotient <= bounds.lipschitz)
    assert np.all(bounds.attained <= bounds.lipschitz)
    assert np.all(bounds.lipschitz <= 1.15 * bounds.attained + 1e-6)
    for j in range(2):
        moved = start.copy()
        moved[:, j] = np.clip(start[:, j] + 1e-4, target.lower[j], target.upper[j])
        size = np.abs(moved - start)[:, j, None, None]
        slope = np.abs(_error(weights, target, moved) - _error(weights, target, start))
        seen = (slope / np.maximum(size, 1e-9)).max(0)
        assert np.all(seen <= bounds.derivatives[:, :, j] * (1 + 1e-6))
        assert np.all(bounds.derivatives[:, :, j] <= 1.3 * seen + 0.2)


def _error(weights, target, points):  # type: ignore[no-untyped-def]
    sequences = points.reshape(-1, 2, 1)
    return apply(SingleLayer(weights), sequences) - target.values(sequences)


def test_infinite_slopes_are_refused() -> None:
    with pytest.raises(DomainError, match=r"slopes of sqrt\(x1\+1\) are not proven .* x1 = -0.9"):
        theory.derivatives(random_layer(2, 1, 0), "sqrt(x1+1)")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["x1=0:1", "x2=-1:3"], 0, ""),
        (["0", "pi/2"], 0, ""),
        (["x1=0:1"], 2, "x2 is missing or unknown"),
        (["x1=0:1", "x3=0:1"], 2, "x2, x3 is missing or unknown"),
        (["x1=0:1", "x1=0:1"], 2, "got 'x1=0:1'"),
        (["0", "1", "2"], 2, "expected two numbers, or one NAME=A:B"),
        (["0", "1/0"], 2, "constant 1/0"),
        (["0", "1;2"], 2, "expected one number"),
        (["1", "0"], 2, "finite ends a < b; got 1 and 0"),
    ],
)
def test_domains_of_the_command_line(
    words: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", "x1; x2", "--tokens", "2", "--domain", *words]) == status
    assert sentence in capsys.readouterr().err
