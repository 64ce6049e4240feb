"""Scientific machine learning and transformer theory on one attention core.

Public names are imported on first use, so that `import sciformer` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "attend": "sciformer.attention",
    "MultiheadAttention": "sciformer.attention",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'sciformer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
