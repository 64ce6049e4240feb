"""The tasks, their ceilings, and training that reaches or cannot reach them."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch

from sciformer.cli.main import main
from sciformer.errors import DomainError
from theory.expressivity import bounds
from theory.expressivity.schemes import MECHANISMS
from theory.expressivity.survey import constructed_rows, trained_row
from theory.expressivity.tasks import (
    EvenTokenPrediction,
    PositionIdentification,
    Task,
    ceiling,
    constant_tokens,
    random_tokens,
)
from theory.expressivity.training import Recipe, train

BLIND = [name for name, found in MECHANISMS.items() if found.is_blind[0]]


def test_targets() -> None:
    """Kills: odd tokens for even ones, an end token that is a token."""
    tokens = torch.tensor([[3, 1, 4, 0, 2, 1, 3]])
    assert PositionIdentification(5, 7).targets(tokens).tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    assert EvenTokenPrediction(5, 7).targets(tokens).tolist() == [[1, 0, 1, 5, 5, 5, 5]]
    assert (PositionIdentification(5, 7).classes, EvenTokenPrediction(5, 7).classes) == (7, 6)


def test_samples() -> None:
    """Kills: constant sequences that vary, a vocabulary that is not used up."""
    task, generator = PositionIdentification(4, 128), torch.Generator().manual_seed(0)
    constant = constant_tokens(task, 50, generator)
    assert (constant == constant[:, :1]).all()
    assert constant[:, 0].unique().tolist() == [0, 1, 2, 3]
    assert (random_tokens(task, 50, generator).double().mean() - 1.5).abs() < 0.06


def test_ceilings() -> None:
    """Kills: each formula, at numbers worked out by hand."""
    position, even = PositionIdentification(10, 16), EvenTokenPrediction(10, 16)
    kinds = {"is_symmetric": False, "is_exchangeable": False}
    assert ceiling(position, is_blind=True, **kinds).constant == 1 / 16
    assert ceiling(position, is_blind=True, **kinds).constant_loss == pytest.approx(math.log(16))
    assert ceiling(even, is_blind=True, **kinds).constant == 0.5
    assert ceiling(even, is_blind=True, **kinds).constant_loss == pytest.approx(math.log(2))
    assert ceiling(even, is_blind=False, **kinds).constant == 1.0
    small = PositionIdentification(2, 3)
    assert ceiling(small, is_blind=True, **kinds).random == pytest.approx(1 - 1 / 4 * 2 / 3)
    assert bounds.causal_relative_ceiling(16, 10) == pytest.approx(0.99305, abs=1e-5)
    assert bounds.causal_relative_ceiling(4, 1) == 0.25
    free = ceiling(position, is_blind=True, is_symmetric=True, is_exchangeable=True)
    assert free.random == 1 / 16
    mirror = ceiling(position, is_blind=True, is_symmetric=True, is_exchangeable=False)
    assert mirror.random == 0.5


def test_causal_ceiling_by_counting() -> None:
    """All binary sequences of length 5: of the L positions of the constant prefix one is right."""
    right = 0
    for tokens in itertools.product((0, 1), repeat=5):
        prefix = next((k for k in range(1, 5) if tokens[k] != tokens[0]), 5)
        right += 5 - prefix + 1
    assert bounds.causal_relative_ceiling(5, 2) == pytest.approx(right / (5 * 2**5))


@pytest.mark.parametrize("task", [PositionIdentification, EvenTokenPrediction])
def test_tasks_refuse_one_position(task: type) -> None:
    """Kills: bounds off by one."""
    task(1, 2)
    for vocabulary, length in ((1, 1), (0, 2)):
        with pytest.raises(DomainError, match=r"at least two positions and one token; got length"):
            task(vocabulary, length)


@pytest.mark.parametrize("name", ["none", "rotary", "relative", "circulant"])
def test_blind_schemes_stay_at_chance_on_constants(name: str) -> None:
    """Exactly 1/n after training. Kills: a scheme that leaks."""
    recipe = Recipe(width=16, heads=2, layers=1, steps=30, batch=16)
    row = trained_row(name, PositionIdentification(4, 8), recipe)
    assert row.is_blind
    assert row.constant == pytest.approx(1 / 8, abs=1e-12)


def test_universal_learns_short_sequences() -> None:
    """Both kinds of sequences. Kills: a gain without gradient."""
    recipe = Recipe(width=16, heads=4, layers=1, steps=400)
    found = train(PositionIdentification(3, 6), MECHANISMS["urpe"], recipe, seed=1)
    assert (found.constant, found.random) == (1.0, 1.0)


@pytest.mark.parametrize(("vocabulary", "length"), [(3, 12), (10, 128)])
def test_constructions_need_no_training(vocabulary: int, length: int) -> None:
    """Small, and at the official length. Kills: a construction that fails on constants."""
    tasks = PositionIdentification(vocabulary, length), EvenTokenPrediction(vocabulary, length)
    for task in tasks:
        row = constructed_rows(task)[0]
        assert (row.scheme, row.constant, row.random) == ("urpe, constructed", 1.0, 1.0)
    assert constructed_rows(tasks[0])[1].random == 1.0


def test_constructions_guess_where_there_is_no_answer() -> None:
    """One token: every sequence is constant. Kills: the mean of nothing."""
    universal, relative = constructed_rows(PositionIdentification(1, 4))
    assert (universal.constant, universal.random) == (1.0, 1.0)
    assert (relative.constant, relative.random) == (0.25, 0.25)
    relative = constructed_rows(PositionIdentification(2, 2))[1]
    assert relative.random == pytest.approx(0.75, abs=0.1)  # half of 512 sequences are constant


def test_command_reports_and_draws(tmp_path, capsys) -> None:
    """Kills: figures on stdout, a summary without its rows."""
    arguments = ["--position", "urpe", "none", "--length", "4", "--steps", "20", "--json"]
    folder = tmp_path / "run"
    assert main(["expressivity", *arguments, "--out", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [row["scheme"] for row in told["schemes"]]
    assert names == ["urpe", "none", "urpe, constructed", "relative, constructed"]
    assert told["schemes"][1]["constant"] == 0.25
    assert (folder / "figure.png").stat().st_size > 5000
    assert json.loads((folder / "summary.json").read_text())["schemes"] == told["schemes"]


def test_command_names_unknown_schemes(capsys) -> None:
    """Kills: a traceback, an exit status of 1."""
    assert main(["expressivity", "--position", "rotry"]) == 2
    assert "unknown position scheme 'rotry'. Did you mean 'rotary'?" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "enough", "steps", "seconds"),
    [
        (PositionIdentification(10, 16), 1.0, 800, 5.0),
        (PositionIdentification(10, 64), 1.0, 1500, 60.0),
        (EvenTokenPrediction(10, 16), 0.999, 2500, 30.0),
    ],
)
def test_medians_of_five_seeds(task: Task, enough: float, steps: int, seconds: float) -> None:
    """Three of five seeds reach it in time. One thread, idle machine, at most 5 times `seconds`."""
    torch.set_num_threads(1)
    recipe = Recipe(steps=steps, enough=enough, seconds=seconds)
    train(task, MECHANISMS["urpe"], Recipe(steps=1))  # loads what torch loads on first use
    reached = 0
    for seed in range(5):
        found = train(task, MECHANISMS["urpe"], recipe, seed=seed)
        in_time = found.seconds <= seconds
        reached += in_time and min(found.random, found.constant) >= enough
        if reached == 3:
            break
    assert reached == 3
