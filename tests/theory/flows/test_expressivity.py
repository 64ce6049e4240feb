"""Cold walls and signed kernels as tasks of `sciformer expressivity`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.main import main
from sciformer.errors import DomainError
from theory.expressivity.training import Recipe
from theory.flows.cold_wall import ColdWall, constructed_rows, trained_row
from theory.flows.signed_kernels import FLOWS, kernel_rows


def test_solutions_of_the_task_are_those_of_a_heat_equation() -> None:
    """Against finite differences. Kills: cosines, a time that is doubled, waves scaled wrongly."""
    task, generator = ColdWall(11, 0.02), torch.Generator().manual_seed(0)
    fine, steps = 10 * 8, 4000
    starts, wanted = task.sines(3, generator)
    spectrum = np.linalg.lstsq(
        np.sin(np.pi * np.outer(np.linspace(0, 1, 11), np.arange(1, 6))),
        starts[..., 0].numpy().T,
        rcond=None,
    )[0]
    x = np.linspace(0, 1, fine + 1)
    u = np.sin(np.pi * np.outer(x, np.arange(1, 6))) @ spectrum
    u = np.concatenate([u, np.ones((fine + 1, 1))], 1)
    u[[0, -1]] = 0
    for _ in range(steps):
        u[1:-1] += 0.02 / steps * fine**2 * np.diff(u, 2, axis=0)
    assert np.abs(u[::8, :3] - wanted[..., 0].numpy().T).max() < 5e-3
    assert np.abs(u[::8, 3] - task.profile.numpy()).max() < 5e-3
    again, twice = task.constants(torch.tensor([2.0, -1.0]).double())
    assert torch.equal(again[:, 3, 0], torch.tensor([2.0, -1.0]).double())
    assert torch.equal(twice[..., 0], torch.stack([2 * task.profile, -task.profile]))


def test_blind_schemes_stay_above_the_floor_and_others_go_below() -> None:
    """Kills: a floor of the whole spread, a verdict that is turned round."""
    task = ColdWall(12)
    blind = trained_row("relative", task, Recipe(steps=40))
    seeing = trained_row("urpe", task, Recipe(steps=160, warm_up_steps=10))
    assert (blind.is_blind, seeing.is_blind) == (True, False)
    assert blind.floor == float(task.profile.max() - task.profile.min()) / 2 > 0.4
    assert seeing.floor == 0
    assert blind.constant >= blind.floor - 1e-6
    assert seeing.constant < 0.6 * blind.floor


def test_constructions_reach_what_is_said_of_them() -> None:
    best, walk, images = constructed_rows(ColdWall(65))
    assert best.constant == best.floor
    assert best.random is None
    assert walk.constant < best.floor / 3
    # Odd images are exact on waves; the jump at the wall costs the square of the spacing.
    assert images.constant < 3e-4
    assert images.random is not None
    assert images.random < 1e-14
    finer = constructed_rows(ColdWall(130))[2]
    assert math.log2(images.constant / finer.constant) == pytest.approx(2, abs=0.05)
    with pytest.raises(DomainError, match="three places"):
        ColdWall(2)


def test_kernels_of_both_signs_need_two_heads() -> None:
    """Distance by formula and by programme agree, and vanish exactly for flows of probabilities."""
    rows = {row.flow: row for row in kernel_rows(64)}
    assert set(rows) == set(FLOWS)
    for name, row in rows.items():
        assert row.distance == pytest.approx(row.programme, rel=1e-9, abs=1e-15)
        assert row.heads == (1 if FLOWS[name][2] else 2)
        assert (row.distance == 0) == FLOWS[name][2]
        assert row.error < 1e-12 * (1 + 100 * row.distance)


def test_the_command_reports_both_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["expressivity", "--length", "17", "--construct", "--json", "--out"]
    assert main([*words, str(tmp_path / "a"), "--task", "cold-wall"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["is_blind"] for row in found["rows"]] == [True, False, False]
    assert (tmp_path / "a" / "figure.png").stat().st_size > 10_000
    assert main([*words, str(tmp_path / "b"), "--task", "kernels"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["heads"] for row in found["rows"]} == {1, 2}
    short = ["expressivity", "--task", "cold-wall", "--length", "8", "--steps", "25"]
    out = ["--out", str(tmp_path / "c")]
    assert main([*short, "--position", "relative", "urpe", *out]) == 0
    assert "blind" in capsys.readouterr().out
    assert main([*short, "--position", "nothing", "--out", str(tmp_path / "d")]) == 2
