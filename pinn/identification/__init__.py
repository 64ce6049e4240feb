"""Coefficients of an equation from data of its solution.

Public names are imported on first use.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "identify": "pinn.identification.identifying",
    "identify_weak": "pinn.identification.weak.navier_stokes",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
