"""A picture of a paper's verdicts: the ratio of each result to its limit."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

from sciformer.pictures import WIDTH, styled
from sciformer.reproduce.claims import Claim, Paper
from sciformer.reproduce.report import Row
from sciformer.reproduce.verdicts import Verdict

COLOURS = {
    Verdict.BETTER: "#1b7837",
    Verdict.HOLDS: "#5aae61",
    Verdict.FAILS: "#b2182b",
    Verdict.SHORT: "#d8a657",
    Verdict.UNTESTABLE: "#999999",
    Verdict.UNFINISHED: "#cccccc",
    Verdict.BROKEN: "#000000",
}

FARTHEST = 1e3  # what lies farther from the limit is drawn there, as a diamond


@styled()
def draw_verdicts(paper: Paper, rows: tuple[Row, ...], path: Path) -> None:
    """Draws one line per claim: the ratio of every seed to the limit, or the verdict in words.

    Args:
        paper: for the heading.
        rows: its claims with what was measured.
        path: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1.3 + 0.45 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for height, row in enumerate(reversed(rows)):
        colour = COLOURS[row.verdict]
        ratios = _ratios(row)
        for ratio in ratios:
            shown = min(max(ratio, 1 / FARTHEST), FARTHEST)
            axes.plot(shown, height, "o" if shown == ratio else "d", color=colour, alpha=0.7)
        if not ratios:
            words = row.verdict.value
            axes.text(1.15, height, words, color=colour, ha="left", va="center", fontsize=9)
    labels = [textwrap.shorten(row.claim.statement, 70) for row in reversed(rows)]
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set(ylim=(-0.7, len(rows) - 0.3), xscale="log", xlim=(0.7 / FARTHEST, 1.4 * FARTHEST))
    axes.set_yticks(range(len(rows)), labels, fontsize=9)
    axes.set_xlabel("ours over the limit: left of the line it holds")
    axes.grid(True, axis="x", alpha=0.3)
    figure.suptitle(f"{paper.title}\n{paper.source}")
    figure.savefig(path)


def _ratios(row: Row) -> list[float]:
    if not isinstance(row.claim, Claim):
        return []
    ratios = [row.claim.rule.ratio(value) for value in row.values]
    return [ratio for ratio in ratios if math.isfinite(ratio) and ratio > 0]
