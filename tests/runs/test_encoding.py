"""JSON of Python, numpy and torch values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciformer.runs.encoding import encode, plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_encode_is_strict_json_that_keeps_every_finite_value(value: Any) -> None:
    """Kills: allow_nan left on; replacing a finite float; skipping lists or nested dicts."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"not JSON: {constant}")

    assert json.loads(encode(value), parse_constant=refuse) == without_non_finite(value)


def without_non_finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [without_non_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: without_non_finite(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(-7), -7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 5]]), [[1, 2], [3, 5]]),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([2, 3], dtype=torch.int8), [2, 3]),
        (torch.tensor(1.5, requires_grad=True), 1.5),
        ((1, (2.5, None)), [1, [2.5, None]]),
        (Path("a") / "b", str(Path("a") / "b")),
    ],
)
def test_plain_takes_scalars_arrays_tuples_and_paths(value: Any, expected: Any) -> None:
    """Kills: dropping the `tolist` branch, the path branch or the recursion into tuples."""
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)


def test_plain_keeps_nan_and_infinities() -> None:
    """Kills: making `plain` strict, which would lose an infinite 'best so far' of a checkpoint."""
    nan, infinity = plain([float("nan"), np.float64("inf")])
    assert math.isnan(nan)
    assert infinity == math.inf


@pytest.mark.parametrize("value", [{1: "a"}, {"outer": {None: 1}}])
def test_keys_that_json_would_change_are_refused(value: Any) -> None:
    """Kills: passing keys through, after which {1: x} comes back as {"1": x}."""
    with pytest.raises(TypeError, match=r"JSON: keys must be strings; got (1|None) of type"):
        plain(value)


def test_foreign_objects_are_refused() -> None:
    """Kills: falling back to str or repr."""
    with pytest.raises(TypeError, match=r"JSON: cannot write a set; convert \{3\} first"):
        encode({"a": {3}})
