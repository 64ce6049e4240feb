"""PhysicsFormer: physics-informed transformers with exact derivatives, trained by least squares.

import pinn
solved = pinn.solve("burgers")
solved.solution([[0.5, 0.25]])

Public names are imported on first use, so that `import pinn` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Box": "pinn.domain",
    "Condition": "pinn.problem",
    "Limits": "pinn.solver",
    "MLP": "pinn.networks",
    "PhysicsFormer": "pinn.networks",
    "Problem": "pinn.problem",
    "Settings": "pinn.settings",
    "Solution": "pinn.solution",
    "find_problem": "pinn.registry",
    "solve": "pinn.solving",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'pinn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
