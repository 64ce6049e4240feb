"""Every attention core keeps the laws of the contract; what is special to one stands beside."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention import (
    Causal,
    Core,
    Mask,
    Mass,
    MultiheadAttention,
    Padding,
    Rotary,
    Sigmoid,
    SoftmaxPlusOne,
    Universal,
    Window,
    attend,
    certified_attend,
    kd_order,
)
from sciformer.attention.cores import (
    Automatic,
    Cells,
    ExactMass,
    Flex,
    Fused,
    FusedLogSumExp,
    LearnedMass,
    Materialised,
    Regions,
    RowBlocks,
    SplitKeys,
    ToeplitzRows,
)
from sciformer.errors import DomainError
from tests.contracts.cores import CLOSE, SCHEMES, CoreContract, heads

BY_OFFSET = frozenset(SCHEMES) - {"shaw", "shaw-values"}


class TestMaterialised(CoreContract):
    def make(self) -> Core:
        return Materialised()


class TestRowBlocks(CoreContract):
    def make(self) -> Core:
        return RowBlocks(4)


class TestSplitKeys(CoreContract):
    def make(self) -> Core:
        return SplitKeys(3)


class TestAutomatic(CoreContract):
    def make(self) -> Core:
        return Automatic()


class TestToeplitzRows(CoreContract):
    fits = BY_OFFSET
    masks: ClassVar[tuple[type[Mask], ...]] = (Causal, Window)

    def make(self) -> Core:
        return ToeplitzRows(4)

    def is_table(self, made: Tensor, n: int) -> bool:
        return made.dim() == 1 and made.numel() > 2 * n - 1  # a buffer, no table by offset


class TestFlex(CoreContract):
    """Evaluated by torch without its compiler, which wants an accelerator."""

    fits = BY_OFFSET
    masks: ClassVar[tuple[type[Mask], ...]] = (Causal, Window)
    counts_products = counts_tables = False

    def make(self) -> Core:
        return Flex(4)


class TestFused(CoreContract):
    fits = BY_OFFSET - {"urpe"}

    def make(self) -> Core:
        return Fused(4)

    @pytest.mark.parametrize("mask", [None, Causal(), Window(5)], ids=["all", "causal", "window"])
    @pytest.mark.parametrize("n", [1, 9, 64])
    def test_pairs_are_those_of_a_counted_run(self, n: int, mask: Mask | None) -> None:
        """Torch's kernel counts the whole of what it is given; square causal masks are its own."""
        if not isinstance(mask, Causal):
            super().test_pairs_are_those_of_a_counted_run(n, mask)


class TestFusedLogSumExp(CoreContract):
    fits = BY_OFFSET
    masks: ClassVar[tuple[type[Mask], ...]] = (Causal, Window)
    counts_products = False

    def make(self) -> Core:
        return FusedLogSumExp()


class TestRegions(CoreContract):
    fits = frozenset({"none", "rotary", "sinusoidal", "absolute"})
    masks: ClassVar[tuple[type[Mask], ...]] = (Causal, Padding, Mass)
    is_for_any_keys = False

    def make(self) -> Core:
        return Regions(4)

    def exact(self, n: int) -> Core:
        return Regions(n)

    def is_table(self, made: Tensor, n: int) -> bool:
        return super().is_table(made, n) and made.numel() > 2 * n  # no mass in blocks


class TestLearnedRegions(TestRegions):
    def make(self) -> Core:
        return self.make_for(2)

    def make_for(self, heads: int) -> Core:
        mass = LearnedMass(heads).double()
        mass.share.data = torch.tensor([0.3, -0.7], dtype=torch.float64)[:heads]
        return Regions(4, mass)


class TestCells(CoreContract):
    fits = frozenset({"none", "rotary", "sinusoidal", "absolute"})
    masks: ClassVar[tuple[type[Mask], ...]] = (Padding, Mass)
    counts_products = False

    def make(self) -> Core:
        return Cells(4)

    def exact(self, n: int) -> Core:
        return Cells(1)

    def is_table(self, made: Tensor, n: int) -> bool:
        return made.dim() == 3 and made.shape[1:] == (n, 2 ** math.ceil(math.log2(n / 4)))


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 999),
    n=st.integers(2, 40),
    block=st.integers(1, 9),
    spread=st.sampled_from([0.0, 0.03, 0.3, 1.0, 4.0]),
    is_causal=st.booleans(),
    kept=st.integers(1, 40),
)
def test_the_bound_of_regions_holds_in_every_row(
    seed: int, n: int, block: int, spread: float, is_causal: bool, kept: int
) -> None:
    """Kills: tanh(D/8), a radius of direct keys, a diameter of means, a mass left out."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(1, 2, -(-n // block), 4, generator=generator, dtype=torch.float64)
    key = centres.repeat_interleave(block, -2)[..., :n, :] + spread * heads(n, seed, 1)
    query, value = 3 * heads(n, seed + 1, 1), heads(n, seed + 2, 1)
    masses = torch.rand(n, generator=generator, dtype=torch.float64) + 0.1
    mask = Mass(masses) & Padding(torch.tensor([min(kept, n)]))
    mask = mask & Causal() if is_causal else mask
    found = certified_attend(query, key, value, core=Regions(block), mask=mask)
    error = (found.output - attend(query, key, value, mask=mask)).norm(dim=-1)
    assert bool((error <= found.bound + 1e-13).all())
    if spread == 0.0:  # equal keys of a region are the region
        assert float(error.max()) < 1e-12
        assert float(found.bound.max()) < 1e-12


def test_regions_on_clustered_keys_have_a_useful_bound() -> None:
    """By k-d order of points whose keys are smooth in space. Kills: an order with a point twice."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(1024, 2, generator=generator, dtype=torch.float64)
    order = kd_order(points, 8)

    def tokens(points: Tensor) -> list[Tensor]:
        waves = torch.cat([points, (3 * points).sin()], -1)[None]
        return [0.5 * waves, waves, waves.cos()]

    sorted_parts = tokens(order.sort(points))
    found = certified_attend(*sorted_parts, core=Regions(8))
    error = (found.output - attend(*sorted_parts)).norm(dim=-1)
    unsorted = certified_attend(*tokens(points), core=Regions(8))
    assert bool((error <= found.bound).all())
    assert float(found.bound.mean()) < 0.3 * float(unsorted.bound.mean())


def test_only_exact_masses_are_certified() -> None:
    """Kills: a bound of a layer that is not an approximation of attention."""
    core = Regions(2, LearnedMass(2))
    layer = MultiheadAttention(4, 2, core=core)
    assert [name for name, _ in layer.named_parameters() if "share" in name] == ["core.mass.share"]
    from sciformer.attention import NoPosition, Patch, Scoring

    parts = [torch.zeros(1, 2, 4, 2)] * 3
    with pytest.raises(DomainError, match=r"only exact masses have a bound; use ExactMass"):
        core.bound(*parts, Scoring(Patch(4, 4), 4, NoPosition()))
    assert Regions(2, ExactMass()).mass.is_exact


@pytest.mark.parametrize("core", [Fused(), ToeplitzRows(), SplitKeys(), Regions(2)])
@pytest.mark.parametrize("normaliser", [Sigmoid(), SoftmaxPlusOne()])
def test_normalisers_that_do_not_fit_are_refused(core: Core, normaliser: object) -> None:
    """Kills: a softmax in place of what was asked for."""
    parts = [heads(5, k) for k in range(3)]
    with pytest.raises(DomainError, match=type(normaliser).__name__):
        attend(*parts, normaliser=normaliser, core=core)


@pytest.mark.parametrize("normaliser", [Sigmoid(), SoftmaxPlusOne()])
@pytest.mark.parametrize("mask", [None, Causal(), Window(3)])
def test_normalisers_in_blocks(normaliser: object, mask: Mask | None) -> None:
    """Kills: log of the keys of a block instead of all, a 1 added in each block."""
    parts = [heads(23, k) for k in range(3)]
    options = {"normaliser": normaliser, "mask": mask}
    wanted = attend(*parts, **options, core=Materialised())
    torch.testing.assert_close(attend(*parts, **options, core=RowBlocks(4)), wanted, **CLOSE)
    logits = parts[0] @ parts[1].transpose(-1, -2) / 2
    allowed = torch.ones(23, 23).tril().bool() if mask else torch.ones(23, 23).bool()
    if isinstance(mask, Window):
        allowed = allowed.triu(-3)
    raised = logits.exp() * allowed
    below = 23 + raised if isinstance(normaliser, Sigmoid) else 1 + raised.sum(-1, keepdim=True)
    torch.testing.assert_close(wanted, (raised / below) @ parts[2], **CLOSE)


def test_a_row_that_reaches_no_key_is_zero() -> None:
    """Kills: an empty slice that fails, or a softmax over nothing."""
    query, key = heads(3, 0), heads(4, 1)
    for core in (Materialised(), RowBlocks(1), SplitKeys(2), None):
        output = attend(query, key, key, mask=Causal(), key_start=2, core=core)
        assert torch.equal(output[:, :2], torch.zeros_like(output[:, :2]))
        torch.testing.assert_close(output[:, 2], key[:, 0])


@pytest.mark.parametrize("n", [256, 512, 700])
@pytest.mark.parametrize("mask", [None, Causal(), Window(40)], ids=["all", "causal", "window"])
def test_the_automatic_choice_is_right_at_every_size(n: int, mask: Mask | None) -> None:
    """With and without gradients. Kills: a choice that cannot compute what is asked."""
    chosen = set()
    for position in (Rotary(), Universal(Rotary(), 2, n).double()):
        parts = [heads(n, k, 1) for k in range(3)]
        wanted = attend(*parts, position=position, mask=mask, core=Materialised())
        with torch.no_grad():
            output = attend(*parts, position=position, mask=mask)
        torch.testing.assert_close(output, wanted, **CLOSE)
        parts[0].requires_grad_()
        output = attend(*parts, position=position, mask=mask)
        torch.testing.assert_close(output, wanted, **CLOSE)
        (slope,) = torch.autograd.grad(output.square().sum(), parts[0], create_graph=True)
        (twice,) = torch.autograd.grad(slope.square().sum(), parts[0])
        assert bool(twice.isfinite().all())
        chosen.add(float(twice.norm()) > 0)
    assert chosen == {True}


def test_a_traced_program_keeps_its_length_open() -> None:
    """Kills: a comparison of the length with a constant, a bucket table of fixed length."""
    from sciformer.attention import T5Buckets

    for position in (T5Buckets(2), Rotary(), None):
        layer = MultiheadAttention(16, 2, position=position).eval()
        length = torch.export.Dim("n", min=2, max=4096)
        x = torch.randn(1, 5, 16)
        program = torch.export.export(layer, (x,), dynamic_shapes={"query": {1: length}})
        for n in (2, 7, 700):
            tokens = torch.randn(1, n, 16)
            torch.testing.assert_close(program.module()(tokens), layer(tokens))


def test_functional_gradients_pass_through_short_attention() -> None:
    """Kills: a custom backward pass where torch.func needs plain functions."""
    layer = MultiheadAttention(8, 2, position=Universal(Rotary(), 2, 9)).double()
    tokens = torch.randn(3, 9, 8, dtype=torch.float64)

    def loss(one: Tensor) -> Tensor:
        return layer(one, mask=Causal()).square().sum()

    together = torch.func.vmap(torch.func.grad(loss))(tokens)
    apart = torch.stack([torch.func.grad(loss)(one) for one in tokens])
    torch.testing.assert_close(together, apart)
