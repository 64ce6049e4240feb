"""Smaller models made from trained ones: units removed, linear maps of low rank."""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "Edit": "sciformer.compression.edits",
    "LowRank": "sciformer.compression.low_rank",
    "PlainCut": "sciformer.compression.prune",
    "Prune": "sciformer.compression.prune",
    "Task": "sciformer.compression.transformation",
    "Transformation": "sciformer.compression.transformation",
    "recalibrate": "sciformer.compression.calibrate",
    "rebuild": "sciformer.compression.edits",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
