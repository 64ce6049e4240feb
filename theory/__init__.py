"""Transformer theory made executable: certified constructions and positional expressivity.

Public names are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "blindness": "theory.expressivity.blindness",
    "compile": "theory.universal.compile",
    "diagnose": "theory.universal.diagnose",
    "verify": "theory.universal.verify",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
