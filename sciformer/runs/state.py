"""Nested state with tensors inside, as the tensors and plain values that a checkpoint keeps."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def pack(state: Any, prefix: str = "") -> tuple[dict[str, Tensor], Any]:
    """Takes the tensors out of nested dicts and lists; each leaves its name behind."""
    if isinstance(state, Tensor):
        return {prefix: state}, {"tensor": prefix}
    if isinstance(state, dict):
        items = state.items()
        packed = {str(key): pack(value, f"{prefix}/{key}") for key, value in items}
        tensors = {name: t for found, _ in packed.values() for name, t in found.items()}
        return tensors, {key: plain for key, (_, plain) in packed.items()}
    if isinstance(state, (list, tuple)):
        parts = [pack(value, f"{prefix}/{index}") for index, value in enumerate(state)]
        return {n: t for found, _ in parts for n, t in found.items()}, [p for _, p in parts]
    return {}, state


def unpack(tensors: dict[str, Tensor], plain: Any) -> Any:
    """Puts the tensors back."""
    if isinstance(plain, dict):
        if set(plain) == {"tensor"}:
            # A copy: a file puts tensors anywhere in memory, which can change last bits later.
            return tensors[plain["tensor"]].clone()
        return {key: unpack(tensors, value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [unpack(tensors, value) for value in plain]
    return plain
