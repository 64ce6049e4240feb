"""A picture of a flow: u, v and p as found, as they are, and what lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.identification.forward import centred

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pinn.identification.forward import FlowSolved

    Array = NDArray[np.float64]

AXIS = 121  # points along x and y
COLOURS = {"found": "viridis", "reference": "viridis", "found - reference": "RdBu_r"}


def flow_figure(solved: FlowSolved) -> Figure:
    """One row for each of u, v and p: found, reference and difference, halfway through the time.

    The mean of p is removed. Without a reference only what was found is shown.
    """
    from matplotlib.figure import Figure

    axes, points, moment = _plane(solved)
    shape = (len(axes[0]), len(axes[1]))
    shown = {"found": _shown(solved.fields(points), shape)}
    if solved.reference is not None:
        shown["reference"] = _shown(solved.reference(points), shape)
        shown["found - reference"] = {
            name: shown["found"][name] - shown["reference"][name] for name in "uvp"
        }
    figure = Figure(figsize=(4.4 * len(shown), 8.4), layout="constrained")
    panels = figure.subplots(3, len(shown), squeeze=False)
    for row, name in zip(panels, "uvp", strict=True):
        for panel, (title, fields) in zip(row, shown.items(), strict=True):
            _map(figure, panel, axes, fields[name], title)
            panel.set_title(f"${name}$, {title}")
    figure.suptitle(f"{solved.problem}{moment}, {solved.form} form")
    return figure


def _plane(solved: FlowSolved) -> tuple[list[Array], Array, str]:
    """Axes of x and y, the points between them at half time, and that time in words."""
    low, high = np.array(list(solved.fields.inverse.problem.domain.intervals.values())).T
    # Half a cell inside: the ends of a cavity's lid belong to no flow.
    axes = [
        a + (b - a) * (np.arange(AXIS) + 0.5) / AXIS for a, b in zip(low[:2], high[:2], strict=True)
    ]
    plane = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    if len(low) == 2:
        return axes, plane, ""
    time = float(low[2] + high[2]) / 2
    return axes, np.column_stack([plane, np.full(len(plane), time)]), f" at t = {time:g}"


def _shown(values: Any, shape: tuple[int, int]) -> dict[str, Array]:
    return centred({name: np.asarray(values[name]).reshape(shape) for name in "uvp"})


def _map(figure: Figure, panel: Axes, axes: list[Array], values: Array, title: str) -> None:
    # The pressure is infinite in the corners of a cavity: all else would be of one colour.
    low, high = np.quantile(values, [0.002, 0.998])
    if title == "found - reference":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    image = panel.imshow(
        values.T,
        origin="lower",
        extent=(axes[0][0], axes[0][-1], axes[1][0], axes[1][-1]),
        cmap=COLOURS[title],
        vmin=low,
        vmax=high,
    )
    bar = figure.colorbar(image, ax=panel)
    bar.ax.ticklabel_format(scilimits=(-3, 3))
    panel.set(xlabel="x", ylabel="y")
