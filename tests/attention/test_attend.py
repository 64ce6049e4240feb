"""attend: its door, its blocks and their memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.attention import (
    Additive,
    ALiBi,
    Boolean,
    Causal,
    LearnedAbsolute,
    Mass,
    MultiheadAttention,
    Padding,
    Ragged,
    RelativeTable,
    Rotary,
    Scoring,
    Universal,
    Window,
    attend,
    attend_ragged,
    influences,
    merge,
    part,
)
from sciformer.attention import attend as attend_function
from sciformer.attention.cores import Automatic, Fused, Materialised, RowBlocks, ToeplitzRows
from sciformer.attention.cores.automatic import MATERIALISED_PAIRS
from sciformer.attention.masks import Mask, as_mask
from sciformer.attention.patch import Patch
from sciformer.errors import DomainError, ShapeError, UsageError


def heads(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def universal(n: int) -> Universal:
    position = Universal(RelativeTable(2, n), 2, n).double()
    generator = torch.Generator().manual_seed(7)
    for parameter in position.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return position


@pytest.mark.parametrize("n", [513, 577])
def test_long_sequences_run_in_blocks_and_agree(n: int) -> None:
    """Kills: a last block of the wrong length. n is not a multiple of 64; forward and gradient."""
    results = []
    for core in (None, RowBlocks(), Materialised()):
        inputs = [heads(2, n, 3, seed=k).requires_grad_() for k in range(3)]
        position = universal(n)
        output = attend(*inputs, position=position, mask=Causal(), core=core)
        output.square().sum().backward()
        results.append(
            [output, *(x.grad for x in inputs), *(p.grad for p in position.parameters())]
        )
    *blocked_ways, wanted = results
    for blocked, whole in [pair for way in blocked_ways for pair in zip(way, wanted, strict=True)]:
        torch.testing.assert_close(blocked, whole, rtol=1e-12, atol=1e-12)


class LargestTensor(torch.utils._python_dispatch.TorchDispatchMode):
    """Watches every tensor that is made, forward and backward."""

    largest = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        made = function(*arguments, **(keywords or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, Tensor):
                self.largest = max(self.largest, tensor.untyped_storage().nbytes() // 8)
        return made


def test_blocks_never_hold_the_matrix() -> None:
    """Kills: blocks that are kept for the backward pass, a bias built for all rows at once."""
    n, kept = 600, {}
    inputs = [heads(2, n, 3, seed=k).requires_grad_() for k in range(3)]
    position = universal(n)

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 8
        return tensor

    assert n * n > MATERIALISED_PAIRS
    with LargestTensor() as made, torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        attend(*inputs, position=position, core=RowBlocks()).square().sum().backward()
    assert made.largest <= 2 * 64 * (2 * n)  # a padded block of both heads
    assert sum(kept.values()) < 60 * n  # inputs, scaled query and output are 6 n each


def test_one_query_over_many_keys_is_one_row() -> None:
    """Kills: blocks chosen by the number of keys."""
    key = heads(1, 5000, 2, seed=1)
    with LargestTensor() as made:
        output = attend(heads(1, 1, 2), key, key)
    assert made.largest == 10000
    assert torch.equal(output, attend(heads(1, 1, 2), key, key, core=RowBlocks(1)))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 4), (5, 4), (5, 4)), r"got \(5, 4\), \(5, 4\) and \(5, 4\)"),
        (((2, 5, 4), (2, 6, 3), (2, 6, 4)), r"same d .* got \(2, 5, 4\), \(2, 6, 3\)"),
        (((2, 5, 4), (2, 6, 4), (2, 7, 4)), r"same m; got .* and \(2, 7, 4\)"),
        (((2, 5, 4), (3, 6, 4), (3, 6, 4)), r"same number of heads; got 2, 3, 3 and None"),
        (((2, 5, 4), (2, 6, 4), (3, 6, 4)), r"same number of heads; got 2, 2, 3 and None"),
    ],
)
def test_refuses_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    """Kills: each of the checks at the door."""
    with pytest.raises(ShapeError, match=message):
        attend(*(torch.zeros(shape) for shape in shapes))


def test_refuses_a_scheme_for_other_heads() -> None:
    """Kills: one head's slope broadcast over all."""
    part = torch.zeros(2, 3, 4)
    with pytest.raises(ShapeError, match=r"got 2, 2, 2 and 3"):
        attend(part, part, part, position=ALiBi(3))


@pytest.mark.parametrize("block", [0, -3])
def test_refuses_empty_blocks(block: int) -> None:
    """Kills: a bound off by one."""
    part = torch.zeros(2, 3, 4)
    attend(part, part, part, core=RowBlocks(1))
    for core in (RowBlocks, Fused, ToeplitzRows):
        with pytest.raises(
            DomainError, match=rf"^{core.__name__}: .* at least one row; got {block}"
        ):
            core(block)


@pytest.mark.parametrize("mask", [torch.ones(3, 3, dtype=torch.int64), torch.ones(3)])
def test_refuses_masks_of_whole_numbers_and_of_one_axis(mask: Tensor) -> None:
    """Kills: an integer mask taken for logits, a vector taken for keys."""
    with pytest.raises(ShapeError, match=r"a mask tensor is boolean .* got torch\."):
        as_mask(mask)


def test_scale_replaces_the_default() -> None:
    """Kills: a scale applied twice or not at all."""
    query, key = heads(1, 2, 4), heads(1, 3, 4, seed=1)
    wanted = (0.3 * query @ key.transpose(-1, -2)).softmax(-1) @ key
    torch.testing.assert_close(attend(query, key, key, scale=0.3), wanted)


def test_masks_combine() -> None:
    """Kills: `or` for `and`, added logits that are lost, lengths that broadcast over heads."""
    query, key, value = (heads(3, 2, 4, 4, seed=k) for k in range(3))
    bias = heads(4, 4, seed=9)
    lengths = torch.tensor([1, 3, 4])
    allowed = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(3)) < 0.8
    combined = Causal() & Padding(lengths) & allowed & Additive(bias) & Additive(2 * bias)
    exists = torch.arange(4) < lengths[:, None]
    where = torch.ones(4, 4).tril().bool() & exists[:, None, None] & allowed
    wanted = attend(query, key, value, mask=torch.where(where, 3 * bias, -torch.inf))
    torch.testing.assert_close(attend(query, key, value, mask=combined), wanted)
    by_keys = Causal() & Padding(exists) & Boolean(allowed) & (3 * bias)
    torch.testing.assert_close(attend(query, key, value, mask=by_keys), wanted)


def test_an_additive_mask_adds_its_numbers() -> None:
    """Against torch's own. Kills: finite numbers lost, a logit where it is forbidden."""
    query, key, value = (heads(3, 2, 4, 4, seed=k) for k in range(3))
    forbidden = torch.rand(4, 4, generator=torch.Generator().manual_seed(2)) < 0.3
    table = heads(4, 4, seed=9).masked_fill(forbidden & ~torch.eye(4).bool(), -torch.inf)
    wanted = functional.scaled_dot_product_attention(query, key, value, attn_mask=table)
    torch.testing.assert_close(attend(query, key, value, mask=table), wanted)
    added = Additive(table).added(Patch(4, 4, 0, 0))
    assert torch.equal(added, table.masked_fill(table.isinf(), 0))


@pytest.mark.parametrize("indifferent", [Mask(), Causal()])
def test_a_mask_that_forbids_nothing_changes_no_other(indifferent: Mask) -> None:
    """One query at the end sees all. Kills: None combined with a table, on either side."""
    query, key = heads(2, 2, 1, 3), heads(2, 2, 5, 3, seed=1)
    allowed, bias = torch.tensor([[1, 0, 1, 1, 0]]).bool(), heads(1, 5, seed=2)
    for mask in (Boolean(allowed), Additive(bias), Boolean(allowed) & Additive(bias)):
        alone = attend(query, key, key, mask=mask, query_start=4)
        for both in (indifferent & mask, mask & indifferent):
            assert torch.equal(attend(query, key, key, mask=both, query_start=4), alone)


def test_a_mask_of_one_row_serves_every_block() -> None:
    """Kills: the one row cut away for later blocks."""
    query, key = heads(2, 6, 3), heads(2, 6, 3, seed=1)
    bias = heads(1, 6, seed=2)
    whole = attend(query, key, key, mask=bias, core=RowBlocks(6))
    torch.testing.assert_close(attend(query, key, key, mask=bias, core=RowBlocks(4)), whole)


def test_causal_mask_counts_true_positions() -> None:
    """Kills: a triangle that starts at the corner of the patch."""
    query, key = heads(1, 2, 3), heads(1, 5, 3, seed=1)
    seen = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]).bool()
    wanted = attend(query, key, key, mask=seen)
    assert torch.equal(attend(query, key, key, mask=Causal(), query_start=4, key_start=2), wanted)


def test_public_name_is_the_function() -> None:
    """Kills: the module `attend` hiding the function of the same name."""
    import sciformer

    assert sciformer.attend is attend_function


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": torch.ones(5, 4, dtype=torch.bool)}, r"5 queries and 6 keys .* got \(5, 4\)"),
        ({"mask": torch.zeros(3, 6)}, r"5 queries and 6 keys .* got \(3, 6\)"),
        ({"mask": Mass(torch.ones(5)) & Causal()}, r"5 queries and 6 keys .* got \(1, 1, 5\)"),
        ({"mask": Padding(torch.ones(2, 7, dtype=torch.bool))}, r"got \(2, 1, 1, 7\)"),
        ({"mask": "causal"}, r"a mask is an object such as Causal\(\), or a tensor; got 'causal'"),
        ({"mask": Causal}, r"a mask is an object .* got <class"),
        ({"position": Rotary}, r"a position scheme is an object such as Rotary\(\); got <class"),
        ({"core": "fused"}, r"a core is an object such as RowBlocks\(\); got fused"),
        ({"core": RowBlocks}, r"a core is an object .* got <class"),
        ({"value": torch.ones(2, 6, 3).double()}, r"one type; got torch.float32, .* torch.float64"),
        ({"value": torch.ones(2, 6, 3, dtype=torch.int64)}, r"real numbers .* torch.int64"),
        ({"value": np.ones((2, 6, 3))}, r"torch tensors; got ndarray"),
        ({"query": torch.ones(2, 5, 0), "key": torch.ones(2, 6, 0)}, r"at least one number"),
    ],
)
def test_whatever_else_is_handed_over_is_refused(options: dict[str, Any], message: str) -> None:
    """One sentence, not the error of a product deep below. Kills: each check at the door."""
    heads_ = {
        "query": torch.ones(2, 5, 4),
        "key": torch.ones(2, 6, 4),
        "value": torch.ones(2, 6, 3),
    }
    with pytest.raises(UsageError, match=message):
        attend(**{**heads_, **options})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Padding([3, 2]), r"Padding: expects a torch tensor; got \[3, 2\]"),
        (
            lambda: Padding(torch.tensor([1.0, 1.0, 0.0])),
            r"expects lengths .* or a boolean .*; got torch\.float32",
        ),
        (lambda: Mass([1.0]), r"Mass: expects a torch tensor"),
        (lambda: Mass(torch.tensor(2.0)), r"Mass: masses have a shape \(\.\.\., m\)"),
        (lambda: Window(math.nan), r"Window: .* got before nan"),
        (
            lambda: (Mass(torch.ones(3)) & Padding(torch.ones(4).bool())).shape,
            r"combined broadcast to one shape; got \(1, 1, 3\) and \(1, 1, 4\)",
        ),
        (lambda: Causal() & None, r"a mask is an object"),
        (lambda: Ragged.of([]), r"all with the same d; got none"),
        (lambda: Ragged.of([torch.ones(2, 3), torch.ones(2, 4)]), r"\(2, 3\), \(2, 4\)"),
        (lambda: Ragged.of([np.ones((2, 3))]), r"expects tensors .* ndarray"),
        (lambda: Ragged(torch.ones(3, 2), (1.0, 2.0)), r"lengths are whole numbers"),
        (lambda: MultiheadAttention(8, 2)(torch.ones(1, 3, 7)), r"tokens have the width 8; got"),
        (lambda: MultiheadAttention(8, 2, position=ALiBi(4)), r"ALiBi is made for .* 4 heads"),
        (lambda: MultiheadAttention(8, 2, position=LearnedAbsolute(6, 9)), r"tokens of width 6"),
    ],
)
def test_objects_of_other_things_are_refused(make: Callable[[], Any], message: str) -> None:
    """Kills: a list that fails deep below, a table of 0.0 and 1.0 read as lengths."""
    with pytest.raises(UsageError, match=message):
        make()


def test_a_mask_of_certain_lengths_is_refused_for_ragged_sequences() -> None:
    """Kills: the mask of one batch that meets another one."""
    layer, batch = MultiheadAttention(4, 2), Ragged.of([torch.ones(2, 4), torch.ones(3, 4)])
    for mask in (Padding(torch.tensor([2, 3])), Mass(torch.ones(5)), torch.ones(2, 2).bool()):
        with pytest.raises(ShapeError, match=r"means the same for every length, .* of shape"):
            attend_ragged(layer, batch, mask=mask)  # type: ignore[arg-type]
    assert attend_ragged(layer, batch, mask=Causal() & Window(2)).tokens.shape == (5, 4)


def test_parts_of_other_queries_are_refused() -> None:
    """Kills: an error of torch.stack, shapes that broadcast."""
    one = part(heads(2, 3, 4), heads(2, 5, 4), heads(2, 5, 4))
    other = part(heads(2, 2, 4), heads(2, 5, 4), heads(2, 5, 4))
    with pytest.raises(ShapeError, match=r"same queries and values; got outputs \(2, 3, 4\), "):
        merge(one, other)
    nothing = influences(heads(2, 3, 4), heads(2, 0, 4), heads(2, 0, 5))
    assert nothing.shape == (2, 3, 0, 5)


def test_many_short_sequences_take_the_fused_core_where_nothing_is_recorded() -> None:
    """Kills: a choice by the pairs of one sequence alone, one that loses derivatives."""
    query, key, value = (heads(40, 4, 64, 8, seed=k) for k in range(3))
    scoring = Scoring(Patch(64, 64), 64)
    assert isinstance(Automatic().choose(query, key, value, scoring), Fused)
    assert isinstance(Automatic().choose(query[:9], key, value, scoring), Materialised)
    recorded = query.clone().requires_grad_()
    assert isinstance(Automatic().choose(recorded, key, value, scoring), Materialised)
    wanted = attend(query, key, value, core=Materialised())
    torch.testing.assert_close(attend(query, key, value), wanted)
