"""A key that stands for a mass; windows; sequences of unequal length; points in k-d order."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention import (
    Causal,
    Mass,
    MultiheadAttention,
    Padding,
    Patch,
    Ragged,
    RelativeTable,
    Universal,
    Window,
    attend,
    attend_ragged,
    kd_order,
)
from sciformer.attention.cores import Materialised, RowBlocks
from sciformer.errors import DomainError, ShapeError
from tests.contracts.cores import heads, scheme


def quadrature(edges: Tensor, weighted: bool) -> float:
    """Attention of a query at 0.37 to the middles of cells."""
    x, sizes = (edges[1:] + edges[:-1]) / 2, edges[1:] - edges[:-1]

    def feature(x: Tensor) -> Tensor:
        return torch.stack([torch.sin(3 * x), torch.cos(5 * x), x], -1)[None]

    value = torch.exp(torch.sin(6 * x))[None, :, None]
    query = feature(torch.tensor([0.37], dtype=torch.float64))
    mask = Mass(sizes) if weighted else None
    return float(attend(query, feature(x), value, scale=2.0, mask=mask))


def test_cell_sizes_make_attention_a_quadrature_of_second_order() -> None:
    """On a mesh graded as t^3, against scipy's integral. Kills: a mass that is not a logarithm."""
    from scipy.integrate import quad

    def raised(x: float) -> float:
        at = 0.37
        score = math.sin(3 * at) * math.sin(3 * x) + math.cos(5 * at) * math.cos(5 * x) + at * x
        return math.exp(2 * score)

    above, _ = quad(lambda x: raised(x) * math.exp(math.sin(6 * x)), 0, 1, epsabs=1e-13)
    below, _ = quad(raised, 0, 1, epsabs=1e-13)
    errors = []
    for n in (50, 100, 200, 400):
        edges = torch.linspace(0, 1, n + 1, dtype=torch.float64) ** 3
        errors.append(abs(quadrature(edges, True) - above / below))
        assert abs(quadrature(edges, False) - above / below) > 0.1
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(abs(order - 2) < 0.1 for order in orders)
    assert errors[-1] < 1e-5


def test_masses_have_derivatives_and_zeros_are_absent() -> None:
    """Kills: log 0, a mass that is detached, a refused mass that passes."""
    parts = [heads(4, k) for k in range(3)]
    weights = torch.tensor([0.5, 2.0, 0.7, 1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: attend(*parts, mask=Mass(w)), (weights,))
    gone = torch.tensor([0.5, 0.0, 0.7, 0.0], dtype=torch.float64)
    kept = torch.tensor([0, 2])
    wanted = attend(parts[0], parts[1][:, kept], parts[2][:, kept], mask=Mass(gone[kept]))
    torch.testing.assert_close(attend(*parts, mask=Mass(gone)), wanted)
    for bad in (-0.1, math.nan, math.inf):
        with pytest.raises(DomainError, match=r"^Mass: masses must be finite numbers >= 0; got"):
            Mass(torch.tensor([1.0, bad]))


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 40),
    before=st.integers(0, 9),
    after=st.integers(0, 4),
    rows=st.integers(1, 12),
    name=st.sampled_from(["none", "alibi", "urpe", "shaw-values"]),
    start=st.integers(-3, 5),
)
def test_a_window_is_its_boolean_table(
    n: int, before: int, after: int, rows: int, name: str, start: int
) -> None:
    """Kills: a slice one key short, tables that are not cut with their keys."""
    parts, position = [heads(n, k) for k in range(3)], scheme(name)
    offsets = Patch(n, n, start).offsets()
    table = (offsets >= -before) & (offsets <= after)
    wanted = attend(*parts, position=position, mask=table, query_start=start, core=Materialised())
    got = attend(
        *parts,
        position=position,
        mask=Window(before, after),
        query_start=start,
        core=RowBlocks(rows),
    )
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_windows_refuse_negative_reaches() -> None:
    """Kills: a window that sees nothing, in silence."""
    assert (Window(3) & Causal()).reach() == (-3, 0)
    assert (Window(3, 2) & Window(1, 5)).reach() == (-1, 2)
    for bad in ((-1, 0), (0, -1)):
        with pytest.raises(DomainError, match=r"before and after must be >= 0 positions; got"):
            Window(*bad)


@pytest.mark.parametrize("position", ["none", "table", "absolute", "urpe"])
@pytest.mark.parametrize("mask", [None, Causal(), Window(2)])
def test_ragged_sequences_are_each_alone(position: str, mask: Causal | None) -> None:
    """Kills: positions that do not restart, an order that is lost by grouping lengths."""
    layer = MultiheadAttention(8, 2, position=scheme(position)).double()
    generator = torch.Generator().manual_seed(3)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator)
    lengths = (4, 1, 7, 0, 4, 2, 7, 4, 0)
    alone = [torch.randn(n, 8, generator=generator, dtype=torch.float64) for n in lengths]
    sequences = Ragged.of(alone)
    got = attend_ragged(layer, sequences, mask=mask)
    assert got.lengths == lengths
    for found, tokens in zip(got.sequences(), alone, strict=True):
        assert found.shape == tokens.shape
        if len(tokens):
            torch.testing.assert_close(found, layer(tokens, mask=mask), rtol=1e-12, atol=1e-13)
    nobody = attend_ragged(layer, Ragged(sequences.tokens[:0], (0, 0)), mask=mask)
    assert nobody.tokens.shape == (0, 8)
    changed = Ragged.of([alone[0], *(tokens + torch.nan for tokens in alone[1:])])
    first = attend_ragged(layer, changed, mask=mask).sequences()[0]
    torch.testing.assert_close(first, got.sequences()[0], rtol=1e-12, atol=1e-13)
    padded, exists = sequences.padded()
    visible = Padding(exists) if mask is None else Padding(exists) & mask
    torch.testing.assert_close(got.tokens, layer(padded, mask=visible)[exists])


def test_sequences_of_one_length_apart_and_side_by_side() -> None:
    """Kills: outputs left in the order of the lengths, copies where views would do."""
    layer = MultiheadAttention(8, 2).double()
    for lengths in ((3, 5, 3, 0, 4, 5), (5, 5, 3, 3, 1)):
        batch = Ragged(torch.randn(sum(lengths), 8, dtype=torch.float64), lengths)
        wanted = torch.cat([layer(one) for one in batch.sequences()])
        torch.testing.assert_close(attend_ragged(layer, batch).tokens, wanted)


def test_ragged_refuses_what_does_not_add_up() -> None:
    """Kills: tokens of a sequence counted to the next."""
    for lengths in ((2, 2), (6, -1), ()):
        with pytest.raises(ShapeError, match=r"lengths >= 0 that add up to N; got tokens \(5, 2\)"):
            Ragged(torch.zeros(5, 2), lengths)
    assert Ragged(torch.zeros(5, 2), (2, 3)).offsets == (0, 2, 5)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 90), c=st.integers(1, 3), leaf=st.integers(1, 9), seed=st.integers(0, 99))
def test_the_order_is_a_permutation_whose_blocks_are_boxes(
    n: int, c: int, leaf: int, seed: int
) -> None:
    """Blocks are cells: no box of a block holds the middle of another block's box on all sides.

    Kills: a cut that is not a multiple of the leaf, an inverse that is the permutation."""
    points = torch.rand(n, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    order = kd_order(points, leaf)
    assert torch.equal(order.permutation.sort().values, torch.arange(n))
    assert torch.equal(order.restore(order.sort(points)), points)
    cells = order.sort(points).split(leaf)
    assert len(cells) == -(-n // leaf)
    for a in range(len(cells)):
        for b in range(a):
            low, high = cells[a].amin(0), cells[a].amax(0)
            other = cells[b].amin(0), cells[b].amax(0)
            assert bool(((low >= other[1]) | (high <= other[0])).any())


def test_the_order_refuses_what_is_no_cloud() -> None:
    """Kills: nan that is sorted somewhere."""
    with pytest.raises(ShapeError, match=r"points have shape \(n >= 1, c >= 1\); got \(3,\)"):
        kd_order(torch.zeros(3), 2)
    with pytest.raises(DomainError, match=r"got leaf 0 and 0 coordinates"):
        kd_order(torch.zeros(3, 2), 0)
    with pytest.raises(DomainError, match=r"got leaf 2 and 1 coordinates that are not finite"):
        kd_order(torch.tensor([[0.0, math.nan], [0.0, 1.0]]), 2)


def test_unequal_gains_are_relative_to_each_sequence() -> None:
    """Kills: offsets counted along the packed row."""
    layer = MultiheadAttention(4, 1, position=Universal(RelativeTable(1, 5), 1, 5)).double()
    torch.nn.init.normal_(layer.position.table, generator=torch.Generator().manual_seed(0))
    tokens = torch.randn(5, 4, dtype=torch.float64)
    packed = Ragged.of([tokens, tokens])  # ten tokens would be further apart than the table
    first, second = attend_ragged(layer, packed).sequences()
    torch.testing.assert_close(first, second)
