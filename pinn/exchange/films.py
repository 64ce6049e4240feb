"""Films of fields that change in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciformer.errors import DataError
from sciformer.pictures import FIELD, styled

if TYPE_CHECKING:
    from pinn.solution import Solution

FRAMES, PER_SECOND = 80, 20
SLENDER = 6.0  # domains longer than this times their width are stretched


@dataclass(frozen=True)
class Film:
    """One panel a field: a curve over one coordinate, a map over two, with the time above.

    Attributes:
        suffix: of the file.
        writer: matplotlib's name of what writes it; "ffmpeg" is a program of its own.
    """

    suffix: str
    writer: str
    packages: tuple[str, ...] = ()

    @styled()
    def write(self, solution: Solution, path: Path, most: int) -> None:
        """See `Format.write`."""
        from matplotlib import animation
        from matplotlib.figure import Figure

        if not animation.writers.is_available(self.writer):
            raise DataError(
                f"sciformer export: {self.suffix[1:]} needs the program {self.writer}; install it "
                "or take gif."
            )
        axes, fields = solution.on_grid(most)
        time = solution.problem.time
        if time is None or len(axes) > 3:
            raise DataError(
                "sciformer export: a film needs a time and one or two coordinates beside it; "
                f"{solution.problem.name} has {', '.join(axes)}."
            )
        place = list(axes).index(time)
        moments = axes.pop(time)
        figure = Figure(figsize=(4.2 * len(fields), 3.2), layout="constrained")
        panels = figure.subplots(1, len(fields), squeeze=False)[0]
        frames = {name: np.moveaxis(value, place, 0) for name, value in fields.items()}
        draw = _curve if len(axes) == 1 else _map
        updates = [
            draw(figure, panel, axes, name, value)
            for panel, (name, value) in zip(panels, frames.items(), strict=True)
        ]

        def show(k: int) -> list[Any]:
            figure.suptitle(f"{solution.problem.name}, {time} = {moments[k]:.3f}")
            return [update(k) for update in updates]

        chosen = np.unique(np.linspace(0, len(moments) - 1, FRAMES).round().astype(int))
        film = animation.FuncAnimation(figure, show, frames=list(map(int, chosen)), blit=False)
        film.save(path, writer=self.writer, fps=PER_SECOND, dpi=90)


def _curve(figure: Any, panel: Any, axes: dict[str, Any], name: str, frames: Any) -> Any:
    [(coordinate, axis)] = axes.items()
    [line] = panel.plot(axis, frames[0])
    low, high = np.nanmin(frames), np.nanmax(frames)
    margin = 0.05 * (high - low or 1.0)
    panel.set(xlabel=coordinate, ylabel=name, ylim=(low - margin, high + margin))

    def update(k: int) -> Any:
        line.set_ydata(frames[k])
        return line

    return update


def _map(figure: Any, panel: Any, axes: dict[str, Any], name: str, frames: Any) -> Any:
    (first, x), (second, y) = axes.items()
    low, high = np.nanmin(frames), np.nanmax(frames)
    ratio = (x[-1] - x[0]) / (y[-1] - y[0])
    picture = panel.imshow(
        frames[0].T,
        origin="lower",
        extent=(x[0], x[-1], y[0], y[-1]),
        aspect="equal" if 1 / SLENDER < ratio < SLENDER else "auto",
        vmin=low,
        vmax=high,
        cmap=FIELD,
    )
    panel.set(xlabel=first, ylabel=second, title=name)
    figure.colorbar(picture, ax=panel)

    def update(k: int) -> Any:
        picture.set_data(frames[k].T)
        return picture

    return update
