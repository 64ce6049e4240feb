"""The verifier's reading of weights, against a forward pass in sixty digits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch

from sciformer.errors import CertificateError
from theory.universal.certifier.arithmetic import arithmetic_of
from theory.universal.layer import LayerWeights, SingleLayer
from theory.universal.verifier.forward import ARITHMETICS, forward_errors
from theory.universal.verifier.network import Network
from theory.universal.verifier.verify import Verification, verify

from ..layers import exact_forward, random_layer
from .forging import hand_made, token_wise


def constant_scores(weights: LayerWeights) -> LayerWeights:
    """The same layer with queries and keys that see positions only: a state of its own for them."""
    query, key = weights.query.copy(), weights.key.copy()
    embedding = weights.embedding.copy()
    query[:, 0] = key[:, 0] = 0.0
    embedding[1:] = 0.0
    return dataclasses.replace(weights, query=query, key=key, embedding=embedding)


def test_constant_heads_are_affine_maps() -> None:
    """u = slope x + offset within its error. Kills: a share of the wrong token, an error of 0."""
    weights = constant_scores(random_layer(3, 1, seed=4))
    network = Network(weights)
    assert network.content == ()
    x = np.random.default_rng(0).uniform(-1, 1, (3, 1))
    plain = dataclasses.replace(
        weights,
        readout=np.eye(len(weights.hidden)),
        readout_bias=np.full(len(weights.hidden), -1e3),
        hidden_bias=weights.hidden_bias + 1e3,
    )
    with mpmath.workdps(60):
        exact = exact_forward(plain, x)
    for token in range(3):
        found = network.token(token)
        value = found.slope.value @ x.reshape(-1) + found.offset.value
        error = found.slope.error @ np.abs(x).reshape(-1) + found.offset.error + 1e-12
        for unit, computed in enumerate(value):
            assert abs(float(exact[token][unit]) - computed) <= error[unit]
        assert error.max() < 1e-10


def test_scores_depend_on_the_input_even_where_their_product_underflows() -> None:
    """Kills: a product of weights compared with 0."""
    weights = token_wise(np.ones(1), np.zeros(1), np.ones(1), tokens=2)
    tiny = dataclasses.replace(
        weights, query=np.full((1, 1), 1e-200), embedding=np.full((1, 1), 1e-200)
    )
    assert Network(weights).content == ()
    assert Network(tiny).content == (0,)


@pytest.mark.parametrize("arithmetic", ["float64", "float32"])
@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_the_forward_pass_stays_within_its_bound(arithmetic: str, scale: float) -> None:
    """Kills: a rounding bound that leaves out a step, or that is of the wrong precision."""
    dtype = np.dtype(arithmetic)
    worst = 0.0
    for seed in range(6):
        weights = random_layer(3, 2, seed=seed, scale=scale)
        stored = {k: v.astype(dtype).astype(np.float64) for k, v in weights.arrays().items()}
        weights = LayerWeights(heads=weights.heads, **stored)
        limit = np.ones(6)
        bound = forward_errors(weights, limit, ARITHMETICS[arithmetic])
        layer = SingleLayer(weights).to(getattr(torch, arithmetic))
        for point in range(4):
            x = np.random.default_rng(point).uniform(-1, 1, (3, 2)).astype(dtype)
            with torch.no_grad():
                given = layer(torch.from_numpy(x)[None])[0].double().numpy()
            with mpmath.workdps(60):
                exact = exact_forward(weights, x.astype(np.float64))
            for token in range(3):
                gap = abs(float(exact[token][0] - mpmath.mpf(float(given[token, 0]))))
                assert gap <= bound[token, 0]
                worst = max(worst, gap / bound[token, 0])
    assert worst > 1e-6, "a bound a million times too large says nothing"


def test_the_bound_of_a_single_sum_is_not_smaller_than_its_errors() -> None:
    """y = 3 relu(x / 3 + 1) - 3 at x = 1: by hand, in units of 2^-53."""
    weights = token_wise(np.array([1 / 3]), np.array([1.0]), np.array([3.0]), readout_bias=-3.0)
    bound = forward_errors(weights, np.ones(1), ARITHMETICS["float64"])[0, 0]
    # One product and one sum: an error of 2 units of 4/3 each, times 3; then 2 units of 7.
    assert 22 * 2.0**-53 <= bound <= 120 * 2.0**-53


def test_scores_that_float64_cannot_tell_have_no_bound() -> None:
    """Kills: a first-order formula used where its argument is beyond 1."""
    steep = random_layer(2, 1, seed=0, scale=1e9)
    assert np.isinf(forward_errors(steep, np.ones(2), ARITHMETICS["float64"])).all()


def found_error(weights: LayerWeights, seed: int) -> float:
    layer = SingleLayer(weights)
    n, d = weights.tokens, weights.width
    x = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (6000, n, d)))
    with torch.no_grad():
        return float(layer(x).abs().max())


def check(weights: LayerWeights, path: Path, room: float) -> Verification:
    """Bounds |layer - 0| on the cube by `room` times what is seen, from a single leaf."""
    seen = found_error(weights, 0)
    path = hand_made(path, weights, "0", width=weights.width, bound=room * seen)
    return verify(path, most_boxes=300_000)


@pytest.mark.parametrize("seed", range(6))
def test_layers_made_elsewhere_without_hints(seed: int, tmp_path: Path) -> None:
    """One leaf a tree and content heads: what is proven is true, and near the truth.

    Kills: a wrong sign in a score, a share or a value, a mean that is not taken back.
    """
    weights = random_layer(2, 1, seed=seed, heads=1 + seed % 2, head_width=1 + seed % 3)
    assert Network(weights).content
    result = check(weights, tmp_path / "a", 1.1)
    assert result.bound is not None
    assert found_error(weights, 1) <= result.bound
    with pytest.raises(CertificateError, match=r"leaves its certified range"):
        check(weights, tmp_path / "b", 0.95)


@pytest.mark.parametrize("seed", range(4))
def test_layers_with_constant_heads_without_hints(seed: int, tmp_path: Path) -> None:
    weights = constant_scores(random_layer(3, 1, seed=seed))
    result = check(weights, tmp_path / "a", 1.1)
    assert result.bound is not None
    assert found_error(weights, 1) <= result.bound


def test_a_certificate_for_single_precision(tmp_path: Path) -> None:
    """Weights in float32 are certified for float32, and their rounding counts. Kills: float64
    rounding under the name of float32."""
    weights = token_wise(np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]))
    path = hand_made(tmp_path / "a", weights, "x1", bound=1e-4, arithmetic="float32")
    result = verify(path)
    assert result.arithmetic == "float32"
    assert result.bound is not None
    assert 2.0**-24 < result.rounding <= result.bound < 1e-4
    again = hand_made(tmp_path / "b", weights, "x1", bound=1e-9, arithmetic="float32")
    with pytest.raises(CertificateError, match=r"rounding alone"):
        verify(again)
    assert verify(hand_made(tmp_path / "c", weights, "x1", bound=1e-9)).bound < 1e-9


def test_rounding_counts_the_farther_end_of_the_domain(tmp_path: Path) -> None:
    """On [0, 1000] in float32. Kills: a limit taken from one end of the domain only."""
    weights = token_wise(np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]))
    path = hand_made(
        tmp_path / "a", weights, "x1", bound=0.1, domain=(0.0, 1000.0), arithmetic="float32"
    )
    result = verify(path)
    assert 1000 * 2.0**-24 < result.rounding < 0.05


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_the_formats_are_those_of_the_machine(name: str) -> None:
    """Kills: a unit, a smallest or a largest number of another format, in verifier or certifier."""
    machine = np.finfo(name)
    for found in (ARITHMETICS[name], arithmetic_of(name)):
        assert found.unit == float(machine.eps) / 2
        assert found.largest == float(machine.max)
    assert ARITHMETICS[name].smallest == arithmetic_of(name).tiny == float(machine.tiny)
