"""One entry of a claim as a sum of blocks: which part of the formula and of the net is in each.

net - formula = sum over blocks of (net_b(y) - formula_b(y)) + rest,   y = L_b x,   |rest| <= slack

The blocks, and how the affine part of the net is shared among them, are hints of the file. That
they add up is proven here, by sympy for the formula and by a bound of what is left over for the
net, so a wrong hint can only make the slack too large.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
import sympy

from theory.universal.arrays import Array
from theory.universal.format import BlockClaim
from theory.universal.formula.limits import check_expansion
from theory.universal.formula.parsing import parse_rows
from theory.universal.formula.target import Target
from theory.universal.verifier.bisection import Tree
from theory.universal.verifier.domain import Domain
from theory.universal.verifier.expressions import enclose
from theory.universal.verifier.heads import ContentHeads
from theory.universal.verifier.matrices import Near
from theory.universal.verifier.network import Network, TokenMap
from theory.universal.verifier.ranges import Range
from theory.universal.verifier.require import require
from theory.universal.verifier.rounded import UNIT, above, gamma

_FOREIGN = 1e-9
"""A unit is at home in the first block that leaves out less than this part of it."""

_RATIONAL = re.compile(r"-?[0-9]{1,60}(/[1-9][0-9]{0,59})?")
"""Coefficients of linear forms: their numbers are small, a float's fraction has 17 digits and more
zeros; an exponent is not allowed, because 1e999999999 is short and its fraction is not."""

_MOST_TERMS = 400_000
"""Terms of the blocks multiplied out, about two minutes of sympy; the polarised product of eight
variables is counted as a third of it."""

_POINTS = 32
"""Points at which the blocks and the formula are compared in numbers, after sympy's proof."""


@lru_cache(maxsize=256)
def _parsed(text: str, symbols: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    """One expression; outputs of several tokens often have the same."""
    ((expression,),) = parse_rows(text, {s.name: s for s in symbols})
    return expression


class Block:
    """A hint, read: linear forms, expression, the box of the forms on the domain, and a tree."""

    def __init__(self, claim: BlockClaim, tree: Tree, domain: Domain, where: str) -> None:
        texts = [text for row in claim.rows for text in row]
        require(
            all(_RATIONAL.fullmatch(text) for text in texts),
            f"a linear form of a block of {where} has a coefficient that is not a short fraction.",
        )
        size, count = len(domain.lower), len(claim.rows)
        require(
            count > 0 and all(len(row) == size for row in claim.rows),
            f"a block of {where} has no linear forms, or forms of the wrong length.",
        )
        self.rows = [
            {c: Fraction(text) for c, text in enumerate(row) if text != "0"} for row in claim.rows
        ]
        self.symbols = tuple(sympy.Symbol(f"y{k + 1}", real=True) for k in range(count))
        self.expression = _parsed(claim.expression, self.symbols)
        self.claim, self.tree = claim, tree
        require(
            len(claim.slope) == count,
            f"the affine part of a block of {where} does not fit its linear forms.",
        )
        lower, upper = np.zeros((count, size)), np.zeros((count, size))
        for place, row in enumerate(self.rows):
            for column, factor in row.items():
                ends = Range.fraction(factor)
                lower[place, column], upper[place, column] = ends.lower, ends.upper
        self.matrix = Near(lower, above(upper - lower, 1) * (upper > lower))
        corners = [_reach(row, domain) for row in self.rows]
        self.lower = np.array([low for low, _ in corners])
        self.upper = np.array([high for _, high in corners])

    @property
    def is_everything(self) -> bool:
        """Whether its coordinates are those of the domain, in order."""
        size = self.matrix.value.shape[1]
        return self.rows == [{k: Fraction(1)} for k in range(size)]

    @cached_property
    def limit(self) -> Array:
        """The largest |y| of every coordinate."""
        return np.asarray(np.maximum(np.abs(self.lower), np.abs(self.upper)))

    def substituted(self, variables: Sequence[sympy.Symbol]) -> sympy.Expr:
        """The expression in the variables of the target."""
        forms = []
        for row in self.rows:
            terms = [
                sympy.Rational(f.numerator, f.denominator) * variables[c] for c, f in row.items()
            ]
            forms.append(sympy.Add(*terms))
        pairs = dict(zip(self.symbols, forms, strict=True))
        return self.expression.subs(pairs, simultaneous=True)


def _reach(row: dict[int, Fraction], domain: Domain) -> tuple[float, float]:
    """Range of a linear form on the domain, in exact rational numbers, rounded outward."""
    low = high = Fraction(0)
    for column, factor in row.items():
        corners = (domain.lower[column], domain.upper[column])
        ends = [factor * Fraction(float(end)) for end in corners]
        low, high = low + min(ends), high + max(ends)
    return float(Range.fraction(low).lower), float(Range.fraction(high).upper)


def prove_sum(blocks: list[Block], entry: sympy.Expr, target: Target, where: str) -> None:
    """Proves that the blocks add up to the entry, wherever both are real.

    sympy expands the difference to 0. Should it be wrong there, or in substituting the linear
    forms, the comparison of enclosures at random points, form by form, is likely to show it.

    Raises:
        CertificateError: they do not.
        DataError: blocks that have too many terms when multiplied out.
    """
    total = sum((b.substituted(target.variables) for b in blocks), sympy.Integer(0))
    check_expansion(total, _MOST_TERMS)
    same = total == entry or sympy.expand(entry - total) == 0
    require(same, f"the blocks of {where} are not the formula.")
    domain = Domain.of(target)
    part = np.random.default_rng().random((_POINTS, target.dimension))
    points = domain.lower + part * (domain.upper - domain.lower)
    points = np.clip(points, domain.lower, domain.upper)
    whole = enclose(entry, target.variables, points, points)[1].range
    added = Range.point(np.zeros(_POINTS))
    for block in blocks:
        forms = Near.exact(points) @ Near(block.matrix.value.T, block.matrix.error.T)
        lower, upper = forms.value - above(forms.error, 1), forms.value + above(forms.error, 1)
        lower, upper = np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)
        added = added + enclose(block.expression, block.symbols, lower, upper)[1].range
    apart = (whole.lower > added.upper) | (added.lower > whole.upper)
    require(not np.any(apart), f"the blocks of {where} are not the formula.")


@dataclass(frozen=True)
class Units:
    """Hidden units of one block: weight relu(slope y + mix m + offset), each within `slack`."""

    slope: Array
    offset: Array
    mix: Array
    weight: Array
    slack: Array


@dataclass(frozen=True)
class Share:
    """A block with its part of the net: units, linear part and constant."""

    block: Block
    units: Units
    linear: Array
    constant: float
    heads: ContentHeads | None


def share_net(
    blocks: list[Block], network: Network, token: int, output: int, domain: Domain, where: str
) -> tuple[list[Share], float]:
    """Gives every hidden unit to a block.

    Units that are positive on the whole domain are affine; the file says how their sum is shared
    among the blocks. Rounding decides whether a unit whose least value is about 0 is one of them,
    so both answers are tried and the one that leaves less over is kept.

    Returns:
        One share a block, and a bound of what is in none of them, over the domain.
    """
    heads = None
    if network.content:
        require(
            len(blocks) == 1 and blocks[0].is_everything,
            f"heads with scores that depend on the input need one block of all coordinates; "
            f"{where} has others.",
        )
        heads = ContentHeads(network, token, domain.limit)
    found = network.token(token)
    outer = network.weights.readout[output]
    least, most = _pre_activations(found, domain)
    if heads is not None:
        least, most = np.full_like(least, -np.inf), np.full_like(most, np.inf)
    bias = float(network.weights.readout_bias[output])
    attempts = []
    for margin in (0.0, 1e-12):
        always = least > margin * (1.0 + np.abs(most)) if margin else least > 0
        affine = _Affine(found, np.where(always, outer, 0.0), bias)
        hints = affine.split(blocks)
        attempts.append((affine.left_over(blocks, hints, domain), always, hints))
    rest, always, hints = min(attempts, key=lambda attempt: attempt[0])
    dead = most <= 0
    kept = ~dead & ~always & (outer != 0)
    units = _at_home(blocks, found, kept, outer, domain, heads)
    parts = zip(blocks, units, hints, strict=True)
    return [Share(b, u, slope, constant, heads) for b, u, (slope, constant) in parts], rest


def _pre_activations(found: TokenMap, domain: Domain) -> tuple[Array, Array]:
    """Ends of every pre-activation over the domain, without content heads."""
    centre = domain.lower + (domain.upper - domain.lower) / 2
    reach = above(np.maximum(domain.upper - centre, centre - domain.lower), 2)
    terms = len(centre)
    middle = found.slope.value @ centre + found.offset.value
    size = np.abs(found.slope.value) @ np.abs(centre) + np.abs(found.offset.value)
    spread = np.abs(found.slope.value) @ reach + found.slope.error @ domain.limit
    spread = above(spread + found.offset.error + gamma(terms + 3) * size, 2 * terms + 8)
    return middle - above(spread + np.abs(middle) * 4 * UNIT, 3), middle + above(
        spread + np.abs(middle) * 4 * UNIT, 3
    )


Hints = list[tuple[Array, float]]
"""Slope in its own coordinates, and constant, of every block."""


class _Affine:
    """The sum of the always positive units and the bias: a linear form of the inputs."""

    def __init__(self, found: TokenMap, outer: Array, bias: float) -> None:
        row = Near.exact(outer[None])
        self.linear = row @ found.slope
        self.constant = row @ found.offset[:, None] + Near.exact(np.array([[bias]]))

    def split(self, blocks: list[Block]) -> Hints:
        """The parts that the file states; a single block needs no hint, and takes all."""
        if len(blocks) > 1:
            return [(np.array(b.claim.slope), b.claim.constant) for b in blocks]
        (block,) = blocks
        slope = self.linear.value[0] @ np.linalg.pinv(block.matrix.value)
        return [(slope, float(self.constant.value[0, 0]))]

    def left_over(self, blocks: list[Block], hints: Hints, domain: Domain) -> float:
        """The part that the blocks miss, over the domain."""
        linear, constant = self.linear, self.constant
        for block, (slope, part) in zip(blocks, hints, strict=True):
            linear = linear + Near.exact(-slope[None]) @ block.matrix
            constant = constant + Near.exact(np.array([[-part]]))
        total = linear.size[0] @ domain.limit + constant.size[0, 0]
        return float(above(np.asarray(total), len(domain.limit) + 4))


def _at_home(
    blocks: list[Block],
    found: TokenMap,
    kept: Array,
    outer: Array,
    domain: Domain,
    heads: ContentHeads | None,
) -> list[Units]:
    """The other units, block by block."""
    slope, offset, mix = found.slope[kept], found.offset[kept], found.mix[kept]
    weight = outer[kept]
    size = np.abs(slope.value) @ domain.limit
    views = [_seen_from(block, slope, domain) for block in blocks]
    foreign = np.stack([outside for _, outside in views])
    near = foreign <= _FOREIGN * size
    homes = np.where(near.any(0), near.argmax(0), np.nan_to_num(foreign, nan=np.inf).argmin(0))
    units_of = []
    for index, (inner, outside) in enumerate(views):
        mine = homes == index
        slack = above(outside[mine] + offset.error[mine], 2)
        if heads is not None:
            slack = above(slack + mix.error[mine] @ heads.largest, mix.error.shape[1] + 2)
        rest = offset.value[mine], mix.value[mine], weight[mine], slack
        units_of.append(Units(inner[mine], *rest))
    return units_of


def _seen_from(block: Block, slope: Near, domain: Domain) -> tuple[Array, Array]:
    """Slopes in the block's coordinates, and the most that they leave out over the domain."""
    matrix = block.matrix
    inner = slope.value @ np.linalg.pinv(matrix.value)
    # Noise of the pseudo-inverse beside the largest slope; what is dropped is left out, so counted.
    inner[np.abs(inner) < 1e-13 * np.abs(inner).max(initial=0.0)] = 0.0
    rest = slope + Near.exact(-inner) @ matrix
    outside = above(rest.size @ domain.limit, len(domain.limit) + 2)
    return inner, outside
