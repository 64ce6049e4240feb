"""Cells of keys: what their moments are, how fast their error falls, and that its bound holds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention import Causal, Mass, Padding, attend, certified_attend
from sciformer.attention.cores import Cells, Materialised, Regions
from sciformer.attention.cores.cell_boxes import Boxes
from sciformer.attention.cores.cell_moments import Held, Moments
from sciformer.attention.cores.key_cells import key_cells
from sciformer.errors import DomainError, UsageError


def normal(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@given(seed=st.integers(0, 999), m=st.integers(1, 90), levels=st.integers(0, 5))
@settings(deadline=None, max_examples=30)
def test_every_key_is_in_one_cell(seed: int, m: int, levels: int) -> None:
    """Also with equal keys. Kills: a half that holds a key twice, an index of another cell."""
    keys = normal(seed, 3, m, 2).round()  # many are equal
    cells = key_cells(keys, torch.ones(3, m, dtype=torch.bool), levels)
    assert cells.shape == (3, 2**levels, math.ceil(m / 2**levels))
    for cell in cells.flatten(1):
        assert sorted(int(i) for i in cell if i < m) == list(range(m))
        assert len(set(cell.tolist())) == len(cell)


def test_cells_are_cut_across_their_longest_side() -> None:
    """Kills: an axis of the smallest variance, the axis of another cell or head."""
    column = torch.linspace(0, 1, 16, dtype=torch.float64)[torch.randperm(16)]
    keys = torch.stack([torch.stack([column, 0.1 * column.flip(0)], 1)] * 2)
    keys[1] = keys[1].flip(1)
    cells = key_cells(keys, torch.ones(2, 16, dtype=torch.bool), 3)
    for head in range(2):
        held = keys[head, cells[head]][..., head]  # along the long side
        assert bool((held.amax(1)[:-1] < held.amin(1)[1:]).all())


def test_absent_keys_are_dealt_evenly() -> None:
    """Kills: padding that fills cells of its own and leaves few for the keys that exist."""
    present = torch.arange(64)[None] < 16
    cells = key_cells(normal(0, 1, 64, 3), present, 4)
    assert present[0, cells[0]].sum(1).tolist() == [1] * 16


@pytest.mark.parametrize("half", [0.7, 1.0, 2.0])
def test_the_logit_of_an_evenly_filled_cell(half: float) -> None:
    """log(sinh(a) / a) up to terms of sixth order: 1.7e-5 a^6 by both series.

    Kills: another curvature, x instead of x / 2, a variance without its mass."""
    even = torch.linspace(-1, 1, 4001, dtype=torch.float64)[1::2] * half  # midpoints
    key = torch.stack([torch.cat([even, torch.full_like(even, 5.0)]), torch.zeros(4000)], -1)[None]
    key[0, 2000:, 0], key[0, 2000:, 1] = 0.0, 9.0  # the other cell, all keys equal
    value = (torch.arange(4000) < 2000).double()[None, :, None]
    query = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    output = attend(query, key, value, scale=1.0, core=Cells(2000))
    found = torch.logit(output).item()
    assert abs(found - math.log(math.sinh(half) / half)) <= 2e-5 * half**6 + 1e-7


@pytest.mark.parametrize(("correlated", "order"), [(False, 3), (True, 2)])
def test_the_order_of_the_error(correlated: bool, order: int) -> None:
    """Third in the logits' deviations for the mass, second for the values.

    Kills: a covariance of values with keys that is left out, transposed or halved."""
    cluster = torch.arange(4.0, dtype=torch.float64).repeat_interleave(64)[None, :, None]
    skewed = normal(2, 1, 256, 2).exp()
    key = torch.cat([100 * cluster, skewed], -1)  # queries do not see the first coordinate
    value = torch.cat([cluster.cos(), cluster.cos() + skewed[..., :1] * correlated], -1)
    errors = []
    for scale in (0.04, 0.02):
        query = scale * torch.cat([torch.zeros(1, 32, 1), normal(3, 1, 32, 2)], -1)
        error = attend(query, key, value, core=Cells(64)) - attend(query, key, value)
        errors.append(float(error.norm()))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


@given(
    seed=st.integers(0, 999),
    m=st.integers(1, 60),
    size=st.integers(1, 20),
    spread=st.sampled_from([0.0, 0.03, 0.3, 1.0, 4.0]),
    scale=st.sampled_from([0.1, 1.0, 3.0, 30.0, 3000.0]),
    kept=st.integers(0, 60),
)
@example(seed=0, m=8, size=4, spread=1.0, scale=1.0, kept=0)
@settings(deadline=None, max_examples=60)
def test_the_bound_holds_in_every_row(
    seed: int, m: int, size: int, spread: float, scale: float, kept: int
) -> None:
    """Kills: boxes of the wrong sign, a box of means, a mass left out, exp(e) on one side only."""
    generator = torch.Generator().manual_seed(seed)
    centres = normal(seed, 1, 2, -(-m // size), 3)
    key = centres.repeat_interleave(size, -2)[..., :m, :] + spread * normal(seed + 1, 1, 2, m, 3)
    query = scale * normal(seed + 2, 1, 2, 9, 3)
    value = key[..., :1].sign() * normal(seed + 3, 1, 2, m, 2)
    masses = torch.rand(m, generator=generator, dtype=torch.float64) + 0.1
    mask = Mass(masses) & Padding(torch.tensor([min(kept, m)]))
    found = certified_attend(query, key, value, core=Cells(size), mask=mask)
    error = (found.output - attend(query, key, value, mask=mask)).norm(dim=-1)
    assert bool((error <= found.bound + 1e-12 * max(1, scale)).all())
    if size == 1:  # every key is its own cell
        assert float(error.max()) <= 1e-12 * max(1, scale)


@pytest.mark.parametrize("span", [0.1, 1.0, 3.0, 12.0])
def test_the_errors_of_a_cell_are_bounded(span: float) -> None:
    """Two keys of every share; at small spans the logit's bound is met to a tenth.

    Kills: a constant of skewness halved, Hoeffding's eighth as a sixteenth."""
    ratios = []
    for share in torch.linspace(0.005, 0.995, 199, dtype=torch.float64).tolist():
        masses = torch.tensor([share, 1 - share], dtype=torch.float64)
        key = torch.tensor([[[0.0], [span]]], dtype=torch.float64)
        held = Held.of(torch.ones_like(key[:, :1]), key, key / span, masses, 0)
        moments, boxes = Moments.of(held), Boxes.of(held)
        sight = moments.seen_by(held.query)
        logit, value = (float(part) for part in boxes.errors(held.query, sight))
        raised = (1 - share) * math.exp(span)
        found = (1 - share) * span + (float(sight.root) - 1) / 0.4
        ratios.append(abs(math.log(share + raised) - found) / logit)
        assert ratios[-1] <= 1
        assert abs(raised / (share + raised) - float(sight.output)) <= value
    assert max(ratios) >= (0.9 if span <= 0.1 else 0.3)


def test_second_derivatives_of_keys_that_stay_in_their_cells() -> None:
    """Kills: a root whose derivative at one key in a cell is infinite, a detached moment."""
    key = (40 * normal(0, 1, 4, 1, 2) + normal(1, 1, 4, 3, 2)).flatten(1, 2)[:, :11]
    parts = [(0.05 * normal(2, 1, 3, 2)), key, normal(3, 1, 11, 2)]
    masses = torch.rand(11, dtype=torch.float64) + 0.5
    inputs = [part.requires_grad_() for part in (*parts, masses)]

    def run(query: Tensor, key: Tensor, value: Tensor, masses: Tensor) -> Tensor:
        return attend(query, key, value, mask=Mass(masses), core=Cells(3))

    torch.manual_seed(0)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)
    single = [part.detach()[:, :4].requires_grad_() for part in parts]
    slopes = torch.autograd.grad(attend(*single, core=Cells(1)).square().sum(), single)
    assert all(bool(slope.isfinite().all()) for slope in slopes)


def test_the_products_are_counted() -> None:
    """n cells pairs of d + d^2 + e + e d products, beside the moments of the cells.

    Kills: an exact block hidden beside the cells."""
    from torch.utils.flop_counter import FlopCounterMode

    d, e, m, n = 3, 5, 64, 2048
    query, key, value = normal(0, 1, n, d), normal(1, 1, m, d), normal(2, 1, m, e)
    with FlopCounterMode(display=False) as counter:
        attend(query, key, value, core=Cells(8))
    pairs = n * 8
    turned = n * e * d  # of the shifts with the queries
    moments = m * (d + e) + m * d * (d + e)
    products = pairs * (d + d * d + e + e * d) + turned + moments
    assert counter.get_total_flops() == 2 * products


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_low_precision_and_large_logits(dtype: torch.dtype, scale: float) -> None:
    """Kills: squares of logits that overflow."""
    query, key, value = (normal(k, 2, 2, 100, 4).to(dtype) for k in range(3))
    found = certified_attend(query * scale, key, value, core=Cells(4))
    assert found.output.dtype == dtype
    wanted = attend(query.double() * scale, key.double(), value.double(), core=Materialised())
    error = (found.output.double() - wanted).norm(dim=-1)
    assert bool((error <= found.bound.double() + 8 * torch.finfo(dtype).eps * (1 + scale)).all())


@pytest.mark.parametrize("scale", [1e8, 1e15, 1e25, 1e38])
def test_no_logit_is_too_large(scale: float) -> None:
    """Up to the largest numbers of single precision; then each query sees one cell.

    Kills: the square of a logit, an infinite root times a covariance of 0."""
    query, key, value = (normal(k, 2, 40, 4).float() for k in range(3))
    found = certified_attend(query * scale, key / 4, value, core=Cells(4))
    assert bool(found.output.isfinite().all())
    wanted = attend(query.double() * scale, key.double() / 4, value.double())
    error = (found.output - wanted).norm(dim=-1)
    assert bool((error <= found.bound * (1 + 1e-5)).all())
    assert float(found.bound.max()) < 20


@pytest.mark.parametrize(("n", "m", "e"), [(5, 0, 4), (0, 5, 4), (5, 5, 0), (0, 0, 4)])
def test_nothing_to_attend_to(n: int, m: int, e: int) -> None:
    """Kills: a division by no key, a list of no blocks."""
    parts = normal(0, 2, n, 3), normal(1, 2, m, 3), normal(2, 2, m, e)
    found = certified_attend(*parts, core=Cells(2))
    assert torch.equal(found.output, torch.zeros(2, n, e, dtype=torch.float64))
    assert torch.equal(found.bound, torch.zeros(2, n, dtype=torch.float64))


def test_cells_under_vmap() -> None:
    """Kills: a number of keys that depends on the keys."""
    parts = [normal(k, 3, 2, 21, 4) for k in range(3)]
    found = torch.func.vmap(lambda *heads: attend(*heads, core=Cells(3)))(*parts)
    torch.testing.assert_close(found, attend(*parts, core=Cells(3)), rtol=1e-12, atol=1e-12)


def test_sharp_heads_stay_among_their_values() -> None:
    """Second moments alone would weigh a cell by exp(x / 2), whatever its width.

    Kills: x / 2 in place of the root."""
    query, key, value = 12 * normal(0, 2, 200, 2), normal(1, 2, 200, 2), normal(2, 2, 200, 2)
    value = value + 3 * key
    wanted = attend(query, key, value)
    found = attend(query, key, value, core=Cells(8))
    assert float((found - wanted).norm() / wanted.norm()) < 0.2
    assert float(found.abs().max()) < 1.1 * float(value.abs().max())


def test_batches_of_keys_and_masks_are_broadcast() -> None:
    """Kills: a batch of masses that meets the keys of another."""
    query, key, value = normal(0, 3, 2, 5, 4), normal(1, 2, 12, 4), normal(2, 3, 2, 12, 4)
    mask = Mass(torch.rand(3, 12, dtype=torch.float64) + 0.2) & Padding(torch.tensor([12, 3, 0]))
    found = attend(query, key.expand(3, -1, -1, -1), value, mask=mask, core=Cells(1))
    wanted = attend(query, key.expand(3, -1, -1, -1), value, mask=mask)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    assert bool((found[2] == 0).all())


def test_what_cells_refuse() -> None:
    """Kills: a causal mask that is ignored, a core without a bound that is believed."""
    parts = [normal(k, 2, 6, 4) for k in range(3)]
    with pytest.raises(DomainError, match=r"a whole number of keys >= 1; got 0"):
        Cells(0)
    with pytest.raises(DomainError, match=r"Cells: the mask Causal tells the keys of cells apart"):
        certified_attend(*parts, core=Cells(), mask=Causal())
    with pytest.raises(UsageError, match=r"such as Cells\(\) or Regions\(16\)"):
        certified_attend(*parts, core=Materialised())  # type: ignore[arg-type]
    assert certified_attend(*parts, core=Regions(3)).bound.shape == (2, 6)
