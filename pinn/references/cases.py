"""Functions by cases, such as |x| or a step: their branches and where they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STEPS = (sympy.floor, sympy.ceiling)
_CASES = (
    sympy.Abs,
    sympy.sign,
    sympy.Heaviside,
    sympy.Min,
    sympy.Max,
    *_STEPS,
)


def written_out(expression: Any, coordinates: Sequence[Any]) -> Any:
    """The expression with |x|, roots of squares, fractional parts and the like as real functions
    by cases, which sympy differentiates case by case.

    Args:
        expression: of coordinates; those that are not declared real are taken to be.
        coordinates: its symbols.
    """
    form = sympy.sympify(expression)
    roots = any(map(_is_root_of_square, form.atoms(sympy.Pow)))
    if not roots and not form.has(*_CASES, sympy.frac, sympy.Mod):
        return form
    real = {c: sympy.Dummy(str(c), real=True) for c in coordinates if not c.is_real}
    # Sympy makes |x| of a root of x**2 only where x is real.
    form = form.xreplace(real).replace(_is_root_of_square, _absolute)
    form = form.replace(sympy.frac, lambda g: g - sympy.floor(g))
    form = form.replace(sympy.Mod, lambda g, n: g - n * sympy.floor(g / n))
    form = form.replace(sympy.Abs, _absolute_by_cases)
    form = form.replace(sympy.sign, lambda g: sympy.Piecewise((1, g > 0), (-1, g < 0), (0, True)))
    form = form.replace(sympy.Heaviside, _step)
    form = form.replace(sympy.Max, lambda *given: _extreme(given, largest=True))
    form = form.replace(sympy.Min, lambda *given: _extreme(given, largest=False))
    return form.xreplace({dummy: c for c, dummy in real.items()})


def edges(expression: Any) -> list[Any]:
    """Functions that are 0 where an expression as `written_out` changes from case to case."""
    found = {
        relation.lhs - relation.rhs
        for piecewise in expression.atoms(sympy.Piecewise)
        for _, condition in piecewise.args
        for relation in condition.atoms(sympy.core.relational.Relational)
    }
    # Steps are at whole numbers.
    found |= {sympy.sin(sympy.pi * step.args[0]) for step in expression.atoms(*_STEPS)}
    return sorted(found, key=str)


def branch(expression: Any, at: Mapping[Any, Any]) -> Any:
    """The formula without cases that an expression as `written_out` has around a place.

    Args:
        expression: of coordinates and what `at` has numbers for.
        at: a number for each coordinate, on no edge.
    """

    def chosen(form: Any) -> Any:
        if not isinstance(form, sympy.Piecewise):
            return sympy.Integer(round(float(form.subs(at))))  # the value of a step
        for one, condition in form.args:
            if condition.subs(at) == sympy.true:
                return one
        return sympy.nan

    found = expression
    while found.has(sympy.Piecewise, *_STEPS):  # each round takes away the innermost ones
        inner = [f for f in found.atoms(sympy.Piecewise, *_STEPS) if not _holds_cases(f)]
        found = found.xreplace({form: chosen(form) for form in inner})
    return found


def steps_left_flat(expression: Any) -> Any:
    """The expression with 0 for derivatives of steps, which sympy leaves open."""

    def is_slope_of_step(form: Any) -> bool:
        return isinstance(form, (sympy.Derivative, sympy.Subs)) and form.has(*_STEPS)

    return expression.replace(is_slope_of_step, lambda form: sympy.Integer(0))


def _holds_cases(form: Any) -> bool:
    return any(part.has(sympy.Piecewise, *_STEPS) for part in form.args)


def _is_root_of_square(form: Any) -> bool:
    """Whether a form is (g**2)**a with a such that it is |g|**(2 a)."""
    if not isinstance(form, sympy.Pow) or form.exp.is_Integer:
        return False
    inner = form.base
    return bool(isinstance(inner, sympy.Pow) and inner.exp.is_even and form.exp.is_Rational)


def _absolute(form: Any) -> Any:
    return sympy.Abs(form.base.base) ** (form.base.exp * form.exp)


def _absolute_by_cases(argument: Any) -> Any:
    return sympy.Piecewise((argument, argument >= 0), (-argument, True))


def _step(argument: Any, *given: Any) -> Any:
    [at_zero] = given or (sympy.Rational(1, 2),)
    return sympy.Piecewise((1, argument > 0), (0, argument < 0), (at_zero, True))


def _extreme(given: Sequence[Any], *, largest: bool) -> Any:
    """The largest or least of several expressions, by cases."""
    pairs = []
    for one, others in ((one, [o for o in given if o is not one]) for one in given[:-1]):
        beats = [one >= other if largest else one <= other for other in others]
        pairs.append((one, sympy.And(*beats)))
    return sympy.Piecewise(*pairs, (given[-1], True))
