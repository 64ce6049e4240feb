"""Recognition of equations that can be compiled, from sympy; others are refused by the term in the
way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from sciformer.errors import DataError, DomainError, UnknownNameError, UsageError
from sciformer.statement import Statement
from theory.flows.ends import PERIODIC, Ends, Walls
from theory.flows.expression import Expression
from theory.flows.polynomial import Polynomial
from theory.flows.rate import Rate
from theory.flows.reaction_text import U
from theory.universal.formula.limits import check_expansion
from theory.universal.formula.target import printed

if TYPE_CHECKING:
    from sympy import Expr


# Higher ones may only cancel, and the derivatives of a product double with each.
_HIGHEST_DERIVATIVE = 4


@dataclass(frozen=True)
class ReactionDiffusion:
    """u_t = diffusivity u_xx - drift u_x + reaction(u) on an interval, from t = 0 to `time`.

    Numbers are exact: floats are taken as the rationals that they are.

    Args:
        name: for messages.
        diffusivity: nu > 0.
        drift: c.
        reaction: f, a `Polynomial` or an `Expression`.
        length: of the interval.
        time: T > 0.
        ends: what lies beyond the ends.
        left: the coordinate of the left end, at most a million lengths from 0.
    """

    name: str
    diffusivity: Fraction
    drift: Fraction
    reaction: Rate
    length: Fraction
    time: Fraction
    ends: Ends = PERIODIC
    left: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not (self.diffusivity > 0 and self.length > 0 and self.time > 0):
            raise DomainError(
                f"{self.name}: diffusivity, length and time must be > 0; got "
                f"{float(self.diffusivity):g}, {float(self.length):g} and {float(self.time):g}."
            )
        if abs(self.left) > 10**6 * self.length:
            raise DomainError(
                f"{self.name}: an interval of {float(self.length):g} at {float(self.left):g} has "
                "places that float64 cannot tell apart well; count x from the left end."
            )
        if isinstance(self.ends, Walls):
            self._check_walls(self.ends)

    def _check_walls(self, walls: Walls) -> None:
        if self.drift:
            raise DomainError(
                f"{self.name}: the drift rules out reflected images at walls; compile it "
                "with periodic ends."
            )
        if min(walls.left, walls.right) < 0 and not self.reaction.is_odd:
            raise DomainError(
                f"{self.name}: a wall at 0 needs a reaction with f(-u) = -f(u), as its images are "
                "odd; this one is not."
            )

    @property
    def has_cold_wall(self) -> bool:
        """Whether solutions are odd about one end."""
        return isinstance(self.ends, Walls) and min(self.ends.left, self.ends.right) < 0


def recognise(problem: Statement) -> ReactionDiffusion:
    """Reads a scalar problem in one space coordinate and t.

    Raises:
        UsageError: an equation of another class; the sentence names the term that stands against.
        DataError: a polynomial that would have too many terms when it is multiplied out.
    """
    import sympy

    who = problem.name
    if len(problem.fields) != 1 or len(problem.equations) != 1:
        raise UsageError(
            f"{who}: certificates are known for one field; {len(problem.fields)} fields are "
            "not covered. Build a `SplittingTransformer` by hand, which has no certificate."
        )
    names = {str(c): c for c in problem.coordinates}
    space = [c for name, c in names.items() if name != "t"]
    if "t" not in names or len(space) != 1:
        raise UsageError(
            f"{who}: needs the coordinates t and one of space; got {', '.join(names)}."
        )
    (field,), (x,), t = problem.fields, space, names["t"]
    values = {symbol: _exact(who, symbol, value) for symbol, value in problem.parameters.items()}
    terms = _Terms(who, field, x, t, _rate(who, problem.equations[0], field, t, values))
    intervals = problem.domain.intervals
    (low, high), (begin, end) = intervals[str(x)], intervals["t"]
    return ReactionDiffusion(
        name=who,
        diffusivity=terms.diffusivity(),
        drift=-terms.coefficient(field.diff(x)),
        reaction=terms.reaction(),
        length=Fraction(high) - Fraction(low),
        time=Fraction(end) - Fraction(begin),
        ends=PERIODIC if str(x) in problem.periodic else _walls(problem, field, x, sympy),
        left=Fraction(low),
    )


class _Terms:
    """The right side of u_t = ..., taken apart."""

    def __init__(self, who: str, field: Any, x: Any, t: Any, rate: Any) -> None:
        import sympy

        self.who, self.field, self.whole = who, field, rate
        self.known = (field.diff(x, 2), field.diff(x))
        check_expansion(rate)  # parameters may be exponents
        self.rate = sympy.expand(rate)
        for derivative in self.rate.atoms(sympy.Derivative):
            if derivative not in self.known:
                self._refuse(derivative)
        self.symbol = sympy.Dummy("u")
        stand_ins = {d: sympy.Dummy(f"d{i}") for i, d in enumerate(self.known)}
        self.flat = self.rate.subs(stand_ins).subs(field, self.symbol)
        self.stand_ins = stand_ins
        if self.flat.has(x) or self.flat.has(t):
            term = next(a for a in self.rate.as_ordered_terms() if a.subs(field, 1).has(x, t))
            self._refuse(term, "its coefficients vary in space or time")

    def coefficient(self, derivative: Any) -> Fraction:
        """The constant factor of a derivative."""
        slope = self.flat.diff(self.stand_ins[derivative])
        if slope.free_symbols:
            terms = self.rate.as_ordered_terms()
            term = next(
                a for a in terms if a.has(derivative) and a.diff(derivative).has(self.field)
            )
            self._refuse(term, "its factor is not constant")
        return _fraction(slope)

    def diffusivity(self) -> Fraction:
        """The constant factor of u_xx, which is > 0."""
        found = self.coefficient(self.known[0])
        if not found > 0:
            terms = self.rate.as_ordered_terms()
            term = next((a for a in terms if a.has(self.known[0])), self.known[0])
            self._refuse(term, f"the factor of u_xx must be > 0; got {float(found):g}")
        return found

    def reaction(self) -> Rate:
        """The terms without derivatives: a polynomial with rational coefficients, or a formula."""
        import sympy

        rest = self.flat.subs(dict.fromkeys(self.stand_ins.values(), 0))
        if rest.is_polynomial(self.symbol):
            coefficients = sympy.Poly(rest, self.symbol).all_coeffs()[::-1]
            if all(c.is_Rational for c in coefficients):
                return Polynomial.of([_fraction(c) for c in coefficients])
        # As it was written: multiplied out it would be enclosed less sharply.
        derivatives = dict.fromkeys(self.whole.atoms(sympy.Derivative), sympy.Integer(0))
        formula = self.whole.xreplace(derivatives).xreplace({self.field: U})
        for part in formula.atoms() - {U}:
            if isinstance(part, sympy.Expr) and not part.is_number:
                self._refuse(part, "it is neither the field where the equation holds nor a number")
        try:
            return Expression.read(printed(formula))
        except (DataError, DomainError, UnknownNameError) as error:
            why = str(error).partition("\n")[0].rstrip(".")
            self._refuse(rest.subs(self.symbol, self.field), why)

    def _refuse(self, term: Any, why: str = "no head or block has this form") -> NoReturn:
        raise UsageError(
            f"{self.who}: the term {term} rules out a certificate ({why}); the class is {_CLASS}."
        )


_CLASS = (
    "u_t = nu u_xx - c u_x + f(u) with constants nu > 0, c and f a polynomial or a formula of "
    "exp, log, sin, cos, tanh, atan, sqrt and powers"
)


def _rate(who: str, equation: Any, field: Any, t: Any, values: Mapping[Any, Any]) -> Expr:
    """The right side of u_t = right side, with the values of parameters and exact numbers."""
    import sympy

    gap = equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation
    _refuse_the_unbounded(who, gap)
    check_expansion(gap.doit())
    gap = gap.doit().subs(values)
    gap = gap.xreplace({number: sympy.Rational(number) for number in gap.atoms(sympy.Float)})
    check_expansion(gap)  # parameters may be exponents
    factor = sympy.expand(gap).coeff(field.diff(t))
    if factor == 0 or factor.free_symbols:
        rates = sorted(str(d) for d in gap.atoms(sympy.Derivative) if t in d.variables)
        others = f", but {', '.join(rates)}" if rates else ""
        raise UsageError(f"{who}: the equation has no term u_t with a constant factor{others}.")
    return -(gap - factor * field.diff(t)) / factor


def _refuse_the_unbounded(who: str, gap: Any) -> None:
    """Refuses what sympy might try to evaluate without end: integrals, sums, high derivatives."""
    import sympy
    from sympy.concrete.expr_with_limits import ExprWithLimits

    for part in sympy.preorder_traversal(gap):
        high = isinstance(part, sympy.Derivative) and part.derivative_count > _HIGHEST_DERIVATIVE
        if high or isinstance(part, ExprWithLimits | sympy.Limit):
            raise UsageError(
                f"{who}: the term {part} rules out a certificate; the class is {_CLASS}."
            )


def _walls(problem: Statement, field: Any, x: Any, sympy: Any) -> Walls:
    """Both walls from the conditions at the two ends."""
    low, high = problem.domain.intervals[str(x)]
    signs: dict[float, int] = {}
    for condition in problem.conditions:
        name, _, value = condition.on.partition("=")
        if name.strip() != str(x):
            continue
        equation = condition.equation
        gap = equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation
        slope = gap.has(field.diff(x))
        rest = gap.subs(field.diff(x), 0) if slope else gap.subs(field, 0)
        if rest != 0:
            raise UsageError(
                f"{problem.name}: the condition {equation} on {condition.on} rules out "
                "reflected images; walls are u = 0 or u_x = 0."
            )
        signs[float(value)] = 1 if slope else -1
    if set(signs) != {float(low), float(high)}:
        raise UsageError(
            f"{problem.name}: {x} is neither periodic nor has one condition at each end; say "
            f"periodic=('{x}',) or give u = 0 or u_x = 0 on both."
        )
    return Walls(signs[float(low)], signs[float(high)])


def _exact(who: str, symbol: Any, value: Any) -> Any:
    """A parameter as the exact number that it is; pi/100 stays what it is."""
    import sympy

    number = sympy.sympify(value)
    if not (number.is_number and number.is_real and number.is_finite):
        raise DomainError(
            f"{who}: the parameter {symbol} must be a finite real number; got {value}."
        )
    return sympy.Rational(number) if number.is_Float else number


def _fraction(number: Any) -> Fraction:
    if number.is_Rational:
        return Fraction(int(number.p), int(number.q))
    return Fraction(float(number))
