"""A paper's claims beside our figures: what a claim is, how it is measured and judged, the table.

The claims themselves live with what they claim, under the entry-point group `sciformer.claims`:
a function without arguments that returns a `Paper`. Nothing here knows any of them.
"""

from __future__ import annotations

from sciformer.lazy import on_first_use

_HOME = {
    "AtLeast": "sciformer.reproduce.verdicts",
    "AtMost": "sciformer.reproduce.verdicts",
    "Between": "sciformer.reproduce.verdicts",
    "Campaign": "sciformer.reproduce.campaign",
    "Claim": "sciformer.reproduce.claims",
    "Command": "sciformer.reproduce.command",
    "Effort": "sciformer.reproduce.claims",
    "Experiment": "sciformer.reproduce.claims",
    "Paper": "sciformer.reproduce.claims",
    "Report": "sciformer.reproduce.report",
    "Trial": "sciformer.reproduce.claims",
    "Untestable": "sciformer.reproduce.claims",
    "Verdict": "sciformer.reproduce.verdicts",
}

__all__ = list(_HOME)

__getattr__, __dir__ = on_first_use(__name__, _HOME)
