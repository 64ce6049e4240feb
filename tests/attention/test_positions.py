"""Every position scheme keeps the contract; each is stated again here, pair by pair."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sciformer.attention import (
    ALiBi,
    LearnedAbsolute,
    NoPosition,
    Patch,
    Position,
    RelativeTable,
    Rotary,
    ShawKey,
    ShawKeyValue,
    Sinusoidal,
    T5Buckets,
    Universal,
    attend,
    toeplitz,
)
from sciformer.errors import DomainError, ShapeError, UsageError
from tests.contracts.positions import (
    HEAD_WIDTH,
    HEADS,
    LENGTH,
    WIDTH,
    PositionContract,
    random_heads,
    random_tokens,
)
from tests.oracles.attention import Scheme


class TestNoPosition(PositionContract):
    sees_order = False

    def make(self) -> Position:
        return NoPosition()

    def oracle(self, position: Position) -> Scheme:
        return Scheme()


class TestLearnedAbsolute(PositionContract):
    is_relative = False

    def make(self) -> Position:
        return LearnedAbsolute(WIDTH, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(token=lambda x, i: x + position.table[i])


class TestSinusoidal(PositionContract):
    is_relative = False

    def make(self) -> Position:
        return Sinusoidal(base=50.0)

    def oracle(self, position: Position) -> Scheme:
        def token(x: Tensor, i: int) -> Tensor:
            waves = [
                (math.sin, math.cos)[k % 2](i / 50.0 ** ((k - k % 2) / WIDTH)) for k in range(WIDTH)
            ]
            return x + torch.tensor(waves, dtype=x.dtype)

        return Scheme(token=token)

    def test_odd_width(self) -> None:
        """Kills: an angle for each coordinate instead of each pair."""
        got = Sinusoidal(base=7.0).tokens(torch.zeros(2, 3, dtype=torch.float64), 4)[1]
        wanted = [math.sin(5), math.cos(5), math.sin(5 * 7 ** (-2 / 3))]
        torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64))


def t5_bucket(offset: int, buckets: int, max_distance: int) -> int:
    """Raffel et al.'s bucket by whole-number comparisons."""
    half, exact, distance = buckets // 2, buckets // 4, abs(offset)
    bucket = distance
    if distance >= exact:
        bucket = exact
        while (
            bucket < half - 1
            and distance**exact * exact ** (bucket + 1 - exact)
            >= max_distance ** (bucket + 1 - exact) * exact**exact
        ):
            bucket += 1
    return bucket + (half if offset > 0 else 0)


class TestT5Buckets(PositionContract):
    def make(self) -> Position:
        return T5Buckets(HEADS, buckets=8, max_distance=7)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(bias=lambda h, i, j: position.table[h, t5_bucket(j - i, 8, 7)])

    @pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (8, 7), (12, 20), (4, 2)])
    def test_bucket_boundaries(self, buckets: int, max_distance: int) -> None:
        """Kills: a boundary decided by rounding, the two directions swapped."""
        offsets = range(-2 * max_distance, 2 * max_distance + 1)
        wanted = [t5_bucket(offset, buckets, max_distance) for offset in offsets]
        got = T5Buckets(1, buckets, max_distance).bucket(torch.tensor(list(offsets)))
        assert got.tolist() == wanted

    def test_published_boundaries(self) -> None:
        """The last of the 16 buckets of a direction starts at 113 = ceil(8 * 16^(7/8))."""
        bucket = T5Buckets(1).bucket(torch.tensor([-7, -8, -15, -16, -112, -113, 8, 400]))
        wanted = [7, 8, 9, 10, math.floor(8 + 8 * math.log(112 / 8, 16)), 15, 24, 31]
        assert bucket.tolist() == wanted


class TestALiBi(PositionContract):
    def make(self) -> Position:
        return ALiBi(HEADS)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(bias=lambda h, i, j: -(2.0 ** (-8 * (h + 1) / HEADS)) * abs(j - i))


class TestRelativeTable(PositionContract):
    def make(self) -> Position:
        return RelativeTable(HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(bias=lambda h, i, j: position.table[h, j - i + LENGTH - 1])


class TestShawKey(PositionContract):
    fits_fused = False

    def make(self) -> Position:
        return ShawKey(HEAD_WIDTH, clip=3)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(key=lambda i, j: position.key_table[min(3, max(-3, j - i)) + 3])


class TestShawKeyValue(TestShawKey):
    def make(self) -> Position:
        return ShawKeyValue(HEAD_WIDTH, clip=2)

    def oracle(self, position: Position) -> Scheme:
        def row(i: int, j: int) -> int:
            return min(2, max(-2, j - i)) + 2

        return Scheme(
            key=lambda i, j: position.key_table[row(i, j)],
            value=lambda i, j: position.value_table[row(i, j)],
        )


class TestRotary(PositionContract):
    def make(self) -> Position:
        return Rotary(base=30.0)

    def oracle(self, position: Position) -> Scheme:
        def turn(x: Tensor, i: int) -> Tensor:
            pairs = torch.complex(x[: HEAD_WIDTH // 2], x[HEAD_WIDTH // 2 :])
            angles = [i * 30.0 ** (-2 * k / HEAD_WIDTH) for k in range(HEAD_WIDTH // 2)]
            turned = pairs * torch.polar(torch.ones_like(pairs.real), x.new_tensor(angles))
            return torch.cat([turned.real, turned.imag])

        return Scheme(turn=lambda x, i: turn(x, i))


class TestUniversal(PositionContract):
    has_gain = True
    fits_fused = False

    def make(self) -> Position:
        return Universal(NoPosition(), HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(gain=lambda h, i, j: position.table[h, j - i + LENGTH - 1])

    def test_starts_as_its_base(self) -> None:
        """Kills: a gain that starts at anything but 1."""
        query, key, value = random_heads(5, 7, 7, seed=1)
        base = ALiBi(HEADS).double()
        universal = Universal(base, HEADS, LENGTH).double()
        wanted = attend(query, key, value, position=base)
        assert torch.equal(attend(query, key, value, position=universal), wanted)


class TestUniversalOverTable(TestUniversal):
    def make(self) -> Position:
        return Universal(RelativeTable(HEADS, LENGTH), HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(
            bias=lambda h, i, j: position.base.table[h, j - i + LENGTH - 1],
            gain=lambda h, i, j: position.table[h, j - i + LENGTH - 1],
        )


def test_a_gain_takes_its_sizes_from_its_base() -> None:
    """Kills: heads and length exchanged, sizes of the base before those that were given."""
    assert Universal(RelativeTable(3, 5)).table.shape == (3, 9)
    assert Universal(RelativeTable(3, 5), length=7).table.shape == (3, 13)
    with pytest.raises(UsageError, match="does not know its length; give length="):
        Universal(ALiBi(3))
    with pytest.raises(UsageError, match="does not know its heads; give heads="):
        Universal(NoPosition(), length=5)


class TestUniversalOverShaw(TestUniversal):
    def make(self) -> Position:
        return Universal(ShawKeyValue(HEAD_WIDTH, clip=2), HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        under = TestShawKeyValue().oracle(position.base)
        return Scheme(
            key=under.key,
            value=under.value,
            gain=lambda h, i, j: position.table[h, j - i + LENGTH - 1],
        )


class TestUniversalTwice(TestUniversal):
    def make(self) -> Position:
        return Universal(Universal(Rotary(base=30.0), HEADS, LENGTH), HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        under = TestRotary().oracle(position.base.base)
        return Scheme(
            turn=under.turn,
            gain=lambda h, i, j: (
                position.table[h, j - i + LENGTH - 1] * position.base.table[h, j - i + LENGTH - 1]
            ),
        )


class TestUniversalOverAbsolute(TestUniversal):
    is_relative = False

    def make(self) -> Position:
        return Universal(LearnedAbsolute(WIDTH, LENGTH), HEADS, LENGTH)

    def oracle(self, position: Position) -> Scheme:
        return Scheme(
            token=lambda x, i: x + position.base.table[i],
            gain=lambda h, i, j: position.table[h, j - i + LENGTH - 1],
        )


@pytest.mark.parametrize("make", [RelativeTable, lambda h, n: Universal(NoPosition(), h, n)])
def test_tables_refuse_offsets_beyond_them(make: type[RelativeTable]) -> None:
    """Kills: clamping, wrapping around, and a bound off by one on either side."""
    position = make(HEADS, 4)
    query, key, value = (part.float() for part in random_heads(4, 4, 4, seed=0))
    attend(query, key, value, position=position)
    for starts in ((1, 0), (0, 1)):
        with pytest.raises(DomainError, match=r"length 4 holds offsets -3 to 3; got offsets -?\d"):
            attend(query, key, value, position=position, query_start=starts[0], key_start=starts[1])


def test_learned_absolute_refuses_positions_beyond_its_table() -> None:
    """Kills: a bound off by one."""
    position, tokens = LearnedAbsolute(WIDTH, 5), random_tokens(3, seed=0)
    assert position.tokens(tokens, 2).shape == tokens.shape
    with pytest.raises(DomainError, match=r"positions 0 to 4; got positions 3 to 5"):
        position.tokens(tokens, 3)
    with pytest.raises(DomainError, match=r"got positions -1 to 1"):
        position.tokens(tokens, -1)


@pytest.mark.parametrize(("buckets", "distance"), [(6, 128), (0, 128), (32, 8), (-4, 1)])
def test_t5_refuses_impossible_buckets(buckets: int, distance: int) -> None:
    """Kills: bounds off by one; (32, 9) is the first that works."""
    T5Buckets(1, 32, 9)
    with pytest.raises(DomainError, match=r"T5Buckets: buckets must be a multiple of 4"):
        T5Buckets(1, buckets, distance)


def test_rotary_refuses_odd_widths() -> None:
    """Kills: silently dropping the last coordinate."""
    with pytest.raises(DomainError, match=r"even width; got 3"):
        Rotary().rotate(torch.zeros(1, 2, 3), 0)


def test_universal_refuses_a_base_for_other_heads() -> None:
    """Kills: broadcasting one head's table over others."""
    with pytest.raises(ShapeError, match=r"base scheme has 3 heads; got 2"):
        Universal(ALiBi(3), 2, 8)


def test_patch_offsets_are_key_minus_query() -> None:
    """Kills: a transposed sign, starts exchanged."""
    patch = Patch(2, 3, query_start=5, key_start=1)
    assert patch.offsets().tolist() == [[-4, -3, -2], [-5, -4, -3]]
    assert patch.diagonals().tolist() == [-5, -4, -3, -2]
    assert patch.rows(1, 2) == Patch(1, 3, query_start=6, key_start=1)


def test_universal_takes_its_gain_from_toeplitz_matrices() -> None:
    """Kills: a transposed matrix, heads exchanged, a matrix taken by its first row alone."""
    position = Universal(NoPosition(), 2, 3)
    first, second = torch.arange(5.0), torch.arange(5.0) ** 2
    gain = torch.stack([toeplitz(first, 3, 3), toeplitz(second, 3, 3)])
    position.set_gain(gain)
    assert torch.equal(position.table, torch.stack([first, second]))
    gain[1, 2, 1] += 1
    with pytest.raises(DomainError, match=r"constant along its diagonals; entry \(1, 0\) is 1 and"):
        position.set_gain(gain)
    with pytest.raises(ShapeError, match=r"C has shape \(2, 3, 3\).*got \(2, 4, 4\)"):
        position.set_gain(torch.ones(2, 4, 4))
