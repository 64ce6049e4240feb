"""The error of one entry as a sum of block errors: which units belong to which coordinates."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.certifier.arithmetic import FLOAT64, Arithmetic
from theory.universal.certifier.errors_on_boxes import Boxes, LayerError, Units, unit_slack
from theory.universal.certifier.token_map import Collapsed
from theory.universal.enclosure.balls import UNIT, Ball, gamma, padded
from theory.universal.enclosure.intervals import down, up
from theory.universal.enclosure.range import reach_of
from theory.universal.formula.decompose import Block, block_symbols, decompose
from theory.universal.formula.program import Program, evaluate
from theory.universal.formula.target import Target
from theory.universal.layer import LayerWeights

Question = tuple[Program, tuple[bytes, ...]]


@dataclass(frozen=True)
class View:
    """The part of a layer that matters for one entry."""

    weights: LayerWeights
    target: Target
    token: int
    output: int
    collapsed: Collapsed
    arithmetic: Arithmetic = FLOAT64


@dataclass(frozen=True)
class Piece:
    """One block of one entry: its error function, domain and the net's part in it."""

    block: Block
    error: LayerError
    lower: Array
    upper: Array

    @cached_property
    def question(self) -> Question | None:
        """Every number that the range of the error depends on; None with content heads."""
        if self.error.heads is not None:
            return None
        units = self.error.units
        numbers = (*(getattr(units, f.name) for f in fields(units)), self.lower, self.upper)
        return self.block.program, tuple(np.asarray(n).tobytes() for n in numbers)


def pieces_of(view: View) -> list[Piece]:
    """The error of one entry as a sum of block errors; one block of all coordinates at worst.

    No block at all means that the numbers of the layer leave the range of float64.
    """
    target = view.target
    alive = _alive(view)
    if not alive.is_finite:
        return []
    if view.collapsed.heads is None:
        expression = target.entries[view.token][view.output]
        blocks = decompose(expression, target.variables)
        pieces = _split(view, alive, blocks, view.arithmetic.foreign)
        if pieces is not None:
            return pieces
    return whole_pieces(view, alive)


def whole_pieces(view: View, alive: _Alive | None = None) -> list[Piece]:
    """The error of one entry as one block of all coordinates."""
    block = all_coordinates(view.target, view.token, view.output)
    alive = alive or _alive(view)
    if not alive.is_finite:
        raise DomainError(
            "certify: products of the layer's weights leave the range of float64; scale them down."
        )
    pieces = _split(view, alive, (block,), np.inf)
    assert pieces is not None, "a block of all coordinates takes every unit"
    return pieces


def all_coordinates(target: Target, token: int, output: int) -> Block:
    """The formula of one entry in all D coordinates, used or not."""
    size = target.dimension
    rows = tuple(tuple(sympy.Integer(int(i == j)) for j in range(size)) for i in range(size))
    names = dict(zip(target.variables, block_symbols(size), strict=True))
    return Block(rows, target.entries[token][output].xreplace(names))


@dataclass(frozen=True)
class _Alive:
    """Units that are neither dead nor always active, and the affine rest."""

    slope: Ball
    offset: Ball
    mix: Array
    weight: Array
    mix_slack: Array
    linear: Ball
    constant: Ball

    @property
    def is_finite(self) -> bool:
        """Whether every number is one."""
        balls = (self.slope, self.offset, self.linear, self.constant)
        arrays = (self.mix, self.mix_slack, *(b.middle for b in balls), *(b.radius for b in balls))
        return all(bool(np.isfinite(a).all()) for a in arrays)


def _alive(view: View) -> _Alive:
    """Drops units that are dead on the domain; gathers those that are active on all of it."""
    weights, target, collapsed = view.weights, view.target, view.collapsed
    limit = target.limit
    outer = weights.readout[view.output]
    whole = Boxes.of(target.lower, target.upper)
    centre, reach = whole.centre, whole.radius
    slope, offset = collapsed.slope, collapsed.offset
    slack = unit_slack(slope.middle, offset, limit) + padded(slope.radius @ limit, len(limit))
    middle = slope.middle @ centre + offset.middle
    spread = padded(np.abs(slope.middle) @ reach, len(reach))
    mix_slack = np.zeros(len(middle))
    if collapsed.heads is not None:
        jacobian, radius = collapsed.heads.jacobian(centre[None], reach[None])
        features = collapsed.heads.outputs(centre[None])[0]
        change = (np.abs(jacobian[0]) + radius[0]) @ reach
        size = np.abs(features) + change
        mix = collapsed.mix
        mix_slack = padded(
            np.abs(mix.middle) @ collapsed.heads.output_slack
            + mix.radius @ size
            + gamma(len(size) + 8) * (np.abs(mix.middle) @ size),
            len(size) + 16,
        )
        middle = middle + mix.middle @ features
        spread = spread + padded(np.abs(mix.middle) @ change, len(change) + len(reach))
        slack = slack + mix_slack
    # The rounding of `middle` is part of the slack; NaN proves nothing and keeps the unit.
    always = down(down(middle - spread) - slack) > 0
    if collapsed.heads is not None:
        always[:] = False
    never = up(up(middle + spread) + slack) <= 0
    sometimes = ~never & ~always & (outer != 0)
    row = Ball.exact(np.where(always, outer, 0.0)[None])
    linear, constant = row @ slope, row @ Ball(offset.middle[:, None], offset.radius[:, None])
    constant = constant + Ball.exact(weights.readout_bias[view.output].reshape(1, 1))
    return _Alive(
        slope=Ball(slope.middle[sometimes], slope.radius[sometimes]),
        offset=Ball(offset.middle[sometimes], offset.radius[sometimes]),
        mix=collapsed.mix.middle[sometimes],
        weight=outer[sometimes],
        mix_slack=mix_slack[sometimes],
        linear=Ball(linear.middle[0], linear.radius[0]),
        constant=Ball(constant.middle[0, 0], constant.radius[0, 0]),
    )


def _split(
    view: View, alive: _Alive, blocks: tuple[Block, ...], foreign: float
) -> list[Piece] | None:
    """One piece a block, or None if a unit or the affine part has too much that is foreign."""
    limit = view.target.limit
    homes = _homes(alive.slope, blocks, limit, foreign)
    if homes is None:
        return None
    bent = [
        _piece(view, block, _units(view, alive, homes == index, block))
        for index, block in enumerate(blocks)
    ]
    affine = _affine(alive.linear, bent, limit, foreign)
    if affine is None:
        return None
    pieces = []
    for index, piece in enumerate(bent):
        linear, left = affine[index]
        units = replace(piece.error.units, linear=linear)
        if index == 0:
            constant = alive.constant
            slack = float(padded(constant.radius + left, 4))
            units = replace(units, constant=float(constant.middle), constant_slack=slack)
        pieces.append(_piece(view, piece.block, units))
    return pieces


def _piece(view: View, block: Block, units: Units) -> Piece:
    lower, upper = reach_of(block, view.target)
    reach = np.maximum(np.abs(lower), np.abs(upper))
    error = LayerError(units, view.collapsed.heads, block.program, reach)
    return Piece(block, error, lower, upper)


def _homes(slope: Ball, blocks: tuple[Block, ...], limit: Array, tolerance: float) -> Array | None:
    """The first block whose linear forms span each unit's slope."""
    homes = np.full(len(slope.middle), -1)
    size = np.abs(slope.middle) @ limit + UNIT
    for index, block in enumerate(blocks):
        _, foreign = _in_block(slope, block)
        homes[(homes < 0) & (foreign @ limit <= tolerance * size)] = index
    return None if np.any(homes < 0) else homes


_NOISE = 2.0**-43
"""1024 units of rounding: what a pseudo-inverse leaves where there should be 0. No bound rests on
it, because what is dropped is part of the slack."""


def _in_block(slope: Ball, block: Block) -> tuple[Array, Array]:
    """Slopes in the block's coordinates, and a bound of what that leaves out, entry by entry."""
    matrix = block.matrix
    inner = slope.middle @ np.linalg.pinv(matrix)
    inner[np.abs(inner) < _NOISE * np.abs(inner).max(initial=0.0)] = 0.0
    operations = 2 * len(matrix) + 8
    left = np.abs(slope.middle - inner @ matrix) + slope.radius
    size = np.abs(inner) @ np.abs(matrix) + np.abs(slope.middle)
    return inner, padded(left + gamma(operations) * size, operations)


def slope_left(view: View) -> Array:
    """The part of each slope of an entry's error that `whole_pieces` leaves out, shape (D,)."""
    alive, collapsed = _alive(view), view.collapsed
    _, foreign = _in_block(alive.slope, all_coordinates(view.target, view.token, view.output))
    _, left = _affine_fit(alive.linear, np.eye(view.target.dimension))
    left = left + np.abs(alive.weight) @ foreign
    if collapsed.heads is not None:
        whole = Boxes.of(view.target.lower, view.target.upper)
        middle, radius = collapsed.heads.jacobian(whole.centre[None], whole.radius[None])
        size = np.abs(view.weights.readout[view.output]) @ collapsed.mix.radius
        left = left + size @ (np.abs(middle[0]) + radius[0])
    return padded(left, len(alive.weight) + collapsed.mix.radius.size + 16)


def _affine_fit(linear: Ball, stacked: Array, near: Array | None = None) -> tuple[Array, Array]:
    """Coefficients of the affine part in linear forms, and a bound of what they leave, (D,).

    Where there are many, those nearest to `near` (0 by default).
    """
    near = np.zeros(len(stacked)) if near is None else near
    rest = linear.middle - near @ stacked
    found = near + np.linalg.lstsq(stacked.T, rest, rcond=None)[0]
    found[np.abs(found) < _NOISE * np.abs(found).max(initial=0.0)] = 0.0
    left = np.abs(linear.middle - found @ stacked) + linear.radius
    size = np.abs(found) @ np.abs(stacked) + np.abs(linear.middle)
    operations = 2 * len(stacked) + 8
    return found, padded(left + gamma(operations) * size, operations)


def _affine(
    linear: Ball, pieces: list[Piece], limit: Array, tolerance: float
) -> list[tuple[Array, float]] | None:
    """The affine part in each block's coordinates; the first also carries what is left out.

    Forms of more blocks than there are coordinates, as in x1 x2 + x2 x3 + x3 x4, leave a choice:
    each block gets about what its bent units lack.
    """
    blocks = [piece.block for piece in pieces]
    stacked = np.concatenate([b.matrix for b in blocks])
    near = None
    if np.linalg.matrix_rank(stacked) < len(stacked):
        near = np.concatenate([_lacking(piece) for piece in pieces])
    found, left = _affine_fit(linear, stacked, near)
    foreign = float(padded(left @ limit, len(limit)))
    if foreign > tolerance * (1.0 + float(np.abs(linear.middle) @ limit)):
        return None
    ends = np.cumsum([b.dimension for b in blocks])
    parts = np.split(found, ends[:-1])
    return [(part, foreign if k == 0 else 0.0) for k, part in enumerate(parts)]


_SCOUTS = 256
"""Points of a regression by at most a few coordinates; no bound rests on it."""


def _lacking(piece: Piece) -> Array:
    """Slopes of the affine function that brings a block's units nearest to its formula."""
    rng = np.random.default_rng(0)
    points = rng.uniform(piece.lower, piece.upper, (_SCOUTS, len(piece.lower)))
    gap = evaluate(piece.block.program, points) - piece.error.net(points)
    if not np.isfinite(gap).all():
        return np.zeros(len(piece.lower))
    design = np.hstack([points, np.ones((_SCOUTS, 1))])
    return np.asarray(np.linalg.lstsq(design, gap, rcond=None)[0][:-1])


def _units(view: View, alive: _Alive, mine: Array, block: Block) -> Units:
    """A block's units, without an affine part."""
    limit = view.target.limit
    slope = Ball(alive.slope.middle[mine], alive.slope.radius[mine])
    inner, foreign = _in_block(slope, block)
    offset = Ball(alive.offset.middle[mine], alive.offset.radius[mine])
    lower, upper = reach_of(block, view.target)
    reach = np.maximum(np.abs(lower), np.abs(upper))
    slack = unit_slack(inner, offset, reach)
    slack = padded(slack + foreign @ limit + alive.mix_slack[mine], len(limit) + 4)
    return Units(
        slope=inner,
        offset=offset.middle,
        mix=alive.mix[mine],
        weight=alive.weight[mine],
        linear=np.zeros(block.dimension),
        constant=0.0,
        slack=slack,
        constant_slack=0.0,
    )
