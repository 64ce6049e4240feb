"""Scientific machine learning and transformer theory on one attention core.

Public names are imported on first use, so that `import sciformer` stays cheap.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

__version__ = "0.2.0"

_HOME = {
    "attend": "sciformer.attention",
    "MultiheadAttention": "sciformer.attention",
    "SequenceData": "sciformer.sequence.data",
    "Split": "sciformer.sequence.data",
    "Streamer": "sciformer.sequence.streaming",
    "own_data": "sciformer.sequence.data.own",
    "train": "sciformer.sequence.python",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
