"""What is written can be read back by others, and holds the solution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import meshio
import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.assembly import build_trial
from pinn.exchange import FORMATS
from pinn.exchange.programs import program
from pinn.settings import Settings
from pinn.solution import Solution
from sciformer.cli.main import main
from sciformer.errors import DataError, UsageError
from sciformer.runs import Run


def untrained(problem: pinn.Problem) -> Solution:
    settings = Settings()
    return Solution(problem, build_trial(problem, settings), settings)


@pytest.fixture(scope="module")
def burgers() -> Solution:
    return untrained(pinn.find_problem("burgers"))


@pytest.fixture(scope="module")
def plane_in_time() -> Solution:
    """Two fields with unlike values over a plane and time."""
    x, y, t = sympy.symbols("x y t")
    u, v = (sympy.Function(name)(x, y, t) for name in "uv")
    problem = pinn.Problem(
        name="swirl",
        coordinates=(x, y, t),
        fields=(u, v),
        equations=(sympy.Eq(u.diff(t), v.diff(x)), sympy.Eq(v.diff(t), u.diff(y, 2))),
        domain=pinn.Box(x=(0, 2), y=(-1, 1), t=(0, 3)),
        conditions=(
            pinn.Condition(sympy.Eq(u, x + 2 * y), on="t=0"),
            pinn.Condition(sympy.Eq(v, 3 * x * y), on="t=0"),
        ),
    )
    return untrained(problem)


def test_npz_holds_axes_and_fields(burgers: Solution, tmp_path: Path) -> None:
    """Kills: axes transposed or exchanged."""
    FORMATS["npz"].write(burgers, tmp_path / "a.npz", 300)
    held = np.load(tmp_path / "a.npz")
    assert held["u"].shape == (len(held["x"]), len(held["t"]))
    i, j = 5, 2
    exact = burgers([[held["x"][i], held["t"][j]]])["u"][0]
    assert held["u"][i, j] == pytest.approx(exact, rel=1e-12)


def test_xarray_and_netcdf_name_their_coordinates(plane_in_time: Solution, tmp_path: Path) -> None:
    """Kills: coordinates in another order than the dimensions."""
    data = plane_in_time.to_xarray(2000)
    assert data["v"].dims == ("t", "y", "x")
    at = data["v"].sel(x=2.0, y=-1.0, t=0.0).item()
    assert at == pytest.approx(3 * 2.0 * -1.0, abs=1e-9)
    FORMATS["netcdf"].write(plane_in_time, tmp_path / "a.nc", 2000)
    with h5py.File(tmp_path / "a.nc") as file:
        assert np.array_equal(file["v"][()], data["v"].values)
        assert file["y"][0] == -1.0
        assert "Derivative(u(x, y, t), t)" in str(file.attrs["equations"])


def test_vtk_of_space_and_time_is_a_map(burgers: Solution, tmp_path: Path) -> None:
    FORMATS["vtk"].write(burgers, tmp_path / "a.pvd", 300)
    [mesh] = read_collection(tmp_path / "a.pvd").values()
    counts = [len(axis) for axis in burgers.on_grid(300)[0].values()]
    assert len(mesh.cells_dict["quad"]) == (counts[0] - 1) * (counts[1] - 1)
    assert mesh.point_data["u"] == pytest.approx(burgers(mesh.points[:, :2])["u"], abs=1e-12)


def test_vtk_has_a_file_for_each_time(plane_in_time: Solution, tmp_path: Path) -> None:
    """Kills: time taken along the wrong axis; a cell with its corners crossed."""
    FORMATS["vtk"].write(plane_in_time, tmp_path / "a.pvd", 2000)
    meshes = read_collection(tmp_path / "a.pvd")
    assert min(meshes) == 0.0
    assert max(meshes) <= 3.0
    for moment, mesh in list(meshes.items())[::3]:
        when = np.full((len(mesh.points), 1), moment)
        exact = plane_in_time(np.hstack([mesh.points[:, :2], when]))
        assert mesh.point_data["u"] == pytest.approx(exact["u"], abs=1e-12)
        corners = mesh.points[mesh.cells_dict["quad"]][..., :2]
        assert area(corners) == pytest.approx(2.0 * 2.0)


def area(corners: Any) -> float:
    """By the shoelace formula; crossed corners would give less."""
    x, y = corners[..., 0], corners[..., 1]
    cross = x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)
    return float(cross.sum(axis=1).sum() / 2)


def read_collection(path: Path) -> dict[float, Any]:
    sets = ElementTree.parse(path).getroot().iter("DataSet")
    return {
        float(entry.attrib["timestep"]): meshio.read(path.with_name(entry.attrib["file"]))
        for entry in sets
    }


@pytest.mark.parametrize("name", ["burgers", "plane_in_time"])
def test_a_film_has_many_frames(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from PIL import Image

    FORMATS["gif"].write(request.getfixturevalue(name), tmp_path / "a.gif", 5000)
    with Image.open(tmp_path / "a.gif") as film:
        assert getattr(film, "n_frames", 1) > 5
        first = np.asarray(film.convert("L"), dtype=float)
        film.seek(film.n_frames - 1)  # type: ignore[attr-defined]
        last = np.asarray(film.convert("L"), dtype=float)
    assert np.abs(last - first).max() > 50


def test_a_film_without_time_is_refused(tmp_path: Path) -> None:
    x, y = sympy.symbols("x y")
    u = sympy.Function("u")(x, y)
    steady = pinn.Problem(
        name="steady",
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2) + u.diff(y, 2), 0),),
        domain=pinn.Box(x=(0, 1), y=(0, 1)),
        conditions=(pinn.Condition(sympy.Eq(u, 1), on="x=0"),),
    )
    with pytest.raises(DataError, match="a film needs a time"):
        FORMATS["gif"].write(untrained(steady), tmp_path / "a.gif", 100)


def test_the_program_runs_without_the_package(burgers: Solution, tmp_path: Path) -> None:
    """For another number of points than it was traced with."""
    FORMATS["torch"].write(burgers, tmp_path / "a.pt2", 1)
    program = torch.export.load(tmp_path / "a.pt2").module()
    points = burgers.problem.domain.sample(33, seed=4)
    assert torch.allclose(program(points)[:, 0], burgers(points)["u"], rtol=1e-12, atol=1e-13)


def test_onnx_gives_the_same_fields(burgers: Solution, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    FORMATS["onnx"].write(burgers, tmp_path / "a.onnx", 1)
    session = runtime.InferenceSession(tmp_path / "a.onnx")
    points = burgers.problem.domain.sample(33, seed=4)
    [fields] = session.run(None, {"points": points.numpy()})
    assert fields[:, 0] == pytest.approx(burgers(points.numpy())["u"], abs=1e-6)


def test_the_command(burgers: Solution, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"problem": "burgers", "parameters": {}, "settings": burgers.settings.to_json()}
    run = Run.create(tmp_path / "run", "burgers", config)
    assert main(["export", str(run.path), "--format", "vtk"]) == 2
    assert "has not finished" in capsys.readouterr().err
    burgers.save(run)
    out = tmp_path / "deep" / "flow.pvd"
    words = ["export", str(run.path), "--format", "vtk", "--out", str(out), "--points", "200"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(out)
    assert len(list(out.parent.iterdir())) == 2
    assert main(["export", str(run.path), "--format", "vkt"]) == 2
    assert "unknown format 'vkt'. Did you mean 'vtk'?" in capsys.readouterr().err


def test_a_program_of_derived_quantities_is_refused() -> None:
    """Kills: a program that gives the streamfunction where velocities are asked for."""
    problem, settings = pinn.find_problem("cavity"), Settings()
    solution = Solution(problem, build_trial(problem, settings), settings)
    with pytest.raises(UsageError, match="answers with u, v"):
        program(solution)
