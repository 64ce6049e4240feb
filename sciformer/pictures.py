"""One style for all pictures: colours that colour-blind readers can tell apart, legible at 700 px.

Figures are drawn inside `with styled():`, or by functions decorated with `@styled()`. A notebook
takes the same look by `plt.style.use(sciformer.pictures.STYLE)`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which differ for every common kind of colour blindness.
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, BLACK = "#cc79a7", "#56b4e9", "#000000"
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)

# Colour maps: perceptually even for fields, white at 0 for errors.
FIELD, SIGNED = "viridis", "RdBu_r"

# A page is 700 px wide; at WIDTH inches a letter of 9 pt is then ten pixels high.
WIDTH = 8.5  # inches
DPI = 110

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "axes.labelsize": 9,
    "axes.prop_cycle": f"cycler('color', {list(CYCLE)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "figure.dpi": DPI,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "font.size": 9,
    "grid.alpha": 0.3,
    "image.cmap": FIELD,
    "legend.fontsize": 8.5,
    # A pale ground without an edge, on which a name can be read where a curve passes under it.
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "lines.linewidth": 1.4,
    "savefig.dpi": DPI,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


# An entry of a legend such as "y = -0.25" with its line, in inches.
ENTRY = 0.95


def legend_above(panel: Axes) -> None:
    """Adds a legend between the curves and the title, where the axis is lengthened for it.

    The best place that matplotlib finds inside the panel may still cover a curve.
    """
    from matplotlib.ticker import FixedLocator

    _, labels = panel.get_legend_handles_labels()
    width = panel.get_window_extent().width / panel.figure.dpi
    columns = max(1, min(len(labels), int(width / ENTRY)))
    rows = -(-len(labels) // columns)
    low, high = panel.get_ylim()
    ticks = [tick for tick in panel.get_yticks() if low <= tick <= high]
    height = panel.get_window_extent().height / panel.figure.dpi
    share = min(0.5, (rows * 0.17 + 0.1) / height)  # lines of 8.5 pt with their spacing
    panel.set_ylim(low, low + (high - low) / (1 - share))
    panel.yaxis.set_major_locator(FixedLocator(ticks))
    panel.legend(
        loc="upper center",
        ncols=columns,
        borderaxespad=0.0,
        columnspacing=1.0,
        handlelength=1.3,
        handletextpad=0.5,
    )


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draws what is created inside in the package's style; also a decorator."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield
