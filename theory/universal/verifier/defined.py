"""Whether a formula is finite and real on the whole domain, by the verifier's own arithmetic.

The formula is judged as it was written, x/x and sqrt(x)**2 included, and once more as sympy has
simplified it, because that is what the blocks are compared with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.formula.parsing import Written
from theory.universal.formula.program import Program
from theory.universal.formula.target import Target
from theory.universal.verifier.bisection import halves
from theory.universal.verifier.domain import Domain
from theory.universal.verifier.expressions import enclose, enclose_number
from theory.universal.verifier.ranges import Range, Truth
from theory.universal.verifier.require import require

_MOST_BOXES = 100_000
_POINTS = 32
"""Points at which a formula as it was written is compared with what sympy made of it."""

_Enclosure = Callable[[Array, Array], Range]


class _Ranges:
    """The operations of a program, on intervals."""

    def constant(self, value: sympy.Expr) -> Range:
        """A number without variables."""
        return enclose_number(value)

    def add(self, left: Range, right: Range) -> Range:
        """x + y."""
        return left + right

    def multiply(self, left: Range, right: Range) -> Range:
        """x y."""
        return left * right

    def power(self, base: Range, exponent: int) -> Range:
        """x**k for an integer k."""
        return base.power(exponent)

    def sqrt(self, value: Range) -> Range:
        """The square root."""
        return value.sqrt()

    def function(self, name: str, value: Range) -> Range:
        """A function of one number, by name."""
        functions = {
            "exp": Range.exp,
            "log": Range.log,
            "sin": Range.sin,
            "cos": Range.cos,
            "tanh": Range.tanh,
            "atan": Range.atan,
            "abs": Range.absolute,
        }
        return functions[name](value)

    def maximum(self, left: Range, right: Range) -> Range:
        """max(x, y)."""
        return left.maximum(right)

    def minimum(self, left: Range, right: Range) -> Range:
        """min(x, y)."""
        return -(-left).maximum(-right)

    def choose(self, condition: Range, then: Range, otherwise: Range) -> Range:
        """`then` where condition > 0, `otherwise` where it is < 0, else both."""
        yes, no = condition.lower > 0, condition.upper < 0
        both = then.hull(otherwise)
        both = both.where_not(np.isnan(condition.lower) | np.isnan(condition.upper))
        ends = (
            np.where(yes, a, np.where(no, b, c))
            for a, b, c in (
                (then.lower, otherwise.lower, both.lower),
                (then.upper, otherwise.upper, both.upper),
            )
        )
        return Range(*ends)


def prove_defined(target: Target) -> None:
    """Splits the domain into boxes on which every entry has a finite enclosure, or refuses.

    A root, logarithm, power or quotient has an enclosure only where its argument is proven to lie
    in the real domain.

    Raises:
        DomainError: names an entry for which no such split was found.
        CertificateError: an entry that sympy has changed into another function.
    """
    written = {w.program: w.text for row in target.written for w in row}
    for entry in {w.program: w for row in target.written for w in row}.values():
        _compare(entry, target)
    for program, text in written.items():
        inputs = {i for step in program.steps for i in step.inputs if i < program.inputs}
        _prove(text, _of_program(program), sorted(inputs), target)
    for entry in dict.fromkeys(entry for row in target.entries for entry in row):
        inputs = {k for k, v in enumerate(target.variables) if v in entry.free_symbols}
        _prove(str(entry), _of_expression(entry, target), sorted(inputs), target)


def _compare(written: Written, target: Target) -> None:
    """Looks at random points whether sympy's expression is the function that was written.

    Two enclosures of one number meet, so a right simplification is never refused.
    """
    domain = Domain.of(target)
    part = np.random.default_rng().random((_POINTS, target.dimension))
    points = np.clip(
        domain.lower + part * (domain.upper - domain.lower), domain.lower, domain.upper
    )
    as_written = _of_program(written.program)(points, points)
    simplified = _of_expression(written.expression, target)(points, points)
    apart = (as_written.lower > simplified.upper) | (simplified.lower > as_written.upper)
    require(
        not np.any(apart),
        f"{written.text} was read as {written.expression}, which is another function.",
    )


def _of_program(program: Program) -> _Enclosure:
    def enclosure(lower: Array, upper: Array) -> Range:
        inputs = [Range(lower[:, k], upper[:, k]) for k in range(program.inputs)]
        return program.run(_Ranges(), inputs)

    return enclosure


def _of_expression(entry: sympy.Expr, target: Target) -> _Enclosure:
    def enclosure(lower: Array, upper: Array) -> Range:
        return enclose(entry, target.variables, lower, upper)[1].range

    return enclosure


def _prove(text: str, enclosure: _Enclosure, inputs: list[int], target: Target) -> None:
    """Bisects the coordinates that the formula depends on, `inputs`."""
    domain, used = Domain.of(target), np.array(inputs or [0])
    lower, upper = domain.lower[None], domain.upper[None]
    looked = 0
    while len(lower):
        looked += len(lower)
        bad = _unknown(enclosure, lower, upper)
        lower, upper = lower[bad], upper[bad]
        if not len(lower):
            return
        # What has no enclosure at a point has none on any box that holds the point.
        centre = np.clip(lower + (upper - lower) / 2, lower, upper)
        lost = _unknown(enclosure, centre, centre)
        if lost.any() or looked > _MOST_BOXES:
            names = [str(v) for v in target.variables]
            point = zip(names, centre[int(lost.argmax())], strict=True)
            near = ", ".join(f"{name} = {value:.4g}" for name, value in list(point)[:8])
            raise DomainError(
                f"verify: could not prove that {text} is finite and real on the whole domain; "
                f"look near {near}."
            )
        lower, upper = halves(lower, upper, used[(upper - lower)[:, used].argmax(1)])


def _unknown(enclosure: _Enclosure, lower: Array, upper: Array) -> Truth:
    """Boxes without a finite enclosure, as a mask."""
    found = enclosure(lower, upper)
    bad = ~(np.isfinite(found.lower) & np.isfinite(found.upper))
    return np.broadcast_to(bad, len(lower))
