"""Attention on an accelerator: the numbers of a processor, by launches that do not grow.

A CPU stands in for the accelerator: its entry in the table of devices is exchanged.
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from sciformer.attention import (
    ALiBi,
    Causal,
    Core,
    Mask,
    Mass,
    MultiheadAttention,
    Position,
    Ragged,
    RelativeTable,
    Rotary,
    Sigmoid,
    Universal,
    Window,
    attend,
    attend_ragged,
    ragged,
)
from sciformer.attention.cores import (
    Automatic,
    Flex,
    Materialised,
    RowBlocks,
    ToeplitzRows,
    VariableLength,
    flex,
)
from sciformer.attention.cores.variable_length import is_trusted
from sciformer.attention.scoring import Patch, Scoring
from sciformer.hardware import ACCELERATOR, DEVICES, Hardware
from tests.launches import Launches, stays_on_its_device

MASKS: tuple[Mask | None, ...] = (None, Causal(), Window(9))
# Forward and backward of attention with tables, whatever the length, the batch and the heads.
MOST_LAUNCHES = 100


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEVICES, "cpu", ACCELERATOR)


def universal(heads: int, length: int) -> Position:
    position = Universal(RelativeTable(heads, length), heads, length).double()
    generator = torch.Generator().manual_seed(5)
    for parameter in position.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return position


def parts(*shape: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    made = [torch.randn(*shape, 4, generator=generator, dtype=torch.float64) for _ in range(3)]
    return [part.requires_grad_() for part in made]


def slopes(core: Core | None, inputs: list[Tensor], **options: Any) -> list[Tensor]:
    output = attend(*inputs, **options, core=core)
    wanted = [*inputs, *options["position"].parameters()]
    return [output, *torch.autograd.grad((output * output.detach().cos()).sum(), wanted)]


@pytest.mark.parametrize("core", [ToeplitzRows(), ToeplitzRows(7), RowBlocks()])
@pytest.mark.parametrize("mask", MASKS, ids=["all", "causal", "window"])
@pytest.mark.parametrize("room", [None, 700, 90])
def test_every_plan_gives_the_same_gradients(
    core: Core, mask: Mask | None, room: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All heads at once, some, one. Kills: heads mixed up, a slope of the last block alone."""
    inputs, options = parts(2, 3, 21), {"position": universal(3, 21), "mask": mask}
    wanted = slopes(Materialised(), inputs, **options)
    device = Hardware(None, None, block_pairs=room, prefers_few_launches=True)
    monkeypatch.setitem(DEVICES, "cpu", device)
    for found, one in zip(slopes(core, inputs, **options), wanted, strict=True):
        torch.testing.assert_close(found, one, rtol=1e-11, atol=1e-12)


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("core", [ToeplitzRows(), RowBlocks(), Automatic()])
def test_launches_grow_neither_with_heads_nor_with_length(core: Core) -> None:
    """Kills: a loop over heads, blocks that suit a processor's cache."""
    counts: list[Counter[str]] = []
    for shape in ((2, 2, 520), (3, 3, 520), (2, 2, 530)):
        inputs, position = parts(*shape), universal(*shape[1:])
        with Launches() as launches, stays_on_its_device() as copies:
            slopes(core, inputs, position=position, mask=Causal())
        assert launches.waits == 0
        assert not copies
        assert launches.total <= MOST_LAUNCHES
        counts.append(launches.names)
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e4])
def test_the_gain_of_flex_is_relative_to_the_largest(scale: float) -> None:
    """Signed, tiny, zero. Kills: a logarithm of 0, a shift that is not taken off again."""
    inputs, position = [part.detach() for part in parts(1, 2, 30)], universal(2, 30)
    position.table.data *= scale
    wanted = attend(*inputs, position=position, core=Materialised())
    found = attend(*inputs, position=position, core=Flex())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13 * max(scale, 1e-300) * 10)


def test_flex_is_not_chosen_for_exact_products_of_single_precision() -> None:
    """Kills: a core that was forty times slower on a card than the one it replaced."""
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("highest")
        assert not flex.is_fast(torch.float32)
        assert flex.is_fast(torch.bfloat16)
        torch.set_float32_matmul_precision("high")
        assert flex.is_fast(torch.float32)
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_kernel_that_does_not_compile_or_agree_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a choice of Automatic that fails, or one that is never checked."""

    def broken(*arguments: Any) -> Any:
        raise RuntimeError("no compiler")

    def wrong(*arguments: Any) -> Any:
        output, normaliser = flex.by_table(*arguments)
        return 1.1 * output, normaliser

    cpu = torch.device("cpu")
    flex.is_trusted.cache_clear()
    assert flex.is_trusted(cpu)
    for kernel in (broken, wrong):
        flex.is_trusted.cache_clear()
        monkeypatch.setattr(flex, "kernel_for", lambda _, kernel=kernel: kernel)
        monkeypatch.setattr(torch.nn.attention.flex_attention, flex.TRACED, True)
        assert not flex.is_trusted(cpu)
    flex.is_trusted.cache_clear()


def test_double_precision_on_a_card_goes_elsewhere() -> None:
    """Kills: kernels of single precision asked for double."""
    query = torch.empty(1, 5, 4, dtype=torch.float64, device="meta")
    scoring = Scoring(Patch(5, 5), 5)
    assert "single and half precision" in str(Flex().refusal(query, query, query, scoring))
    assert Flex().refusal(*[query.float()] * 3, scoring) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch's compiler, its own
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles by g++ on a processor")
def test_the_compiled_kernel_visits_the_blocks_within_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a gain, because torch compiles no normaliser on a processor.

    Kills: a block within reach that is left out."""
    compiled = torch.compile(flex.by_table, dynamic=False)
    monkeypatch.setattr(flex, "kernel_for", lambda _: compiled)
    inputs = [part.detach().float() for part in parts(1, 2, 300)]
    position = universal(2, 300).base.float()
    wanted = attend(*inputs, position=position, mask=Window(70), core=Materialised())
    found = attend(*inputs, position=position, mask=Window(70), core=Flex())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def packed_by_loop(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    key_starts: Tensor,
    longest: int,
    longest_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
) -> Tensor:
    """What torch's documentation says of `varlen_attn`, one query at a time."""
    assert starts.dtype == key_starts.dtype == torch.int32
    assert longest == longest_keys == int(starts.diff().max())
    before, after = window_size
    outputs = []
    for start, stop in itertools.pairwise(starts.tolist()):
        for i in range(start, stop):
            first = start if before < 0 else max(start, i - before)
            last = stop if after < 0 else min(stop, i + after + 1)
            logits = scale * torch.einsum("hd,jhd->hj", query[i], key[first:last])
            outputs.append(torch.einsum("hj,jhd->hd", logits.softmax(-1), value[first:last]))
    return torch.stack(outputs)


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("mask", MASKS, ids=["all", "causal", "window"])
@pytest.mark.parametrize("position", [None, Rotary()], ids=["none", "rotary"])
def test_unequal_sequences_take_one_launch(
    mask: Mask | None, position: Position | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for the kernel of torch, which runs on CUDA alone.

    Kills: heads and tokens exchanged, offsets without the end, positions that do not restart, a
    query scaled twice, a window of the other side; a kernel that records no second derivative where
    one may be asked for."""
    layer = MultiheadAttention(16, 2, position=position).double()
    lengths = (12, 1, 0, 30)
    sequences = Ragged(torch.randn(sum(lengths), 16, dtype=torch.float64), lengths)
    wanted = attend_ragged(layer, sequences, mask=mask)
    calls: list[tuple[int, ...]] = []

    def kernel(*heads: Tensor, **options: Any) -> Tensor:
        calls.append(tuple(heads[0].shape))
        return packed_by_loop(*heads, **options)  # type: ignore[arg-type]

    way = VariableLength(kernel, "cpu", (torch.float64,))
    monkeypatch.setattr(ragged, "VARIABLE_LENGTH", way)
    recorded = attend_ragged(layer, sequences, mask=mask)
    assert not calls
    with torch.no_grad():
        found = attend_ragged(layer, sequences, mask=mask)
        assert calls[-1] == (sum(lengths), 2, 8)
        nobody = attend_ragged(layer, Ragged(sequences.tokens[:0], (0,)), mask=mask)
    assert nobody.tokens.shape == (0, 16)
    torch.testing.assert_close(recorded.tokens, wanted.tokens)
    torch.testing.assert_close(found.tokens, wanted.tokens, rtol=1e-11, atol=1e-12)


def test_an_odd_kernel_of_unequal_sequences_is_not_trusted() -> None:
    """Kills: a wrong kernel chosen, one that lets a sequence see the next, one that fails."""
    cpu, half = torch.device("cpu"), torch.bfloat16

    def across(*heads: Any, **options: Any) -> Tensor:
        return packed_by_loop(*heads, **options) + 0 * heads[2].sum()

    def missing(*heads: Any, **options: Any) -> Tensor:
        raise RuntimeError("no kernel image is available")

    def doubled(*heads: Any, **options: Any) -> Tensor:
        return 1.1 * packed_by_loop(*heads, **options)

    assert is_trusted(VariableLength(packed_by_loop, "cpu"), cpu, half)
    for kernel in (across, missing, doubled):
        assert not is_trusted(VariableLength(kernel, "cpu"), cpu, half)


def test_the_kernel_of_unequal_sequences_says_what_it_cannot_do() -> None:
    """Kills: a bias, a gain, a mass or double precision that is left out in silence."""
    way, there = VariableLength(), VariableLength(device="cpu")
    query, patch = torch.zeros(2, 5, 8, dtype=torch.bfloat16), Patch(5, 5)
    plain = Scoring(patch, 5, Rotary(), Window(2))
    assert there.refusal(query, plain) is None
    refusals: list[tuple[VariableLength, Tensor, Scoring, str]] = [
        (way, query, plain, "runs on cuda, not on cpu"),
        (there, query.double(), plain, "for torch.float16 and torch.bfloat16, not torch.float64"),
        (there, query[..., :6], plain, "up to 256, not 6"),
        (there, query, Scoring(patch, 5, ALiBi(2)), "ALiBi does more than rotate"),
        (there, query, Scoring(patch, 5, Universal(Rotary(), 2, 5)), "Universal does more"),
        (there, query, Scoring(patch, 5, mask=Mass(torch.ones(5))), "not by Mass"),
        (there, query, Scoring(patch, 5, normaliser=Sigmoid()), "a softmax, not Sigmoid"),
    ]
    for one, heads, scoring, reason in refusals:
        assert reason in str(one.refusal(heads, scoring))
