"""Films of fields that change in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.maps import BETWEEN, LEFT, RIGHT, draw_map, field_colours, height_of
from sciformer.errors import DataError
from sciformer.pictures import FIELD, WIDTH, styled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pinn.solution import Solution

    Array = NDArray[np.float64]
    Update = Callable[[int], Any]  # draws the frame of that number

FRAMES, PER_SECOND = 40, 10
DPI = 80  # a film is then 680 px wide, as pages are
# Few colours, the same in all frames, compress well: a gif of the cylinder wake takes 0.5 MB, and
# 1.2 MB with palettes of 256 colours.
COLOURS, PALETTE = 24, 48  # of a map, and of a gif
HIGH, TOP, BOTTOM = 2.0, 0.75, 0.5  # inches: a panel of curves, and the margins


@dataclass(frozen=True)
class Film:
    """A film with one panel per field: a curve over one coordinate, a map over two, with the time
    above.

    Attributes:
        suffix: of the file.
        writer: matplotlib's name of what writes it; "ffmpeg" is a program of its own.
    """

    suffix: str
    writer: str
    packages: tuple[str, ...] = ()

    @styled()
    def write(self, solution: Solution, path: Path, most: int) -> None:
        """?; `most` counts the points of one frame."""
        from matplotlib import animation

        time = solution.problem.time
        names = solution.problem.domain.coordinates
        if not animation.writers.is_available(self.writer):
            raise DataError(
                f"sciformer export: {self.suffix[1:]} needs the program {self.writer}; install it "
                "or take gif."
            )
        if time is None or len(names) not in (2, 3):
            raise DataError(
                "sciformer export: a film needs a time and one or two coordinates beside it; "
                f"{solution.problem.name} has {', '.join(names)}."
            )
        axes, frames = _frames(solution, time, most)
        moments = axes.pop(time)
        space = list(axes.values())
        high = (height_of(len(frames), *space) if len(space) == 2 else None) or HIGH
        figure, updates = _panels(axes, frames, TOP + high + BOTTOM)
        title = solution.problem.title or solution.problem.name

        def show(k: int) -> list[Any]:
            said = f"{title}, {time} = {moments[k]:.2f}"
            figure.suptitle(said, x=LEFT, ha="left", y=0.96, va="top")
            return [update(k) for update in updates]

        film = animation.FuncAnimation(figure, show, frames=len(moments), blit=False)
        film.save(path, writer=self.writer, fps=PER_SECOND, dpi=DPI)
        if self.suffix == ".gif":
            _with_few_colours(path)


def _panels(
    axes: dict[str, Array], frames: dict[str, Array], height: float
) -> tuple[Figure, list[Update]]:
    """The first frame, and the functions that draw the others, field by field."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    places = figure.add_gridspec(
        1,
        len(frames),
        left=LEFT,
        right=RIGHT,
        bottom=BOTTOM / height,
        top=1 - TOP / height,
        wspace=BETWEEN,
    )
    panels = [figure.add_subplot(places[k]) for k in range(len(frames))]
    draw = _curve if len(axes) == 1 else _map
    updates = [
        draw(figure, panel, axes, name, values)
        for panel, (name, values) in zip(panels, frames.items(), strict=True)
    ]
    for panel in panels[1:] if len(axes) == 2 else ():  # all have the same axis upwards
        panel.set_ylabel("")
        panel.tick_params(labelleft=False)
    return figure, updates


def _frames(solution: Solution, time: str, most: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Axes by coordinate; fields by name with time first, NaN outside the domain.

    What is known up to a function of time, such as a pressure, is shown with a mean of 0.
    """
    domain = solution.problem.domain
    across = max(2, round(most ** (1 / (len(domain.coordinates) - 1))))
    axes = {
        name: np.linspace(low, high, FRAMES if name == time else across)
        for name, low, high in zip(domain.coordinates, domain.low, domain.high, strict=True)
    }
    shape = [len(axis) for name, axis in axes.items() if name != time]
    fields = {name: np.full((FRAMES, *shape), np.nan) for name in solution.problem.expressions}
    for k, moment in enumerate(axes[time]):
        now = {**axes, time: np.array([moment])}
        points = np.stack([g.ravel() for g in np.meshgrid(*now.values(), indexing="ij")], axis=-1)
        inside = domain.contains(torch.from_numpy(points)).numpy()
        for name, values in solution(points[inside]).items():
            shown = values - values.mean() if name in solution.problem.gauge else values
            fields[name][k].reshape(-1)[inside] = shown
    return axes, fields


def _with_few_colours(path: Path) -> None:
    """Writes a gif again with one palette, that of its middle frame."""
    from PIL import Image, ImageSequence

    with Image.open(path) as film:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    palette = frames[len(frames) // 2].quantize(PALETTE)
    first, *others = (f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames)
    pause = round(1000 / PER_SECOND)  # ms
    first.save(path, save_all=True, append_images=others, duration=pause, loop=0, format="GIF")


def _curve(figure: Any, panel: Any, axes: Mapping[str, Array], name: str, frames: Array) -> Update:
    [(coordinate, axis)] = axes.items()
    [line] = panel.plot(axis, frames[0])
    low, high = np.nanmin(frames), np.nanmax(frames)
    margin = 0.05 * (high - low or 1.0)
    panel.set(xlabel=coordinate, title=f"${name}$", ylim=(low - margin, high + margin))
    return lambda k: line.set_ydata(frames[k])


def _map(figure: Any, panel: Any, axes: Mapping[str, Array], name: str, frames: Array) -> Update:
    import matplotlib

    few = {**field_colours(frames), "cmap": matplotlib.colormaps[FIELD].resampled(COLOURS)}
    image = draw_map(axes, frames[0], f"${name}$", few, True, figure, panel)
    return lambda k: image.set_data(frames[k].T)
