"""Mutants of the constructions and of the certifier that break their own property: each must die.

The properties themselves are tested beside the code; here each meets a wrong twin.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import theory
from sciformer.errors import CertificateError
from tests.theory.universal.certifier.test_certify import hinge_layer
from tests.theory.universal.test_obstructions import nearest_collision
from theory.universal.arrays import Array
from theory.universal.attack import attack
from theory.universal.certificate import load_layer
from theory.universal.certifier.certify import Witness, certify
from theory.universal.construction.explicit import staircase as stairs
from theory.universal.formula.target import Target, read_target
from theory.universal.layer import LayerWeights, SingleLayer, apply, weights_of
from theory.universal.verifier.verify import verify

certifier = importlib.import_module("theory.universal.certifier.certify")
"""The module, which the function of the same name hides."""


def spoilt_layer() -> tuple[LayerWeights, Target, float]:
    """A layer with a readout 20 % too steep, its target and an error it is shown to have."""
    weights, target = hinge_layer()
    weights.readout[0, 0] *= 1.2
    return weights, target, float(attack(SingleLayer(weights), target).max())


def lies(weights: LayerWeights, target: Target, witness: Witness) -> bool:
    """Whether the error at the witness is not the one it claims, to rounding."""
    sequence = witness.point.reshape(1, target.tokens, target.width)
    real = np.abs(apply(SingleLayer(weights), sequence) - target.values(sequence)).max()
    return bool(abs(real - witness.error) > 1e-9)


def test_p4_a_limit_of_a_little_more_than_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits of 1.01 epsilon nothing testifies against an epsilon below a shown error."""
    weights, target, shown = spoilt_layer()
    assert any(e.witness is not None for e in certify(weights, target, 0.999 * shown))
    exact = certifier.down
    monkeypatch.setattr(certifier, "down", lambda value: exact(1.01 * value))
    assert all(e.witness is None for e in certify(weights, target, 0.999 * shown))


def test_p4_a_witness_that_is_only_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness that is not evaluated again claims an error that its point does not have."""
    weights, target, shown = spoilt_layer()

    def witness() -> Witness:
        found = [e.witness for e in certify(weights, target, 0.9 * shown)]
        return next(w for w in found if w is not None)

    assert not lies(weights, target, witness())
    monkeypatch.setattr(
        certifier, "_proven", lambda view, point, allowed: Witness(0.0 * point, allowed * 1.001)
    )
    assert lies(weights, target, witness())


def test_p13_a_count_that_forgets_that_weights_sum_to_one() -> None:
    """h (n + d) numbers instead of h (n + d - 1) would forbid a collision that exists."""
    tokens, width, heads = 3, 3, 1
    right = width + heads * (tokens + width - 1)
    mutant = width + heads * (tokens + width)
    collides = nearest_collision(tokens, width, heads) < 1e-18
    assert collides == (right < tokens * width)
    assert collides != (mutant < tokens * width)


def fold(x: Array) -> Array:
    """A 2-Lipschitz output of the first of two tokens that depends on the other."""
    return np.asarray(np.abs(2.0 * x[:, 1] - 1.0))


def staircase_excess() -> float:
    """Largest error of a staircase minus its bound."""
    made = stairs.staircase(fold, 2, 24, 10, modulus=2.0 / 24, oscillation=1.0)
    x = np.random.default_rng(0).uniform(size=(4000, 2))
    with torch.no_grad():
        values = made.module(torch.from_numpy(x)[..., None])[:, 0, 0].numpy()
    return float(np.abs(values - fold(x)).max() - made.bound)


def test_p14_rises_twice_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rises that overlap those of the next shift: 2 n of the M shifts can be wrong, not n."""
    assert staircase_excess() <= 0.0
    right = stairs._Stairs.of

    def wide(cells: int, shifts: int, shift: int) -> stairs._Stairs:
        made = right(cells, shifts, shift)
        return dataclasses.replace(made, stops=made.starts + 2.0 / (cells * shifts))

    monkeypatch.setattr(stairs._Stairs, "of", staticmethod(wide))
    assert staircase_excess() > 0.02


def test_p15_a_temperature_without_its_unmixing() -> None:
    """The un-mixing of beta = 1 at another temperature gives another function."""
    weights = weights_of(theory.compile("x1*x2; x1", 2, epsilon=0.3).module)
    cooler = dataclasses.replace(weights, query=10.0 * weights.query)
    x = np.random.default_rng(0).uniform(-1, 1, (100, 2, 1))
    gap = apply(SingleLayer(weights), x) - apply(SingleLayer(cooler), x)
    assert np.abs(gap).max() > 0.1


def test_p16_a_file_of_single_precision(tmp_path: Path) -> None:
    """Weights written through float32 are not the weights, and the verifier says so."""
    layer = theory.compile("x1*x2", 2, epsilon=0.3)
    path = layer.save(tmp_path)
    tensors = load_file(path / "layer.safetensors")
    single = {
        name: array.astype(np.float32).astype(np.float64) if array.dtype == np.float64 else array
        for name, array in tensors.items()
    }
    save_file(single, path / "layer.safetensors")
    assert weights_of(load_layer(path)).digest != layer.certificate.weights_digest
    with pytest.raises(CertificateError, match=r"weights are not those of the certificate"):
        verify(path)


def test_p17_a_cast_that_inherits_its_certificate() -> None:
    """A shift that float64 makes to 1e-12 is off by more in float32: the old bound is false."""
    formula = "x2; x3; x1"
    layer = theory.compile(formula, 3, epsilon=1e-9)
    target = read_target(formula, 3)
    cast = SingleLayer(weights_of(layer.module)).to(torch.float32)
    again = weights_of(cast)
    seen = float(attack(SingleLayer(again), target).max())
    assert seen > 10.0 * layer.certificate.bound
    assert not all(e.accepted for e in certify(again, target, layer.certificate.epsilon))
    assert all(e.accepted for e in certify(again, target, 1e-5))
