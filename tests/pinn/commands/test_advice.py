"""What a problem advises is taken where the user says nothing, and yields to what the user says."""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

import pytest

from pinn.commands import solve
from pinn.commands.solve_request import Request
from pinn.networks import MLP, PhysicsFormer, Wavelet
from pinn.networks.mixers import Shared
from pinn.optimisers import Adam, LevenbergMarquardt
from pinn.refinement.refine import Refiner
from pinn.sampling.resampling import RetainResampleRelease
from pinn.sampling.samplers import WarpedSobol
from pinn.settings import Settings
from pinn.training.curriculum import Curriculum, Ramp
from pinn.trial.inputs import PeriodicWave
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

Sizes = PhysicsFormer.Sizes


def settings(*words: str) -> Settings:
    parser = argparse.ArgumentParser()
    solve.configure(parser)
    return Request(parser.parse_args(list(words)), ALONE).settings


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("convection",), {"network": MLP.Sizes(width=20, layers=3), "points": 2.0}),
        (("convection", "--set", "width=9"), {"network": MLP.Sizes(width=9, layers=3)}),
        (("convection", "--set", "network.width=9"), {"network": MLP.Sizes(width=9, layers=3)}),
        (("convection", "--steps", "3"), {"network": PhysicsFormer.Sizes(steps=3)}),
        (("convection", "--model", "physicsformer"), {"network": PhysicsFormer.Sizes()}),
        (("convection", "--ablation"), {"network": PhysicsFormer.Sizes()}),
        (("burgers", "--set", "activation=wavelet"), {"network": Sizes(activation=Wavelet)}),
        (("burgers", "--mixer", "lmu"), {"network": Sizes(mixer=Shared("lmu"))}),
        (("allen-cahn", "--set", "harmonics=5"), {"harmonics": 5}),
        (("burgers", "--set", "digits=off"), {"digits": None}),
        (("burgers", "--set", "digits.neurons=500"), {"digits": Refiner(neurons=500)}),
        (("burgers", "--set", "sampler=r3"), {"sampler": RetainResampleRelease}),
        (
            ("kdv", "--set", "curriculum=lambda_1:0:9"),
            {"curriculum": Curriculum("lambda_1", Ramp(0.0, 1.0, 9))},
        ),
        (("cavity",), {"network": MLP.Sizes(width=24, layers=3), "spread": True}),
        (("cylinder-wake", "--set", "wave=periodic"), {"wave": PeriodicWave}),
        (("cylinder-wake", "--set", "wave=none"), {"wave": None}),
    ],
)
def test_choices(words: tuple[str, ...], wanted: dict[str, Any]) -> None:
    """Kills: advice over the user's word, a network's options kept for another network."""
    found = settings(*words)
    assert {key: getattr(found, key) for key in wanted} == wanted


def test_options_of_objects() -> None:
    """Kills: an option of another object, a number kept as text, a sampler without its options."""
    words = ["--set", "optimiser.damping=0.5", "--set", "optimiser.trials=3"]
    words += ["--set", "sampler=warped", "--set", "sampler.floor=0.25", "--set", "points=0.5"]
    found = settings("burgers", *words)
    assert isinstance(found.optimiser, LevenbergMarquardt)
    assert (found.optimiser.damping, found.optimiser.trials) == (0.5, 3)
    assert isinstance(found.sampler, partial)
    assert (found.sampler.func, found.sampler.keywords) == (WarpedSobol, {"floor": 0.25})
    adam = settings("burgers", "--optimiser", "adam", "--set", "optimiser.learning_rate=2e-3")
    assert isinstance(adam.optimiser, Adam)
    assert adam.optimiser.learning_rate == 2e-3


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("optimiser.dampign=1", "unknown option 'dampign'. Did you mean 'damping'"),
        ("optimiser.trials=many", "expects a whole number"),
        ("sampler.floor=1", "unknown option 'floor'"),
        ("weighting=ntk", "unknown weighting 'ntk'"),
        ("activation=relu", "unknown activation 'relu'"),
    ],
)
def test_options_that_mean_nothing(word: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        settings("burgers", "--set", word)


@pytest.mark.parametrize(
    "words",
    [
        ("burgers",),
        ("cavity",),
        ("cylinder-wake",),
        ("convection", "--set", "curriculum=beta:1:9", "--set", "conditions=soft"),
        ("burgers", "--mixer", "urpe", "--set", "sampler=rad", "--set", "sampler.power=2"),
        ("burgers", "--optimiser", "adam", "--set", "weighting=gradient-norm"),
    ],
)
def test_settings_come_back_from_their_description(words: tuple[str, ...]) -> None:
    """Kills: a setting that is left out of config.json, or comes back as text."""
    made = settings(*words)
    described = json.loads(json.dumps(made.to_json()))
    again = Settings.from_json(described)
    assert again.to_json() == made.to_json()
    for name in ("network", "curriculum", "conditions", "wave", "schedule", "weighting"):
        assert getattr(again, name) == getattr(made, name), name
    assert vars(again.optimiser).keys() == vars(made.optimiser).keys()
