"""All that a newcomer adds is added from outside, and trains, resumes and loads like ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pinn
from pinn.jets import Jet, Operators
from sciformer.cli.main import main
from sciformer.errors import DataError
from sciformer.runs import Run
from tests.pinn.toy_package import install

WORDS = ["--optimiser", "descent", "--model", "bumps", "--set", "sampler=stratified"]
OPTIONS = ["--set", "optimiser.length=1e-3", "--set", "bumps=8", "--set", "points=0.05"]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    install(site)
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_the_shell_to_a_loaded_solution(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a list of our own names anywhere between the command, the files and the training."""
    run = toy / "run"
    command = ["solve", "sink", *WORDS, *OPTIONS, "--set", "sampler.jitter=0.5"]
    assert main([*command, "--iterations", "12", "--out", str(run), "--json"]) in (0, 3)
    result = json.loads(capsys.readouterr().out)
    assert (result["model"], result["optimiser"]) == ("bumps", "descent")
    assert set(result["training"]["samplers"]) == {"Stratified"}
    settings = json.loads((run / "config.json").read_text())["config"]["settings"]
    assert settings["network"] == {"name": "bumps", "bumps": 8}
    assert settings["optimiser"] == {"name": "descent", "length": 1e-3}
    assert settings["sampler"] == {"name": "stratified", "jitter": 0.5}
    loaded = pinn.Solution.load(run)
    stored = np.load(run / "solution.npz")
    assert np.abs(loaded(stored["x"][:, None])["u"] - stored["u"]).max() < 1e-13
    again = ["solve", "--resume", str(run), "--iterations", "20", "--json"]
    assert main(again) in (0, 3)
    resumed = json.loads(capsys.readouterr().out)
    whole = toy / "whole"
    assert main([*command, "--iterations", "20", "--out", str(whole), "--json"]) in (0, 3)
    assert json.loads(capsys.readouterr().out)["relative_l2"] == resumed["relative_l2"]


def test_its_parts_are_objects_for_solve(toy: Path) -> None:
    """They also train by our optimiser, through the jet rule of the package.

    Kills: a network that only a name can choose, a rule that is not found.
    """
    from toy_physics import Bumps, Stratified, sink

    solved = pinn.solve(
        sink(1.5),
        network=Bumps.Sizes(bumps=8),
        sampler=Stratified,
        points=0.1,
        iterations=25,
        digits=None,
    )
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-3


def test_a_module_of_ones_own_is_a_network(toy: Path) -> None:
    """Kills: an nn.Module that is copied, or given coordinates that are not scaled."""
    from toy_physics import sink

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).double()
    before = module[0].weight.detach().clone()
    run = toy / "run"
    config = {"problem": "sink", "parameters": {}}
    settings = pinn.Settings(network=module, points=0.1, digits=None)
    described = {**config, "settings": settings.to_json()}
    solved = pinn.solve(
        sink(), settings, pinn.Limits(iterations=25), run=Run.create(run, "sink", described)
    )
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-3
    assert not torch.equal(module[0].weight, before)
    with pytest.raises(DataError, match=r"has no registered name.* give the object itself"):
        pinn.Solution.load(run)
    fresh = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    loaded = pinn.Solution.load(run, network=fresh)
    points = np.linspace(0, 1, 7)[:, None]
    assert np.array_equal(loaded(points)["u"], solved.solution(points)["u"])


def test_its_rule_carries_derivatives(toy: Path) -> None:
    """Against the formula. Kills: a rule for another function, or one that is never asked."""
    from toy_physics import bump

    x = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    jet = bump(Jet.coordinates(x, Operators("x", ["1", "x", "xx"])))
    value = torch.exp(-x * x)
    assert torch.allclose(jet.derivative("x"), -2 * x * value)
    assert torch.allclose(jet.derivative("xx"), (4 * x**2 - 2) * value)
