"""What a problem advises is taken where the user says nothing, and yields to what the user says."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from pinn.commands import solve
from pinn.settings import Settings
from sciformer.runs.processes import ALONE


def settings(*words: str) -> Settings:
    parser = argparse.ArgumentParser()
    solve.configure(parser)
    return solve._Request(parser.parse_args(list(words)), ALONE).settings


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("convection",), {"model": "mlp", "network": {"width": 20, "layers": 3}, "points": 2.0}),
        (("convection", "--set", "width=9"), {"network": {"width": 9, "layers": 3}}),
        (("convection", "--steps", "3"), {"model": "physicsformer", "network": {"steps": 3}}),
        (("convection", "--model", "physicsformer"), {"model": "physicsformer", "network": {}}),
        (("convection", "--ablation"), {"model": "physicsformer", "network": {}}),
        (("allen-cahn", "--set", "harmonics=5"), {"harmonics": 5}),
        (("burgers", "--set", "sampler=r3"), {"model": "physicsformer", "sampler": "r3"}),
        (("kdv", "--set", "curriculum=lambda_1:0:9"), {"curriculum": "lambda_1:0:9"}),
    ],
)
def test_choices(words: tuple[str, ...], wanted: dict[str, Any]) -> None:
    """Kills: advice over the user's word, a network's options kept for another network."""
    found = settings(*words)
    assert {key: getattr(found, key) for key in wanted} == wanted
