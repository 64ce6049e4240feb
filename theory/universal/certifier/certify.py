"""The certifier: sees only weights and formula, and bounds |net - formula| on the whole box.

For every token and output the pre-activations are collapsed, units that are dead or active on the
whole domain are recognised, the error is split into blocks on different coordinates where the
formula allows it, and each block goes through branch and bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.certifier.arithmetic import FLOAT64, Arithmetic
from theory.universal.certifier.blocks import (
    Piece,
    Question,
    View,
    pieces_of,
    whole_pieces,
)
from theory.universal.certifier.rounding import forward_rounding
from theory.universal.certifier.token_map import collapse
from theory.universal.enclosure.balls import gamma
from theory.universal.enclosure.branch_and_bound import Outcome, search
from theory.universal.enclosure.defined import check_defined
from theory.universal.enclosure.intervals import Interval, check_gradual_underflow, down, up
from theory.universal.formula.program import evaluate
from theory.universal.formula.target import Target
from theory.universal.layer import LayerWeights

# Boxes of a block after which its proof is given up, and boxes at a time times hidden units, for
# the memory. Points that scout for a counterexample prove nothing by themselves.
MOST_BOXES = 8_000_000
_BATCH = 300_000
_SCOUTS = 4096

Known = dict[tuple[tuple[float, float], Question | None], Outcome]
"""Searches that were made, by limits and the numbers of the piece."""


@dataclass(frozen=True)
class Witness:
    """A point (D,) of the domain and a proven lower bound of |exact net - formula| there."""

    point: Array
    error: float


@dataclass(frozen=True)
class Entry:
    """The verdict on one output of one token.

    Args:
        token, output: which entry, from 0.
        lower, upper: proven range of the exact net - formula on the domain.
        rounding: proven |float64 net - exact net| on the domain.
        boxes: boxes looked at.
        blocks: the blocks that were bounded, in order, with their outcomes.
        witness: a counterexample, where the error provably exceeds epsilon - rounding; or None.
    """

    token: int
    output: int
    accepted: bool
    lower: float
    upper: float
    rounding: float
    boxes: int
    blocks: tuple[tuple[Piece, Outcome], ...]
    witness: Witness | None = None

    @property
    def bound(self) -> float:
        """Proven sup |float64 net - formula| of this entry."""
        return float(up(np.asarray(max(-self.lower, self.upper) + self.rounding)))


def certify(
    weights: LayerWeights,
    target: Target,
    epsilon: float,
    *,
    arithmetic: Arithmetic = FLOAT64,
    most_boxes: int = MOST_BOXES,
    report: Callable[[int, int], None] | None = None,
) -> list[Entry]:
    """Proves (or refuses to prove) |net - formula| <= epsilon for every entry on the whole domain.

    Args:
        weights: the layer, nothing else is known of the net.
        target: formula and domain.
        epsilon: > 0; the computed forward pass is what shall be within it.
        arithmetic: of the forward pass.
        most_boxes: boxes per block after which there is no verdict.
        report: called with (entries done, entries) after each entry.

    Returns:
        One entry for each token and output, in order. Equal rows of a layer are not taken for
        granted; only where two of them lead to the very same numbers, these are bounded once.

    Raises:
        CertificateError: a process in which subnormal numbers are flushed to 0.
        DomainError: a formula that is not proven to be real and finite on the whole domain. The
            blocks are bounded afterwards, because splitting may cancel an undefined part.
    """
    check_gradual_underflow()
    check_defined(target)
    rounding = forward_rounding(weights, target.limit, arithmetic)
    entries: list[Entry] = []
    known: Known = {}
    for token in range(target.tokens):
        with np.errstate(over="ignore", invalid="ignore"):
            collapsed = collapse(weights, token, float(target.limit.max()))
        for output in range(target.outputs):
            view = View(weights, target, token, output, collapsed, arithmetic)
            entries.append(_entry(view, epsilon, float(rounding[output]), most_boxes, known))
            if report is not None:
                report(len(entries), target.tokens * target.outputs)
    return entries


def _entry(view: View, epsilon: float, rounding: float, most_boxes: int, known: Known) -> Entry:
    with np.errstate(over="ignore", invalid="ignore"):
        pieces = pieces_of(view)
    allowed = float(down(np.asarray(epsilon - rounding)))
    if not (allowed > 0 and pieces and all(p.error.is_finite for p in pieces)):
        return _no_verdict(view, rounding)
    seen = [_scout(piece) for piece in pieces]
    witness = _witness(view, pieces, seen, allowed)
    outcomes: list[Outcome] = []
    if witness is None:
        limits = _limits(seen, allowed)
        outcomes = _searches(pieces, limits, most_boxes, known)
        if outcomes[-1].witness is not None:
            found = _found(pieces, seen, outcomes)
            witness = _proven(view, found, allowed)
    accepted = len(outcomes) == len(pieces) and all(o.accepted for o in outcomes)
    total = Interval.point(0.0)
    for outcome in outcomes if accepted else ():  # a search without an end has infinite ones
        total = total + Interval(np.asarray(outcome.lower), np.asarray(outcome.upper))
    largest = float(up(np.maximum(-total.lower, total.upper) + rounding))
    accepted = accepted and largest <= epsilon
    return Entry(
        token=view.token,
        output=view.output,
        accepted=accepted,
        lower=float(total.lower) if accepted else -np.inf,
        upper=float(total.upper) if accepted else np.inf,
        rounding=rounding,
        boxes=sum(o.boxes for o in outcomes),
        blocks=tuple(zip(pieces, outcomes, strict=False)),
        witness=witness,
    )


def _no_verdict(view: View, rounding: float) -> Entry:
    """Rejection without a search: numbers leave float64, or rounding alone is too much."""
    return Entry(view.token, view.output, False, -np.inf, np.inf, rounding, 0, ())


def _searches(
    pieces: list[Piece], limits: list[tuple[float, float]], most_boxes: int, known: Known
) -> list[Outcome]:
    """Branch and bound block by block, up to the first that fails."""
    outcomes: list[Outcome] = []
    for piece, limit in zip(pieces, limits, strict=True):
        question = (limit, piece.question)
        if piece.question is None or question not in known:
            known[question] = _search(piece, limit, most_boxes)
        outcomes.append(known[question])
        if not outcomes[-1].accepted:
            break
    return outcomes


def _search(piece: Piece, limit: tuple[float, float], most_boxes: int) -> Outcome:
    batch = _BATCH // max(len(piece.error.units.offset), 8)
    if piece.error.heads is not None:
        batch //= 4 * piece.error.heads.tokens * len(piece.lower)
    domain = (piece.lower, piece.upper)
    return search(piece.error, domain, limit, most_boxes=most_boxes, batch=max(64, batch))


@dataclass(frozen=True)
class _Seen:
    """Extreme errors of one block on a fixed set of points, and where; no proof."""

    low: float
    high: float
    low_point: Array
    high_point: Array


def _scout(piece: Piece) -> _Seen:
    rng = np.random.default_rng(len(piece.lower))
    share = rng.uniform(size=(_SCOUTS, len(piece.lower)))
    faces = rng.uniform(size=share.shape) < 0.3
    share = np.where(faces, np.round(share), share)
    points = piece.lower + share * (piece.upper - piece.lower)
    error = piece.error.net(points) - evaluate(piece.block.program, points)
    low, high = int(np.nanargmin(error)), int(np.nanargmax(error))
    return _Seen(float(error[low]), float(error[high]), points[low], points[high])


def _limits(seen: list[_Seen], allowed: float) -> list[tuple[float, float]]:
    """Limits of each block's error: its observed values, and an equal part of the rest."""
    if len(seen) == 1:
        return [(-allowed, allowed)]
    # The limits shall add up to what is allowed also after rounding; the sum is checked anyway.
    safe = (1.0 - gamma(4 * len(seen) + 8)) / len(seen)
    above = safe * (allowed - sum(s.high for s in seen))
    below = safe * (allowed + sum(s.low for s in seen))
    return [(s.low - below, s.high + above) for s in seen]


def _witness(view: View, pieces: list[Piece], seen: list[_Seen], allowed: float) -> Witness | None:
    """A counterexample among the points already evaluated."""
    for points, total in (
        ([s.high_point for s in seen], sum(s.high for s in seen)),
        ([s.low_point for s in seen], -sum(s.low for s in seen)),
    ):
        if total > allowed:
            witness = _proven(view, _assemble(pieces, points), allowed)
            if witness is not None:
                return witness
    return None


def _found(pieces: list[Piece], seen: list[_Seen], outcomes: list[Outcome]) -> Array:
    """The point of a failed search, the other blocks at their worst seen point of the same sign."""
    failed = outcomes[-1]
    assert failed.witness is not None, "only called after a refusal with a point"
    points = [s.high_point if failed.upper > 0 else s.low_point for s in seen]
    points[len(outcomes) - 1] = failed.witness
    return _assemble(pieces, points)


def _assemble(pieces: list[Piece], points: list[Array]) -> Array:
    """A point x of the domain with L_b x near the given points, by least squares."""
    matrix = np.concatenate([p.block.matrix for p in pieces])
    return np.asarray(np.linalg.lstsq(matrix, np.concatenate(points), rcond=None)[0])


def _proven(view: View, point: Array, allowed: float) -> Witness | None:
    """The point with its proven error, if that is really beyond what is allowed."""
    target = view.target
    point = np.clip(point, target.lower, target.upper)
    (whole,) = whole_pieces(view)
    known = whole.error.enclose(point[None], point[None]).centre
    error = float(np.fmax(known.lower, -known.upper)[0])
    return Witness(point, error) if error > allowed else None
