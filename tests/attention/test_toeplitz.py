"""The Toeplitz primitive against its definition, entry by entry."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciformer.attention.toeplitz import antidiagonal_sums, hankel, toeplitz, toeplitz_diagonals
from sciformer.errors import DomainError, ShapeError

sizes = st.integers(1, 9)


def table(n: int, m: int, *batch: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, n + m - 1, generator=generator, dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(n=sizes, m=sizes, batch=st.sampled_from([(), (2,), (2, 3)]))
def test_entry_is_read_by_its_offset(n: int, m: int, batch: tuple[int, ...]) -> None:
    """Kills: i - j for j - i, an origin at m - 1, a stride of the wrong axis."""
    diagonals = table(n, m, *batch)
    matrix, reversed_rows = toeplitz(diagonals, n, m), hankel(diagonals, n, m)
    for i in range(n):
        for j in range(m):
            assert torch.equal(matrix[..., i, j], diagonals[..., j - i + n - 1])
            assert torch.equal(reversed_rows[..., n - 1 - i, j], matrix[..., i, j])


def test_hankel_copies_nothing() -> None:
    """Kills: a materialised window."""
    diagonals = table(5, 7, 2)
    assert hankel(diagonals, 5, 7).data_ptr() == diagonals.data_ptr()


@settings(deadline=None, max_examples=30)
@given(n=sizes, m=sizes, batch=st.sampled_from([(), (3,)]), seed=st.integers(0, 999))
def test_sums_are_the_adjoint(n: int, m: int, batch: tuple[int, ...], seed: int) -> None:
    """<hankel(t), G> = <t, sums(G)>. Kills: a shear by the wrong number of places."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(*batch, n, m, generator=generator, dtype=torch.float64)
    diagonals = table(n, m, *batch, seed=seed + 1)
    left = (hankel(diagonals, n, m) * matrix).sum()
    right = (diagonals * antidiagonal_sums(matrix)).sum()
    # At most 3 * 81 products of numbers below 25, each rounded to 1.1e-16.
    torch.testing.assert_close(left, right, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (4, 1), (3, 5), (5, 3)])
def test_every_order_of_derivative(n: int, m: int) -> None:
    """Kills: a backward that is not the adjoint, or that cannot be differentiated again."""
    diagonals = table(n, m, 2).requires_grad_()
    matrix = torch.randn(2, n, m, dtype=torch.float64, requires_grad=True)
    for run, argument in (
        (lambda t: toeplitz(t, n, m).sin(), diagonals),
        (lambda g: antidiagonal_sums(g).sin(), matrix),
    ):
        assert torch.autograd.gradcheck(run, (argument,))
        assert torch.autograd.gradgradcheck(run, (argument,))


def test_maps_over_a_batch() -> None:
    """Kills: a backward that torch.func cannot map."""
    diagonals = table(3, 4, 5)
    gradient = torch.func.vmap(torch.func.grad(lambda t: toeplitz(t, 3, 4).pow(3).sum()))(diagonals)
    counts = torch.tensor([1.0, 2, 3, 3, 2, 1])
    torch.testing.assert_close(gradient, 3 * diagonals**2 * counts)


@pytest.mark.parametrize(("n", "m", "entries"), [(3, 4, 5), (3, 4, 7), (0, 4, 3), (4, 0, 3)])
def test_refuses_a_table_of_another_length(n: int, m: int, entries: int) -> None:
    """Kills: a check of one side only."""
    with pytest.raises(ShapeError, match=rf"n \+ m - 1 diagonals; got n={n}, m={m} .*\({entries},"):
        toeplitz(torch.zeros(entries), n, m)


@settings(deadline=None, max_examples=20)
@given(n=sizes, m=sizes)
def test_diagonals_of_a_toeplitz_matrix(n: int, m: int) -> None:
    """Kills: the first column read downwards, the corner counted twice."""
    diagonals = table(n, m)
    assert torch.equal(toeplitz_diagonals(toeplitz(diagonals, n, m)), diagonals)


def test_diagonals_refuse_other_matrices() -> None:
    """Kills: a check that stops at the first row or column."""
    matrix = toeplitz(torch.arange(6.0), 3, 4).clone()
    matrix[2, 3] = 9.0
    with pytest.raises(
        DomainError, match=r"entry \(0, 1\) is 3 and entry \(2, 3\) on the same diagonal is 9"
    ):
        toeplitz_diagonals(matrix)
