"""Pictures of solutions, looked at through what matplotlib was given to draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from pinn import html
from pinn.figures import Picture
from pinn.html import headline
from pinn.problem.registry import find_problem
from sciformer.pictures import CYCLE, STYLE

x = np.linspace(-0.5, 1, 31)
y = np.linspace(-0.5, 1.5, 41)
t = np.linspace(0, 1, 9)


def _slices(values: np.ndarray) -> list[str]:
    """Labels of the curves beside a map."""
    figure = Picture({"x": x, "y": y}, {"u": values}).draw()
    panel = next(axes for axes in figure.axes if axes.get_title() == "$u$ along x")
    return [str(line.get_label()) for line in panel.lines]


def test_slices_do_not_lie_on_top_of_each_other() -> None:
    """A field of period 1 across has three different slices, one of x alone has one.

    Kills: slices at fixed shares of the axis, slices compared with the last one only.
    """
    for shift in (0, 1):  # the largest value at the end of the axis, and at a quarter of it
        periodic = (shift + np.cos(2 * np.pi * y)) * np.exp(-x[:, None])
        found = [float(label.split("=")[1]) for label in _slices(periodic)]
        assert len(found) == 3
        shares = np.cos(2 * np.pi * np.array(found))
        assert np.abs(np.subtract.outer(shares, shares))[~np.eye(3, dtype=bool)].min() > 0.2
    assert len(_slices(np.tile(np.exp(x)[:, None], len(y)))) == 1
    assert len(_slices(np.ones((len(x), len(y))))) == 1  # a field without a range


def test_slices_outside_a_domain_are_no_difference() -> None:
    """Kills: NaN compared as a gap, NaN that hides every gap."""
    values = np.tile(np.exp(x)[:, None], len(y))
    values[:10, 20:] = np.nan
    assert len(_slices(values)) == 1
    assert len(_slices(values * (1 + y))) == 3


def test_a_flow_that_decays_has_the_colours_of_the_moments_that_are_shown() -> None:
    """Kills: colours over all times, a scale for each moment."""
    values = np.exp(-30 * t) * np.sin(x)[:, None, None] * np.cos(y)[:, None]
    figure = Picture({"x": x, "y": y, "t": t}, {"u": values}, time="t").draw()
    limits = [axes.images[0].get_clim() for axes in figure.axes if axes.images][:3]
    assert limits[0] == limits[1] == limits[2]
    brightest = np.sin(1) * np.exp(-30 * 0.25)
    assert 0.9 * brightest < limits[0][1] <= brightest


def test_a_single_validation_point_is_seen() -> None:
    """Kills: a line through one point, steps between whole numbers."""
    history = [(k, 1.0 / k, 0.5 if k == 5 else float("nan")) for k in range(1, 6)]
    figure = Picture({"x": x}, {"u": x}, history=history).draw()
    panel = next(axes for axes in figure.axes if axes.get_title() == "training of the network")
    line = next(line for line in panel.lines if line.get_label() == "validation")
    assert line.get_marker() == "."
    assert all(float(tick).is_integer() for tick in panel.get_xticks())


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("burgers", [r"$u u_{x} + u_{t} = \nu u_{xx}$"]),
        ("kovasznay", ["u_{x} + v_{y} = 0"]),  # three equations in one line
        ("poisson", []),  # a source that is made for an exact solution is too long
    ],
)
def test_equations_stand_above_a_picture_where_they_fit(name: str, lines: list[str]) -> None:
    """Kills: fields with their arguments, a system left out, lines wider than the picture."""
    problem = find_problem(name)
    solution: Any = SimpleNamespace(
        problem=problem, errors=lambda: SimpleNamespace(relative_l2=1e-3)
    )
    title, *rest = headline(solution, " (doubtful)").split("\n")
    assert title.startswith(f"{problem.title} (doubtful)    relative L2 error 1.0e-03")
    assert len(rest) == len(lines)
    assert all(part in line for part, line in zip(lines, rest, strict=True))
    assert not any(word in line for line in rest for word in ("Derivative", "partial", "(x"))


def test_equations_are_broken_into_lines_of_the_width_of_a_picture() -> None:
    """Kills: one line each, lines that run out of the picture, a fourth line."""
    long, short = ["$" + " + ".join(["u_{xx}"] * n) + "$" for n in (12, 2)]
    assert html._lines([short, short, short]) == [f"{short},   {short},   {short}"]
    assert html._lines([long, short, long]) == [f"{long},   {short}", long]
    assert html._lines([long] * 3) == [long] * 3
    assert html._lines([long] * 4) == []
    assert html._lines([short, "$" + " + ".join(["u_{xx}"] * 40) + "$"]) == []
    assert html._lines([r"$\begin{pmatrix} u \end{pmatrix}$"]) == []  # matplotlib cannot read it


def test_a_notebook_has_the_colours_of_the_package() -> None:
    """Kills: a style whose colours only `styled()` knows."""
    with plt.style.context(STYLE):
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(CYCLE)


@pytest.mark.parametrize("fields", [("u",), ("u", "v", "p")])
def test_no_legend_of_a_slice_covers_a_curve_or_leaves_its_panel(fields: tuple[str, ...]) -> None:
    """Curves that fill their panel leave no free corner, so there has to be room above them.

    Kills: matplotlib's best place, one line of three names in a narrow panel.
    """
    waves = np.sin(4 * np.pi * x[:, None] + 7 * y) * (1 + y)
    figure = Picture({"x": x, "y": y}, dict.fromkeys(fields, waves)).draw()
    figure.canvas.draw()
    panels = [axes for axes in figure.axes if "along" in axes.get_title()]
    assert len(panels) == len(fields)
    for panel in panels:
        box, frame = panel.get_legend().get_window_extent(), panel.get_window_extent()
        drawn = np.concatenate([line.get_xydata() for line in panel.lines])
        assert panel.transData.transform(drawn)[:, 1].max() < box.y0
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert box.y1 <= frame.y1 + 1  # one pixel of rounding
        assert all(tick <= drawn[:, 1].max() * 1.2 for tick in panel.get_yticks())
