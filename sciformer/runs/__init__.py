"""A run on disk: resolved configuration, metrics, checkpoints and results, safe against a kill."""

from __future__ import annotations

from sciformer.runs.run import Run as Run

__all__ = ["Run"]
