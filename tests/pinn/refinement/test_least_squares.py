"""Least squares by blocks: as exact as a QR factorisation, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pinn.refinement.least_squares import LeastSquaresByBlocks
from tests.stand_in import is_possible, stand_in, traffic

Array = NDArray[np.float64]


CPU = torch.device("cpu")


def system_of(
    matrix: Array, right: Array, blocks: int = 1, device: torch.device = CPU
) -> LeastSquaresByBlocks:
    system = LeastSquaresByBlocks(
        matrix.shape[1], torch.zeros((), dtype=torch.float64, device=device)
    )
    for piece in np.array_split(np.arange(len(right)), blocks):
        block = torch.from_numpy(np.ascontiguousarray(matrix[piece].T))
        system.add(block.to(device), torch.from_numpy(right[piece]).to(device))
    return system


def solved(matrix: Array, right: Array, blocks: int = 1, device: torch.device = CPU) -> Array:
    found: Array = system_of(matrix, right, blocks, device).solve().values.cpu().numpy()
    return found


def nearly_dependent(rng: np.random.Generator, rows: int, columns: int, worst: float) -> Array:
    """A matrix with condition number 1 / worst and badly scaled columns."""
    left, _ = np.linalg.qr(rng.standard_normal((rows, columns)))
    turn, _ = np.linalg.qr(rng.standard_normal((columns, columns)))
    scaled: Array = (left * np.geomspace(1, worst, columns)) @ turn.T
    return scaled * np.geomspace(1e-6, 1e6, columns)


@pytest.mark.parametrize("worst", [1e-2, 1e-6, 1e-9])
def test_the_residual_is_that_of_a_qr_factorisation(worst: float, device: torch.device) -> None:
    """Kills: no conjugate gradients (the shift stays in), columns that are not normalised, the
    factor not transposed, a gradient without the norms."""
    rng = np.random.default_rng(1)
    matrix = nearly_dependent(rng, 300, 40, worst)
    right = matrix @ (rng.standard_normal(40) / np.linalg.norm(matrix, axis=0))
    right += 1e-7 * rng.standard_normal(300)
    scale = np.linalg.norm(matrix, axis=0)
    exact = np.linalg.lstsq(matrix / scale, right, rcond=1e-15)[0] / scale
    least = np.linalg.norm(matrix @ exact - right)
    found = np.linalg.norm(matrix @ solved(matrix, right, 2, device) - right)
    assert found <= least * (1 + 1e-6) + 1e-13 * np.linalg.norm(right)


@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_blocks_do_not_matter(blocks: int, seed: int) -> None:
    """Kills: a Gram matrix of the last block only, a right side in another order than the rows."""
    rng = np.random.default_rng(seed)
    matrix, right = rng.standard_normal((30, 8)), rng.standard_normal(30)
    whole, split = solved(matrix, right), solved(matrix, right, blocks)
    np.testing.assert_allclose(split, whole, rtol=1e-9, atol=1e-11)


def test_equal_columns_and_columns_of_zeros_do_no_harm(device: torch.device) -> None:
    """Kills: division by the norm of a zero column, no shift, a shift that never grows."""
    rng = np.random.default_rng(2)
    column = rng.standard_normal((50, 1))
    matrix = np.hstack([column, column, column * (1 + 1e-16), np.zeros((50, 1)), column**2])
    right = 3 * column[:, 0] - column[:, 0] ** 2
    values = solved(matrix, right, 1, device)
    assert np.linalg.norm(matrix @ values - right) <= 1e-9 * np.linalg.norm(right)
    assert values[3] == 0


def test_a_solution_that_is_0_is_found(device: torch.device) -> None:
    """Kills: division by |b|^2 = 0."""
    matrix = np.random.default_rng(3).standard_normal((9, 4))
    assert np.array_equal(solved(matrix, np.zeros(9), 1, device), np.zeros(4))


@pytest.mark.skipif(not is_possible(), reason="this torch takes no such backend")
def test_a_device_is_waited_for_once_an_iteration() -> None:
    """Kills: sums of squares that are read one by one, vectors that come to the host."""
    rng = np.random.default_rng(4)
    matrix = nearly_dependent(rng, 60, 20, 1e-3)  # the first factor is no noise
    system = system_of(matrix, rng.standard_normal(60), 3, stand_in())
    with traffic() as counted:
        found = system.solve()
    assert found.iterations >= 2
    # Beside them one factor, the first gradient, and two sums of squares in one copy.
    assert counted.waits <= found.iterations + 4
    assert counted.downloads <= 1


@pytest.mark.parametrize("shift", [1e-8, 1e-3, 10.0])
def test_a_damped_solution_is_that_of_the_rows_with_the_shift_below(
    shift: float, device: torch.device
) -> None:
    """Kills: conjugate gradients that take the shift out, a shift of columns as they are, the
    gradient of what `solve` left."""
    rng = np.random.default_rng(2)
    matrix = nearly_dependent(rng, 120, 30, 1e-5)
    right = rng.standard_normal(120)
    norms = np.linalg.norm(matrix, axis=0)
    rows = np.vstack([matrix / norms, shift**0.5 * np.eye(30)])
    exact = np.linalg.lstsq(rows, np.concatenate([right, np.zeros(30)]), rcond=None)[0] / norms
    system = system_of(matrix, right, 3, device)
    system.solve()
    system.damped(0.3)  # one damping leaves nothing behind for the next
    found = system.damped(shift).cpu().numpy()
    np.testing.assert_allclose(found * norms, exact * norms, rtol=1e-5, atol=1e-6)
