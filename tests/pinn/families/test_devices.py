"""Families and sensors that are learned on a device, and answer on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pinn
from pinn.families import training
from pinn.families.answer import Answer
from pinn.families.networks.former import FamilyFormer
from pinn.families.networks.shared_trunk import DeepONet, PooledTokens, SpectralBranch
from pinn.families.pairs import made_pairs
from pinn.families.registry import find_family
from pinn.families.starts import find_start
from pinn.families.training import Objective, Schedule
from pinn.sensing.filter import Sizes
from pinn.sensing.learning import learn_sensors
from pinn.sensing.noise_level import NoiseLevel
from pinn.sensing.practice import Schedule as Practising
from sciformer.hardware import ACCELERATOR, DEVICES
from tests.stand_in import is_possible, stand_in, traffic

FEW = Schedule(steps=2, members=2, points=16, batch=4)
CASES: dict[str, tuple[str, Any, str | None, str]] = {
    "coefficients": ("burgers-family", SpectralBranch(width=4, depth=1), None, "residual"),
    "sensors, both": ("diffusion-reaction-family", DeepONet(width=4, depth=1), None, "both"),
    "tokens": ("burgers-family", PooledTokens(width=4, depth=1, tokens=4), "faded", "residual"),
    "decoder, data": ("heat-family", FamilyFormer(width=4), "faded", "data"),
    "head": ("burgers-family", SpectralBranch(width=4, depth=1), "cole-hopf", "residual"),
    "layers": (
        "forced-burgers-family",
        SpectralBranch(width=4, depth=1),
        "cole-hopf-layers",
        "residual",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_learned_on_a_card_answers_on_the_cpu(
    case: tuple[str, Any, str | None, str], card: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every network, start and kind of loss between them.

    Kills: members, points, waves or tables that stay on the CPU; an answer that does not come back;
    other members or points on another device.
    """
    monkeypatch.setattr(training, "VALIDATION_MEMBERS", 2)
    monkeypatch.setattr(training, "VALIDATION_POINTS", 32)
    name, network, start, loss = case
    family = find_family(name)
    choices: dict[str, Any] = {
        "network": network,
        "start": None if start is None else find_start(start, family),
        "loss": loss,
        "data": None if loss == "residual" else made_pairs(family, 1, 4),
        "schedule": FEW,
        "budget": 100.0,
    }
    places = family.problem.domain.sample(7).numpy()
    answers = []
    for device in ("cpu", card):
        learned = pinn.learn(family, device=device, **choices)
        assert {p.device.type for p in learned.answer.parameters()} == {"cpu"}
        answers.append(learned.solution(family.draw(1, 3))(places)["u"])
    # Single precision, and first steps that take the sign of small gradients.
    np.testing.assert_allclose(answers[1], answers[0], atol=2e-3)


@pytest.mark.skipif(not is_possible(), reason="this torch takes no such backend")
def test_a_loss_of_a_family_waits_for_nothing() -> None:
    """The step reads one number, the loss. Kills: a scale or a size that is read each time."""
    family = find_family("burgers-family")
    start = find_start("linear-flow", family)
    network = SpectralBranch(width=4, depth=1).build(family)
    answer = Answer(family, start, network).to(stand_in())
    objective = Objective(answer, FEW, seed=0, reads_tokens=False)
    with traffic() as counted:
        objective().backward()  # type: ignore[no-untyped-call]
    assert counted.waits == counted.downloads == 0


def test_the_noise_of_all_patterns_at_once_is_that_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: readings that are missing counted, patterns exchanged, a wrong axis of levels."""
    generator = torch.Generator().manual_seed(0)
    level = NoiseLevel(torch.randn(6, 3, generator=generator, dtype=torch.float64))
    values = torch.randn(4, 5, 6, generator=generator, dtype=torch.float64)
    present = torch.rand(4, 5, 6, generator=generator) < 0.7
    expected = level.evidence(values, present)
    monkeypatch.setitem(DEVICES, "cpu", ACCELERATOR)
    found = level.evidence(values, present)
    # The finest noise has a variance of 1e-10, to which eigenvalues are rounded by 1e-5 of it.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-9)


def test_sensors_are_learned_on_a_card(card: torch.device) -> None:
    """Kills: pieces of the record that stay on the CPU, a filter that does not come back."""
    steps = Practising(steps=1, batch=2, length=8)
    sensed = learn_sensors(
        sensors=3, sizes=Sizes(width=4), budget=100.0, schedule=steps, device=card
    )
    assert {p.device.type for p in sensed.network.parameters()} == {"cpu"}
    points = np.array([[3.0, 0.5]])
    frame = np.zeros((3, 2))
    assert np.isfinite(sensed.stream(points).push(frame)["u"]).all()
