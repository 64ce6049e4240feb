"""Picture of a reconstruction from sensors: the last frame, and the error frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.sensing.comparison import GAPPY, LEARNED, TEST
from pinn.sensing.record import Corruption
from sciformer.pictures import BLACK, BLUE, FIELD, ORANGE, SIGNED, WIDTH, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pinn.sensing.baselines import Estimator
    from pinn.sensing.record import Record
    from pinn.sensing.sensed import SensedFlow

    Array = NDArray[np.float64]


@styled()
def draw(sensed: SensedFlow, record: Record, gappy: Estimator, corruption: Corruption) -> Figure:
    """True fields, answers and errors of the last frame; errors over the later part.

    Args:
        sensed: what was learned.
        record: the whole; its later part is shown.
        gappy: the baseline beside it.
        corruption: of the readings.
    """
    from matplotlib.figure import Figure

    _, later = record.split(float(sensed.about["first"]))
    modes, sensors = sensed.setup.modes, sensed.setup.sensors
    readings = corruption.read(later, sensors, modes.reading_size, TEST)
    answers = {LEARNED: sensed(readings), GAPPY: gappy(readings)}
    count = len(record.names)
    figure = Figure(figsize=(WIDTH, 1.7 * count + 2.2), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.7 * count, 2.0))
    top, bottom = parts
    panels = top.subplots(count, 3, squeeze=False)
    last = modes.fields(answers[LEARNED][-1:])[..., 0]
    for row, name, truth, found in zip(
        panels, record.names, later.fields[..., -1], last, strict=True
    ):
        gap = found - truth
        low, high = float(truth.min()), float(truth.max())
        _map(row[0], record.points, truth, f"{name}, true", (low, high))
        _map(row[1], record.points, found, f"{name} from {len(sensors)} sensors", (low, high))
        row[1].plot(*record.points[sensors].T, ".", color=BLACK, markersize=4)
        most = float(np.abs(gap).max())
        _map(row[2], record.points, gap, f"difference, at most {most:.1e}", (-most, most), SIGNED)
    axes = bottom.subplots()
    size = np.sqrt(((later.fields - modes.mean[..., None]) ** 2).mean((1, 2)))
    time = record.step * np.arange(later.frames)
    for (name, answer), colour in zip(answers.items(), (BLUE, ORANGE), strict=True):
        gap = np.sqrt(((modes.fields(answer) - later.fields) ** 2).mean(1)) / size[:, None]
        axes.semilogy(time, np.sqrt((gap**2).mean(0)), color=colour, label=name)
    axes.set(xlabel="time since the first frame", ylabel="error over what changes")
    axes.set_title(f"readings with {corruption}")
    axes.legend()
    return figure


def _map(
    axes: Axes,
    points: Array,
    values: Array,
    title: str,
    limits: tuple[float, float],
    colours: str = FIELD,
) -> None:
    axes.tripcolor(
        points[:, 0], points[:, 1], values, cmap=colours, vmin=limits[0], vmax=limits[1],
        shading="gouraud", rasterized=True,
    )  # fmt: skip
    axes.set(title=title, aspect="equal", xticks=[], yticks=[])
