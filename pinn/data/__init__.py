"""Measured or computed data of users, and the files in which they come.

Public names are imported on first use.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "Cloud": "pinn.data.cloud",
    "embedded_wake_grid": "pinn.data.embedded",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
