"""Pictures of solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pinn.solution import Solution


def solution_figure(solution: Solution) -> Figure:
    """One row for each field: solution, reference, error, and slices at three times.

    Without a reference its panels are left out. With two coordinates the maps show the whole
    domain; with more, the middle of the others; with one, curves only.
    """
    from matplotlib.figure import Figure

    named, fields = solution.on_grid()
    axes = list(named.values())
    exact = _reference(solution, axes)
    columns = 4 if exact else 2
    names = list(fields)
    height = 3.4 * len(names)
    figure = Figure(figsize=(4.2 * columns, height))
    panels = figure.subplots(len(names), columns, squeeze=False)
    # Fixed margins: an automatic layout takes longer than all the drawing.
    inch = 1 / height
    figure.subplots_adjust(
        left=0.16 / columns,
        right=1 - 0.06 / columns,
        bottom=0.5 * inch,
        top=1 - 0.65 * inch,
        wspace=0.32,
        hspace=0.45,
    )
    for row, name in zip(panels, names, strict=True):
        plane = _plane(fields[name])
        maps = {f"${name}$, {solution.settings.model}": plane}
        if exact:
            reference = _plane(exact[name])
            maps |= {f"${name}$, reference": reference, "error": plane - reference}
        for panel, (title, values) in zip(row, maps.items(), strict=False):
            _map(figure, panel, solution, axes, values, title)
        _slices(row[-1], solution, axes, plane, _plane(exact[name]) if exact else None)
    figure.suptitle(solution.problem.title or solution.problem.name)
    return figure


def _reference(solution: Solution, axes: list[Any]) -> dict[str, Any] | None:
    if solution.problem.reference is None:
        return None
    points = np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=-1)
    shape = tuple(len(axis) for axis in axes)
    exact = solution.problem.reference(points)
    return {name: np.asarray(exact[name]).reshape(shape) for name in solution.problem.field_names}


def _plane(values: Any) -> Any:
    """The field over its first and last coordinate, the others at their middle."""
    middle = tuple(size // 2 for size in values.shape[1:-1])
    cut = (slice(None), *middle)
    return values[cut] if values.ndim > 2 else values.reshape(len(values), -1)


def _map(
    figure: Figure, panel: Axes, solution: Solution, axes: list[Any], values: Any, title: str
) -> None:
    names = solution.problem.domain.coordinates
    if title == "error":
        limit = float(np.nanmax(np.abs(values))) or 1.0
        colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    else:
        colours = {"cmap": "viridis"}
    if len(axes) == 1:
        panel.plot(axes[0], values[:, 0])
        panel.set(xlabel=names[0], title=title)
        return
    extent = (axes[-1][0], axes[-1][-1], axes[0][0], axes[0][-1])
    image = panel.imshow(
        values, origin="lower", aspect="auto", extent=extent, interpolation="bilinear", **colours
    )
    bar = figure.colorbar(image, ax=panel)
    bar.ax.ticklabel_format(scilimits=(-3, 3))
    panel.set(xlabel=names[-1], ylabel=names[0], title=title)


def _slices(
    panel: Axes, solution: Solution, axes: list[Any], plane: Any, exact: Any | None
) -> None:
    names = solution.problem.domain.coordinates
    last = axes[-1]
    where = sorted({round(s * (plane.shape[1] - 1)) for s in (0.25, 0.5, 1.0)})
    for index, colour in zip(where, ("C0", "C1", "C2"), strict=False):
        label = f"{names[-1]} = {last[index]:.2g}" if len(axes) > 1 else solution.settings.model
        if exact is not None:
            panel.plot(axes[0], exact[:, index], color="black", lw=2.5, alpha=0.25)
        panel.plot(axes[0], plane[:, index], color=colour, lw=1.2, label=label)
    panel.set(xlabel=names[0], title="slices" + (" (grey: reference)" if exact is not None else ""))
    panel.legend(frameon=False, fontsize="small")
