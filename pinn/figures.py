"""Pictures of fields on a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Shares of values whose range the colours span: a field may be unbounded at a corner.
DARKEST, BRIGHTEST = 0.002, 0.998
SLICES = (0.25, 0.5, 1.0)  # places of the slices along the last coordinate


def fields_figure(
    axes: Mapping[str, Array],
    fields: Mapping[str, Array],
    reference: Mapping[str, Array] | None = None,
    *,
    title: str = "",
    label: str = "found",
) -> Figure:
    """One row for each field: solution, reference, error, and slices at three times.

    Maps show the first two coordinates, the others at their middle; slices run along the first
    one at three values of the last. With one coordinate both are curves.

    Args:
        axes: values of each coordinate, by name.
        fields: over the axes, by name; NaN outside a domain.
        reference: the same, of a reference; None leaves its panels out.
        title: of the whole.
        label: what the fields are called.
    """
    from matplotlib.figure import Figure

    columns = 4 if reference else 2
    height = 3.4 * len(fields)
    figure = Figure(figsize=(4.2 * columns, height))
    panels = figure.subplots(len(fields), columns, squeeze=False)
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
    for row, (name, values) in zip(panels, fields.items(), strict=True):
        maps = {f"${name}$, {label}": _plane(values)}
        exact = None if reference is None else reference[name]
        if exact is not None:
            maps |= {f"${name}$, reference": _plane(exact), "error": _plane(values - exact)}
        for panel, (heading, shown) in zip(row, maps.items(), strict=False):
            _map(figure, panel, axes, shown, heading)
        _slices(row[-1], axes, values, exact, label)
    figure.suptitle(title)
    return figure


def _plane(values: Array) -> Array:
    """The field over its first two coordinates, (n, m); m = 1 with one coordinate."""
    middle = tuple(size // 2 for size in values.shape[2:])
    cut = (slice(None), slice(None), *middle)
    return values.reshape(len(values), -1) if values.ndim < 2 else values[cut]


def _map(figure: Figure, panel: Axes, axes: Mapping[str, Array], values: Array, title: str) -> None:
    (first, along), *others = axes.items()
    if not others:
        panel.plot(along, values[:, 0])
        panel.set(xlabel=first, title=title)
        return
    second, across = others[0]
    low, high = np.nanquantile(values, [DARKEST, BRIGHTEST])
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": low, "vmax": high}
    if title == "error":
        limit = max(abs(low), abs(high)) or 1.0
        colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    if len(axes) == 2 and second == "t":
        # Time runs to the right, as in most published pictures of waves and fronts.
        first, along, second, across = second, across, first, along
        values = values.T
    image = panel.imshow(
        values.T,
        origin="lower",
        aspect="auto",
        extent=(along[0], along[-1], across[0], across[-1]),
        interpolation="bilinear",
        **colours,
    )
    bar = figure.colorbar(image, ax=panel)
    bar.ax.ticklabel_format(scilimits=(-3, 3))
    panel.set(xlabel=first, ylabel=second, title=title)


def _slices(
    panel: Axes, axes: Mapping[str, Array], values: Array, exact: Array | None, label: str
) -> None:
    (first, along), *others = axes.items()
    middle = tuple(size // 2 for size in values.shape[1:-1])
    name, last = others[-1] if others else ("", np.zeros(1))
    where = sorted({round(share * (len(last) - 1)) for share in SLICES})
    for index, colour in zip(where, ("C0", "C1", "C2"), strict=False):
        place = (slice(None), *middle, index) if others else slice(None)
        if exact is not None:
            panel.plot(along, exact[place], color="black", lw=2.5, alpha=0.25)
        said = f"{name} = {last[index]:.2g}" if others else label
        panel.plot(along, values[place], color=colour, lw=1.2, label=said)
    panel.set(xlabel=first, title="slices" + (" (grey: reference)" if exact is not None else ""))
    panel.legend(frameon=False, fontsize="small")
