"""Checked reading of files of others: types, shapes, sizes and finiteness, before anything is
used.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DataError
from theory.universal.layer import STATE_NAMES, LayerWeights, weights_from_state

LONGEST_TEXT = 2**28
"""Bytes of a certificate.json; 256 outputs in one block of 256 coordinates each take a third."""
LARGEST_MAP = 2**28
"""Hidden units times input coordinates, the largest array that is made of the weights: 2 GiB."""

Tensors = dict[str, NDArray[Any]]


def damaged(name: str, reason: str) -> DataError:
    """The error for a damaged file."""
    return DataError(f"verify: {name} is damaged ({reason}); compile again.")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DataError: no regular file, too long, no JSON, NaN or infinity in it, a name that an object
            has twice, or no object.
    """
    _check_file(path)
    if path.stat().st_size > LONGEST_TEXT:
        raise damaged(path.name, f"it is longer than {LONGEST_TEXT} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_twice)
    except (ValueError, RecursionError, OSError) as error:
        raise damaged(path.name, str(error)) from error
    if not isinstance(found, dict):
        raise damaged(path.name, "it is not a JSON object")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of two equal ones, another reader might take the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has one name twice")
    return found


def read_tensors(path: Path) -> Tensors:
    """All tensors of a safetensors file, which holds no code.

    Raises:
        DataError: no regular file, or none of that format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    _check_file(path)
    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        # An AttributeError is a type that numpy does not have, such as an 8-bit float.
        raise damaged(path.name, str(error)) from error


def _check_file(path: Path) -> None:
    """A regular file; devices and pipes have no end."""
    if not path.is_file():
        raise DataError(
            f"verify: {path.parent} holds no certificate that can be read ({path.name} is missing "
            "or no regular file); name a directory that compile has written."
        )


def read_as(kind: Any, value: Any, where: str) -> Any:
    """A JSON value as a dataclass, list, tuple or plain value of exactly this type.

    Raises:
        DataError: another type, a missing or unknown field, a number that is not finite.
    """
    if is_dataclass(kind):
        return _read_object(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        for option in arguments:
            try:
                return read_as(option, value, where)
            except DataError:
                continue
        raise damaged(where, f"{_shown(value)} is not an allowed value")
    if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
        if not isinstance(value, list | tuple):
            raise damaged(where, f"{_shown(value)} is not a list")
        parts = (read_as(arguments[0], v, f"{where}[{k}]") for k, v in enumerate(value))
        return origin(parts)
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(arguments):
            raise damaged(where, f"{_shown(value)} is not a list of {len(arguments)}")
        return tuple(read_as(a, v, where) for a, v in zip(arguments, value, strict=True))
    return _read_plain(kind, value, where)


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float and type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise damaged(where, "a number is not finite")
    if kind in (int, str, types.NoneType) and type(value) is kind:
        return value
    raise damaged(where, f"{_shown(value)} should be {getattr(kind, '__name__', kind)}")


def _read_object(kind: Any, value: Any, where: str) -> Any:
    types_of = typing.get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise damaged(where, f"its fields should be {', '.join(names)}")
    return kind(**{n: read_as(types_of[n], value[n], f"{where}: {n}") for n in names})


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_weights(tensors: Tensors, heads: int, name: str) -> LayerWeights:
    """The weights of a layer whose shapes fit each other, in the precision they are stored in.

    Raises:
        DataError: other tensors, shapes or types; numbers that are not finite; sizes out of reach.
    """
    if set(tensors) != set(STATE_NAMES.values()):
        raise damaged(name, "its tensors are not those of a layer")
    kinds = {array.dtype for array in tensors.values()}
    if len(kinds) != 1 or kinds.pop() not in (np.float64, np.float32):
        raise damaged(name, "its weights are not all float64 or all float32")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise damaged(name, "a weight is not finite")
    shapes = {short: tensors[long].shape for short, long in STATE_NAMES.items()}
    if any(len(s) != (1 if "bias" in k else 2) or 0 in s for k, s in shapes.items()) or heads < 1:
        raise damaged(name, "a weight has the wrong number of axes, or none of something")
    (w, d), n, inner = shapes["embedding"], shapes["positions"][0], shapes["query"][0]
    units, outputs = shapes["hidden"][0], shapes["readout"][0]
    wanted = {
        "embedding": (w, d),
        "positions": (n, w),
        "query": (inner, w),
        "key": (inner, w),
        "value": (inner, w),
        "output": (w, inner),
        "hidden": (units, w),
        "hidden_bias": (units,),
        "readout": (outputs, units),
        "readout_bias": (outputs,),
    }
    if shapes != wanted or inner % heads:
        raise damaged(name, "the shapes of its weights do not fit each other")
    if units * n * d > LARGEST_MAP:
        raise damaged(name, f"{units} units on {n * d} coordinates are out of reach")
    return weights_from_state(tensors, heads)
