"""Parts of the keys merge to the whole, whatever the split; each key's influence; processes."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from sciformer.attention import (
    ALiBi,
    Causal,
    Mask,
    NoPosition,
    Padding,
    Part,
    Position,
    ShawKeyValue,
    Universal,
    Window,
    attend,
    influences,
    merge,
    merge_shared,
    part,
)
from sciformer.attention.cores import Materialised
from sciformer.errors import DomainError
from tests.contracts.cores import heads, scheme

M = 37
POSITIONS = ["none", "rotary", "alibi", "urpe", "shaw-values"]


def split(parts: list[Tensor], cuts: list[int], **options: Any) -> list[Part]:
    """One part for each piece of the keys; a mask by its positions."""
    query, key, value = parts
    edges = [0, *cuts, key.shape[-2]]
    return [
        part(query, key[..., a:b, :], value[..., a:b, :], key_start=a, **options)
        for a, b in itertools.pairwise(edges)
    ]


def logits(parts: list[Tensor]) -> Tensor:
    query, key, _ = parts
    return query @ key.mT / query.shape[-1] ** 0.5


def merged_by_a_tree(found: list[Part], seed: int) -> Part:
    """Two neighbours at a time, in random order."""
    order = random.Random(seed)
    while len(found) > 1:
        i = order.randrange(len(found) - 1)
        found[i : i + 2] = [merge(found[i], found[i + 1])]
    return found[0]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(1, M - 1), max_size=12, unique=True),
    name=st.sampled_from(POSITIONS),
    mask=st.sampled_from([None, Causal(), Window(5), Window(3, 2)]),
    size=st.sampled_from([1.0, 300.0]),
)
@example(seed=10903, cuts=[1, 4], name="none", mask=None, size=300.0)
def test_any_split_and_tree_is_the_whole(
    seed: int, cuts: list[int], name: str, mask: Mask | None, size: float
) -> None:
    """Logits up to 1e6, parts without a key in reach, a signed gain. Kills: a gain in the mass, a
    part that forgets its key_start, an overflow, a mass of -inf."""
    parts = [size * heads(M, seed, 2), size * heads(M, seed + 1, 2), heads(M, seed + 2, 2)]
    position = scheme(name, seed)
    wanted = attend(*parts, position=position, mask=mask, core=Materialised())
    found = split(parts, sorted(cuts), position=position, mask=mask)
    got = merged_by_a_tree(found, seed)
    assert bool(got.mass.isfinite().all())
    # A logit of size L is rounded by about L eps, and its weight by that share.
    rounding = 8 * torch.finfo(torch.float64).eps * float(logits(parts).abs().max())
    torch.testing.assert_close(got.output, wanted, rtol=1e-12, atol=1e-12 + rounding)


def test_derivatives_of_second_order_exist_with_an_empty_part() -> None:
    """Kills: a mass of -inf, whose second derivative is nan; logaddexp, nan from 709 on."""
    parts = [heads(5, k).requires_grad_() for k in range(3)]

    def run(*parts: Tensor) -> Tensor:
        return merge(*split(list(parts), [2, 3], mask=Causal())).output

    torch.manual_seed(0)
    assert torch.autograd.gradcheck(run, parts, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, parts, fast_mode=True)
    far = [torch.tensor([[[40.0, 0.0]]]).double().requires_grad_() for _ in range(2)]
    other = torch.tensor([[[-40.0, 1.0]]]).double()  # logits 2,263 apart
    both = merge(part(far[0], far[1], far[1]), part(far[0], other, other)).output
    (slope,) = torch.autograd.grad(both.sum(), far[0], create_graph=True)
    (twice,) = torch.autograd.grad(slope.sum(), far[0])
    assert bool(twice.isfinite().all())


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), name=st.sampled_from(["none", "urpe"]), cut=st.integers(1, 19))
def test_a_part_taken_out_leaves_the_rest(seed: int, name: str, cut: int) -> None:
    """Kills: the share of the whole for that of the part, a mass that stays."""
    parts, position = [heads(20, seed + k) for k in range(3)], scheme(name, seed)
    first, second = split(parts, [cut], position=position)
    rest = merge(first, second).without(first)
    torch.testing.assert_close(rest.mass, second.mass, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(rest.output, second.output, rtol=1e-9, atol=1e-9)
    with pytest.raises(DomainError, match=r"holds all the mass of a query"):
        first.without(first)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 999),
    n=st.integers(1, 7),
    name=st.sampled_from(["none", "alibi", "urpe"]),
    mask=st.sampled_from([None, Causal(), Padding(torch.tensor([3]))]),
    sharpness=st.sampled_from([1.0, 40.0]),
)
def test_influences_are_those_of_leaving_out(
    seed: int, n: int, name: str, mask: Mask | None, sharpness: float
) -> None:
    """By attention without each key, with weights up to 1 - 1e-30. Kills: 1 - p that cancels, a
    gain left out, a hidden key with an influence, a lone key whose influence is nan."""
    parts, position = [sharpness * heads(n, seed, 1), heads(n, seed + 1, 1)], scheme(name, seed)
    parts.append(heads(n, seed + 2, 1))
    found = influences(*parts, position=position, mask=mask)
    whole = attend(*parts, position=position, mask=mask, core=Materialised())
    for j in range(n):
        others = torch.arange(n) != j
        hidden = others.expand(n, n) if mask is None else mask & others.expand(n, n)
        without = attend(*parts, position=position, mask=hidden, core=Materialised())
        torch.testing.assert_close(found[..., j, :], whole - without, rtol=1e-11, atol=1e-12)


def test_schemes_that_cannot_be_split_are_refused() -> None:
    """Kills: a ring of positions read in pieces, values of a scheme that are left out."""

    class Ring(NoPosition):
        splits_keys = False

    parts = [heads(4, k) for k in range(3)]
    with pytest.raises(DomainError, match=r"^part: Ring needs all keys at once"):
        part(*parts, position=Ring())
    with pytest.raises(DomainError, match=r"^influences: ShawKeyValue adds to the values"):
        influences(*parts, position=ShawKeyValue(4, 2).double())
    with pytest.raises(DomainError, match=r"^merge: needs at least one part"):
        merge()


class Messages:
    """Two ranks in one process: the first call of each holds its message until both are there."""

    size = 2

    def __init__(self, rank: int, box: list[tuple[Tensor, ...]]) -> None:
        self.rank, self.box = rank, box

    def total(self, *parts: Tensor) -> tuple[Tensor, ...]:
        self.box.append(parts)
        return tuple(sum(each) for each in zip(*self.box, strict=True))


def test_shared_parts_are_placed_by_rank() -> None:
    """Kills: parts that overwrite each other, sums of masses."""
    parts = [heads(9, k) for k in range(3)]
    first, second = split(parts, [4])
    box: list[tuple[Tensor, ...]] = []
    merge_shared(first, Messages(0, box))
    got = merge_shared(second, Messages(1, box))
    torch.testing.assert_close(got.output, attend(*parts), rtol=1e-12, atol=1e-12)


def _process(rank: int, address: str, position: Position, wanted: Tensor) -> None:
    from sciformer.runs.processes import Group

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    query, key, value = (heads(30, k) for k in range(3))
    own = slice(0, 11) if rank == 0 else slice(11, 30)
    found = part(
        query, key[:, own], value[:, own], position=position, mask=Causal(), key_start=own.start
    )
    torch.testing.assert_close(merge_shared(found, Group()).output, wanted, rtol=1e-12, atol=1e-12)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_keys_shared_by_two_processes(tmp_path: Any) -> None:
    """One all-reduce. Kills: a message of one process only."""
    position = Universal(ALiBi(2), 2, 64).double()
    wanted = attend(*(heads(30, k) for k in range(3)), position=position, mask=Causal()).detach()
    for parameter in position.parameters():
        parameter.requires_grad_(False)
    spawn(_process, (f"file://{tmp_path}/meeting", position, wanted), nprocs=2)
