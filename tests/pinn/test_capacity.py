"""Sizes, numbers of points and types of settings: refused in a sentence, before any allocation."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pinn
from pinn.assembly import build_trial
from pinn.capacity import count_parameters
from pinn.networks import MLP, PhysicsFormer
from pinn.optimisers import Adam
from pinn.settings import Settings
from pinn.training.collocation import Collocation
from pinn.training.trainer import Limits
from sciformer.cli.main import main
from sciformer.errors import DataError, UsageError
from sciformer.runs import Run
from sciformer.runs.state import pack, unpack


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("width=0", "width must be >= 1; got 0"),
        ("width=-1", "width must be >= 1; got -1"),
        ("width=1000000000", "need about .* GB"),
        ("width=100000", "need about .* GB"),
        ("points=1e9", "need about .* GB .* fewer points"),
        ("steps=1000000000", "at most 1000 steps"),
        ("encoder_layers=1000000000", "at most 1000 layers"),
        ("heads=3", "heads must divide width"),
    ],
)
def test_sizes_no_machine_has_are_refused_before_anything_is_made(
    words: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Kills: an estimate without the Jacobian (width=100000 then fits), a run directory made
    before the sizes are looked at, parameters counted by making the network."""
    monkeypatch.chdir(tmp_path)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert main(["solve", "heat", "--iterations", "1", "--set", words]) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB
    assert time.process_time() - begun < 10


def test_parameters_are_counted_without_a_network() -> None:
    problem = pinn.find_problem("heat")
    for sizes in (MLP.Sizes(width=7, layers=3), PhysicsFormer.Sizes(steps=3, width=6)):
        settings = Settings(network=sizes)
        trial = build_trial(problem, settings)
        inputs, before = trial.network.inputs, torch.get_rng_state()
        made = sum(p.numel() for p in trial.parameters())
        assert count_parameters(sizes, inputs, 1) == made  # type: ignore[arg-type]
        assert torch.equal(torch.get_rng_state(), before)


def test_a_thousandth_of_the_points_is_a_training_too(tmp_path: Path) -> None:
    """Kills: a share that rounds to no point."""
    settings = Settings(points=0.001, network=MLP.Sizes(width=4, layers=1))
    solved = pinn.solve("heat", settings, Limits(iterations=2))
    assert solved.iterations == 2

    class Three:
        size, rank = 3, 0

    problem = pinn.find_problem("heat")
    trial = build_trial(problem, settings)
    with pytest.raises(UsageError, match="1 points cannot be shared by 3 processes"):
        Collocation(
            problem,
            trial,
            pinn.optimisers.FlatParameters(list(trial.parameters())),
            settings.loss(problem),
            settings.planned(Adam.schedule).scaled(1e-9),
            processes=Three(),  # type: ignore[arg-type]
        )


def spoilt(**changes: Any) -> dict[str, Any]:
    return {**Settings().to_json(), **changes}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (spoilt(colour="red"), "unknown setting 'colour'"),
        (spoilt(points="many"), "points must be a finite number; got 'many'"),
        (spoilt(points=True), "points must be a finite number; got 'True'"),
        (spoilt(seed=1.5), "seed must be a whole number; got '1.5'"),
        (spoilt(spread=1), "spread must be true or false; got '1'"),
        (spoilt(dtype=64), "dtype must be a text; got '64'"),
        (spoilt(network=7), "not what this version writes"),
        (spoilt(network={"name": "mlp", "width": "wide"}), "width must be a whole number"),
        (spoilt(network={"name": "mlp", "depth": 3}), "unknown option 'depth'"),
        (spoilt(network={"name": "mlp", "width": 0}), "width must be >= 1"),
        (spoilt(optimiser={"name": "adam", "learning_rate": "fast"}), "must be a finite number"),
        (spoilt(optimiser={"name": ["adam"]}), "not what this version writes"),
        (spoilt(sampler={"name": "warped", "floor": []}), "floor must be a finite number"),
        (spoilt(schedule={"stages": 3}), "not what this version writes"),
        (spoilt(curriculum=[1]), "not what this version writes"),
        ({"curriculum": {"parameter": "k", "ramp": {"steps": 1}}}, "not what this version writes"),
    ],
)
def test_settings_of_other_types_are_a_sentence(values: dict[str, Any], sentence: str) -> None:
    """Kills: a TypeError, a text that becomes a number of points, options passed unlooked at."""
    with pytest.raises(UsageError, match=sentence):
        Settings.from_json(values)


FOREIGN: dict[str, Callable[[Any], Any]] = {
    "parameters": lambda state: {**state, "parameters": state["parameters"][1:]},
    "float32": lambda state: {**state, "best": state["best"].float()},
    "nan": lambda state: {**state, "best": state["best"] * float("nan")},
    "nothing": lambda state: {},
    "text": lambda state: {**state, "optimiser": "adam"},
    "moments": lambda state: {
        **state,
        "optimiser": {k: _longer(v) for k, v in state["optimiser"].items()},
    },
    "points": lambda state: {
        **state,
        "objectives": {**state["objectives"], "present": _wider(state["objectives"]["present"])},
    },
    "progress": lambda state: {**state, "progress": {"colour": 1}},
}


def _longer(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.cat([value.reshape(-1)] * 2)
    if isinstance(value, dict):
        return {key: _longer(inner) for key, inner in value.items()}
    return [_longer(inner) for inner in value] if isinstance(value, list) else value


def _wider(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**s, "points": torch.cat([s["points"]] * 2, dim=1)[:, :3]} for s in states]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    run = Run.create(tmp_path_factory.mktemp("runs") / "run", "heat", {})
    pinn.solve("heat", CONTINUED, Limits(iterations=2), run=run)
    content = run.load_checkpoint()
    assert content is not None
    return unpack(*content)


CONTINUED = Settings(network=MLP.Sizes(width=4, layers=1), points=0.1, optimiser=Adam())


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_checkpoint_of_something_else_is_refused(
    kind: str, checkpoint: Any, tmp_path: Path
) -> None:
    """The digest fits: it was written by somebody else. Kills: the first RuntimeError of torch,
    NaN that trains on, moments of another network."""
    run = Run.create(tmp_path / "run", "heat", {})
    run.save_checkpoint(*pack(FOREIGN[kind](checkpoint)))
    with pytest.raises(DataError, match="the checkpoint of the run does not belong to this net"):
        pinn.solve("heat", CONTINUED, Limits(iterations=4), run=run)


def test_an_honest_checkpoint_goes_on(checkpoint: Any, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "heat", {})
    run.save_checkpoint(*pack(checkpoint))
    assert pinn.solve("heat", CONTINUED, Limits(iterations=4), run=run).iterations == 4
