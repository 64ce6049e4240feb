"""Solutions that stand for themselves: pickled, interrupted, moved, shown, and outside."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import sympy
import torch
from safetensors.torch import save_file

import pinn
from pinn.figures import Picture
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.refinement.refine import Refiner
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.solved import Solved
from pinn.training.trainer import Limits, Progress
from sciformer.cli.main import main
from sciformer.errors import DataError, UsageError
from sciformer.runs import Run

SMALL = Settings(network=MLP.Sizes(width=6, layers=2), points=0.1)
PDE = """
import sympy
from pinn import Box, Condition, Problem
x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
heat = Problem("own", (x, t), (u,), (sympy.Eq(u.diff(t), u.diff(x, 2) / 10),),
    Box(x=(0, 1), t=(0, 1)), (Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
    Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 0), on="x=1")))
"""


@pytest.fixture(scope="module")
def heat() -> Solved:
    return pinn.solve("heat", SMALL, Limits(iterations=8))


def test_a_solution_is_pickled(heat: Solved) -> None:
    """Case 44. Kills: a compiled function in the state; weights lost on the way."""
    again = pickle.loads(pickle.dumps(heat.solution))
    points = np.random.default_rng(0).uniform(0.1, 0.9, (20, 2))
    assert np.array_equal(again(points)["u"], heat.solution(points)["u"])
    assert again.errors() == heat.errors
    assert again.problem.equations == heat.solution.problem.equations


@pytest.mark.parametrize("name", ["burgers", "allen-cahn", "taylor-green", "wave"])
def test_problems_are_pickled(name: str) -> None:
    problem = pinn.find_problem(name)
    again = pickle.loads(pickle.dumps(problem))
    points = problem.domain.sample(7).numpy()
    wanted = problem.reference(points) if problem.reference else {}
    found = again.reference(points) if again.reference else {}
    assert wanted.keys() == found.keys()
    assert all(np.array_equal(wanted[key], found[key]) for key in wanted)


def test_weights_of_another_run_are_refused(heat: Solved, tmp_path: Path) -> None:
    """Kills: a network swapped between runs, and one without finite values."""
    runs = [Run.create(tmp_path / n, "heat", _config(n)) for n in ("a", "b")]
    for run in runs:
        heat.solution.save(run)
    assert Solution.load(runs[0].path).settings.device == "cpu"
    shutil.copy(runs[1].path / "network.safetensors", runs[0].path / "network.safetensors")
    with pytest.raises(DataError, match=r"was written by another run"):
        Solution.load(runs[0].path)
    tensors = {name: 0 * t + 1e308 for name, t in heat.solution.trial.state_dict().items()}
    save_file(tensors, runs[0].path / "network.safetensors")
    with pytest.raises(DataError, match=r"has no finite values"):
        Solution.load(runs[0].path)


def _config(device: str) -> dict[str, Any]:
    """Of a run on a device that is not here."""
    settings = {**SMALL.to_json(), "device": f"no-{device}"}
    return {"problem": "heat", "parameters": {}, "settings": settings}


@pytest.mark.parametrize("value", ["1", None, [1], True, float("nan"), 10**400])
def test_parameters_are_finite_numbers(value: Any) -> None:
    """Kills: a text from somebody's configuration that reaches a comparison."""
    with pytest.raises(UsageError, match=r"viscosity must be a finite number"):
        pinn.find_problem("burgers", {"viscosity": value})


@pytest.mark.parametrize("choice", [{"points": 1e308}, {"conditions": None}])
def test_settings_that_no_training_can_have(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^solve: (points|conditions) must be"):
        dataclasses.replace(SMALL, **choice)


def test_an_interrupt_returns_the_best_network(tmp_path: Path) -> None:
    """Case 45. Kills: KeyboardInterrupt with nothing kept; a summary that says it has finished."""
    seen: list[int] = []

    def press(progress: Progress) -> None:
        if not seen:
            os.kill(os.getpid(), signal.SIGINT)
        seen.append(progress.iteration)

    run = Run.create(tmp_path / "run", "heat", {})
    before = signal.getsignal(signal.SIGINT)
    # With a wide layer the training would be ripe before the first report.
    long = dataclasses.replace(SMALL, digits=None)
    solved = pinn.solve("heat", long, Limits(budget=60), observers=[press], run=run)
    assert signal.getsignal(signal.SIGINT) is before
    assert solved.stopped == "interrupted"
    assert 0 < solved.iterations < 10_000
    assert solved.train_seconds < 30
    assert np.isfinite(solved.solution(np.array([[0.5, 0.5]]))["u"]).all()
    assert run.load_checkpoint() is not None
    assert not (run.path / "summary.json").exists()


@dataclass(frozen=True)
class Interrupted(Refiner):
    """A wide layer in whose making Ctrl-C is pressed."""

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise KeyboardInterrupt


def test_an_interrupt_of_the_wide_layer_returns_the_trained_network(tmp_path: Path) -> None:
    """Kills: training lost by Ctrl-C in the refinement; a summary that says all is done."""
    run = Run.create(tmp_path / "run", "heat", {})
    settings = dataclasses.replace(SMALL, digits=Interrupted())
    solved = pinn.solve("heat", settings, Limits(iterations=60), run=run)
    plain = pinn.solve("heat", dataclasses.replace(SMALL, digits=None), Limits(iterations=60))
    assert solved.stopped == "interrupted"
    assert solved.errors == plain.errors
    assert run.load_checkpoint() is not None
    assert not (run.path / "summary.json").exists()


def test_the_command_still_ends_with_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pinn.commands.solve_request as command

    # A suite that was started in the background of a shell ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(command, "_show", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    words = ["solve", "heat", "--budget", "60", "--model", "mlp", "--set", "points=0.1"]
    try:
        assert main([*words, "--out", str(tmp_path / "run")]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().out == ""
    assert Run.open(tmp_path / "run").load_checkpoint() is not None


def test_an_own_problem_is_used_from_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cases 30 and 43. Kills: a relative path in the run; a name that must be UTF-8; a file that
    must still be there; a change that goes unnoticed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    name = os.fsdecode(b"w\xe4rme.py")
    (here / name).write_text(PDE)
    monkeypatch.chdir(here)
    quick = ["--model", "mlp", "--set", "points=0.1", "--set", "width=4"]
    assert main(["solve", name, *quick, "--iterations", "2", "--out", "r"]) in (0, 3)
    monkeypatch.chdir(there)
    run = str(here / "r")
    assert main(["export", run, "--format", "npz", "--out", "a.npz"]) == 0
    assert main(["solve", "--resume", run, "--iterations", "3"]) in (0, 3)
    assert main(["show", run]) == 0
    (here / name).unlink()
    assert main(["export", run, "--format", "npz", "--out", "b.npz"]) == 0
    assert Solution.load(run).problem.name == "own"
    capsys.readouterr()
    (here / name).write_text(PDE.replace("/ 10", "/ 2"))
    assert main(["export", run, "--format", "npz", "--out", "c.npz"]) == 2
    assert "has changed since" in capsys.readouterr().err


def test_outside_of_the_domain_is_said(heat: Solved) -> None:
    """Kills: silence, and a warning for points on the edge in float32."""
    with pytest.warns(UserWarning, match="2 of 3 points lie outside of the domain"):
        heat.solution(np.array([[0.5, 0.5], [0.5, 7.0], [-3.0, 0.5]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        domain = heat.solution.problem.domain
        corner = torch.tensor([[*domain.high], [*domain.low]], dtype=torch.float32)
        heat.solution(corner)


def test_a_field_whose_exact_solution_is_0_has_an_absolute_error() -> None:
    """Kills: 0/0 and infinity in a table."""
    t = sympy.Symbol("t")
    u, v = (sympy.Function(name)(t) for name in "uv")
    problem = Problem(
        "rest", (t,), (u, v), (sympy.Eq(u.diff(t), v), sympy.Eq(v.diff(t), -v)), Box(t=(0, 1)),
        (Condition(sympy.Eq(u, 1), on="t=0"), Condition(sympy.Eq(v, 0), on="t=0")),
        exact={u: sympy.Integer(1), v: sympy.Integer(0)},
    )  # fmt: skip
    solved = pinn.solve(problem, SMALL, Limits(iterations=1))
    assert solved.errors is not None
    by_field, mse = solved.errors.relative_l2_by_field, solved.errors.mse_by_field
    assert by_field["v"] == pytest.approx(mse["v"] ** 0.5)
    assert by_field["u"] == pytest.approx(mse["u"] ** 0.5)  # its size is 1


def test_words_for_people(heat: Solved) -> None:
    assert str(heat).startswith("Solved(heat: 8 iterations in ")
    assert "relative L2 error" in str(heat)
    assert "\n" not in f"{heat}{heat.solution}"
    page = heat.solution._repr_html_()
    for part in ("$$", "<table>", "data:image/png;base64,", "relative L2 error"):
        assert part in page
    assert [row[0] for row in heat.history][:8] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_netcdf_has_time_first_and_axes(heat: Solved) -> None:
    """Case 48."""
    data = heat.solution.to_xarray(200)
    assert data["u"].dims == ("t", "x")
    assert data.attrs["Conventions"].startswith("CF-")
    assert data["t"].attrs == {"units": "1", "axis": "T", "long_name": "time"}
    assert data["x"].attrs["axis"] == "X"
    axes, fields = heat.solution.on_grid(200)
    assert np.array_equal(data["u"].values, fields["u"].T)
    assert np.array_equal(data["x"].values, axes["x"])


def picture(names: str, time: str | None, **more: Any) -> Any:
    axes = {name: np.linspace(0.0, 1.0 + i, 5 + i) for i, name in enumerate(names)}
    grids = np.meshgrid(*axes.values(), indexing="ij")
    values = grids[0] * 2 + sum(grids)
    fields = {"u": values, "v": -values}
    return Picture(axes, fields, {k: f + 0.1 for k, f in fields.items()}, time=time, **more).draw()


def titles(figure: Any) -> list[str]:
    return [panel.get_title() for panel in figure.axes]


def test_each_kind_of_problem_has_its_picture() -> None:
    """Kills: y to the right, stretched domains, one moment of a film, no phase plot."""
    history = [(1, 1.0, float("inf")), (2, 0.1, 0.2)]
    plane = picture("xy", None, history=history)
    assert plane.axes[0].get_xlabel() == "x"
    assert plane.axes[0].get_aspect() == 1.0
    image = plane.axes[0].images[0]
    assert tuple(map(float, image.get_extent())) == (0, 1, 0, 2)
    assert image.get_array().shape == (6, 5)
    assert "training of the network" in titles(plane)
    found, reference = plane.axes[0].images[0], plane.axes[1].images[0]
    assert found.get_clim() == reference.get_clim()
    low, high = plane.axes[2].images[0].get_clim()
    assert low == -high
    wave = picture("xt", "t")
    assert wave.axes[0].get_xlabel() == "t"
    film = picture("xyt", "t")
    assert [word for word in titles(film) if word.startswith("$u$, t =")] == [
        "$u$, t = 1", "$u$, t = 1.5", "$u$, t = 3",
    ]  # fmt: skip
    assert "error, t = 3" in titles(film)
    assert "phase plot (dot: start)" in titles(picture("t", "t"))
    # 2 x + x + y + z is largest at the end of z.
    assert any("z = 3" in word for word in titles(picture("xyz", None)))
    for figure in (plane, wave, film):
        figure.canvas.draw()


def test_the_summary_of_a_run_is_written(tmp_path: Path) -> None:
    """A run moved to another place is read there."""
    words = ["solve", "heat", "--iterations", "2", "--model", "mlp", "--set", "points=0.1"]
    assert main([*words, "--out", str(tmp_path / "a")]) in (0, 3)
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert json.loads((tmp_path / "b" / "summary.json").read_text())["iterations"] == 2
    assert Solution.load(tmp_path / "b").problem.name == "heat"
