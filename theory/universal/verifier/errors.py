"""The error of one block on boxes: first-order forms of the net and of the formula, subtracted."""

from __future__ import annotations

import numpy as np

from theory.universal.arrays import Array
from theory.universal.verifier.bisection import Seen
from theory.universal.verifier.blocks import Share
from theory.universal.verifier.expressions import enclose
from theory.universal.verifier.forms import Form, Forms, chord
from theory.universal.verifier.rounded import UNIT, above, gamma

_NUMBERS_AT_ONCE = 150_000
"""Boxes times units of a batch: arrays of about a megabyte, which stay in the cache."""


class BlockError:
    """net_b - formula_b of one block.

    Every unit is replaced by a chord on the box, relu(u) in share u + [0, gap]; the sum of the
    units is then linear in the position, so what units and formula have in common cancels.

    Args:
        share: the block and its part of the net.
    """

    def __init__(self, share: Share) -> None:
        self.share, units, block = share, share.units, share.block
        self.weighted = units.weight[:, None] * units.slope
        self.gain, self.loss = np.maximum(units.weight, 0.0), np.maximum(-units.weight, 0.0)
        self.steep = np.abs(units.slope)
        size, coordinates = np.abs(units.weight), len(block.lower)
        reach = self.steep @ block.limit + np.abs(units.offset) + units.slack
        count = len(size) + coordinates + units.mix.shape[1] + 8
        affine = np.abs(share.linear) @ block.limit + abs(share.constant)
        # What the units carry themselves, and the rounding of a value: c + 4 roundings in a
        # pre-activation, one for its share, `units` for the sum, c + 2 for the affine part and its
        # addition; fewer than 2 count. Features bring more: see `_mixed`.
        self.slack = float(
            above(
                np.asarray(size @ units.slack + gamma(2 * count) * (size @ reach + affine)),
                4 * count,
            )
        )
        steepest = size @ self.steep + np.abs(share.linear)
        self.slope_slack = above(gamma(2 * count) * steepest, 2 * count)
        self.rounding = above(gamma(coordinates + 4) * reach, 2 * coordinates + 8)
        self.size, self.count = size, count

    @property
    def batch(self) -> int:
        """Boxes that are best looked at together."""
        units, coordinates = len(self.size), len(self.share.block.lower)
        if self.share.heads is None:
            return int(max(64, _NUMBERS_AT_ONCE // max(units, 4 * coordinates)))
        scores = self.share.heads.heads * self.share.heads.tokens**2
        return int(max(32, 4 * _NUMBERS_AT_ONCE // (coordinates * max(units, scores))))

    def see(self, lower: Array, upper: Array) -> Seen:
        """Encloses the error on boxes given by their corners, shape (boxes, c)."""
        share = self.share
        forms, formula = enclose(share.block.expression, share.block.symbols, lower, upper)
        with np.errstate(all="ignore"):
            if share.heads is None:
                return self._seen(forms, formula, *self._plain(forms))
            return self._seen(forms, formula, *self._mixed(forms))

    def _plain(self, forms: Forms) -> tuple[Array, Array, Array, Array, Array]:
        """Value, gradient, gaps upward and downward, and further radius of the net's form."""
        units = self.share.units
        centre = forms.centre @ units.slope.T + units.offset
        reach = forms.radius @ self.steep.T
        shares, gaps = self._chords(centre, reach + (units.slack + self.rounding))
        gradient = shares @ self.weighted
        value = (shares * centre) @ units.weight
        nothing = np.zeros(len(value))
        return value, gradient, gaps @ self.gain, gaps @ self.loss, nothing

    def _mixed(self, forms: Forms) -> tuple[Array, Array, Array, Array, Array]:
        """Parts of the net's form with content heads: their features are shared symbols, so they
        cancel.
        """
        units, heads = self.share.units, self.share.heads
        assert heads is not None, "the plain form has no heads"
        features = heads.outputs(forms)
        # With F the features' values V, slopes G and remainders R: a unit's part of V, G or R is a
        # sum over features, then one over units, then at most three additions, so it rounds by at
        # most gamma(count) of its own size. `size` is the sum of the three sizes.
        mix = units.mix.T
        centre = forms.centre @ units.slope.T + units.offset + features.value @ mix
        slope = np.swapaxes(features.gradient, 1, 2) @ mix + units.slope.T  # (boxes, c, units)
        size = np.abs(features.value) + features.radius
        size = size + (np.abs(features.gradient) * forms.radius[:, None]).sum(2)
        rounding = gamma(self.count) * (size @ np.abs(mix))
        reach = (np.abs(slope) * forms.radius[:, :, None]).sum(1)
        # Once for the rounding of the three parts; twice covers that of this line as well.
        reach = reach + features.radius @ np.abs(mix) + 2.0 * rounding
        shares, gaps = self._chords(centre, reach + (units.slack + self.rounding))
        weights = shares * units.weight
        sensitivity = weights @ units.mix
        gradient = weights @ units.slope
        gradient = gradient + (sensitivity[:, None] @ features.gradient)[:, 0]
        value = (shares * centre) @ units.weight
        # The value has the error of a pre-activation, that of its sum over units and that of the
        # two additions in `_seen`: three times the part of V. G and R are counted once each, so
        # three times the whole is enough, and four times covers the rounding of this line.
        doubt = (np.abs(sensitivity) * features.radius).sum(1) + 4.0 * (rounding @ self.size)
        return value, gradient, gaps @ self.gain, gaps @ self.loss, doubt

    def _chords(self, centre: Array, reach: Array) -> tuple[Array, Array]:
        """Shares and gaps of all units on all boxes."""
        # Two roundings in an end, each of at most UNIT (|centre| + reach + margin) (1 + UNIT): the
        # part of the reach is in `above`, 3 UNIT |centre| is more than the rest.
        reach = above(reach, 2 * self.steep.shape[1] + 8)
        margin = np.abs(centre) * (3.0 * UNIT)
        return chord(centre - reach - margin, centre + reach + margin)

    def _seen(
        self,
        forms: Forms,
        formula: Form,
        value: Array,
        gradient: Array,
        gain: Array,
        loss: Array,
        doubt: Array,
    ) -> Seen:
        """The net's form minus the formula's."""
        share = self.share
        value = value + forms.centre @ share.linear + share.constant
        gradient = gradient + share.linear - formula.gradient
        middle = value - formula.value
        # The last difference rounds relative to itself, as everything that `above` rounds up.
        effect = (np.abs(gradient) + self.slope_slack) * forms.radius
        own = self.slack + doubt
        own = own + UNIT * (np.abs(value) + np.abs(middle))
        reach = above(effect.sum(1) + formula.radius + own, forms.coordinates + len(self.size) + 8)
        rise, fall = above(gain, len(self.size) + 2), above(loss, len(self.size) + 2)
        undefined = ~(np.isfinite(formula.range.lower) & np.isfinite(formula.range.upper))
        lower = np.where(undefined, np.nan, _below(middle, above(reach + fall, 2)))
        upper = np.where(undefined, np.nan, -_below(-middle, above(reach + rise, 2)))
        return Seen(lower, upper, effect)


def _below(value: Array, reach: Array) -> Array:
    """A float below value - reach: one rounding of the difference, another of the step."""
    found = value - reach
    return np.asarray(np.nextafter(found - np.abs(found) * 2.0 * UNIT, -np.inf))
