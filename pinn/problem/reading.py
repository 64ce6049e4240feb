"""Reading of a user's problem into the one form that everything else uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy

from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def as_tuple(given: Any) -> tuple[Any, ...]:
    """A tuple of things; one thing without a tuple around it, such as an equation, is one."""
    if isinstance(given, (list, tuple, set)):
        return tuple(given)
    return (given,)


def normal(coordinate: Any) -> Any:
    """The symbol of the outward unit normal's component along a coordinate, for conditions.

    `Eq(normal(x) * u.diff(x) + normal(y) * u.diff(y), 0)` says that nothing flows out.

    Examples:
        >>> normal("x")
        n_x
    """
    return sympy.Symbol(f"n_{coordinate}")


def difference(equation: Any) -> Any:
    """Left side minus right side.

    Raises:
        UsageError: sympy has found the equation to be always true or false.
    """
    if equation is sympy.true or equation is sympy.false:
        raise UsageError(
            f"an equation is identically {equation}; write Eq(left, right) of a field."
        )
    return equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation


def equations_of(who: str, given: Any) -> Iterator[Any]:
    """The equations that one thing states: one, or one for each entry of a matrix.

    Raises:
        UsageError: text, a Python function, an inequality.
    """
    refuse_program(who, given, "an equation")
    form = sympy.sympify(given)
    if form in (sympy.true, sympy.false):
        raise UsageError(
            f"{who}: an equation is identically {form}, as Python's == and two sides of different "
            f"shapes make it; write Eq(left, right) of a field."
        )
    if isinstance(form, sympy.Equality):
        sides = form.lhs, form.rhs
        if not any(isinstance(side, sympy.MatrixBase) for side in sides):
            yield form
            return
        yield from (sympy.Eq(*pair) for pair in zip(*map(tuple, sides), strict=True))
    elif isinstance(form, sympy.core.relational.Relational):
        raise UsageError(f"{who}: {form} is an inequality; write equations, Eq(left, right).")
    elif isinstance(form, sympy.MatrixBase):
        yield from form
    elif isinstance(form, sympy.Expr):
        yield form
    else:
        raise UsageError(
            f"{who}: {form} is a {type(form).__name__}, not an equation; write Eq(left, right)."
        )


def refuse_program(who: str, given: Any, what: str) -> None:
    """Refuses text and Python functions where a sympy expression belongs.

    Raises:
        UsageError: the sentence says what was wanted.
    """
    if isinstance(given, str):
        raise UsageError(
            f"{who}: {given!r} is text; write {what} in sympy, such as Eq(u.diff(x, 2), -1)."
        )
    if callable(given) and not hasattr(given, "free_symbols"):
        raise UsageError(
            f"{who}: {given!r} is a Python function; write {what} in sympy. A solution that is "
            f"known as a function goes into reference=."
        )


def fields_of(who: str, given: Sequence[Any], coordinates: Sequence[Any]) -> tuple[Any, ...]:
    """The fields as functions of the coordinates in the problem's order.

    Raises:
        UsageError: a function that is applied to nothing, to other symbols, or not to all.
    """
    arguments = ", ".join(map(str, coordinates))
    names = {str(c) for c in coordinates}
    for field in given:
        applied = getattr(field, "args", ())
        if not isinstance(field, sympy.core.function.AppliedUndef) or (
            {str(a) for a in applied} != names or len(applied) != len(names)
        ):
            raise UsageError(
                f"{who}: {field} is not a field of this problem; write each field as a function of "
                f"all coordinates, such as {getattr(field, 'name', 'u')}({arguments})."
            )
    return tuple(field.func(*coordinates) for field in given)


def in_order(given: Sequence[Any], coordinates: Sequence[Any]) -> Callable[[Any], Any]:
    """Rewrites u(t, x) as u(x, t), wherever it stands and whatever it is taken at.

    Args:
        given: the fields as they were written.
        coordinates: in the problem's order.
    """
    names = [str(c) for c in coordinates]
    orders = {
        field.func: [[str(a) for a in field.args].index(name) for name in names] for field in given
    }
    orders = {head: order for head, order in orders.items() if order != sorted(order)}

    def rewritten(form: Any) -> Any:
        for head, order in orders.items():
            if hasattr(form, "replace"):
                form = form.replace(head, _permuted(head, order))
        return form

    return rewritten


def _permuted(head: Any, order: Sequence[int]) -> Callable[..., Any]:
    def apply(*arguments: Any) -> Any:
        return head(*(arguments[i] for i in order))

    return apply


def refuse_no_number(who: str, parameters: Mapping[Any, Any]) -> None:
    """Refuses values of parameters that are not finite numbers.

    Raises:
        UsageError: the sentence names the parameter.
    """
    for name, value in parameters.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{who}: parameter {name} must be a finite number; got {value}.")


def by_field(who: str, given: Mapping[Any, Any], fields: Sequence[Any]) -> dict[Any, Any]:
    """A mapping by field from one by field or by name: u(x, t), u or "u".

    Raises:
        UsageError: a key that is not a field.
    """
    names = {str(field.func): field for field in fields}
    known = {**names, **{str(field): field for field in fields}}
    found = {}
    for key, value in given.items():
        if str(key) not in known:
            raise unknown_name(who, "field", str(key), names)
        found[known[str(key)]] = value
    return found


def one_symbol_a_name(known: Sequence[Any]) -> Callable[[Any], Any]:
    """Replaces symbols by the known ones of the same names, whatever else is assumed of them.

    Within a problem x is x, be it declared real in one line and not in another.
    """
    symbols = {symbol.name: symbol for symbol in known}

    def renamed(expression: Any) -> Any:
        form = sympy.sympify(expression)
        if not hasattr(form, "free_symbols"):
            return form
        others = {s: symbols[s.name] for s in _symbols(form) if symbols.get(s.name, s) != s}
        return form.xreplace(others) if others else form

    return renamed


def _symbols(form: Any) -> set[Any]:
    found: set[Any] = form.atoms(sympy.Symbol)
    return found


def symbols_of(who: str, given: Mapping[Any, Any], forms: Sequence[Any]) -> dict[Any, Any]:
    """Parameters by symbol from a mapping by symbol or by name.

    Raises:
        UsageError: a name under which two symbols occur.
    """
    found = {}
    for key, value in given.items():
        if not isinstance(key, str):
            found[key] = value
            continue
        same = {s for form in forms for s in _symbols(sympy.sympify(form)) if s.name == key}
        if len(same) > 1:
            raise UsageError(f"{who}: two symbols are called {key}; give the parameter by symbol.")
        found[same.pop() if same else sympy.Symbol(key)] = value
    return found
