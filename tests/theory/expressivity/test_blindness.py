"""theory.blindness against the table of what is known, mechanism by mechanism."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from torch import nn

import theory
from sciformer.attention import (
    ALiBi,
    LearnedAbsolute,
    MultiheadAttention,
    NoPosition,
    Rotary,
    ShawKeyValue,
    Universal,
    attend,
)
from sciformer.errors import DataError, DomainError, ShapeError, UnknownNameError
from theory.expressivity.blindness import Layers, examine, randomise
from theory.expressivity.mechanisms import Circulant, ConvolutionMixer
from theory.expressivity.schemes import MECHANISMS, Sizes, mechanism

CASES = [
    (name, causal, found.is_blind[causal])
    for name, found in MECHANISMS.items()
    for causal in (False, True)
    if found.is_blind[causal] is not None
]


@pytest.mark.parametrize(("name", "is_causal", "is_blind"), CASES)
def test_table_of_mechanisms(name: str, is_causal: bool, is_blind: bool) -> None:
    """Kills: a verdict that ignores the mask, a mechanism that is softmax after all."""
    for seed in range(3):
        torch.manual_seed(seed)
        mixers = [MECHANISMS[name].make(Sizes()) for _ in range(3)]
        network = randomise(Layers(mixers, 16), torch.Generator().manual_seed(seed))
        found = theory.blindness(network, width=16, is_causal=is_causal, seed=seed)
        assert found.is_blind == is_blind
        assert found.verdict == ("blind" if is_blind else "sees positions")
        assert (found.spread < 1e-12) if is_blind else (found.spread > 1e-8)


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        (NoPosition(), r"^equal rows stay equal because in each attention matrix all rows have"),
        (Universal(Rotary(), 2, 9), r"mixer \(MultiheadAttention\) .* the row sums .* from -?\d"),
        (LearnedAbsolute(8, 9), r"its scheme adds a different vector to each token$"),
        (ShawKeyValue(8, 3), r"its row sums are equal, but its values depend on the offset$"),
    ],
)
def test_reasons(scheme: nn.Module, reason: str) -> None:
    """Kills: one reason for all."""
    with torch.random.fork_rng():
        found = theory.blindness(scheme)
    assert re.search(reason, found.reason), found.reason


def test_first_culprit_is_named() -> None:
    """Kills: naming the last module, or the container of the first."""
    network = nn.Sequential(
        MultiheadAttention(6, 2), ConvolutionMixer(6, "zeros"), ConvolutionMixer(6, "zeros")
    )
    found = theory.blindness(network)
    assert "1.convolution" not in found.reason
    assert found.reason.startswith("1 (ConvolutionMixer) is the first")


def test_modules_keep_their_weights_and_type() -> None:
    """Kills: a module cast to float64 in place, dropout that tells rows apart."""
    layer = MultiheadAttention(6, 2, position=Universal(ALiBi(2), 2, 12))
    assert theory.blindness(layer).is_blind  # C starts at 1
    nn.init.normal_(layer.position.table, generator=torch.Generator().manual_seed(0))
    assert not theory.blindness(layer).is_blind
    assert layer.query.weight.dtype == torch.float32
    theirs = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dropout=0.5)
    assert theory.blindness(theirs).is_blind
    assert theirs.training


def test_sizes_come_from_the_scheme() -> None:
    """Kills: a probe longer than the table."""
    assert not theory.blindness(Universal(LearnedAbsolute(12, 5), 3, 7)).is_blind
    assert theory.blindness(Circulant(2, 5)).is_blind
    with pytest.raises(DomainError, match="at least two tokens are needed; got 1"):
        theory.blindness(Rotary(), length=1)


class Scaled(nn.Module):
    """scale * (network(x) + offset)."""

    def __init__(self, network: nn.Module, scale: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.network, self.scale, self.offset = network, scale, offset

    def forward(self, tokens: torch.Tensor, **options: object) -> torch.Tensor:
        rows: torch.Tensor = self.network(tokens, **options)
        return self.scale * (rows + self.offset)


class Cancelled(nn.Module):
    """x - attention(x) of a layer that averages its tokens: 0 but for rounding errors."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.attention = MultiheadAttention(6, 2)
        for linear in (self.attention.value, self.attention.output):
            linear.weight.data = torch.eye(6)
            linear.bias.data.zero_()
        self.size = size

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.size * (tokens - self.attention(tokens))


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1.0, 1e12, 1e200])
def test_verdicts_have_no_unit(scale: float) -> None:
    """Kills: a tolerance of 1e-10 (1 + size), one relative to the output that takes rounding errors
    of a difference of 0 for a signal.
    """
    table = LearnedAbsolute(6, 9)
    seeing = nn.Sequential(MultiheadAttention(6, 2, position=table), nn.Linear(6, 3))
    assert not theory.blindness(Scaled(seeing, scale), length=9).is_blind
    blind = nn.Sequential(MultiheadAttention(6, 2), nn.Linear(6, 3))
    assert theory.blindness(Scaled(blind, scale)).is_blind
    assert theory.blindness(Cancelled(scale)).is_blind


def test_a_signal_beside_a_large_constant_is_seen() -> None:
    """Kills: a tolerance relative to the size of the output."""
    table = LearnedAbsolute(6, 9)
    nn.init.normal_(table.table, std=10.0, generator=torch.Generator().manual_seed(0))
    seeing = MultiheadAttention(6, 2, position=table)
    found = theory.blindness(Scaled(seeing, offset=1e11), length=9)
    assert found.spread < 2e-10 * found.size
    assert not found.is_blind


@pytest.mark.parametrize("offset", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_have_no_verdict(offset: float) -> None:
    """Kills: NaN compared with a tolerance."""
    with pytest.raises(DataError, match="not finite"):
        theory.blindness(Scaled(MultiheadAttention(6, 2), offset=offset))


def test_refuses_modules_without_rows() -> None:
    """Kills: a spread over the wrong axis."""
    with pytest.raises(ShapeError, match=r"one row per token; got \(1, 4\)"):
        examine(nn.Sequential(nn.Flatten(), nn.Linear(6, 4)).double(), torch.ones(1, 3, 2).double())


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(
    ("name", "option"), [("bias-kv", "add_bias_kv"), ("zero-attention", "add_zero_attn")]
)
def test_sinks_are_torchs(name: str, option: str, is_causal: bool) -> None:
    """Kills: a sink without its value or its scale, a sink that a mask hides."""
    torch.manual_seed(3)
    ours = MECHANISMS[name].make(Sizes(width=6, heads=2)).double()
    theirs = nn.MultiheadAttention(6, 2, batch_first=True, **{option: True}).double()
    core = getattr(ours, "attention", ours)
    theirs.in_proj_weight.data = torch.cat([core.query.weight, core.key.weight, core.value.weight])
    theirs.in_proj_bias.data = torch.cat([core.query.bias, core.key.bias, core.value.bias])
    theirs.out_proj.load_state_dict(core.output.state_dict())
    if name == "bias-kv":
        theirs.bias_k.data = ours.sink_key.data.reshape(1, 1, 6)
        theirs.bias_v.data = ours.sink_value.data.reshape(1, 1, 6)
    tokens = torch.randn(3, 5, 6, dtype=torch.float64)
    mask = torch.randn(5, 5, dtype=torch.float64)  # added to the logits
    if is_causal:
        mask = mask.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    wanted, _ = theirs(tokens, tokens, tokens, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(ours(tokens, mask=mask), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "softmax-plus-one"])
def test_unnormalised_weights_by_their_formulas(name: str) -> None:
    """By loops, with a mask. Kills: a forgotten log n, a 1 outside the sum."""
    torch.manual_seed(4)
    mixer = MECHANISMS[name].make(Sizes(width=6, heads=2, length=5)).double()
    tokens, mask = torch.randn(5, 6).double(), torch.ones(5, 5).tril().bool()
    query, key, _ = mixer.project(tokens)
    logits = torch.zeros(2, 5, 5, dtype=torch.float64)
    for h, i, j in itertools.product(range(2), range(5), range(5)):
        bias = mixer.position.table[h, j - i + 4]
        logits[h, i, j] = query[h, i] @ key[h, j] / 3**0.5 + bias
    raised = logits.exp() * mask
    wanted = {
        "sigmoid": raised / (5 + raised),
        "softmax-plus-one": raised / (1 + raised.sum(-1, keepdim=True)),
    }[name]
    torch.testing.assert_close(mixer.weights(tokens, mask=mask), wanted)


def test_other_errors() -> None:
    """Kills: an unknown scheme taken for none, a ring of another length, a masked convolution."""
    with pytest.raises(UnknownNameError, match=r"unknown position scheme 'alibbi'.*'alibi'"):
        mechanism("alibbi")
    part = torch.zeros(2, 4, 3)
    with pytest.raises(DomainError, match=r"ring has 5 positions; got 4 keys"):
        attend(part, part, part, position=Circulant(2, 5))
    with pytest.raises(DomainError, match="a convolution has no mask"):
        ConvolutionMixer(2, "zeros")(torch.zeros(1, 3, 2), mask=torch.ones(3, 3).bool())
