"""Pictures of fields on a grid: curves, maps, snapshots in time, phase plots, training curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.maps import (
    BETWEEN,
    LEFT,
    RIGHT,
    draw_map,
    error_colours,
    field_colours,
    height_of,
    peak_of,
    plane_of,
)
from sciformer.pictures import BLACK, CYCLE, RED, WIDTH, legend_above, styled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Panel = Callable[[Figure, Axes], object]

MOMENTS = (0.25, 0.5, 1.0)  # shares of the time span that are shown
PLACES = (0.5, 0.25, 0.75, 0.125, 0.375, 0.625, 0.875)  # shares of an axis, in order of preference
APART = 0.04  # share of a field's range by which two slices differ somewhere
ROW, GAP = 1.65, 0.7  # inches: height of a row, and of the titles and labels between two rows
TOP, LINE, BOTTOM = 0.65, 0.2, 0.45  # inches: margins of the figure; a further line of its title
BEHIND: dict[str, Any] = {
    "color": BLACK,
    "lw": 3.0,
    "alpha": 0.25,
}  # a reference, drawn under what was found


@dataclass(frozen=True)
class Picture:
    """Fields on a grid and what stands beside them.

    Attributes:
        axes: values of each coordinate, by name.
        fields: over the axes, by name; NaN outside a domain.
        reference: the same, of a reference; None leaves its panels out.
        time: the coordinate that is time; None without one.
        title: of the whole.
        label: what the fields are called.
        history: rows of iteration, loss and validation; empty leaves the training curve out.
    """

    axes: Mapping[str, Array]
    fields: Mapping[str, Array]
    reference: Mapping[str, Array] | None = None
    time: str | None = None
    title: str = ""
    label: str = "found"
    history: Sequence[tuple[int, float, float]] = field(default=())

    @styled()
    def draw(self) -> Figure:
        """One row for each field, then slices, phase plot and training curve.

        With one coordinate fields are curves. Over two they are maps, with time to the right, else
        the first coordinate to the right and equal scales. Over two and time they are snapshots.
        Where there are more coordinates the plane is shown that holds the largest value. Solution
        and reference share their colours; errors have a scale that is symmetric about 0.
        """
        from matplotlib.figure import Figure

        rows = self._rows()
        margin = TOP + LINE * self.title.count("\n")
        height = margin + sum(high for _, high in rows) + GAP * (len(rows) - 1) + BOTTOM
        figure = Figure(figsize=(WIDTH, height))
        # Fixed margins: an automatic layout takes longer than all the drawing.
        top = height - margin
        for row, high in rows:
            places = figure.add_gridspec(
                1,
                len(row),
                left=LEFT,
                right=RIGHT,
                bottom=(top - high) / height,
                top=top / height,
                wspace=BETWEEN,
            )
            drawn = [figure.add_subplot(places[j]) for j in range(len(row))]
            for panel, axes in zip(row, drawn, strict=True):
                panel(figure, axes)
            for axes in drawn[1:]:  # maps side by side have the same coordinate upwards
                if axes.images:
                    axes.set_ylabel("")
                    axes.tick_params(labelleft=False)
            top -= high + GAP
        figure.suptitle(self.title, x=LEFT, ha="left", y=1 - 0.12 / height, va="top")
        return figure

    def _rows(self) -> list[tuple[list[Panel], float]]:
        """Panels and height of each row; a row that one field fills in part takes the others."""
        rows = [self._panels(name) for name in self.fields]
        others = self._others()
        if len(rows) == 1 and len(rows[0]) + len(others) <= 3:
            return [(rows[0] + others, ROW)]
        threes = [others[k : k + 3] for k in range(0, len(others), 3)]
        return [(row, self._height(len(row))) for row in rows] + [(row, ROW) for row in threes]

    def _height(self, panels: int) -> float:
        """Height of a row of fields in inches: maps of equal scales may need less than `ROW`."""
        spatial = [axis for name, axis in self.axes.items() if name != self.time][:2]
        return ROW if len(spatial) < 2 else min(ROW, height_of(panels, *spatial) or ROW)

    def _panels(self, name: str) -> list[Panel]:
        values = self.fields[name]
        exact = None if self.reference is None else self.reference[name]
        if len(self.axes) == 1:
            return self._curves(name, values, exact)
        if self.time is not None and len(self.axes) > 2:
            return self._snapshots(name, values, exact)
        return self._maps(name, values, exact)

    def _others(self) -> list[Panel]:
        """Slices of maps, the phase plot of several fields in time, and the training curve."""
        panels: list[Panel] = []
        if len(self.axes) > 1 and not (self.time is not None and len(self.axes) > 2):
            panels += [partial(self._slices, name) for name in self.fields]
        if list(self.axes) == [self.time] and len(self.fields) > 1:
            panels.append(self._phase)
        if self.history:
            panels.append(partial(_training, self.history))
        return panels

    def _curves(self, name: str, values: Array, exact: Array | None) -> list[Panel]:
        [(coordinate, along)] = self.axes.items()

        def found(figure: Figure, panel: Axes) -> None:
            if exact is not None:
                panel.plot(along, exact, label="reference", **BEHIND)
            panel.plot(along, values, label=self.label)
            panel.set(xlabel=coordinate, title=f"${name}$")
            legend_above(panel)

        def error(figure: Figure, panel: Axes) -> None:
            assert exact is not None, "only where there is a reference"
            panel.axhline(0, color=BLACK, lw=0.6)
            panel.plot(along, values - exact, color=RED)
            panel.set(xlabel=coordinate, title=f"error of ${name}$")

        return [found] if exact is None else [found, error]

    def _snapshots(self, name: str, values: Array, exact: Array | None) -> list[Panel]:
        """Three moments, and the error at the end."""
        assert self.time is not None, "only fields in time have snapshots"
        place = list(self.axes).index(self.time)
        frames, moments = np.moveaxis(values, place, 0), self.axes[self.time]
        space = {key: axis for key, axis in self.axes.items() if key != self.time}
        chosen = _shares(len(moments))
        largest = np.nanmax(np.abs(np.nan_to_num(frames[chosen])), axis=0)  # one plane for all
        planes = [plane_of(space, frames[index], largest)[0] for index in chosen]
        _, said = plane_of(space, largest)
        # Of what is shown: a flow that decays would be pale beside its start.
        colours = field_colours(np.stack(planes))
        panels: list[Panel] = []
        for index, plane in zip(chosen, planes, strict=True):
            where = ", ".join([f"{self.time} = {moments[index]:.3g}", *said])
            panels.append(partial(draw_map, space, plane, f"${name}$, {where}", colours, True))
        if exact is not None:
            gap, said = plane_of(space, frames[-1] - np.moveaxis(exact, place, 0)[-1])
            # The row names the field; its name here would run into the next panel.
            where = ", ".join([f"error, {self.time} = {moments[-1]:.3g}", *said])
            panels.append(partial(draw_map, space, gap, where, error_colours(gap), True))
        return panels

    def _maps(self, name: str, values: Array, exact: Array | None) -> list[Panel]:
        axes, (values, *others) = self._turned(values, exact)
        plane, said = plane_of(axes, values)
        where = "".join(f", {word}" for word in said)
        equal = self.time is None
        if not others:
            title = f"${name}$, {self.label}{where}"
            return [partial(draw_map, axes, plane, title, field_colours(plane), equal)]
        shown, _ = plane_of(axes, others[0], values)
        colours, gap = field_colours(np.stack([plane, shown])), plane - shown
        return [
            partial(draw_map, axes, plane, f"${name}$, {self.label}{where}", colours, equal),
            partial(draw_map, axes, shown, f"${name}$, reference{where}", colours, equal),
            partial(draw_map, axes, gap, f"error of ${name}$", error_colours(gap), equal),
        ]

    def _turned(self, *values: Array | None) -> tuple[dict[str, Array], list[Array]]:
        """Axes and fields with time first, as in most published pictures of waves and fronts."""
        given = [value for value in values if value is not None]
        if list(self.axes)[-1] != self.time:
            return dict(self.axes), given
        axes = {key: self.axes[key] for key in reversed(list(self.axes))}
        return axes, [value.T for value in given]

    def _slices(self, name: str, figure: Figure, panel: Axes) -> None:
        """Curves along space at three times, or along x where the field is largest."""
        exact = None if self.reference is None else self.reference[name]
        plane, _ = plane_of(self.axes, self.fields[name])
        under = None if exact is None else plane_of(self.axes, exact, self.fields[name])[0]
        (first, along), (second, across) = list(self.axes.items())[:2]
        chosen = _shares(len(across))
        if second != self.time:
            chosen = _unlike(plane, [int(peak_of(plane)[1]), *_shares(len(across), PLACES)])
        for colour, index in zip(CYCLE, chosen, strict=False):
            if under is not None:
                panel.plot(along, under[:, index], **BEHIND)
            said = f"{second} = {across[index]:.2g}"
            panel.plot(along, plane[:, index], color=colour, label=said)
        grey = " (grey: reference)" if exact is not None else ""
        panel.set(xlabel=first, title=f"${name}$ along {first}{grey}")
        legend_above(panel)

    def _phase(self, figure: Figure, panel: Axes) -> None:
        (first, one), (second, other) = list(self.fields.items())[:2]
        if self.reference is not None:
            panel.plot(self.reference[first], self.reference[second], **BEHIND)
        panel.plot(one, other)
        panel.plot(one[0], other[0], "o", color=CYCLE[0], ms=4)
        panel.set(xlabel=f"${first}$", ylabel=f"${second}$", title="phase plot (dot: start)")


def _training(history: Sequence[tuple[int, float, float]], figure: Figure, panel: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    steps, loss, validation = np.array(history, dtype=float).T
    panel.semilogy(steps, loss, lw=1.0, label="loss")
    is_known = np.isfinite(validation)
    if is_known.any():
        seen = {"marker": "."} if is_known.sum() == 1 else {}  # a line of one point has no length
        panel.semilogy(steps[is_known], validation[is_known], label="validation", **seen)
    panel.set(xlabel="step", title="training of the network")
    panel.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    panel.legend()


def _shares(length: int, shares: Sequence[float] = MOMENTS) -> list[int]:
    """Indices of shares of an axis, in their order."""
    return list(dict.fromkeys(round(share * (length - 1)) for share in shares))


def _unlike(plane: Array, places: Sequence[int]) -> list[int]:
    """Up to three columns of a plane whose curves do not lie on top of each other."""
    apart = APART * float(np.nanmax(plane) - np.nanmin(plane))
    chosen: list[int] = []
    for place in places:
        gaps = np.abs(plane[:, [place]] - plane[:, chosen])
        if len(chosen) < len(MOMENTS) and all(np.nan_to_num(gaps).max(axis=0) > apart):
            chosen.append(place)
    return sorted(chosen)
