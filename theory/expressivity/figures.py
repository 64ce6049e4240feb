"""The picture of the survey: the accuracy of each scheme, under its ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sciformer.pictures import BLACK, BLUE, ORANGE, WIDTH, styled
from theory.expressivity.survey import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS = {
    True: "blind: equal tokens give equal rows",
    False: "sees positions on every sequence",
}
EMPTY = 0.004  # below this share a bar has no visible length, and its number says so


@styled()
def draw_survey(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draws two bars per scheme, accuracy on constant and on random sequences, and their ceilings.

    Schemes stand in two groups, those that theory proves blind first.

    Args:
        rows: of the survey.
        title: what was asked of the schemes.
        path: of the picture; its suffix says the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = {blind: [row for row in rows if row.is_blind == blind] for blind in GROUPS}
    groups = {blind: found for blind, found in groups.items() if found}
    height = 1.5 + 0.5 * len(rows) + 0.4 * len(groups)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    place, labels = 0.0, []
    for blind, found in groups.items():
        axes.text(0.005, place, GROUPS[blind], va="center", fontweight="bold")
        place += 0.75
        for row in found:
            _bars(axes, row, place)
            labels.append((place, row.scheme))
            place += 1.0
    axes.set_yticks(*zip(*labels, strict=True))
    axes.tick_params("y", length=0)
    axes.set(xlim=(0, 1.08), ylim=(place - 0.4, -0.5), xlabel="accuracy (share of positions)")
    axes.barh(0, 0, color=BLUE, label="constant sequences")
    axes.barh(0, 0, color=ORANGE, label="random sequences")
    axes.plot([], [], color=BLACK, linewidth=2, label="ceiling by theory")
    figure.suptitle(title)
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path)


def _bars(axes: Axes, row: Row, place: float) -> None:
    """Both bars of a scheme with numbers; one that is missing says that it is 0."""
    bars = (
        (place - 0.18, row.constant, row.limit.constant, BLUE),
        (place + 0.18, row.random, row.limit.random, ORANGE),
    )
    for height, reached, limit, colour in bars:
        axes.barh(height, reached, 0.32, color=colour)
        axes.plot([limit, limit], [height - 0.17, height + 0.17], color=BLACK, linewidth=2)
        if reached < 0.95:
            end = max(reached, limit if abs(limit - reached) < 0.1 else 0) + 0.012
            said = f"{reached:.3g}" if reached > EMPTY else "0: no position named correctly"
            axes.text(end, height, said, va="center", fontsize=8)
