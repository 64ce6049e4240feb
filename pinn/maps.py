"""Maps of fields over two coordinates, for pictures and films."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.pictures import FIELD, SIGNED, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Shares of values whose range the colours span: a field may be unbounded at a corner.
DARKEST, BRIGHTEST = 0.002, 0.998
SLENDER = 6.0  # domains longer than this times their width are stretched
LEFT, RIGHT = 0.075, 0.935  # shares of the figure's width, between which the panels lie
BETWEEN = 0.36  # between two panels, as a share of their width
BAR, PAD = 0.1, 0.06  # inches: width of a colour bar, however wide its map, and what lies between


def height_of(panels: int, along: Array, across: Array) -> float | None:
    """Height in inches of maps of equal scales side by side; None where they are stretched."""
    ratio = _ratio(along, across)
    if not 1 / SLENDER < ratio < SLENDER:
        return None
    width = WIDTH * (RIGHT - LEFT) / (panels + BETWEEN * (panels - 1))
    return (width - PAD - BAR) / ratio


def peak_of(values: Array) -> tuple[int, ...]:
    """Index of the largest size of a field; NaN counts as 0."""
    return tuple(map(int, np.unravel_index(np.nan_to_num(np.abs(values)).argmax(), values.shape)))


def plane_of(
    axes: Mapping[str, Array], values: Array, like: Array | None = None
) -> tuple[Array, list[str]]:
    """The first two coordinates of a field, the others where it (or another) is largest."""
    place = peak_of(values if like is None else like)[2:]
    others = zip(list(axes.items())[2:], place, strict=True)
    said = [f"{name} = {axis[i]:.3g}" for (name, axis), i in others]
    whole = slice(None)
    index: tuple[Any, ...] = (whole, whole, *place)
    return values[index], said


def field_colours(values: Array) -> dict[str, Any]:
    """Arguments of `imshow` for a field."""
    low, high = np.nanquantile(values, [DARKEST, BRIGHTEST])
    return {"cmap": FIELD, "vmin": low, "vmax": high}


def error_colours(values: Array) -> dict[str, Any]:
    """Arguments of `imshow` for an error: white at 0, as far down as up."""
    limit = max(map(abs, np.nanquantile(values, [DARKEST, BRIGHTEST]))) or 1.0
    return {"cmap": SIGNED, "vmin": -limit, "vmax": limit}


def draw_map(
    axes: Mapping[str, Array],
    values: Array,
    title: str,
    colours: Mapping[str, Any],
    equal: bool,
    figure: Figure,
    panel: Axes,
) -> AxesImage:
    """A map with the first coordinate to the right and the second one up."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    (first, along), (second, across) = list(axes.items())[:2]
    equal = equal and 1 / SLENDER < _ratio(along, across) < SLENDER
    image = panel.imshow(
        values.T,
        origin="lower",
        aspect="equal" if equal else "auto",
        extent=(along[0], along[-1], across[0], across[-1]),
        interpolation="bilinear",
        **colours,
    )
    # As high as the map itself, whatever its aspect makes of it.
    beside = make_axes_locatable(panel).append_axes("right", size=BAR, pad=PAD)
    bar = figure.colorbar(image, cax=beside)
    bar.outline.set_visible(False)
    # Its power of ten stands below the bar: above it the title is in the way.
    beside.yaxis.get_offset_text().set_visible(False)
    numbers = beside.yaxis.get_major_formatter()
    numbers.format_ticks(beside.get_yticks())
    beside.set_xlabel(numbers.get_offset(), x=1.2, ha="left", fontsize="small")
    panel.set(xlabel=first, ylabel=second)
    panel.set_title(title)
    return image


def _ratio(along: Array, across: Array) -> float:
    """Width of a map over its height, in the units of its coordinates."""
    return float((along[-1] - along[0]) / (across[-1] - across[0]))
