"""Expressivity of attention about positions: theorems as executable checks, constructions, tasks.

Public names are imported on first use.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "PositionDecoder": "theory.expressivity.decoder",
    "PositionIdentification": "theory.expressivity.tasks",
    "Recipe": "theory.expressivity.training",
    "blindness": "theory.expressivity.blindness",
    "position_layer": "theory.expressivity.mixing",
    "trained_row": "theory.expressivity.survey",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
