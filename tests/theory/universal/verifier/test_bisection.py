"""Trees are hints: their leaves cover the box, and a proof counts every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciformer.errors import CertificateError
from theory.universal.arrays import Array
from theory.universal.verifier.bisection import Budget, Limits, Proof, Seen, Tree, halves

BOX = np.array([-1.0, 0.5]), np.array([2.0, 1.0])


@given(st.lists(st.integers(0, 2), max_size=40))
def test_leaves_cover_the_box(choices: list[int]) -> None:
    """Volumes add up. Kills: a half that is left out, or bisected along another coordinate."""
    codes, width = [], 1
    for choice in choices:
        if width == 0:
            break
        codes.append(255 if choice == 2 else choice)
        width += -1 if choice == 2 else 1
    codes += [255] * width
    order: list[int] = []
    level, rest = 1, codes
    while level:
        order += rest[:level]
        inner = sum(c != 255 for c in rest[:level])
        rest, level = rest[level:], 2 * inner
    tree = Tree(np.array(order + [255] * max(0, level - len(rest)), dtype=np.uint8))
    leaves = [np.concatenate(p) for p in zip(*tree.walk(*BOX, "here"), strict=True)]
    sizes = (leaves[1] - leaves[0]).prod(1)
    assert sizes.sum() == pytest.approx((BOX[1] - BOX[0]).prod(), rel=1e-14)
    assert len(sizes) == tree.leaves


@pytest.mark.parametrize(
    "codes", [[], [0], [0, 255], [2, 255, 255], [255, 255], [0, 255, 255, 255]]
)
def test_broken_trees_are_refused(codes: list[int]) -> None:
    """Kills: each of the three checks of a walk."""
    tree = Tree(np.array(codes, dtype=np.uint8))
    with pytest.raises(CertificateError, match=r"a bisection tree of here"):
        list(tree.walk(*BOX, "here"))


def test_wider_codes_have_another_leaf() -> None:
    tree = Tree(np.array([1, 65535, 65535], dtype=np.uint16))
    assert tree.leaves == 2
    ((low, high),) = tree.batches(*BOX, "here", 10)
    assert high[0, 1] == low[1, 1] == 0.75


def test_halves_share_the_float_between_them() -> None:
    low, high = halves(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]), np.array([1]))
    assert low.tolist() == [[0.0, 0.0], [0.0, 1.5]]
    assert high.tolist() == [[1.0, 1.5], [1.0, 3.0]]


class Line:
    """The error x1, with an enclosure wider by a part of the box; NaN on boxes with a hole."""

    def __init__(self, slack: float = 0.5, hole: float | None = None) -> None:
        self.slack, self.hole = slack, hole

    def see(self, lower: Array, upper: Array) -> Seen:
        width = upper - lower
        low, high = lower[:, 0] - self.slack * width[:, 0], upper[:, 0] + self.slack * width[:, 0]
        if self.hole is not None:
            inside = (lower[:, 0] <= self.hole) & (self.hole <= upper[:, 0])
            low = np.where(inside, np.nan, low)
        return Seen(low, high, width)


def proof(limits: Limits, error: Line, boxes: int = 10_000) -> tuple[Proof, int]:
    done: list[int] = []
    found = Proof(error, limits, "here", Budget(boxes), 16)
    found.run((BOX[0][None], BOX[1][None]), done.append)
    return found, sum(done)


def test_a_proof_bisects_until_the_limits_hold() -> None:
    """Kills: a range of the last box only, a box that is dropped."""
    found, done = proof(Limits(-1.1, 2.05), Line())
    assert -1.1 <= found.lower <= -1.0
    assert 2.0 <= found.upper <= 2.05
    assert done == 1


@pytest.mark.parametrize("limits", [Limits(-1.1, 1.3), Limits(-0.5, 2.1)])
def test_a_point_outside_ends_the_proof(limits: Limits) -> None:
    """Kills: either comparison with a limit."""
    with pytest.raises(CertificateError, match=r"leaves its certified range near"):
        proof(limits, Line())


def test_what_is_not_a_number_fits_no_limit() -> None:
    """Kills: `not (x > limit)` for `x <= limit`."""
    with pytest.raises(CertificateError, match=r"no proven value|is not proven near"):
        proof(Limits(-10.0, 10.0), Line(hole=0.123))


def test_boxes_are_counted() -> None:
    with pytest.raises(CertificateError, match=r"could not be confirmed with the boxes allowed"):
        proof(Limits(-1.0 - 1e-9, 2.0 + 1e-9), Line(), boxes=20)
