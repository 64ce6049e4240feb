"""Settings of the form key=value, typed by the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sciformer.errors import UsageError, unknown_name


def parse_settings(who: str, pairs: Iterable[str], target: type) -> dict[str, Any]:
    """Values for fields of a dataclass from words such as "width=32".

    Args:
        who: who asks, for messages, for example "sciformer solve".
        pairs: words key=value; a later one wins over an earlier one.
        target: a dataclass whose fields are int, float, bool, str, `Literal`, tuples `T, ...` of
            these (comma-separated), or any of them `| None` (the word none).

    Returns:
        Values by field name, ready for `target(**values)` or `dataclasses.replace`.

    Raises:
        UsageError: a word without "=", an unknown key, or a value of another type.
    """
    kinds = _fields(target)
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{who}: --set expects key=value; got {pair!r}.")
        if key not in kinds:
            raise unknown_name(who, "setting", key, kinds)
        try:
            values[key] = _convert(kinds[key], text)
        except ValueError as error:
            raise UsageError(f"{who}: --set {key} expects {error}; got {text!r}.") from None
    return values


def _fields(target: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(target)
    return {field.name: hints[field.name] for field in dataclasses.fields(target) if field.init}


def _convert(kind: Any, text: str) -> Any:
    """The text as a value of a type; a ValueError says what was wanted."""
    if kind in _CONVERTERS:
        return _CONVERTERS[kind](text)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(inner, text)
    if origin is typing.Literal:
        return _literal(inner, text)
    if origin is tuple:
        return tuple(_convert(inner[0], part) for part in text.split(",") if part)
    raise TypeError(f"settings: no conversion from text to {kind}.")


def _optional(kinds: tuple[Any, ...], text: str) -> Any:
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return None if text.lower() == "none" else _convert(kind, text)


def _literal(choices: tuple[Any, ...], text: str) -> Any:
    for choice in choices:
        if text == str(choice):
            return choice
    raise ValueError("one of " + ", ".join(map(str, choices)))


def _boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return value


_CONVERTERS: dict[type, Callable[[str], Any]] = {
    bool: _boolean,
    int: _integer,
    float: _number,
    str: str,
}
