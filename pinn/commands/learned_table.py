"""The table of a learned family."""

from __future__ import annotations

from typing import Any


def learned_rows(summary: dict[str, Any]) -> list[tuple[str, Any]]:
    """Label and value of each line, from the summary of `sciformer learn`."""
    shown = {
        "network": "network",
        "start": "starts from",
        "leaves_out": "which leaves out",
        "loss": "learned from",
        "parameters": "parameters",
        "optimiser": "optimiser",
        "steps": "steps",
        "train_seconds": "CPU seconds",
        "functions": "unseen members",
        "median": "relative L2 error, median",
        "mean": "mean",
        "q95": "95 %",
        "worst": "worst",
        "milliseconds": "CPU ms a member",
        "run": "run",
    }
    rows = [
        (label, summary.get(key))
        for key, label in shown.items()
        if summary.get(key) not in (None, "")
    ]
    if bounds := summary.get("error_bounds"):
        said = f"at most {bounds['median']:.2e}, of {bounds['functions']} members"
        rows[-1:-1] = [
            ("relative L2 error, median", f"{said}, by bounds"),
            ("worst", f"at most {bounds['worst']:.2e}"),
        ]
    if "band" in summary:
        band = summary["band"]
        width = ", ".join(f"{w:.2e}" for w in band["half_width_over_rms"])
        low, high = band["coverage_5_95"]
        rows.insert(
            -1,
            (
                "90 % band, half width over rms",
                f"{width}; holds {band['measured_coverage']:.0%} of other members "
                f"(calibration itself {low:.0%} to {high:.0%})",
            ),
        )
    return rows
