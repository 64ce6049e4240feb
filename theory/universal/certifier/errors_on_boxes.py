"""Enclosures of net - formula on boxes: the two forms that branch and bound works on.

On a box with centre c and radii r:  e(x) in e(c) +- sum_j r_j sup |slope_j of e about c|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.certifier.softmax import ContentHeads
from theory.universal.enclosure.balls import UNIT, Ball, gamma, padded
from theory.universal.enclosure.branch_and_bound import Enclosed
from theory.universal.enclosure.intervals import Interval, down, up
from theory.universal.enclosure.range import enclose, enclose_gradient, relu_slope
from theory.universal.formula.program import Program


@dataclass(frozen=True)
class Boxes:
    """A batch of boxes: any float centre inside, radii rounded up so that they cover the box."""

    lower: Array
    upper: Array
    centre: Array
    radius: Array

    @classmethod
    def of(cls, lower: Array, upper: Array) -> Boxes:
        """Boxes with these corners; the centre is clipped into the box."""
        centre = np.clip(lower + (upper - lower) / 2, lower, upper)
        return cls(lower, upper, centre, up(np.maximum(upper - centre, centre - lower)))


@dataclass(frozen=True)
class Units:
    """Hidden units as functions of the box coordinates: weight relu(slope x + mix m + offset).

    `slack` bounds, over the whole domain, the difference between a pre-activation as computed here
    and the one the weights stand for; no ReLU enlarges it, so it goes into the value alone.
    Units that are active everywhere are gathered in `linear` and `constant`.
    """

    slope: Array  # (units, c)
    offset: Array  # (units,)
    mix: Array  # (units, features)
    weight: Array  # (units,)
    linear: Array  # (c,)
    constant: float
    slack: Array  # (units,)
    constant_slack: float


class LayerError:
    """e = (units, linear part) - formula; the outputs of content heads are further inputs.

    Args:
        units: the net's side.
        heads: the heads with scores that depend on x, or None.
        program: the formula in the same coordinates.
        limit: largest |coordinate| of the domain, shape (c,).
    """

    def __init__(
        self, units: Units, heads: ContentHeads | None, program: Program, limit: Array
    ) -> None:
        self.units, self.heads, self.program = units, heads, program
        self.terms = len(limit) + units.mix.shape[1] * (len(limit) + 4)  # of a sum of radii
        count = len(units.offset) + len(units.linear) + units.mix.shape[1] + 8
        size = np.abs(units.weight)
        peak = np.abs(units.slope) @ limit + np.abs(units.offset) + units.slack
        if heads is not None:
            peak = peak + np.abs(units.mix) @ self._feature_limit(heads, limit)
        total = size @ peak + np.abs(units.linear) @ limit + abs(units.constant)
        self.value_slack = float(
            padded(
                size @ units.slack + units.constant_slack + gamma(2 * count) * total,
                4 * count,
            )
        )
        steep = np.abs(units.slope)
        if heads is not None:
            reach = limit[None] + 0.0
            middle, radius = heads.jacobian(np.zeros_like(reach), reach)
            steep = steep + np.abs(units.mix) @ (np.abs(middle[0]) + radius[0])
        steepest = size @ steep + np.abs(units.linear)
        self.slope_slack = padded(gamma(4 * count + 64) * steepest, 4 * count)
        rows = units.weight[:, None] * units.slope
        self.plus, self.minus = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
        self.absolute = np.abs(units.slope)

    @staticmethod
    def _feature_limit(heads: ContentHeads, limit: Array) -> Array:
        middle, radius = heads.jacobian(np.zeros((1, len(limit))), limit[None])
        reach = (np.abs(middle[0]) + radius[0]) @ limit
        return np.asarray(np.abs(heads.outputs(np.zeros((1, len(limit))))[0]) + reach)

    def enclose(self, lower: Array, upper: Array) -> Enclosed:
        """Encloses e on boxes given by their corners, shape (boxes, c)."""
        boxes = Boxes.of(lower, upper)
        formula = enclose(self.program, lower, boxes.centre, upper)
        if self.heads is None:
            value, slope_low, slope_high = self._plain(boxes)
        else:
            value, slope_low, slope_high = self._mixed(boxes)
        centre = Interval(
            down(down(value - formula.centre.upper) - self.value_slack),
            up(up(value - formula.centre.lower) + self.value_slack),
        )
        spread = np.empty_like(lower)
        steepest = np.empty_like(lower)
        for j, slope in enumerate(formula.slopes):
            low, high = (0.0, 0.0) if slope is None else (slope.lower, slope.upper)
            spread[:, j] = np.maximum(slope_high[:, j] - low, high - slope_low[:, j])
            steepest[:, j] = np.maximum(slope_high[:, j], -slope_low[:, j])
        spread = (spread + self.slope_slack) * boxes.radius
        reach = padded(spread.sum(1), 8 + lower.shape[1])
        lowest, highest = down(centre.lower - reach), up(centre.upper + reach)
        if not np.isfinite(reach).all():
            steepest = (np.maximum(steepest, 0.0) + self.slope_slack) * boxes.radius
            reach = padded(steepest.sum(1), 8 + lower.shape[1]) + 2.0 * self.value_slack
            lowest = np.fmax(lowest, down(value - reach - formula.value.upper))
            highest = np.fmin(highest, up(value + reach - formula.value.lower))
        # A mean value needs a formula that is real on the whole box: NaN fits no limit.
        real = np.isfinite(formula.value.lower) & np.isfinite(formula.value.upper)
        lowest, highest = np.where(real, lowest, np.nan), np.where(real, highest, np.nan)
        return Enclosed(lowest, highest, centre, spread)

    @property
    def is_finite(self) -> bool:
        """Whether every number of the net's side is one, so that a search can come to an end."""
        units = self.units
        arrays = (units.slope, units.offset, units.mix, units.slack, self.slope_slack)
        finite = all(bool(np.isfinite(a).all()) for a in arrays)
        return finite and bool(np.isfinite(self.value_slack))

    def gradient(self, lower: Array, upper: Array) -> Interval:
        """Encloses all generalised gradients of e on boxes, shape (boxes, c).

        The centre is the whole box, so that the slopes hold between any two of its points.
        """
        boxes = Boxes.of(lower, upper)
        formula = enclose_gradient(self.program, lower, upper)
        if self.heads is None:
            _, low, high = self._plain(boxes, between=True)
        else:
            _, low, high = self._mixed(boxes, between=True)
        low, high = low - self.slope_slack, high + self.slope_slack
        return Interval(down(low), up(high)) - formula

    def net(self, points: Array) -> Array:
        """The net's part at points (p, c), in plain float64."""
        centre = points @ self.units.slope.T + self.units.offset
        if self.heads is not None:
            centre = centre + self.heads.outputs(points) @ self.units.mix.T
        return self._value(points, centre)

    def _value(self, points: Array, centre: Array) -> Array:
        units = self.units
        active = np.maximum(centre, 0.0) @ units.weight
        return np.asarray(active + points @ units.linear + units.constant)

    def _plain(self, boxes: Boxes, between: bool = False) -> tuple[Array, Array, Array]:
        """Value at the centres and slopes of the net, without content heads.

        Slopes are those about the centre, or `between` any two points of the box.
        """
        units = self.units
        centre = boxes.centre @ units.slope.T + units.offset
        share = self._shares(centre, boxes.radius @ self.absolute.T, between)
        low = share.lower @ self.plus + share.upper @ self.minus + units.linear
        high = share.upper @ self.plus + share.lower @ self.minus + units.linear
        return self._value(boxes.centre, centre), low, high

    def _mixed(self, boxes: Boxes, between: bool = False) -> tuple[Array, Array, Array]:
        """Value and slopes of the net with content heads: slopes of every unit on every box."""
        units, heads = self.units, self.heads
        assert heads is not None, "the plain form has no heads"
        middle, radius = heads.jacobian(boxes.centre, boxes.radius)
        slope = np.tensordot(middle, units.mix, (1, 1)) + units.slope.T  # (boxes, c, units)
        width = np.tensordot(radius, np.abs(units.mix), (1, 1))
        centre = boxes.centre @ units.slope.T + units.offset
        centre = centre + heads.outputs(boxes.centre) @ units.mix.T
        reach = np.einsum("bcu,bc->bu", np.abs(slope) + width, boxes.radius)
        share = self._shares(centre, reach, between)
        weighted, spread = slope * units.weight, width * np.abs(units.weight)
        least, most = share.lower[:, None], share.upper[:, None]
        low = np.minimum(least * (weighted - spread), most * (weighted - spread)).sum(2)
        high = np.maximum(least * (weighted + spread), most * (weighted + spread)).sum(2)
        return self._value(boxes.centre, centre), low + units.linear, high + units.linear

    def _shares(self, centre: Array, reach: Array, between: bool) -> Interval:
        """Part of each unit's slope that counts on the box, in [0, 1]."""
        reach = padded(reach, self.terms) + self.units.slack
        everywhere = Interval(centre - reach, centre + reach)
        if between:
            return relu_slope(everywhere, everywhere)
        around = Interval(centre - self.units.slack, centre + self.units.slack)
        return relu_slope(everywhere, around)


def unit_slack(slope: Array, offset: Ball, limit: Array) -> Array:
    """Bounds |computed - exact| of slope x + offset for |x| <= limit, per unit.

    Args:
        slope: (units, c), taken as exact.
        offset: (units,).
        limit: largest |coordinate|, shape (c,).
    """
    size = np.abs(slope) @ limit + offset.magnitude
    operations = 4 * len(limit) + 16
    return padded(offset.radius + gamma(operations) * size, operations) + UNIT
