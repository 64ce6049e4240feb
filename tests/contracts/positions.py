"""Laws every position scheme keeps. A subclass gives make(), oracle() and two facts about it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention import Causal, MultiheadAttention, Padding, Position, attend
from sciformer.attention.cores import Core, RowBlocks
from tests.oracles import attention as oracle

HEADS, HEAD_WIDTH = 2, 4
WIDTH = HEADS * HEAD_WIDTH
LENGTH = 24
# 20 additions and products of numbers of order 1 to 10, each rounded to 1.1e-16.
CLOSE = {"rtol": 1e-12, "atol": 1e-13}
few = settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.differing_executors],  # each subclass runs each law
)
seeds = st.integers(0, 2**31)
lengths = st.integers(1, 9)


def random_heads(*lengths: int, seed: int, batch: tuple[int, ...] = ()) -> list[Tensor]:
    """One tensor (*batch, HEADS, n, HEAD_WIDTH) per length."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(*batch, HEADS, n, HEAD_WIDTH, generator=generator, dtype=torch.float64)
        for n in lengths
    ]


def random_tokens(*shape: int, seed: int) -> Tensor:
    """Tokens (*shape, WIDTH)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, WIDTH, generator=generator, dtype=torch.float64)


class PositionContract:
    """The laws; HEADS, HEAD_WIDTH and LENGTH are what make() must build for."""

    sees_order = True
    """Whether swapping two tokens does more than swap their outputs."""
    is_relative = True
    """Whether moving all positions by the same number changes nothing."""
    has_gain = False
    fits_fused = True
    """Whether torch's fused attention can express it by its additive mask."""

    def make(self) -> Position:
        raise AssertionError("a subclass builds the scheme")

    def oracle(self, position: Position) -> oracle.Scheme:
        raise AssertionError("a subclass states the scheme pair by pair")

    def scheme(self, seed: int = 0) -> Position:
        """The scheme in float64 with every parameter drawn at random."""
        position = self.make().double()
        generator = torch.Generator().manual_seed(seed)
        for parameter in position.parameters():
            torch.nn.init.normal_(parameter, generator=generator)
        return position

    def layer(self, seed: int) -> MultiheadAttention:
        generator = torch.Generator().manual_seed(seed)
        layer = MultiheadAttention(WIDTH, HEADS, position=self.make()).double()
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.7, generator=generator)
        return layer

    @few
    @given(seed=seeds, n=lengths, m=lengths, starts=st.tuples(lengths, lengths))
    def test_agrees_with_three_loops(
        self, seed: int, n: int, m: int, starts: tuple[int, int]
    ) -> None:
        """Kills: transposed offsets, bias after softmax, gain before softmax, unscaled logits."""
        layer = self.layer(seed)
        maps = oracle.Projections(
            *((part.weight, part.bias) for part in (layer.query, layer.key, layer.value)),
            (layer.output.weight, layer.output.bias),
        )
        tokens, memory = random_tokens(n, seed=seed), random_tokens(m, seed=seed + 1)
        pairs = oracle.Pairs(query_start=starts[0], key_start=starts[1])
        wanted = oracle.multihead(tokens, memory, HEADS, maps, self.oracle(layer.position), pairs)
        got = layer(tokens, memory, query_start=starts[0], key_start=starts[1])
        torch.testing.assert_close(got, wanted, **CLOSE)

    @few
    @given(seed=seeds, n=lengths, block=st.integers(1, 10), is_causal=st.booleans())
    def test_blocks_do_not_change_the_result(
        self, seed: int, n: int, block: int, is_causal: bool
    ) -> None:
        """Kills: a block that forgets its query_start, a mask that is not cut into rows."""
        query, key, value = random_heads(n, n + 2, n + 2, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        mask = (
            Padding(torch.tensor(max(1, n - 1)))
            & (torch.rand(HEADS, n, n + 2, generator=generator) < 0.7)
            & torch.randn(n, n + 2, generator=generator)
        )
        if is_causal:
            mask = Causal() & mask
        position = self.scheme(seed)
        whole = attend(query, key, value, position=position, mask=mask, core=RowBlocks(n))
        blocked = attend(query, key, value, position=position, mask=mask, core=RowBlocks(block))
        torch.testing.assert_close(blocked, whole, rtol=0, atol=1e-12)

    @few
    @given(seed=seeds, batch=st.sampled_from([(3,), (2, 3), (1, 2, 2)]))
    def test_each_sequence_of_a_batch_is_alone(self, seed: int, batch: tuple[int, ...]) -> None:
        """Kills: a softmax or a scheme that reads another axis."""
        layer, tokens = self.layer(seed), random_tokens(*batch, 5, seed=seed)
        together = layer(tokens, mask=Causal()).reshape(-1, 5, WIDTH)
        apart = [layer(one, mask=Causal()) for one in tokens.reshape(-1, 5, WIDTH)]
        torch.testing.assert_close(together, torch.stack(apart), **CLOSE)

    @few
    @given(seed=seeds, n=st.integers(3, 8))
    def test_order_is_seen_or_not(self, seed: int, n: int) -> None:
        """Kills: a scheme that leaks order, and one that does nothing."""
        layer, tokens = self.layer(seed), random_tokens(n, seed=seed)
        order = torch.arange(n).roll(1)
        difference = (layer(tokens[order]) - layer(tokens)[order]).abs().max()
        assert (difference > 1e-9) if self.sees_order else (difference < 1e-12)

    @few
    @given(seed=seeds, shift=st.integers(1, 8))
    def test_only_differences_of_positions_count(self, seed: int, shift: int) -> None:
        """Kills: starts that reach the queries but not the keys."""
        layer, tokens = self.layer(seed), random_tokens(6, seed=seed)
        moved = layer(tokens, query_start=shift, key_start=shift)
        difference = (moved - layer(tokens)).abs().max()
        # Rotary angles reach 16 radians; a product of rotations is off by 16 eps of its size.
        assert (difference < 1e-11) if self.is_relative else (difference > 1e-9)

    @few
    @given(seed=seeds, cut=st.integers(1, 5))
    def test_causal_outputs_ignore_the_future(self, seed: int, cut: int) -> None:
        """Kills: a causal mask off by one, a mask before which something sums over the keys."""
        layer, tokens = self.layer(seed), random_tokens(6, seed=seed)
        changed = tokens.clone()
        changed[cut:] += 7.0
        before, after = layer(tokens, mask=Causal()), layer(changed, mask=Causal())
        assert torch.equal(before[:cut], after[:cut])
        assert not torch.allclose(before[cut:], after[cut:])

    @few
    @given(seed=seeds)
    def test_one_token_at_a_time_with_cached_keys(self, seed: int) -> None:
        """Kills: a query_start that the scheme or the causal mask ignores."""
        layer, tokens = self.layer(seed), random_tokens(6, seed=seed)
        query, key, value = layer.project(tokens)
        for t in range(6):
            heads = attend(
                query[..., t : t + 1, :],
                key,
                value,
                position=layer.position,
                mask=Causal(),
                query_start=t,
            )
            wanted = layer(tokens, mask=Causal())[t : t + 1]
            torch.testing.assert_close(layer.merge(heads), wanted, **CLOSE)

    @few
    @given(seed=seeds, kept=st.integers(1, 4))
    def test_padding_hides_what_it_covers(self, seed: int, kept: int) -> None:
        """Kills: padding on queries, lengths counted from the end."""
        query, key, value = random_heads(5, 5, 5, seed=seed)
        position = self.scheme(seed)
        masked = attend(query, key, value, position=position, mask=Padding(torch.tensor(kept)))
        cut = attend(query, key[:, :kept], value[:, :kept], position=position)
        torch.testing.assert_close(masked, cut, **CLOSE)

    @few
    @given(seed=seeds)
    def test_a_row_without_keys_gives_zero(self, seed: int) -> None:
        """Kills: the nan of an eager softmax over -inf, forward or backward."""
        query, key, value = random_heads(3, 4, 4, seed=seed)
        mask = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]], dtype=torch.bool)
        position = self.scheme(seed)
        for given_mask in (mask, torch.where(mask, 0.3, -torch.inf).double()):
            inputs = [part.clone().requires_grad_() for part in (query, key, value)]
            output = attend(*inputs, position=position, mask=given_mask)
            assert torch.equal(output[:, 1], torch.zeros_like(output[:, 1]))
            assert (output[:, [0, 2]].abs() > 1e-12).all()
            output.square().sum().backward()
            gradients = [part.grad for part in inputs]
            assert all(bool(gradient.isfinite().all()) for gradient in gradients)
            assert torch.equal(gradients[0][:, 1], torch.zeros_like(query[:, 1]))

    @few
    @given(seed=seeds, n=lengths, m=lengths)
    def test_rows_sum_to_one_without_a_gain(self, seed: int, n: int, m: int) -> None:
        """Kills: a mask or a bias after the softmax."""
        layer = self.layer(seed)
        tokens, memory = random_tokens(n, seed=seed), random_tokens(m, seed=seed + 1)
        distance = (layer.weights(tokens, memory).sum(-1) - 1).abs().max()
        assert (distance > 1e-6) if self.has_gain else (distance < 1e-14)

    @few
    @given(seed=seeds, n=lengths, m=lengths)
    @torch.no_grad()
    def test_agrees_with_fused_attention(self, seed: int, n: int, m: int) -> None:
        """Kills: a scale other than 1 / sqrt(d), a bias that is scaled too."""
        if not self.fits_fused:
            return
        query, key, value = random_heads(n, m, m, seed=seed, batch=(2,))
        position = self.scheme(seed)
        pairwise = self.oracle(position)
        bias = torch.tensor(
            [[[float(pairwise.bias(h, i, j)) for j in range(m)] for i in range(n)] for h in (0, 1)],
            dtype=torch.float64,
        )
        wanted = functional.scaled_dot_product_attention(
            position.rotate(query, 0), position.rotate(key, 0), value, attn_mask=bias
        )
        torch.testing.assert_close(attend(query, key, value, position=position), wanted, **CLOSE)

    @pytest.mark.parametrize("core", [RowBlocks(2), None])
    def test_first_and_second_derivatives(self, core: Core | None) -> None:
        """Kills: a wrong adjoint of the Toeplitz matrix, a block recomputed from other inputs."""
        layer = self.layer(3)
        query, key, value = (part.requires_grad_() for part in random_heads(3, 2, 2, seed=4))
        parameters = tuple(layer.position.parameters())

        def run(query: Tensor, key: Tensor, value: Tensor, *_: Tensor) -> Tensor:
            return attend(
                query, key, value, position=layer.position, mask=Causal(), core=core, key_start=-1
            )

        arguments = (query, key, value, *parameters)
        torch.manual_seed(0)  # the random projections of fast_mode
        assert torch.autograd.gradcheck(run, arguments, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, arguments, fast_mode=True)

    @pytest.mark.parametrize(
        ("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 0.15)]
    )
    def test_dtype_follows_the_input(self, dtype: torch.dtype, tolerance: float) -> None:
        """Kills: a float64 table that promotes the result. Tolerance: 100 eps, 20 eps in bf16."""
        layer, tokens = self.layer(5), random_tokens(6, seed=6) * 0.3
        for parameter in layer.parameters():
            parameter.data *= 0.3
        exact = layer(tokens, mask=Causal())
        rounded = layer.to(dtype)(tokens.to(dtype), mask=Causal())
        assert rounded.dtype == dtype
        assert (rounded.double() - exact).abs().max() < tolerance * exact.abs().max()
