"""Pictures of fields on a grid: curves, maps, snapshots in time, phase plots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Shares of values whose range the colours span: a field may be unbounded at a corner.
DARKEST, BRIGHTEST = 0.002, 0.998
MOMENTS = (0.25, 0.5, 1.0)  # shares of the time span, and of other axes, that are shown
SLENDER = 6.0  # domains longer than this times their width are stretched
PANEL, ROW = 4.2, 3.4  # inches


@dataclass(frozen=True)
class Picture:
    """Fields on a grid and all that is said about them.

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

    def draw(self) -> Figure:
        """One row for each field, and one for phase plot and training curve where there are any.

        With one coordinate fields are curves. Over two they are maps, with time to the right, else
        the first coordinate to the right and equal scales. Over two and time they are snapshots.
        Where there are more coordinates the plane is shown that holds the largest value.
        """
        from matplotlib.figure import Figure

        extra = int(self._is_a_path) + int(bool(self.history))
        columns = max(self._columns, extra)
        rows = len(self.fields) + (extra > 0)
        figure = Figure(figsize=(PANEL * columns, ROW * rows))
        panels = figure.subplots(rows, columns, squeeze=False)
        _margins(figure, columns, ROW * rows)
        for row, name in zip(panels, self.fields, strict=False):
            self._row(figure, row, name)
            for unused in row[self._columns :]:
                unused.set_axis_off()
        if extra:
            self._last_row(list(panels[-1]))
        figure.suptitle(self.title)
        return figure

    @property
    def _is_a_path(self) -> bool:
        """Whether several fields depend on time alone, as in systems of ordinary equations."""
        return list(self.axes) == [self.time] and len(self.fields) > 1

    @property
    def _columns(self) -> int:
        if len(self.axes) == 1:
            return 1 + (self.reference is not None)
        if self._has_snapshots:
            return len(MOMENTS) + (self.reference is not None)
        return 4 if self.reference is not None else 2

    @property
    def _has_snapshots(self) -> bool:
        return self.time is not None and len(self.axes) > 2

    def _row(self, figure: Figure, row: Sequence[Axes], name: str) -> None:
        values = self.fields[name]
        exact = None if self.reference is None else self.reference[name]
        if len(self.axes) == 1:
            self._curves(row, name, values, exact)
        elif self._has_snapshots:
            self._snapshots(figure, row, name, values, exact)
        else:
            self._maps(figure, row, name, values, exact)

    def _curves(self, row: Sequence[Axes], name: str, values: Array, exact: Array | None) -> None:
        [(coordinate, along)] = self.axes.items()
        if exact is not None:
            row[0].plot(along, exact, color="black", lw=2.5, alpha=0.25, label="reference")
            row[1].plot(along, values - exact, color="C3")
            row[1].set(xlabel=coordinate, title="error")
        row[0].plot(along, values, label=self.label)
        row[0].set(xlabel=coordinate, title=f"${name}$")
        row[0].legend(frameon=False, fontsize="small")

    def _snapshots(
        self, figure: Figure, row: Sequence[Axes], name: str, values: Array, exact: Array | None
    ) -> None:
        assert self.time is not None, "only fields in time have snapshots"
        place = list(self.axes).index(self.time)
        frames, moments = np.moveaxis(values, place, 0), self.axes[self.time]
        space = {key: axis for key, axis in self.axes.items() if key != self.time}
        colours = _colours(values)
        for panel, index in zip(row, _shares(len(moments)), strict=False):
            plane, said = _plane(space, frames[index])
            where = ", ".join([f"{self.time} = {moments[index]:.3g}", *said])
            _map(figure, panel, space, plane, f"${name}$, {where}", colours)
        if exact is not None:
            gap, said = _plane(space, frames[-1] - np.moveaxis(exact, place, 0)[-1])
            where = ", ".join([f"{self.time} = {moments[-1]:.3g}", *said])
            _map(figure, row[len(MOMENTS)], space, gap, f"error, {where}", _around_zero(gap))

    def _maps(
        self, figure: Figure, row: Sequence[Axes], name: str, values: Array, exact: Array | None
    ) -> None:
        axes = dict(self.axes)
        if list(axes)[-1] == self.time:
            # Time runs to the right, as in most published pictures of waves and fronts.
            axes = {key: axes[key] for key in reversed(axes)}
            values, exact = values.T, None if exact is None else exact.T
        plane, said = _plane(axes, values)
        where = "".join(f", {word}" for word in said)
        equal = self.time is None
        _map(figure, row[0], axes, plane, f"${name}$, {self.label}{where}", _colours(plane), equal)
        if exact is not None:
            shown, _ = _plane(axes, exact, values)
            _map(figure, row[1], axes, shown, f"${name}$, reference{where}", _colours(shown), equal)
            gap = plane - shown
            _map(figure, row[2], axes, gap, "error", _around_zero(gap), equal)
            self._slices(row[3], name, axes, plane, shown)
        else:
            self._slices(row[1], name, axes, plane, None)

    def _slices(
        self,
        panel: Axes,
        name: str,
        axes: Mapping[str, Array],
        plane: Array,
        exact: Array | None,
    ) -> None:
        """Curves along space at three times, or along x where the field is largest."""
        (first, along), (second, across) = list(axes.items())[:2]
        if first == self.time:
            first, along, second, across = second, across, first, along
            plane, exact = plane.T, None if exact is None else exact.T
            chosen = _shares(len(across))
        else:
            largest = int(_peak(plane)[1])
            chosen = sorted({largest, *_shares(len(across))[:2]})
        for colour, index in enumerate(chosen):
            if exact is not None:
                panel.plot(along, exact[:, index], color="black", lw=2.5, alpha=0.25)
            said = f"{second} = {across[index]:.2g}"
            panel.plot(along, plane[:, index], color=f"C{colour}", lw=1.2, label=said)
        grey = " (grey: reference)" if exact is not None else ""
        panel.set(xlabel=first, title=f"${name}$ along {first}{grey}")
        panel.legend(frameon=False, fontsize="small")

    def _last_row(self, panels: list[Axes]) -> None:
        """Phase plot and training curve; what is left stays empty."""
        if self._is_a_path:
            self._phase(panels.pop(0))
        if self.history:
            _training(panels.pop(0), self.history)
        for unused in panels:
            unused.set_axis_off()

    def _phase(self, panel: Axes) -> None:
        (first, one), (second, other) = list(self.fields.items())[:2]
        if self.reference is not None:
            exact = self.reference
            panel.plot(exact[first], exact[second], color="black", lw=2.5, alpha=0.25)
        panel.plot(one, other, lw=1.2)
        panel.plot(one[0], other[0], "o", color="C0", ms=4)
        panel.set(xlabel=f"${first}$", ylabel=f"${second}$", title="phase plot (dot: start)")


def _training(panel: Axes, history: Sequence[tuple[int, float, float]]) -> None:
    steps, loss, validation = np.array(history, dtype=float).T
    panel.semilogy(steps, loss, lw=1.0, label="loss")
    is_known = np.isfinite(validation)
    if is_known.any():
        panel.semilogy(steps[is_known], validation[is_known], lw=1.2, label="validation")
    panel.set(xlabel="step", title="training")
    panel.legend(frameon=False, fontsize="small")


def _margins(figure: Figure, columns: int, height: float) -> None:
    # Fixed margins: an automatic layout takes longer than all the drawing.
    inch = 1 / height
    figure.subplots_adjust(
        left=0.18 / columns,
        right=1 - 0.08 / columns,
        bottom=0.5 * inch,
        top=1 - 0.85 * inch,
        wspace=0.36,
        hspace=0.45,
    )


def _shares(length: int) -> list[int]:
    """Indices of the shown moments on an axis."""
    return sorted({round(share * (length - 1)) for share in MOMENTS})


def _peak(values: Array) -> tuple[int, ...]:
    """Index of the largest size of a field; NaN counts as 0."""
    return tuple(map(int, np.unravel_index(np.nan_to_num(np.abs(values)).argmax(), values.shape)))


def _plane(
    axes: Mapping[str, Array], values: Array, like: Array | None = None
) -> tuple[Array, list[str]]:
    """The first two coordinates of a field, the others where it (or another) is largest."""
    place = _peak(values if like is None else like)[2:]
    others = zip(list(axes.items())[2:], place, strict=True)
    said = [f"{name} = {axis[i]:.3g}" for (name, axis), i in others]
    whole = slice(None)
    index: tuple[Any, ...] = (whole, whole, *place)
    return values[index], said


def _colours(values: Array) -> dict[str, Any]:
    low, high = np.nanquantile(values, [DARKEST, BRIGHTEST])
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def _around_zero(values: Array) -> dict[str, Any]:
    limit = max(map(abs, np.nanquantile(values, [DARKEST, BRIGHTEST]))) or 1.0
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


def _map(
    figure: Figure,
    panel: Axes,
    axes: Mapping[str, Array],
    values: Array,
    title: str,
    colours: Mapping[str, Any],
    equal: bool = True,
) -> None:
    """A map with the first coordinate to the right and the second one up."""
    (first, along), (second, across) = list(axes.items())[:2]
    ratio = (along[-1] - along[0]) / (across[-1] - across[0])
    equal = equal and 1 / SLENDER < ratio < SLENDER
    image = panel.imshow(
        values.T,
        origin="lower",
        aspect="equal" if equal else "auto",
        extent=(along[0], along[-1], across[0], across[-1]),
        interpolation="bilinear",
        **colours,
    )
    bar = figure.colorbar(image, ax=panel, shrink=0.8 if equal else 1.0)
    bar.ax.ticklabel_format(scilimits=(-3, 3))
    panel.set(xlabel=first, ylabel=second)
    panel.set_title(title, fontsize="medium")
