"""`sciformer solve --mixer`: any smooth mixer in the place of the encoder's attention."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pinn
from pinn.networks import PhysicsFormer
from sciformer.attention import MultiheadAttention, Universal
from sciformer.cli.main import main
from sciformer.mixers import Parallel

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("lmu", "latents")]


@pytest.mark.parametrize("name", ["urpe", "linear", *SLOW])
def test_solves_with_another_mixer(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: an option that is shown and not built, or lost when the solution is loaded."""
    out = tmp_path / name
    quick = [
        "--budget",
        "2",
        "--set",
        "points=0.1",
        "--set",
        "width=4",
        "--set",
        "digits=off",
        "--out",
        str(out),
    ]
    assert main(["solve", "burgers", "--mixer", name, *quick, "--json"]) in (0, 3)
    result = json.loads(capsys.readouterr().out)
    assert result["relative_l2"] < 0.9  # where it starts is about 1
    network = pinn.Solution.load(out).trial.network
    assert isinstance(network, PhysicsFormer)
    mixer = network.encoder[0].mixer
    if name != "urpe":
        assert isinstance(mixer, Parallel)
    else:
        assert isinstance(mixer, MultiheadAttention)
        assert isinstance(mixer.position, Universal)


def test_an_unknown_mixer_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", "burgers", "--mixer", "lmo", "--out", str(tmp_path / "run")]) == 2
    assert "unknown mixer 'lmo'. Did you mean 'lmu'?" in capsys.readouterr().err
