"""Sequence models on Legendre memories: training in parallel, streaming one frame at a time."""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "Architecture": "sciformer.sequence.model",
    "LMUFormer": "sciformer.sequence.model",
    "Numbers": "sciformer.sequence.data.targets",
    "SequenceClassifier": "sciformer.sequence.model",
    "SpikingLMUFormer": "sciformer.sequence.model",
    "fold": "sciformer.sequence.folding",
    "load_data": "sciformer.sequence.data",
    "make_model": "sciformer.sequence.presets",
    "measure": "sciformer.sequence.operations",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
