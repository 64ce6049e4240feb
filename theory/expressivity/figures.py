"""The figure of the survey: what each scheme reaches, under its ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theory.expressivity.survey import Row

CONSTANT, RANDOM, CEILING = "#0072b2", "#e69f00", "#000000"


def draw_survey(rows: Sequence[Row], title: str, path: Path) -> None:
    """Two bars a scheme, accuracy on constant and on random sequences, and their ceilings.

    Args:
        rows: of the survey, from top to bottom.
        title: what was asked of the schemes.
        path: of the picture; its suffix says the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.6 + 0.55 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for k, row in enumerate(rows):
        bars = (
            (k - 0.18, row.constant, row.limit.constant, CONSTANT),
            (k + 0.18, row.random, row.limit.random, RANDOM),
        )
        for height, reached, limit, colour in bars:
            axes.barh(height, reached, 0.32, color=colour)
            axes.plot([limit, limit], [height - 0.17, height + 0.17], color=CEILING, linewidth=2)
            if reached < 0.9:
                place = max(reached, limit if abs(limit - reached) < 0.1 else 0) + 0.012
                axes.text(place, height, f"{reached:.3g}", va="center", fontsize=8)
    labels = [f"{row.scheme}\n{'blind' if row.is_blind else 'sees positions'}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.05)
    axes.set_xlabel("accuracy (share of positions)")
    axes.set_title(title, fontsize=10)
    axes.barh(0, 0, color=CONSTANT, label="constant sequences")
    axes.barh(0, 0, color=RANDOM, label="random sequences")
    axes.plot([], [], color=CEILING, linewidth=2, label="ceiling")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
