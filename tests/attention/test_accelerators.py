"""Attention on an accelerator: the numbers of a processor, by launches that do not grow.

A CPU stands in for the accelerator: its entry in the table of devices is exchanged.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from sciformer.attention import (
    Causal,
    Core,
    Mask,
    Position,
    RelativeTable,
    Universal,
    Window,
    attend,
)
from sciformer.attention.cores import Automatic, Flex, Materialised, RowBlocks, ToeplitzRows, flex
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
