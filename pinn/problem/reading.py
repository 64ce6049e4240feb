"""What a user writes for a problem, brought into the one form that everything else reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sympy

from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def as_tuple(given: Any) -> tuple[Any, ...]:
    """One thing without a tuple around it, such as an equation, a symbol or a name, is one."""
    if isinstance(given, (list, tuple, set)):
        return tuple(given)
    return (given,)


def by_field(who: str, given: Mapping[Any, Any], fields: Sequence[Any]) -> dict[Any, Any]:
    """A mapping by field from one by field or by name: u(x, t), u or "u".

    Raises:
        UsageError: a key that is no field.
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
