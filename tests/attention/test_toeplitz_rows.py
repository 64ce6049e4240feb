"""The fast forms of URPE attention against the materialised one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention import (
    ALiBi,
    Causal,
    LearnedAbsolute,
    MultiheadAttention,
    NoPosition,
    Padding,
    RelativeTable,
    Rotary,
    ShawKey,
    Universal,
    attend,
)
from sciformer.attention.cores import (
    Automatic,
    Core,
    FusedLogSumExp,
    Materialised,
    ToeplitzRows,
    fused_log_sum_exp,
)
from sciformer.attention.linear import linear_universal_attend, toeplitz_product
from sciformer.attention.toeplitz import toeplitz
from sciformer.errors import DomainError, ShapeError

LENGTH = 700


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def scheme(base: str = "table") -> Universal:
    bases = {
        "table": lambda: RelativeTable(2, LENGTH),
        "rotary": Rotary,
        "alibi": lambda: ALiBi(2),
        "none": NoPosition,
    }
    position = Universal(bases[base](), 2, LENGTH).double()
    generator = torch.Generator().manual_seed(5)
    for table in position.parameters():
        torch.nn.init.normal_(table, generator=generator)
    return position


def inputs(n: int, m: int, seed: int = 0) -> list[Tensor]:
    return [
        random(3, 2, size, 4, seed=seed + k).requires_grad_() for k, size in enumerate((n, m, m))
    ]


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 20),
    m=st.integers(1, 20),
    rows=st.integers(1, 9),
    base=st.sampled_from(["table", "rotary", "alibi", "none"]),
    is_causal=st.booleans(),
    scale=st.sampled_from([None, 0.3]),
)
def test_rows_equal_the_materialised_form(
    n: int, m: int, rows: int, base: str, is_causal: bool, scale: float | None
) -> None:
    """Forward and every gradient. Kills: a window that starts a row late, a block of the wrong
    size, a gradient that forgets the gain, the scale, the inner product or a batch."""
    position, parts = scheme(base), inputs(n, m)
    mask = Causal() if is_causal else None
    options = {"position": position, "mask": mask, "query_start": 2, "scale": scale}
    results = []
    for output in (
        attend(*parts, **options, core=Materialised()),
        attend(*parts, **options, core=ToeplitzRows(rows)),
    ):
        slopes = torch.autograd.grad(output.square().sum(), [*parts, *position.parameters()])
        results.append([output, *slopes])
    for wanted, got in zip(*results, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_blocks_need_not_divide_the_length() -> None:
    """Kills: heads or blocks exchanged, a last block of the wrong size."""
    position, parts = scheme(), inputs(600, 520)
    wanted = attend(*parts, position=position)
    got = attend(*parts, position=position, core=ToeplitzRows(256))
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    for output in torch.autograd.grad(wanted.sum() - got.sum(), [*parts, *position.parameters()]):
        assert output.abs().max() < 1e-10


@settings(deadline=None, max_examples=15)
@given(n=st.integers(1, 20), sign=st.sampled_from([0, 1, -1]), is_causal=st.booleans())
def test_log_sum_exp_equals_the_materialised_form(n: int, sign: int, is_causal: bool) -> None:
    """Kills: a forgotten lse(S), a row without positive gain, a sign. Gains: signed, >0, <0."""
    position, parts = scheme(), inputs(n, n)
    if sign:
        position.table.data = sign * position.table.data.abs()
    mask = Causal() if is_causal else None
    wanted = attend(*parts, position=position, mask=mask)
    got = attend(*parts, position=position, mask=mask, core=FusedLogSumExp())
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_without_a_gain_of_one_sign(dtype: torch.dtype) -> None:
    """Row 0 has positive gains only, the last row negative ones. Kills: nan from an empty row."""
    position, parts = scheme().to(dtype), [part.detach().to(dtype) for part in inputs(6, 6)]
    position.table.data = position.table.data.abs()
    position.table.data[:, : LENGTH - 1] *= -1  # keys in the past
    wanted = attend(*parts, position=position)
    got = attend(*parts, position=position, core=FusedLogSumExp())
    tolerance = 100 * torch.finfo(dtype).eps
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("sign", "calls"), [(1.0, 2), (-1.0, 2), (None, 3)])
def test_log_sum_exp_calls_once_per_sign(
    sign: float | None, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once for the normaliser. Kills: a call for a sign that no gain has."""
    position, fused, made = scheme(), fused_log_sum_exp.fused, []
    if sign is not None:
        position.table.data = sign * position.table.data.abs()
    monkeypatch.setattr(fused_log_sum_exp, "fused", lambda *parts: made.append(1) or fused(*parts))
    attend(*inputs(5, 5), position=position, core=FusedLogSumExp())
    assert len(made) == calls


def test_zero_gain_gives_zero() -> None:
    """Kills: the logarithm of 0 turning into nan."""
    position, parts = scheme(), inputs(5, 5)
    position.table.data.zero_()
    got = attend(*parts, position=position, core=FusedLogSumExp())
    assert torch.equal(got, torch.zeros_like(got))


@pytest.mark.parametrize(
    ("core", "n", "m", "rows"),
    [
        (ToeplitzRows(100), 1100, 1100, 100),
        (ToeplitzRows(), 1100, 1100, 2**19 // 1100),
        (ToeplitzRows(), 70, 10**4, 64),
    ],
)
def test_never_holds_the_matrix(core: ToeplitzRows, n: int, m: int, rows: int) -> None:
    """Kills: a materialised bias or gain, forward or backward; two heads at a time; rows that do
    not shrink with the length, or shrink below 64. The gradient of a table shears its block,
    padded by its rows."""
    from tests.attention.test_attend import LargestTensor

    position = Universal(ALiBi(2), 2, m).double()
    parts = [random(1, 2, size, 4, seed=size).requires_grad_() for size in (n, m, m)]
    with LargestTensor() as made:
        attend(*parts, position=position, core=core).sum().backward()
    assert made.largest == rows * (m + rows)


@settings(deadline=None, max_examples=10)
@given(n=st.integers(1, 7), rows=st.integers(1, 4), is_causal=st.booleans())
def test_second_derivatives(n: int, rows: int, is_causal: bool) -> None:
    """Against the matrix, for one tensor as query, key and value as well. Kills: a silent zero, a
    gradient counted once for each role of the tensor."""
    position, (part, key, value) = scheme(), inputs(n, n)
    mask = Causal() if is_causal else None
    for parts in ([part, key, value], [part, part, part]):
        results = []
        for core in (Materialised(), ToeplitzRows(rows)):
            output = attend(*parts, position=position, mask=mask, core=core)
            wanted = [part, *position.parameters()]
            slopes = torch.autograd.grad(output.sin().sum(), wanted, create_graph=True)
            twice = torch.autograd.grad(sum(s.square().sum() for s in slopes), wanted)
            results.append([*slopes, *twice])
        for expected, got in zip(*results, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11)


def test_long_universal_attention_is_fast_by_default() -> None:
    """What a user of MultiheadAttention gets. Kills: a seam that the layer does not use."""
    chosen, layer = [], MultiheadAttention(8, 2, position=Universal(ALiBi(2), 2, 600))
    choose = layer.core.choose

    class Watched(Automatic):
        def choose(self, *arguments: object) -> Core:
            chosen.append(type(choose(*arguments)))
            return choose(*arguments)

    layer.core = Watched()
    for n in (5, 600):
        layer(torch.zeros(1, n, 8), mask=Causal())
    assert chosen == [Materialised, ToeplitzRows]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"position": ShawKey(4, 2)},
            r"^ToeplitzRows: ShawKey is not a table by offset; use another core",
        ),
        ({"position": Universal(ShawKey(4, 2), 2, 9)}, r"Universal is not a table by offset"),
        (
            {"position": ALiBi(2), "mask": Padding(torch.ones(1, dtype=torch.int64))},
            r"the mask Padding is not a band",
        ),
        (
            {"position": ALiBi(2), "mask": Causal(), "key_start": 1},
            r"the query at 0 may see no key",
        ),
    ],
)
def test_refuses_what_is_no_table(options: dict[str, object], message: str) -> None:
    """Kills: each of the checks at the door."""
    parts = [part.detach().float() for part in inputs(3, 3)]
    with pytest.raises(DomainError, match=message):
        attend(*parts, **options, core=ToeplitzRows())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (3, 4), (3, 4)), r"^attend: query, key and value have shapes"),
        (
            ((2, 3, 4), (2, 5, 3), (2, 5, 4)),
            r"keys of the same d .* got \(2, 3, 4\), \(2, 5, 3",
        ),
        (((2, 3, 4), (2, 5, 4), (2, 6, 4)), r"^attend: .* values of the same m"),
        (((1, 3, 4), (1, 5, 4), (1, 5, 4)), r"^attend: .* heads; got 1, 1, 1 and 2"),
        (((7, 2, 3, 4), (2, 5, 4), (2, 5, 4)), r"same leading axes; got \(7, 2, 3, 4\), \(2, 5, 4"),
        (((2, 3, 4), (2, 5, 4), (1, 2, 5, 4)), r"same leading axes; got .* and \(1, 2, 5, 4\)"),
    ],
)
def test_refuses_shapes_that_do_not_fit(shapes: list[tuple[int, ...]], message: str) -> None:
    """Kills: each of the checks, broadcasting in silence."""
    parts = [torch.zeros(shape) for shape in shapes]
    with pytest.raises((ShapeError, DomainError), match=message):
        attend(*parts, position=ALiBi(2), core=ToeplitzRows())


def test_refuses_lengths_beyond_the_table() -> None:
    """Kills: a table read past its end."""
    parts = inputs(3, 3)
    attend(*parts, position=Universal(ALiBi(2), 2, 3).double(), core=ToeplitzRows())
    with pytest.raises(DomainError, match=r"^Universal: the table of length 2 holds"):
        attend(*parts, position=Universal(ALiBi(2), 2, 2).double(), core=ToeplitzRows())


def test_absolute_schemes_are_tables_of_nothing() -> None:
    """Their part is done before the heads. Kills: refusing too much."""
    parts = inputs(3, 3)
    got = attend(*parts, position=LearnedAbsolute(8, 9), core=ToeplitzRows())
    torch.testing.assert_close(got, attend(*parts))


def test_refuses_empty_blocks() -> None:
    """Kills: a bound off by one."""
    ToeplitzRows(1)
    with pytest.raises(DomainError, match="at least one row; got 0"):
        ToeplitzRows(0)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 33))
def test_product_equals_the_matrix(n: int) -> None:
    """Kills: a circle too short, an origin off by one."""
    diagonals, columns = random(2, 2 * n - 1), random(2, n, 3, seed=1)
    wanted = toeplitz(diagonals, n, n) @ columns
    torch.testing.assert_close(toeplitz_product(diagonals, columns), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("is_causal", [False, True])
def test_linear_attention_equals_its_matrix(is_causal: bool) -> None:
    """Kills: a gain in the normaliser, a bias that is not an exponential."""
    n = 37
    query, key = (functional.elu(random(2, 2, n, 4, seed=k)) + 1 for k in (0, 1))
    value, relative, gain = random(2, 2, n, 3, seed=2), random(2, 2 * n - 1), random(2, 2 * n - 1)
    if is_causal:
        relative[:, n:] = -torch.inf
    weights = query @ key.transpose(-1, -2) * toeplitz(relative, n, n).exp()
    weights = weights / weights.sum(-1, keepdim=True) * toeplitz(gain, n, n)
    got = linear_universal_attend(query, key, value, relative, gain)
    torch.testing.assert_close(got, weights @ value, rtol=1e-12, atol=1e-12)


def test_linear_attention_ignores_a_common_shift() -> None:
    """exp(800) overflows. Kills: exponentials that are not taken relative to their maximum."""
    query, key, value = (functional.elu(random(2, 5, 4, seed=k)) + 1 for k in range(3))
    relative, gain = random(2, 9), random(2, 9, seed=1)
    wanted = linear_universal_attend(query, key, value, relative, gain)
    got = linear_universal_attend(query, key, value, relative + 800, gain)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-11)


def test_product_refuses_other_tables() -> None:
    """Kills: padding in silence."""
    with pytest.raises(ShapeError, match=r"3 rows need a table of 5 diagonals; got 4"):
        toeplitz_product(torch.zeros(4), torch.zeros(3, 1))
