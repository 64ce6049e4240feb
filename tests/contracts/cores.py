"""Laws of every attention core; a suite subclasses `CoreContract` and says how to make one."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from sciformer.attention import (
    ALiBi,
    Causal,
    Core,
    LearnedAbsolute,
    Mask,
    Mass,
    NoPosition,
    Padding,
    Patch,
    Position,
    RelativeTable,
    Rotary,
    Scoring,
    ShawKey,
    ShawKeyValue,
    Sinusoidal,
    T5Buckets,
    Universal,
    Window,
    attend,
)
from sciformer.attention.cores import Materialised
from sciformer.errors import DomainError
from tests.alive import Alive

HEADS, WIDTH = 2, 4
# Sums of at most some hundred products of order 1 to 10, each rounded to 1.1e-16.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
EXAMPLES = settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.differing_executors],  # each subclass runs each law
)
SEEDS = st.integers(0, 2**31)
LENGTHS = st.integers(1, 23)
SCHEMES: dict[str, Any] = {
    "none": NoPosition,
    "rotary": Rotary,
    "sinusoidal": Sinusoidal,
    "absolute": lambda: LearnedAbsolute(WIDTH * HEADS, 64),
    "alibi": lambda: ALiBi(HEADS),
    "t5": lambda: T5Buckets(HEADS, 8, 16),
    "table": lambda: RelativeTable(HEADS, 64),
    "urpe": lambda: Universal(NoPosition(), HEADS, 64),
    "shaw": lambda: ShawKey(WIDTH, 3),
    "shaw-values": lambda: ShawKeyValue(WIDTH, 3),
}

# torch's counter knows the fused kernels of accelerators only.
FUSED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *rest, **others: sdpa_flop_count(query, key, value)
    )
}
ONE_HEAD: dict[str, Any] = {
    "none": NoPosition,
    "alibi": lambda: ALiBi(1),
    "urpe": lambda: Universal(NoPosition(), 1, 64),
}


def heads(n: int, seed: int, *batch: int) -> Tensor:
    """Queries, keys or values (*batch, HEADS, n, WIDTH)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, HEADS, n, WIDTH, generator=generator, dtype=torch.float64)


def scheme(name: str, seed: int = 0) -> Position:
    """A scheme with every parameter drawn at random."""
    position: Position = SCHEMES[name]().double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in position.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return position


class CoreContract:
    """Subclasses give make(), and exact(n), the setting at which it is `attend`, for n keys."""

    fits: ClassVar[frozenset[str]] = frozenset(SCHEMES)
    """Names of the position schemes it can compute; the others it refuses."""
    masks: ClassVar[tuple[type[Mask], ...]] = (Causal, Window, Padding, Mass)
    is_normalised_exactly = True
    """Whether constant values come back (a gain aside)."""
    is_for_any_keys = True
    """Whether queries may be elsewhere than keys."""
    counts_products = True
    """Whether torch's counter sees its products."""
    counts_tables = True
    """Whether it makes here the tables of pairs that it makes where it is meant for."""

    def make(self) -> Core:
        raise AssertionError("a subclass makes the core")

    @property
    def causal(self) -> Mask | None:
        """The causal mask, if the core takes one."""
        return Causal() if Causal in self.masks else None

    def make_for(self, heads: int) -> Core:
        """The core for so many heads, if it cares."""
        return self.make()

    def is_table(self, made: Tensor, n: int) -> bool:
        """Whether a tensor that a run with n keys made, not as wide as one, is of pairs."""
        return made.dim() > 1 and made.shape[-2] > 1

    def exact(self, n: int) -> Core:
        return self.make()

    def mask(self, kind: type[Mask], n: int, seed: int) -> Mask:
        """A mask of a kind for n keys, which hides no row from all keys."""
        generator = torch.Generator().manual_seed(seed)
        if kind is Window:
            return Window(int(torch.randint(0, n + 1, (), generator=generator)), seed % 3)
        if kind is Padding:
            return Padding(torch.randint(1, n + 1, (3,), generator=generator))
        if kind is Mass:
            return Mass(torch.rand(n, generator=generator, dtype=torch.float64) + 0.1)
        return Causal()

    @EXAMPLES
    @given(seed=SEEDS, n=LENGTHS, data=st.data())
    def test_its_exact_setting_is_attention(self, seed: int, n: int, data: st.DataObject) -> None:
        """Kills: a block at the wrong offset, a mask or table not cut with its keys."""
        kinds = data.draw(st.lists(st.sampled_from(self.masks), max_size=2, unique=True))
        name = data.draw(st.sampled_from(sorted(self.fits)))
        m = data.draw(LENGTHS) if self.is_for_any_keys else n
        start = m - n if self.is_for_any_keys else 0
        query, key, value = heads(n, seed, 3), heads(m, seed + 1, 3), heads(m, seed + 2, 3)
        mask: Mask = Mask()
        for kind in kinds:
            mask = mask & self.mask(kind, m, seed)
        options: Any = {"position": scheme(name, seed), "mask": mask, "query_start": start}
        core = self.exact(m)
        scoring = Scoring(Patch(n, m, start), m, options["position"], mask)
        if core.refusal(query, key, value, scoring) is not None:
            return  # said in a sentence; which schemes and masks must fit is tested below
        wanted = attend(query, key, value, **options, core=Materialised())
        torch.testing.assert_close(attend(query, key, value, **options, core=core), wanted, **CLOSE)

    @EXAMPLES
    @given(seed=SEEDS, n=LENGTHS)
    def test_constant_values_come_back(self, seed: int, n: int) -> None:
        """Kills: weights that do not sum to 1."""
        query, key = heads(n, seed), heads(n, seed + 1)
        value = torch.ones_like(key) * torch.tensor([1.0, -2.0, 0.5, 7.0])
        for mask in (None, self.causal):
            output = attend(query, key, value, mask=mask, core=self.make())
            torch.testing.assert_close(output, value, **CLOSE)

    @EXAMPLES
    @given(seed=SEEDS, n=LENGTHS)
    def test_a_constant_added_to_all_logits_changes_nothing(self, seed: int, n: int) -> None:
        """By one more coordinate. Kills: an offset of regions on another scale, overflow."""
        query, key, value = heads(n, seed), heads(n, seed + 1), heads(n, seed + 2)
        query[..., 0] = 1.0
        wanted = attend(query, key, value, core=self.make(), scale=1.0)
        for shift, tolerance in ((3.0, 1e-12), (1e4, 1e-10)):  # logits of 1e4 are rounded to 2e-12
            moved = key.clone()
            moved[..., 0] += shift
            output = attend(query, moved, value, core=self.make(), scale=1.0)
            torch.testing.assert_close(output, wanted, rtol=tolerance, atol=tolerance)

    @EXAMPLES
    @given(seed=SEEDS, n=st.integers(2, 23), data=st.data())
    def test_absent_keys_are_read_by_nobody(self, seed: int, n: int, data: st.DataObject) -> None:
        """Kills: 0 times nan, a mean over absent keys, a gradient of nan."""
        if Padding not in self.masks:
            return
        kept = data.draw(st.integers(1, n - 1))
        query, key, value = heads(n, seed, 1), heads(n, seed + 1, 1), heads(n, seed + 2, 1)
        mask = Padding(torch.tensor([kept]))
        wanted = attend(query, key, value, mask=mask, core=self.make())
        key[..., kept:, :], value[..., kept:, :] = torch.nan, torch.inf
        parts = [query.requires_grad_(), key.requires_grad_(), value.requires_grad_()]
        output = attend(*parts, mask=mask, core=self.make())
        torch.testing.assert_close(output, wanted, **CLOSE)
        if output.requires_grad:
            slopes = torch.autograd.grad(output.square().sum(), parts)
            assert all(bool(slope.isfinite().all()) for slope in slopes)

    @EXAMPLES
    @given(seed=SEEDS, n=st.integers(2, 70), data=st.data())
    def test_what_is_not_finite_stays_with_those_who_see_it(
        self, seed: int, n: int, data: st.DataObject
    ) -> None:
        """In outputs and gradients. Kills: 0 times nan, a nan that is made a number."""
        kinds = [kind for kind in self.masks if kind in (Causal, Window)]
        mask = self.mask(data.draw(st.sampled_from(kinds)), n, seed) if kinds else Mask()
        where = data.draw(st.integers(0, n - 1))
        query, key, value = (heads(n, seed + k, 1) for k in range(3))
        wanted = attend(query, key, value, mask=mask, core=self.make())
        odd = data.draw(st.sampled_from([torch.nan, torch.inf]))
        data.draw(st.sampled_from([key, value]))[:, 1, where, 2] = odd
        parts = [part.requires_grad_() for part in (query, key, value)]
        output = attend(*parts, mask=mask, core=self.make())
        allowed = mask.allowed(Patch(n, n), torch.device("cpu"))
        sees = torch.ones(n, dtype=torch.bool) if allowed is None else allowed[:, where]
        assert bool(output[:, 1, sees].isnan().all())
        torch.testing.assert_close(output[:, 1, ~sees], wanted[:, 1, ~sees], **CLOSE)
        torch.testing.assert_close(output[:, 0], wanted[:, 0], **CLOSE)
        if output.requires_grad:
            slopes = torch.autograd.grad(output[:, 1, ~sees].square().sum(), parts)
            assert all(bool(slope.isfinite().all()) for slope in slopes)

    @pytest.mark.parametrize("kind", [Causal, Window, Padding, Mass])
    @pytest.mark.parametrize("count", [1, 2])
    @pytest.mark.parametrize("n", [1, 6])
    def test_edges_in_single_precision(self, n: int, count: int, kind: type[Mask]) -> None:
        """One head, one token, all keys masked, with second derivatives where smooth.

        Kills: an axis of size 1 that is dropped, a nan from a row that sees nothing."""
        if kind not in self.masks:
            return
        generator = torch.Generator().manual_seed(n)
        parts = [torch.randn(2, count, n, WIDTH, generator=generator) for _ in range(3)]
        mask = self.mask(kind, n, 3)
        empty = kind is Padding
        if empty:
            mask = Padding(torch.tensor([0, n]))
        core = self.make_for(count)
        if isinstance(core, torch.nn.Module):
            core.float()
        inputs = [part.requires_grad_() for part in parts]
        output = attend(*inputs, mask=mask, core=core)
        assert output.shape == parts[2].shape
        assert output.dtype == torch.float32
        if core.exact:
            wanted = attend(*inputs, mask=mask, core=Materialised())
            torch.testing.assert_close(output, wanted, rtol=1e-5, atol=1e-5)
        if empty:
            assert bool((output[0] == 0).all())
        if not output.requires_grad:
            return
        slopes = torch.autograd.grad(output.cos().sum(), inputs, create_graph=core.smooth)
        if core.smooth:
            twice = sum(slope.square().sum() for slope in slopes)
            slopes += torch.autograd.grad(twice, inputs, allow_unused=True)
        assert all(slope is None or bool(slope.isfinite().all()) for slope in slopes)

    @EXAMPLES
    @given(seed=SEEDS, n=st.integers(2, 23), data=st.data())
    def test_causal_outputs_ignore_the_future(self, seed: int, n: int, data: st.DataObject) -> None:
        """Bit for bit. Kills: a mask off by one, a sum over all keys before the mask."""
        if Causal not in self.masks:
            return  # refused, see below
        cut = data.draw(st.integers(1, n - 1))
        parts = [heads(n, seed + k) for k in range(3)]
        changed = [part.clone() for part in parts]
        for part in changed:
            part[..., cut:, :] += 7.0
        before = attend(*parts, mask=Causal(), core=self.make())
        after = attend(*changed, mask=Causal(), core=self.make())
        assert torch.equal(before[..., :cut, :], after[..., :cut, :])
        assert not torch.allclose(before[..., cut:, :], after[..., cut:, :])

    @pytest.mark.parametrize("mask", [None, Causal(), Window(5)], ids=["all", "causal", "window"])
    @pytest.mark.parametrize("n", [1, 9, 64])
    def test_pairs_are_those_of_a_counted_run(self, n: int, mask: Mask | None) -> None:
        """Kills: unreachable keys that are visited, a block counted with other keys."""
        if not self.counts_products or (mask is not None and type(mask) not in self.masks):
            return
        core, parts = self.make(), [heads(n, k) for k in range(3)]
        with FlopCounterMode(display=False, custom_mapping=FUSED) as counter, torch.no_grad():
            attend(*parts, mask=mask, core=core)
        products = core.pairs(Scoring(Patch(n, n), n, NoPosition(), mask)) * HEADS * 2 * WIDTH
        assert counter.get_total_flops() == 2 * products

    @pytest.mark.parametrize("kind", [None, Causal, Window, Padding, Mass])
    @pytest.mark.parametrize("name", ONE_HEAD)
    @pytest.mark.parametrize("n", [9, 64])
    def test_the_peak_is_that_of_a_counted_run(
        self, n: int, name: str, kind: type[Mask] | None
    ) -> None:
        """Tables of pairs alive at once. Kills: a forgotten table, blocks that are all kept."""
        if name not in self.fits or (kind is not None and kind not in self.masks):
            return
        if not self.counts_tables:
            return
        core, position, width = self.make_for(1), ONE_HEAD[name]().double(), 7
        mask = None if kind is None else self.mask(kind, n, 4)
        if isinstance(mask, Padding):
            mask = Padding(mask.keys[:1])
        parts = [torch.randn(1, 1, n, width, dtype=torch.float64) for _ in range(3)]
        scoring = Scoring(Patch(n, n), n, position, mask)

        def is_table(made: Tensor) -> bool:
            return made.dim() > 0 and made.shape[-1] not in (1, width) and self.is_table(made, n)

        with Alive(is_table) as alive, torch.no_grad():
            core.attend(parts[0], parts[1], parts[2], scoring)
        assert alive.peak == core.peak(scoring)

    def test_derivatives(self) -> None:
        """Of first order for all, of second order where smooth, against numbers.

        Kills: a forgotten part of a gradient, a second derivative that is silently 0."""
        parts = [heads(5, k).requires_grad_() for k in range(3)]

        def run(*parts: Tensor) -> Tensor:
            return attend(*parts, mask=self.causal, core=self.make())

        torch.manual_seed(0)  # the random projections of fast_mode
        if run(*parts).requires_grad:
            assert torch.autograd.gradcheck(run, parts, fast_mode=True)
        if self.make().smooth:
            assert torch.autograd.gradgradcheck(run, parts, fast_mode=True)

    @EXAMPLES
    @given(seed=SEEDS, data=st.data())
    def test_copies_of_a_key_are_a_mass(self, seed: int, data: st.DataObject) -> None:
        """In the exact setting. Kills: a mass that multiplies the logit, one added twice."""
        if Mass not in self.masks or not self.is_for_any_keys:
            return
        query, key, value = heads(4, seed), heads(6, seed + 1), heads(6, seed + 2)
        copies = torch.tensor(data.draw(st.lists(st.integers(1, 5), min_size=6, max_size=6)))
        many = [part.repeat_interleave(copies, -2) for part in (key, value)]
        wanted = attend(query, *many, core=Materialised())
        output = attend(query, key, value, mask=Mass(copies.double()), core=self.exact(6))
        torch.testing.assert_close(output, wanted, **CLOSE)

    @EXAMPLES
    @given(seed=SEEDS, n=LENGTHS)
    def test_the_order_of_batches_is_kept(self, seed: int, n: int) -> None:
        """Its symmetry. Kills: batches or heads that are mixed up."""
        parts, order = [heads(n, seed + k, 3) for k in range(3)], torch.tensor([2, 0, 1])
        output = attend(*parts, core=self.make())
        turned = attend(*(part[order] for part in parts), core=self.make())
        torch.testing.assert_close(turned, output[order], **CLOSE)

    @pytest.mark.parametrize("name", SCHEMES)
    def test_schemes_that_do_not_fit_are_refused(self, name: str) -> None:
        """Kills: a scheme that is ignored in silence, one refused that would fit."""
        parts, position = [heads(9, k) for k in range(3)], scheme(name)
        if name in self.fits:
            wanted = attend(*parts, position=position, core=Materialised())
            output = attend(*parts, position=position, core=self.exact(9))
            torch.testing.assert_close(output, wanted, **CLOSE)
            return
        with pytest.raises(DomainError, match=type(self.make()).__name__ + r": .*use another core"):
            attend(*parts, position=position, core=self.make())

    @pytest.mark.parametrize("kind", [Causal, Window, Padding, Mass])
    def test_masks_that_do_not_fit_are_refused(self, kind: type[Mask]) -> None:
        """Kills: a mask that is ignored in silence, one refused that would fit."""
        parts = [heads(9, k, 3) for k in range(3)]
        mask = self.mask(kind, 9, 5)
        if kind in self.masks:
            wanted = attend(*parts, mask=mask, core=Materialised())
            torch.testing.assert_close(
                attend(*parts, mask=mask, core=self.exact(9)), wanted, **CLOSE
            )
            return
        with pytest.raises(DomainError, match=type(self.make()).__name__ + r": .*use another core"):
            attend(*parts, mask=mask, core=self.make())
