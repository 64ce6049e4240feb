"""Attacks on `theory.certify`: layers, domains and tolerances that somebody else made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

import theory
from sciformer.errors import CertificateError, ConvergenceError, SciformerError
from tests.theory.universal.layers import exact_forward, random_layer
from tests.theory.universal.verifier.forging import IDENTITY, token_wise
from theory.universal.certifier.arithmetic import ARITHMETICS, FLOAT32, FLOAT64, Arithmetic
from theory.universal.certifier.certify import certify as entries_of
from theory.universal.certifier.rounding import forward_rounding
from theory.universal.certifier.token_map import collapse
from theory.universal.formula.target import read_target
from theory.universal.layer import LayerWeights, SingleLayer, apply

STATE = dict(SingleLayer(IDENTITY).state_dict())
PAIR = token_wise(np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]), tokens=2)


def test_single_precision_arrays_are_computed_with_in_double(tmp_path: Path) -> None:
    """float32 `LayerWeights` whose products do not fit float32: the bound is that of the same
    numbers in float64. Kills: products of weights in the precision they are given in."""
    weights = random_layer(2, 1, 3, scale=0.0)
    rough = {k: v.astype(np.float32) for k, v in weights.arrays().items()}
    as_given = theory.certify(LayerWeights(heads=weights.heads, **rough), "0").certificate
    module = SingleLayer(LayerWeights(heads=weights.heads, **rough), "float32")
    assert as_given.bound == theory.certify(module, "0").certificate.bound
    assert as_given.arithmetic == "float32"


@pytest.mark.parametrize(
    "domain",
    [
        (0.5, 0.5),
        (1.0, -1.0),
        (0.0, np.inf),
        (np.nan, 1.0),
        (0, 10**400),
        (-1.0,),
        (0.0, 0.5, 1.0),
        ("0", "1"),
        "01",
        None,
        5,
        (1j, 2.0),
        [[["a"]]],
        [(0.0, 1.0)],
        [(0.0, 1.0)] * 3,
        {"x1": (0.0, 1.0)},
        {"x1": (0.0, 1.0), "x2": (0.0, 0.0)},
        {"x1": (0.0, 1.0), "x2": 5},
        {"x1": (0.0, 1.0), "y": (0.0, 1.0)},
        {1: (0.0, 1.0), 2: (0.0, 1.0)},
    ],
    ids=lambda domain: str(domain)[:30],
)
def test_domains_that_are_none_end_with_a_sentence(domain: Any) -> None:
    """Kills: a TypeError of numpy, a coordinate without an interval, text that is read."""
    with pytest.raises(SciformerError, match=r"^(domain|compile): "):
        theory.certify(PAIR, "x1; x2", domain=domain)


@pytest.mark.parametrize("kind", [list, tuple, np.array], ids=lambda kind: kind.__name__)
def test_domains_of_any_sequence_are_the_same(kind: Any) -> None:
    """Kills: a (2, 2) array that is taken for one interval."""
    domain = kind([(-1.0, 1.0), (0.0, 2.0)])
    found = theory.certify(PAIR, "x1; x2", domain=domain, epsilon=0.1).certificate
    assert found.domain == [(-1.0, 1.0), (0.0, 2.0)]


@pytest.mark.parametrize("epsilon", [0, -1, np.nan, np.inf, 10**400, "0.1", True, 1j])
def test_tolerances_that_are_none_end_with_a_sentence(epsilon: Any) -> None:
    with pytest.raises(SciformerError, match=r"epsilon must be a finite number > 0"):
        theory.certify(IDENTITY, "x1", epsilon=epsilon)


@pytest.mark.parametrize("epsilon", [1e308, 1, 0.5])
def test_tolerances_of_any_size_give_true_bounds(epsilon: Any) -> None:
    assert 0 < theory.certify(IDENTITY, "x1", epsilon=epsilon).certificate.bound <= epsilon


@pytest.mark.parametrize("name", ["attention.query.bias", "readout.scale", "norm.weight"])
def test_states_with_further_tensors_are_of_other_layers(name: str) -> None:
    """Kills: a bias that the certified layer leaves out without a word."""
    with pytest.raises(SciformerError, match=rf"has no tensor '{name}'"):
        theory.certify({**STATE, name: torch.ones(1, dtype=torch.float64)}, "x1", heads=1)


@pytest.mark.parametrize("heads", [0, -1, 2, True, 1.0, "1", None])
def test_numbers_of_heads_that_do_not_fit(heads: Any) -> None:
    with pytest.raises(SciformerError, match=r"^certify: .*heads"):
        theory.certify(STATE, "x1", heads=heads)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int64", "complex128", "bool"])
def test_precisions_without_a_bound(kind: str) -> None:
    """Kills: complex weights whose imaginary part is dropped."""
    state = {k: v.to(getattr(torch, kind)) for k, v in STATE.items()}
    with pytest.raises(SciformerError, match=rf"unknown precision '{kind}'"):
        theory.certify(state, "x1", heads=1)


@pytest.mark.parametrize("kind", [">f8", "i8", "g", "O"])
def test_arrays_of_other_types(kind: str) -> None:
    arrays = {k: v.astype(kind) for k, v in IDENTITY.arrays().items()}
    if arrays["hidden"].dtype == np.float64:
        pytest.skip("this platform has no such type")
    with pytest.raises(SciformerError, match=r"unknown precision"):
        theory.certify(LayerWeights(heads=1, **arrays), "x1")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", list(IDENTITY.arrays()))
def test_numbers_that_are_not_finite(name: str, value: float) -> None:
    array = np.full_like(getattr(IDENTITY, name), value)
    with pytest.raises(SciformerError, match=rf"{name} holds a number that is not finite"):
        theory.certify(dataclasses.replace(IDENTITY, **{name: array}), "x1")


@pytest.mark.parametrize(
    "empty",
    [
        {"positions": np.zeros((0, 1))},
        {"hidden": np.zeros((0, 1)), "hidden_bias": np.zeros(0), "readout": np.zeros((1, 0))},
        {"readout": np.zeros((0, 2)), "readout_bias": np.zeros(0)},
    ],
)
def test_layers_without_something(empty: dict[str, Any]) -> None:
    with pytest.raises(SciformerError, match=r"has no numbers"):
        theory.certify(dataclasses.replace(IDENTITY, **empty), "x1")


@pytest.mark.parametrize("layer", [None, 5, "x1", torch.nn.Linear(1, 1), [IDENTITY]])
def test_objects_that_are_no_layers(layer: Any) -> None:
    with pytest.raises(SciformerError, match=r"the layer must be a SingleLayer"):
        theory.certify(layer, "x1")


@pytest.mark.parametrize("formula", [None, 5, ["x1"], [["x1"], ["x1"]], [], [[]], "x1; x1"])
def test_objects_that_are_no_formulas(formula: Any) -> None:
    with pytest.raises(SciformerError, match=r"^compile: "):
        theory.certify(IDENTITY, formula)


def spike(place: float, steep: float) -> LayerWeights:
    """A hat of height 1 and width 2 / steep."""
    bias = -steep * place + np.array([1.0, 0.0, -1.0])
    return token_wise(np.full(3, steep), bias, np.array([1.0, -2.0, 1.0]))


@pytest.mark.parametrize("steep", [1e3, 1e7, 1e10])
@pytest.mark.parametrize("epsilon", [0.05, 0.9])
def test_spikes_between_the_samples(steep: float, epsilon: float) -> None:
    """Kills: a proof from points, a box that is taken for its corners."""
    with pytest.raises(ConvergenceError, match=r"proven to be"):
        theory.certify(spike(0.123456789, steep), "0", epsilon=epsilon)
    assert theory.certify(spike(0.123456789, steep), "0", epsilon=1.1).certificate.bound >= 1.0


@pytest.mark.parametrize("epsilon", [0.3, 0.49])
def test_jumps_are_half_missed_by_every_layer(epsilon: float) -> None:
    """A continuous layer against a step. Kills: a slope across a jump."""
    steep = token_wise(np.full(2, 1e3), np.array([0.5, -0.5]), np.array([1.0, -1.0]))
    with pytest.raises(ConvergenceError, match=r"proven to be"):
        theory.certify(steep, "where(x1 < 0, 0, 1)", epsilon=epsilon, most_boxes=20_000)
    found = theory.certify(steep, "where(x1 < 0, 0, 1)", epsilon=0.6, most_boxes=20_000)
    assert found.certificate.bound >= 0.5


@pytest.mark.parametrize(
    "formula",
    [
        "x1**(1/3)",
        "sqrt(1 - x1**2)",
        "max(x1, sqrt(x1))",
        "where(x1 > 2, 1/0, x1)",
        "exp(800*x1)",
        "1/(x1 + 1)",
        "log(x1 + 1)",
        "0*log(x1 + 0.99999999)",
        "x1/x1",
    ],
)
def test_formulas_without_a_value_somewhere(formula: str) -> None:
    with pytest.raises(SciformerError, match=r"finite"):
        theory.certify(IDENTITY, formula, epsilon=1e6)


@pytest.mark.parametrize(
    ("formula", "exact"),
    [
        ("sqrt(x1 + 1)", lambda x: mpmath.sqrt(x + 1)),
        ("1/(x1 + 1.0000001)", lambda x: 1 / (x + mpmath.mpf("1.0000001"))),
        ("log(x1 + 1 + 1e-9)", lambda x: mpmath.log(x + 1 + mpmath.mpf("1e-9"))),
        ("|x1|**1.5", lambda x: abs(x) ** mpmath.mpf("1.5")),
        ("x1**1000", lambda x: x**1000),
        ("1e300*x1", lambda x: mpmath.mpf("1e300") * x),
    ],
)
def test_formulas_that_have_one_just_so(formula: str, exact: Any) -> None:
    """The bound holds at the edge, where slopes are infinite. Kills: an end that is left out."""
    found = theory.certify(IDENTITY, formula, most_boxes=50_000).certificate
    with mpmath.workdps(30):
        worst = max(abs(exact(mpmath.mpf(x)) - x) for x in (-1.0, 1.0, 0.0, -0.5, 2.0**-40 - 1))
    assert worst <= found.bound <= 3 * worst


@pytest.mark.parametrize("scale", [1e-290, 1e-150, 1e-20, 1e20, 1e150])
def test_a_bound_scales_with_the_layer(scale: float) -> None:
    """Kills: an absolute tolerance in a unit of its own."""
    weights = random_layer(2, 1, 5)
    readout, bias = weights.readout * scale, weights.readout_bias * scale
    scaled = dataclasses.replace(weights, readout=readout, readout_bias=bias)
    plain = theory.certify(weights, "0", most_boxes=100_000).certificate.bound
    found = theory.certify(scaled, "0", most_boxes=100_000).certificate.bound
    assert found / scale == pytest.approx(plain, rel=1e-6)


def test_scores_depend_on_the_input_even_where_their_product_underflows() -> None:
    """Kills: a product of weights compared with 0."""
    weights = dataclasses.replace(
        PAIR, query=np.full((1, 1), 1e-200), embedding=np.full((1, 1), 1e-200)
    )
    assert collapse(PAIR, 0, 1.0).heads is None
    assert collapse(weights, 0, 1.0).heads is not None


def test_what_underflows_in_a_score_counts() -> None:
    """Queries of 1e-340, keys of 1e300, values of 1e290. Kills: slacks relative to a size of 0."""
    one = np.ones((1, 1))
    weights = LayerWeights(
        heads=1,
        embedding=np.array([[1e-170], [0.0]]),
        positions=np.array([[0.0, 1e150], [0.0, -1e150]]),
        query=np.array([[1e-170, 0.0]]),
        key=np.array([[0.0, 1e150]]),
        value=np.array([[0.0, 1e140]]),
        output=np.array([[0.0], [1.0]]),
        hidden=np.array([[0.0, 1.0]]),
        hidden_bias=np.zeros(1),
        readout=one,
        readout_bias=np.zeros(1),
    )
    heads = collapse(weights, 0, 1.0).heads
    assert heads is not None
    # The difference of the scores is 2e-40 x_1, the values are 1e290: a slope of 1e250.
    assert float(heads.slope_slack[0]) > 1e250


@pytest.fixture
def flushing() -> Iterator[None]:
    """A process in which subnormal operands and results are 0."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    yield
    torch.set_flush_denormal(False)


def test_a_process_that_flushes_subnormal_numbers_proves_nothing(flushing: None) -> None:
    with pytest.raises(CertificateError, match=r"flushes subnormal numbers"):
        theory.certify(IDENTITY, "x1", epsilon=0.1)


@pytest.mark.parametrize("arithmetic", [FLOAT64, FLOAT32], ids=lambda a: a.name)
@pytest.mark.parametrize("where", ["embedding", "query", "value", "output", "hidden", "readout"])
def test_subnormal_operands_may_be_read_as_0(where: str, arithmetic: Arithmetic) -> None:
    """One matrix just below the normal range, the next one as much larger, in a flushing process.

    Kills: a bound for which weights and inputs are the numbers they are.
    """
    weights = random_layer(2, 1, 4, scale=0.1)
    following = {"embedding": "hidden", "value": "output", "output": "hidden"}
    following |= {"hidden": "readout", "query": "key"}
    small = 0.2 * arithmetic.tiny / np.abs(getattr(weights, where)).max()
    changed = {where: getattr(weights, where) * small}
    if where in following:
        changed[following[where]] = 1e-3 * getattr(weights, following[where]) / small
    weights = dataclasses.replace(weights, **changed).rounded(arithmetic.name)
    bound = forward_rounding(weights, 1.0, ARITHMETICS[arithmetic.name])[0]
    x = np.random.default_rng(0).uniform(-1, 1, (2, 1)).astype(arithmetic.name).astype(np.float64)
    module = SingleLayer(weights, arithmetic.name)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    try:
        given = apply(module, x[None])[0, :, 0]
    finally:
        torch.set_flush_denormal(False)
    with mpmath.workdps(60):
        exact = exact_forward(weights, x)
        off = max(abs(float(exact[i][0] - mpmath.mpf(float(given[i])))) for i in range(2))
    assert off <= bound


def test_searches_of_content_heads_are_not_taken_for_one_another() -> None:
    """Two equal outputs; the second formula has a spike that no sample meets, of the same limits.

    Kills: a search that is remembered by its limits alone.
    """
    weights = random_layer(2, 1, 5)
    twice = dataclasses.replace(
        weights,
        readout=np.repeat(weights.readout, 2, 0),
        readout_bias=np.repeat(weights.readout_bias, 2),
    )
    spiked = read_target("0, 500*max(0, 1 - 1e7*|x1 - 0.123456789|)", 2)
    epsilon = 1.2 * theory.certify(weights, "0").certificate.bound
    first, second = entries_of(twice, spiked, epsilon, most_boxes=20_000)[:2]
    assert first.accepted
    assert not second.accepted
