"""Smaller models made from trained ones: units removed, nested widths, maps of few weights."""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "DenseSparse": "sciformer.compression.dense_sparse",
    "Edit": "sciformer.compression.edits",
    "Elastic": "sciformer.compression.elastic",
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
