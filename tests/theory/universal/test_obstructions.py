"""Lower bounds N1-N8: exact values, and nets that attain them."""

from __future__ import annotations

import numpy as np
import pytest

from sciformer.errors import DomainError
from theory.universal.diagnose import diagnose
from theory.universal.fitting.fit import sample_cube
from theory.universal.formula.target import read_target, sequences_in
from theory.universal.obstructions import (
    bits_needed,
    heads_needed,
    orbit,
    with_a_jump,
    with_hinges_through_the_origin,
    with_relative_positions_only,
    with_rounded_inputs,
    without_attention,
    without_positions,
)


def test_n1_is_attained_by_the_mid_range_and_not_by_the_mean() -> None:
    """P12 with n = 3. Kills: the mean over the orbit instead of the mid-range."""
    target = read_target("x1**2*x2; x3; x2*x3", 3)
    bound = without_positions(target).bound
    sequences = sequences_in(target, sample_cube(3))
    low, high = orbit(target, sequences)
    values = target.values(sequences)
    assert np.abs((low + high) / 2 - values).max() == pytest.approx(bound, abs=1e-12)
    moved = [
        target.values(sequences[:, list(s)])[:, np.argsort(s)]
        for s in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    ]
    assert np.abs(np.mean(moved, 0) - values).max() > bound + 1e-3


def test_n1_of_a_projection_is_one_half() -> None:
    found = without_positions(read_target("x1; 0", 2))
    assert found.bound == pytest.approx(0.5)
    assert found.witness is not None
    assert without_positions(read_target("x1; x2", 2)).bound == pytest.approx(0.0)


def test_n2_and_n3_have_their_constants() -> None:
    """N2 of (x1 + x2) / 2 and x1 x2 is 1/2 and 1; N3 of i / (n - 1) is 1/2."""
    assert without_attention(read_target("(x1+x2)/2; 0", 2)).bound == pytest.approx(0.5)
    assert without_attention(read_target("0; x1*x2", 2)).bound == pytest.approx(1.0)
    assert without_attention(read_target("x1; x2", 2)).bound == pytest.approx(0.0)
    found = with_relative_positions_only(read_target("0; 1/2; 1", 3))
    assert found.bound == pytest.approx(0.5)
    assert with_relative_positions_only(read_target("x2; x1", 2)).bound == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("tokens", "width", "needed"),
    [(4, 4, 2), (3, 3, 2), (6, 4, 3), (5, 1, 1), (2, 7, 1), (1, 3, 0)],
)
def test_n4_counts_heads(tokens: int, width: int, needed: int) -> None:
    assert heads_needed(tokens, width)[0] == needed


def nearest_collision(tokens: int, width: int, heads: int) -> float:
    """Least squared gap found between what token 1 knows of X and of -X, |X| = 1, random heads."""
    from scipy.optimize import least_squares

    rng = np.random.default_rng(0)
    state = width + tokens
    query, key = rng.normal(size=(2, heads, 4, state))

    def known(flat: np.ndarray) -> np.ndarray:
        rows = np.hstack([flat.reshape(tokens, width), np.eye(tokens)])
        scores = np.einsum("hkw,w,hkv,jv->hj", query, rows[0], key, rows)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        return np.concatenate([flat[:width], (weights @ rows).ravel()])

    def gap(flat: np.ndarray) -> np.ndarray:
        return np.concatenate([known(flat) - known(-flat), [flat @ flat - 1]])

    return min(
        least_squares(gap, rng.normal(size=tokens * width), xtol=1e-15, ftol=1e-15, gtol=1e-15).cost
        for _ in range(12)
    )


@pytest.mark.parametrize(("tokens", "width", "heads"), [(4, 4, 1), (3, 3, 1), (3, 3, 2)])
def test_n4_collision_exists_iff_there_are_too_few_numbers(
    tokens: int, width: int, heads: int
) -> None:
    """P13. What token 1 knows, for random heads: some X and -X coincide iff q < n d."""
    numbers = width + heads * (tokens + width - 1)
    found = nearest_collision(tokens, width, heads)
    assert (found < 1e-18) == (numbers < tokens * width)


def test_n5_and_n6() -> None:
    assert bits_needed(4, 4, 0.05) == 4 * 19**4
    assert with_a_jump(-3.0).bound == 1.5
    with pytest.raises(DomainError, match=r"epsilon must be > 0; got 0"):
        bits_needed(2, 1, 0.0)


def test_n7_of_the_median_is_attained_by_a_linear_net() -> None:
    """The median of three is odd; hinges through the origin leave the best linear function."""
    target = read_target("x1+x2+x3-min(x1,x2,x3)-max(x1,x2,x3)", 3)
    found = with_hinges_through_the_origin(target, 0, 0)
    points = sequences_in(target, sample_cube(3))
    mean = points.mean((1, 2))
    attained = np.abs(mean - target.values(points)[:, 0, 0]).max()
    assert 0.3 < found.bound <= attained + 1e-9
    with pytest.raises(DomainError, match=r"needs an odd entry"):
        with_hinges_through_the_origin(read_target("x1**2", 1), 0, 0)


@pytest.mark.parametrize("spacing", [0.5, 0.1])
def test_n8_is_half_the_oscillation_in_a_cell(spacing: float) -> None:
    found = with_rounded_inputs(read_target("3*x1", 1), spacing)
    assert found.bound == pytest.approx(3 * spacing / 2, rel=1e-6)
    with pytest.raises(DomainError, match=r"spacing must be > 0"):
        with_rounded_inputs(read_target("x1", 1), 0.0)


def test_diagnosis_of_a_shift_and_of_a_sum() -> None:
    shift = diagnose("x2; x3; x1", 3)
    assert any(n.startswith("positions: needed") and "at least 1" in n for n in shift.needs)
    total = diagnose("x1+x2+x3", 3)
    assert any(n.startswith("positions: not needed") for n in total.needs)
    assert any("token-wise network has an error of at least 2" in n for n in total.needs)
    jump = diagnose("where(x1 < x2, 0, 3); 0", 2)
    assert any("every continuous network has an error of at least 1.5" in n for n in jump.needs)
