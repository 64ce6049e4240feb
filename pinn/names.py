"""Names of networks, optimisers, samplers and the like, for the command line and for files.

Everything is found by entry points, ours as well as those of other packages: a name under
`pinn.optimisers` in a `pyproject.toml` is all that a new optimiser needs.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from sciformer.errors import DataError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

# The group of entry points that each kind of object is announced in.
GROUPS = {
    "network": "pinn.networks",
    "optimiser": "pinn.optimisers",
    "sampler": "pinn.samplers",
    "weighting": "pinn.weightings",
    "conditions": "pinn.conditions",
    "wave": "pinn.waves",
    "activation": "pinn.activations",
    "mixer": "pinn.mixers",
    "digits": "pinn.digits",
    "family network": "pinn.family_networks",
}

# Commands other than solve that ask for a kind.
ASKING = {"family network": "learn"}
KEYWORDS = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# What finds a name that no entry point has, from who asks and the name.
FALLBACKS = {"mixer": EntryPoint("named", "pinn.networks.mixers:named", "")}


def known(kind: str) -> dict[str, EntryPoint]:
    """Entry points of a kind, by name."""
    return {point.name: point for point in entry_points(group=GROUPS[kind])}


def find(kind: str, name: str) -> Any:
    """The class or function of a name.

    Raises:
        UnknownNameError: no such name; the sentence holds the nearest one.
    """
    points = known(kind)
    if name not in points and kind in FALLBACKS:
        return FALLBACKS[kind].load()("solve", name)
    if name not in points:
        raise unknown_name(ASKING.get(kind, "solve"), kind, name, points)
    return points[name].load()


def make(kind: str, record: str | Mapping[str, Any]) -> Any:
    """The object of a name, or of a name with options, as `describe` writes it.

    A dataclass is made with the options; any other function or class is returned as it is, or as a
    partial application of the options.

    Args:
        kind: a key of `GROUPS`.
        record: such as "adam", or {"name": "adam", "learning_rate": 1e-3}.

    Raises:
        UsageError: no such name or option, or an option of another type.
        DataError: the record is of an object without a name, which no file can rebuild.
    """
    options = {} if isinstance(record, str) else dict(record)
    name = record if isinstance(record, str) else options.pop("name", None)
    if name is None:
        raise DataError(
            f"solve: the {kind} {options.get('object', '?')} has no registered name, so a file "
            f"cannot rebuild it; give the object itself, with {kind}=..., or register it."
        )
    found = find(kind, name)
    who = f"solve: {name}"
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        parameters = inspect.signature(found).parameters.values() if options else ()
        _check_options(who, options, {p.name: p.default for p in parameters if p.kind in KEYWORDS})
        return partial(found, **options) if options else found
    fields = {field.name: field for field in dataclasses.fields(found) if field.init}
    _check_options(who, options, {key: field.default for key, field in fields.items()})
    made: Any = found
    return made(**{key: _value(fields[key], value) for key, value in options.items()})


def check_type(who: str, name: str, value: Any, like: Any) -> None:
    """Refuses a value of another type than a default; whole numbers may stand for others.

    Raises:
        UsageError: the sentence names the option, the type and the value.
    """
    kinds: dict[type, tuple[str, tuple[type, ...]]] = {
        bool: ("true or false", (bool,)),
        int: ("a whole number", (int,)),
        float: ("a finite number", (float, int)),
        str: ("a text", (str,)),
    }
    if type(like) not in kinds:
        return
    wanted, types = kinds[type(like)]
    is_right = type(value) in types
    if not is_right or (type(value) is float and not math.isfinite(value)):
        raise UsageError(f"{who}: {name} must be {wanted}; got {str(value)[:60]!r}.")


def describe(kind: str, thing: Any) -> str | dict[str, Any]:
    """A name, or a name with options, from which `make` gives the object again, as JSON values.

    An object without a name is described by its place, which people can read and `make` refuses.
    """
    options: dict[str, Any] = {}
    if isinstance(thing, partial):
        thing, options = thing.func, dict(thing.keywords)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            value = getattr(thing, field.name)
            inner = field.metadata.get("kind")
            if field.init:
                options[field.name] = value if inner is None else describe(inner, value)
        thing = type(thing)
    name = name_of(kind, thing)
    if name is None:
        shown = thing if hasattr(thing, "__qualname__") else type(thing)
        return {"object": f"{shown.__module__}.{shown.__qualname__}"}
    return {"name": name, **options} if options else name


def label(kind: str, thing: Any) -> str:
    """A label for an object in tables: its registered name, or that of its class."""
    record = describe(kind, thing)
    if isinstance(record, str):
        return record
    return str(record.get("method") or record.get("name") or record["object"])


@cache
def name_of(kind: str, thing: Any) -> str | None:
    """The name that a class or function is registered by, if it is."""
    last = getattr(thing, "__qualname__", type(thing).__qualname__).rpartition(".")[2]
    for name, point in known(kind).items():
        # Only what is called alike is loaded: a package of somebody else may be slow to import.
        if point.value.rpartition(":")[2].rpartition(".")[2] == last and point.load() is thing:
            return name
    return None


def _check_options(who: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    for key, value in options.items():
        if key not in defaults:
            raise unknown_name(who, "option", key, defaults)
        check_type(who, key, value, defaults[key])


def _value(field: dataclasses.Field[Any], value: Any) -> Any:
    kind = field.metadata.get("kind")
    return value if kind is None else make(kind, value)
