"""Python, numpy and torch values as JSON, with a stated rule for numbers that are not finite."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: Any) -> Any:
    """The value made of dict, list, str, int, float, bool and None only.

    Args:
        value: nested mappings and sequences of scalars, paths, numpy or torch arrays and scalars.

    Returns:
        The same content; tuples and arrays become lists, NaN and infinities stay floats.

    Raises:
        TypeError: a key that is not a string (JSON would change it silently) or a foreign object.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy and torch, neither of which needs to be imported here
        return value.tolist()
    raise TypeError(f"JSON: cannot write a {type(value).__name__}; convert {value!r} first.")


def strict(value: Any) -> Any:
    """Like `plain`, with null for every NaN and infinity, which JSON's grammar does not have."""
    return _finite(plain(value))


def encode(value: Any, *, indent: int | None = None) -> str:
    """Strict JSON text of any value that `plain` takes; names of files may hold any bytes."""
    text = json.dumps(strict(value), indent=indent, allow_nan=False, ensure_ascii=False)
    # Bytes that are not UTF-8 come from the file system as lone surrogates.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"JSON: keys must be strings; got {key!r} of type {type(key).__name__}.")
    return key


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
