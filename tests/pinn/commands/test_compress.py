"""`sciformer compress` on solutions: which units go, and a smaller run like any other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import pinn
from pinn.assembly import kept_trial
from pinn.compression import Sensitivity, bare, count, numbers_of_a_unit, prune, validation
from pinn.networks import MLP, PhysicsFormer
from pinn.networks.activations import Wavelet
from pinn.problem.registry import find_problem
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits
from pinn.trial.trial_solution import TrialSolution
from sciformer.cli.main import main
from sciformer.compression import Task
from sciformer.compression.sites import sites
from sciformer.errors import DataError, UsageError

NETWORKS: dict[str, Any] = {
    "mlp": MLP.Sizes(width=6, layers=2),
    "wavelet": MLP.Sizes(width=5, layers=2, activation=Wavelet),
    "physicsformer": PhysicsFormer.Sizes(steps=2, width=4, feed_forward=5),
}
FEW = {"points": 0.05, "digits": None}


def solution(name: str) -> Solution:
    """A few steps of training, so that no weight is where it began."""
    settings: dict[str, Any] = {"network": NETWORKS[name], "iterations": 3, **FEW}
    return pinn.solve("poisson", progress=False, **settings).solution


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("solve") / "run"
    words = ["--model", "mlp", "--set", "width=8", "--set", "layers=2", "--iterations", "12"]
    words += ["--set", "digits.neurons=100", "--set", "points=0.2"]
    assert main(["solve", "poisson", *words, "--out", str(directory), "--json"]) in (0, 3)
    return directory


@pytest.mark.parametrize("name", NETWORKS)
def test_removed_is_zeroed(name: str) -> None:
    """Kills: units of another layer, an activation that is passed wrongly."""
    whole = bare(solution(name)).trial
    points = torch.rand(7, 2, dtype=torch.float64)
    # Two hidden layers each; a PhysicsFormer has a perceptron in each block and one at its end.
    assert len(sites(whole)) == {"mlp": 2, "wavelet": 2, "physicsformer": 6}[name]
    for index, site in enumerate(sites(whole)):
        zeroed, removed = copy.deepcopy(whole), copy.deepcopy(whole)
        one = sites(zeroed)[index]
        one.by_unit(one.reader_weight.data)[2] = 0
        sites(removed)[index].keep(torch.tensor([u for u in range(site.count) if u != 2]))
        assert not torch.equal(zeroed.at(points), whole.at(points))
        torch.testing.assert_close(removed.at(points), zeroed.at(points), rtol=1e-11, atol=1e-13)
        assert count(whole) - count(removed) == numbers_of_a_unit(whole, site.name)


@pytest.mark.parametrize("name", ["mlp", "physicsformer"])
def test_sensitivity_is_the_derivative_of_all_residuals_by_a_gate(name: str) -> None:
    """By differences. Kills: the columns of another weight, rows that are not weighted."""
    whole = bare(solution(name))
    scores = Sensitivity(whole).scores(whole.trial, Task(count, lambda _: (), lambda: ()))

    def rows(trial: TrialSolution) -> torch.Tensor:
        trainer = make_trainer(Solution(whole.problem, trial, whole.settings), Limits(iterations=1))
        return trainer.objectives.at(trainer.progress).rows()

    step = 1e-5
    for index, site in enumerate(sites(whole.trial)):
        ends = []
        for factor in (1 - step, 1 + step):
            scaled = copy.deepcopy(whole.trial)
            one = sites(scaled)[index]
            one.by_unit(one.reader_weight.data)[1] *= factor
            ends.append(rows(scaled))
        slope = (ends[1] - ends[0]) / (2 * step)
        wanted = float(slope.square().sum()) / numbers_of_a_unit(whole.trial, site.name)
        assert float(scores[site.name][1]) == pytest.approx(wanted, rel=1e-5)


def test_the_full_budget_changes_nothing_and_the_plain_cut_is_worse() -> None:
    """Kills: the most sensitive units removed first."""
    found = pinn.solve(
        "poisson", progress=False, network=MLP.Sizes(width=12, layers=2), iterations=25, **FEW
    ).solution
    points = torch.rand(9, 2, dtype=torch.float64)
    same = prune(found, 1.0)
    assert same.edits == ()
    assert torch.equal(same.solution.trial.at(points), bare(found).trial.at(points))
    half = prune(found, 0.6)
    assert count(half.solution.trial) <= 0.6 * count(bare(found).trial)
    residuals = [validation(one) for one in (found, half.solution, half.plain)]
    assert residuals[0] is not None
    assert residuals[1] is not None
    assert residuals[2] is not None
    assert residuals[0] < residuals[1] < residuals[2]


def test_the_result_is_a_run_like_any_other(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures from its files; it is loaded, resumed and compressed again.

    Kills: edits that are lost, or made twice; an error of another network.
    """
    first, second = tmp_path / "half", tmp_path / "less"
    words = ["--budget", "0.6", "--tune", "12", "--json", "--out"]
    assert main(["compress", str(run), *words, str(first)]) in (0, 3)
    report = json.loads(capsys.readouterr().out)
    whole, half = Solution.load(run), Solution.load(first)
    assert report["error_before"] == pytest.approx(whole.errors().relative_l2, rel=1e-9)
    assert report["error_after"] == pytest.approx(half.errors().relative_l2, rel=1e-9)
    assert report["parameters_before"] == count(bare(whole).trial)
    assert report["parameters"] == count(bare(half).trial) <= 0.6 * report["parameters_before"]
    assert report["bytes"] == (first / "network.safetensors").stat().st_size
    assert report["error_after"] < 0.1 * report["error_pruned"]
    assert main(["solve", "--resume", str(first), "--iterations", "14", "--json"]) in (0, 3)
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["iterations"] == 14
    assert count(bare(Solution.load(first)).trial) == report["parameters"]
    words = ["--budget", "0.8", "--tune", "2", "--json", "--out"]
    assert main(["compress", str(first), *words, str(second)]) in (0, 3)
    again = json.loads(capsys.readouterr().out)
    assert again["parameters"] <= 0.8 * report["parameters"]
    assert count(bare(Solution.load(second)).trial) == again["parameters"]
    assert main(["compress", str(run), "--how", "elastic"]) == 2
    assert "unknown way 'elastic'" in capsys.readouterr().err


def test_what_cannot_be_pruned_is_refused() -> None:
    plain = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh()).double()
    odd = torch.nn.Sequential(plain, torch.nn.Linear(4, 1).double())
    made = pinn.solve("poisson", progress=False, network=odd, iterations=1, **FEW).solution
    with pytest.raises(UsageError, match="has no layer of hidden units that only one other layer"):
        prune(made, 0.5)


@pytest.mark.parametrize(
    "edits", [[3], [{"kind": "units"}], [{"kind": "units", "place": "x", "size": "2"}], 7]
)
def test_edits_of_a_strange_file_are_refused(edits: Any) -> None:
    problem = find_problem("poisson")
    with pytest.raises(DataError, match="has edits that no command writes"):
        kept_trial(problem, Settings(network=NETWORKS["mlp"]), {"edits": edits})
