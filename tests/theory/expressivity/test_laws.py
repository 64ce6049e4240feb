"""Each law holds, and each dies under the mutation it was written to catch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer import attention
from sciformer.attention import weights
from sciformer.attention.cores import FusedLogSumExp, fused_log_sum_exp, heads_by_rows
from sciformer.attention.normalisers import Softmax
from sciformer.attention.toeplitz import toeplitz
from tests.theory.expressivity import laws
from tests.theory.expressivity.laws import LAWS
from theory.expressivity import decoder, mechanisms, mixing, row_sums, schemes, selection, spans


@pytest.mark.parametrize("number", sorted(LAWS))
def test_law(number: int) -> None:
    law = LAWS[number]

    @settings(deadline=None, max_examples=law.examples)
    @given(n=st.integers(*law.lengths), seed=st.integers(0, 10**6))
    def run(n: int, seed: int) -> None:
        law.check(n, seed)

    with torch.random.fork_rng():
        run()


def mask_after_softmax(self: Any, logits: Any, allowed: Any, keys: int) -> Any:
    return logits.softmax(-1) if allowed is None else logits.softmax(-1) * allowed


def gain_before_softmax(query: Any, key: Any, scoring: Any) -> Any:
    logits, gain = weights.scored_logits(query, key, scoring), weights.gain_matrix(scoring)
    logits = logits if gain is None else logits * gain
    return scoring.normaliser.weights(logits, scoring.allowed(logits.device), scoring.keys)


def no_corners(n: int) -> torch.Tensor:
    inverse = torch.eye(n).double()
    return inverse - 0.5 * torch.ones(n - 1).double().diag(1) - 0.5 * torch.ones(n - 1).diag(-1)


def drop_a_head(matrix: torch.Tensor, width: int) -> Any:
    layer = UNIVERSAL_MIXING(matrix, width)
    layer.output.weight.data[:, -width:] = 0
    return layer


def drop_the_suffix(width: int, length: int, *, heads: tuple[str, ...]) -> Any:
    return UNIFORM(width, length, heads=tuple("full" if h == "suffix" else h for h in heads))


def one_offset_more(table: torch.Tensor) -> torch.Tensor:
    symmetric = table + table.flip(-1)
    symmetric[..., 0] += 0.5
    return symmetric


@torch.no_grad()
def without_normaliser(self: Any, *parts: torch.Tensor) -> torch.Tensor:
    query, key, value, relative, gain = parts
    n, m = query.shape[-2], key.shape[-2]
    bias = relative + gain.abs().log()
    return fused_log_sum_exp.fused(query, key, value, toeplitz(bias, n, m))[0]


UNIVERSAL_MIXING = mixing.universal_mixing_layer
MINIMAL_GAIN, CLIPPED_RANK = row_sums.minimal_gain, row_sums.clipped_rank
UNIFORM, SELECTION = decoder.uniform_layer, selection.selection_network
TOEPLITZ, HANKEL = toeplitz, heads_by_rows.hankel

Patch = tuple[Any, str, Any]
MUTANTS: dict[int, tuple[str, Patch]] = {
    1: ("mask after the softmax", (Softmax, "weights", mask_after_softmax)),
    2: ("a random C", (laws, "BLIND", ("urpe",))),
    3: ("values rotated too", ("rotary", "value-rotary", None)),
    4: ("Shaw's value vectors", ("shaw-key", "shaw-key-value", None)),
    5: ("no further key", ("bias-kv", "none", None)),
    6: ("causal and bidirectional exchanged", (laws, "CAUSAL", False)),
    7: (
        "C before the softmax",
        (
            "sciformer.attention.cores.materialised",
            "attention_weights",
            gain_before_softmax,
        ),
    ),
    8: ("the upper triangle", (mixing, "minimal_gain", lambda v: MINIMAL_GAIN(v).flip(0))),
    9: ("reversed offsets", (row_sums, "minimal_gain", lambda v: MINIMAL_GAIN(v).flip(0))),
    10: ("no corners", (row_sums, "overlap_inverse", no_corners)),
    11: ("i - j", (weights, "toeplitz", lambda t, n, m: TOEPLITZ(t.flip(-1), n, m))),
    12: ("one offset perturbed", (laws, "symmetrise", one_offset_more)),
    13: ("tables that are not circulant", ("circulant", "urpe", None)),
    14: (
        "C tied to 1",
        (
            spans,
            "FAMILIES",
            {
                **spans.FAMILIES,
                "universal": replace(
                    spans.FAMILIES["universal"], draw=spans.FAMILIES["relative"].draw
                ),
            },
        ),
    ),
    15: ("clip + 1", (row_sums, "clipped_rank", lambda n, clip: CLIPPED_RANK(n, clip + 1))),
    16: ("a head dropped", (mixing, "universal_mixing_layer", drop_a_head)),
    17: ("row sums unchecked", (mixing, "equal_row_sum", lambda matrix: float(matrix[0].sum()))),
    18: (
        "sources off by one",
        (
            selection,
            "selection_network",
            lambda order, width, **options: SELECTION(order[1:] + order[:1], width, **options),
        ),
    ),
    19: ("no suffix head", (decoder, "uniform_layer", drop_the_suffix)),
    20: (
        "URPE for RPE",
        (laws, "blind_network", lambda n, seed: mixing.position_layer(torch.arange(1, n + 1), 8)),
    ),
    21: ("absolute positions", (laws, "IDENTIFIER", "absolute")),
    22: ("a hidden bias", (laws, "HAS_BIAS", True)),
    23: ("no lse(S)", (FusedLogSumExp, "from_tables", without_normaliser)),
    24: (
        "a window one step late",
        (heads_by_rows, "hankel", lambda t, n, m: HANKEL(t.roll(1, -1), n, m)),
    ),
    25: (
        "the key table for values",
        (
            attention.ShawKeyValue,
            "values",
            lambda self, w, patch: torch.einsum(
                "...nm,nmd->...nd", w, self.by_offset(self.key_table, patch)
            ),
        ),
    ),
}


@pytest.mark.parametrize("number", sorted(LAWS))
def test_law_dies_under_its_mutation(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A law that still holds with its part broken would be no law."""
    _, (where, name, replacement) = MUTANTS[number]
    if isinstance(where, str) and where in schemes.MECHANISMS:
        monkeypatch.setitem(schemes.MECHANISMS, where, schemes.MECHANISMS[name])
    elif isinstance(where, str):
        monkeypatch.setattr(importlib.import_module(where), name, replacement)
    else:
        monkeypatch.setattr(where, name, replacement)
    law = LAWS[number]
    with torch.random.fork_rng():
        assert any(not _holds(law.check, n, seed) for n, seed in _samples(law))


def _samples(law: laws.Law) -> list[tuple[int, int]]:
    low, high = law.lengths
    return [(min(high, max(low, 3 + seed)), seed) for seed in range(3)]


def _holds(check: Callable[[int, int], None], n: int, seed: int) -> bool:
    try:
        check(n, seed)
    except (AssertionError, pytest.fail.Exception):
        return False
    return True


def test_second_mutation_of_value_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 25 also dies when the output is rotated the wrong way."""
    monkeypatch.setattr(mechanisms, "_mirror", lambda heads: heads)
    assert not _holds(LAWS[25].check, 5, 0)


def test_there_are_25() -> None:
    """Kills: a law or a mutant that is registered twice or not at all."""
    assert sorted(LAWS) == sorted(MUTANTS) == list(range(1, 26))
