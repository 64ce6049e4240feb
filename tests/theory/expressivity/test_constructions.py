"""Constructions at the sizes promised, in every format promised, and what they refuse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import nn

from sciformer.attention import MultiheadAttention, Patch, RelativeTable
from sciformer.attention.toeplitz import toeplitz
from sciformer.errors import DomainError, ShapeError
from theory.expressivity.bounds import (
    chebyshev_centre,
    chebyshev_radius,
    lipschitz_error,
    quadratic_code_limit,
)
from theory.expressivity.decoder import PositionDecoder
from theory.expressivity.mixing import (
    position_layer,
    relative_mixing_layer,
    universal_mixing_layer,
)
from theory.expressivity.row_sums import least_departure, row_sum_map
from theory.expressivity.selection import (
    binary_code,
    even_token_sources,
    quadratic_code,
    selection_error,
    selection_network,
)
from theory.expressivity.spans import heads_needed


def even_tokens(n: int) -> torch.Tensor:
    matrix = torch.zeros(n, n, dtype=torch.float64)
    matrix[torch.arange(n // 2), 2 * torch.arange(n // 2) + 1] = 1
    return matrix


def test_index_is_exact_for_all_lengths() -> None:
    """Kills: a rounding that moves an index; weights that are not the core's."""
    for n in range(1, 257):
        layer = position_layer(torch.arange(1, n + 1))
        assert type(layer) is MultiheadAttention
        index = layer(torch.zeros(n, 1, dtype=torch.float64))[:, 0]
        torch.testing.assert_close(index, torch.arange(1.0, n + 1).double(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("n", [32, 64])
def test_any_matrix_by_one_universal_layer(n: int) -> None:
    """Even tokens, the zero-filled shift and a running sum, which no RPE layer mixes."""
    identity = torch.eye(n, dtype=torch.float64)
    for matrix in (even_tokens(n), identity.roll(1, 1).triu(), torch.ones(n, n).double().tril()):
        got = universal_mixing_layer(matrix, n)(identity)
        torch.testing.assert_close(got, matrix, rtol=0, atol=1e-12)
        with pytest.raises(DomainError, match=r"row \d+ sums to .* take universal_mixing_layer"):
            relative_mixing_layer(matrix, 1)


@pytest.mark.parametrize("build", [universal_mixing_layer, relative_mixing_layer])
def test_mixing_refuses_what_is_not_square(build: type) -> None:
    """Kills: broadcasting."""
    with pytest.raises(ShapeError, match=r"must be \(n, n\); got \(2, 3\)"):
        build(torch.zeros(2, 3), 1)


@pytest.mark.parametrize("n", [256, 512])
def test_long_permutations_stay_within_the_bound(n: int) -> None:
    """Kills: a code that is not centred, which rounds away the gap."""
    tokens = torch.rand(n, 2, generator=torch.Generator().manual_seed(n)).double()
    for sources in (list(range(n))[::-1], torch.randperm(n).tolist()):
        for sharpness in (10.0, 20.0):
            got = selection_network(sources, 2, sharpness=sharpness)(tokens)
            error = float((got[:, :2] - tokens[sources]).detach().abs().max())
            # logits of 2 b (n/2)^2 are rounded to 2^-52 of that, and so are the weights
            assert error <= selection_error(1.0, sharpness) * (1 + sharpness * n * n * 2.3e-16)


@pytest.mark.parametrize("n", [2, 7, 16, 64])
def test_even_tokens_by_two_layers(n: int) -> None:
    """Kills: blanks that are not blank, an odd length."""
    sources = even_token_sources(n)
    assert sources[: n // 2] == list(range(1, 2 * (n // 2), 2))
    assert sources[n // 2 :] == [None] * (n - n // 2)
    tokens = torch.randint(5, (3, n), generator=torch.Generator().manual_seed(n))
    tokens[0] = 2
    got = selection_network(sources, 5, sharpness=40.0)(nn.functional.one_hot(tokens, 5).double())
    wanted = torch.full_like(tokens, 5)
    wanted[:, : n // 2] = tokens[:, 1 : 2 * (n // 2) : 2]
    torch.testing.assert_close(got, nn.functional.one_hot(wanted, 6).double())


def test_selection_error_is_its_formula() -> None:
    """Kills: a bound with another factor, which the networks would keep as well."""
    wanted = 4 * 0.7 * (math.exp(-3) + math.exp(-6) + math.exp(-9) + math.exp(-12))
    assert selection_error(0.7, 3.0) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("code", [quadratic_code, binary_code])
def test_codes_have_their_gap(code: type) -> None:
    """The product with the right key exceeds all others by the gap, which the next one attains."""
    for n in (2, 5, 8):
        found = code(n, 1.7)
        products = found.queries @ found.keys.T
        others = products.clone().fill_diagonal_(-torch.inf).amax(1)
        gaps = products.diag() - others
        torch.testing.assert_close(gaps, torch.full_like(gaps, found.gap))


def test_mixing_refuses_what_is_not_a_number() -> None:
    """Kills: a comparison that nan passes."""
    matrix = torch.eye(3)
    matrix[1, 2] = torch.nan
    with pytest.raises(DomainError, match="row 1 sums to nan"):
        relative_mixing_layer(matrix, 1)


def test_selection_refuses_other_positions() -> None:
    """Kills: negative indices that wrap around, a bound off by one."""
    for sharpness in (0.0, math.nan):
        with pytest.raises(DomainError, match=rf"sharpness must be > 0.* got {sharpness}"):
            selection_network([0], 1, sharpness=sharpness)
    for source in (-1, 3):
        with pytest.raises(DomainError, match=rf"between 0 and 2; source 1 is {source}"):
            selection_network([0, source, None], 1)


@pytest.mark.parametrize(("n", "vocabulary"), [(2, 2), (6, 2), (6, 3), (5, 4)])
def test_decoder_on_every_sequence(n: int, vocabulary: int) -> None:
    """Exhaustive. Kills: a formula that needs a certain first change of token."""
    sequences = torch.tensor(list(itertools.product(range(vocabulary), repeat=n)))
    constant = (sequences == sequences[:, :1]).all(1)
    found = PositionDecoder(n, vocabulary)(sequences[~constant])
    wanted = torch.arange(1.0, n + 1).double().expand_as(found)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    for sequence in sequences[constant]:
        with pytest.raises(DomainError, match="constant sequence"):
            PositionDecoder(n, vocabulary)(sequence)


def test_heads_needed() -> None:
    """Even tokens n/2, identity 1, and never more than the builder uses."""
    for n in (4, 8, 12):
        assert heads_needed(even_tokens(n)) == n // 2
        assert heads_needed(torch.eye(n)) == 1
        matrix = torch.randn(n, n, generator=torch.Generator().manual_seed(n))
        assert n // 2 <= heads_needed(matrix) <= n


def test_least_departure_is_a_linear_programme() -> None:
    """min max|C - 1| with gaps of at least delta, solved by scipy."""
    for n in (2, 3, 6, 10):
        rows = row_sum_map(n).numpy()
        gaps = rows[1:] - rows[:-1]
        count = 2 * n - 1
        identity = torch.eye(count).numpy()
        ones = torch.ones(count, 1).numpy()
        solved = linprog(
            [0.0] * count + [1.0],
            A_ub=np.block([[-gaps, np.zeros((n - 1, 1))], [identity, -ones], [-identity, -ones]]),
            b_ub=[-0.1] * (n - 1) + [1.0] * count + [-1.0] * count,
            bounds=[(None, None)] * (count + 1),
        )
        assert solved.fun == pytest.approx(least_departure(n, 0.1))
    for n, gap in ((1, 0.1), (3, -0.1)):
        with pytest.raises(DomainError, match="n must be >= 2 and the gap >= 0"):
            least_departure(n, gap)


def test_bounds_of_uneven_targets() -> None:
    """Kills: the mean for the midpoint, a distance or a constant below 0."""
    targets = torch.tensor([-1.0, 0.5, 7.0])
    assert (chebyshev_radius(targets), chebyshev_centre(targets)) == (4.0, 3.0)
    for lipschitz, distance in ((-1.0, 0.5), (1.0, -0.5)):
        with pytest.raises(DomainError, match=rf"must be >= 0; got {lipschitz} and {distance}"):
            lipschitz_error(targets, lipschitz, distance)


@pytest.mark.parametrize(
    ("code", "dtype", "n", "works"),
    [
        (quadratic_code, torch.float32, 512, True),
        (quadratic_code, torch.bfloat16, 128, False),
        (binary_code, torch.bfloat16, 128, True),
        (binary_code, torch.float16, 128, True),
    ],
)
def test_precision_of_codes(code: type, dtype: torch.dtype, n: int, works: bool) -> None:
    """Squares of positions outgrow short significands; signs never do."""
    codes = code(n, 1.0)
    logits = codes.queries.to(dtype) @ codes.keys.to(dtype).T
    winners = logits == logits.amax(1, keepdim=True)
    assert (bool(winners.diag().all()) and bool((winners.sum(1) == 1).all())) == works


def test_quadratic_limit_is_where_squares_stop() -> None:
    """n^2 <= 2^p: 16 in bfloat16, 4096 in float32."""
    for dtype, limit in ((torch.bfloat16, 16), (torch.float32, 4096), (torch.float16, 45)):
        assert quadratic_code_limit(dtype) == limit
        assert float(torch.tensor(limit**2, dtype=dtype)) == pytest.approx(limit**2, rel=1e-3)
        assert limit == math.isqrt(limit * limit)


def test_float32_is_blind_only_up_to_rounding() -> None:
    """All rows differ in their last bits: equality is not a test of blindness."""
    n = 1024
    scheme = RelativeTable(1, n)
    nn.init.normal_(scheme.table, std=2.0, generator=torch.Generator().manual_seed(0))
    bias = toeplitz(scheme.relative(Patch(n, n)), n, n)[0].detach()
    rows = bias.softmax(-1) @ torch.ones(n, 1) * 0.7
    assert 0 < float(rows.max() - rows.min()) < 1e-5
