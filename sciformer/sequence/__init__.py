"""Sequence models on Legendre memories: training in parallel, streaming one frame at a time."""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "Architecture": "sciformer.sequence.architecture",
    "LMUFormer": "sciformer.sequence.lmuformer",
    "Numbers": "sciformer.sequence.data.targets",
    "SequenceClassifier": "sciformer.sequence.classifier",
    "SpikingLMUFormer": "sciformer.sequence.lmuformer",
    "fold": "sciformer.sequence.folding",
    "load_data": "sciformer.sequence.data",
    "make_model": "sciformer.sequence.presets",
    "measure": "sciformer.sequence.operations",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
