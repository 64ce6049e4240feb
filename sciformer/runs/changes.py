"""Comparison of the configuration of a run with the one that it is continued with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sciformer.errors import UsageError

# What of a configuration may change when a run is resumed: where it is computed, not what.
PLACES = ("device",)


def refuse_changes(path: Path, before: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuses to continue a run with another configuration.

    Args:
        path: of the run.
        before: the configuration that it was started with.
        config: the one that it would be continued with.

    Raises:
        UsageError: they differ in more than `PLACES`; the sentence names the keys.
    """
    old, new = _flat(before), _flat(config)
    keys = [key for key in sorted({*old, *new}) if key.rpartition(".")[2] not in PLACES]
    changed = [key for key in keys if old.get(key) != new.get(key)]
    if changed:
        pairs = ", ".join(f"{key} {old.get(key)} -> {new.get(key)}" for key in changed)
        raise UsageError(
            f"run: {path} was started with another configuration ({pairs}); "
            "repeat the old values or start a new run."
        )


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
