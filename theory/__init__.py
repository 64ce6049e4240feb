"""Transformer theory made executable: certified constructions and positional expressivity.

Public names are imported on first use.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "blindness": "theory.expressivity.blindness",
    "certify": "theory.universal.certify",
    "compile": "theory.universal.compile",
    "derivatives": "theory.universal.certify",
    "compile_flow": "theory.flows.compile_flow",
    "diagnose": "theory.universal.diagnose",
    "verify": "theory.universal.verifier.verify",
}

__all__ = [*_HOME]

__getattr__, __dir__ = on_first_use(__name__, _HOME)
