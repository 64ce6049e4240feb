"""Compiled flows on a card: the same answers, and nothing that goes to the host on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.stand_in import NAME, traffic
from tests.theory.flows.test_compile_flow import MILD, equation
from theory.flows.cole_hopf import ColeHopfHead, HopfLaxHead
from theory.flows.compile_flow import compile_flow
from theory.flows.ends import Line, Walls
from theory.flows.linear_flow import Axes, heat_head, schroedinger_attention, wave_attention
from theory.flows.splitting import Richardson
from theory.flows.starts import Starts
from theory.flows.systems import gray_scott, split_system

BRIEF = replace(gray_scott(), time=10.0)

Case = tuple[nn.Module, tuple[Tensor, ...]]


def waves(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def kinks() -> Case:
    flow = compile_flow(MILD, epsilon=5e-2, starts=Starts(-1.0, 1.0, 10.0))
    return flow.module, (waves(2, flow.certificate.design.sensors, 1),)


def walls() -> Case:
    cold = equation(0.02, [0.0, 2.0, 0.0, -2.0], 0.5, ends=Walls(-1, 1))
    flow = compile_flow(cold, epsilon=1e-1, starts=Starts(-1.0, 1.0, 5.0, waves=3))
    return flow.module, (waves(flow.certificate.design.sensors, 1),)


def points() -> tuple[Tensor, ...]:
    return waves(3, 16), 0.05 + waves(3) / 10, 0.2 + waves(3, 5, 2)


def richardson() -> nn.Module:
    return Richardson(*(split_system(BRIEF, 128, depth) for depth in (4, 8)))


CASES: dict[str, Callable[[], Case]] = {
    "heat": lambda: (heat_head(Line(16, 1.0), 0.05, 0.3, drift=0.2), (waves(3, 16, 1),)),
    "heat between walls": lambda: (
        heat_head(Line(16, 1.0, Walls(-1, 1)), 0.05, 0.3),
        (waves(16, 1),),
    ),
    "two axes": lambda: (
        Axes([heat_head(Line(8, 1.0), 0.05, 0.3), heat_head(Line(12, 1.0), 0.05, 0.3)]),
        (waves(2, 8, 12),),
    ),
    "wave": lambda: (wave_attention(Line(16, 1.0), 1.0, 0.3), (waves(16, 2),)),
    "Schroedinger": lambda: (schroedinger_attention(Line(16, 1.0), 0.02, 0.3), (waves(16, 2),)),
    "Burgers": lambda: (ColeHopfHead(16, 24), points()),
    "Hopf and Lax": lambda: (HopfLaxHead(16, 24), points()),
    "kinks": kinks,
    "walls and waves": walls,
    "a system": lambda: (split_system(BRIEF, 128, 4), (waves(128, 2),)),
    "order four": lambda: (richardson(), (waves(128, 2),)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_flow_on_a_card_is_the_flow(name: str, card: torch.device) -> None:
    """In float64, and without a number that the host would wait for.

    Kills: places, tables or images that stay on the CPU; an intermediate in single precision; a
    number that is read to decide something.
    """
    module, inputs = CASES[name]()
    there = copy.deepcopy(module).to(card)
    moved = [tensor.to(card) for tensor in inputs]
    with torch.no_grad(), traffic() as seen:
        found = there(*moved)
    assert found.device.type == card.type
    assert found.dtype == torch.float64
    wanted = module(*inputs)
    assert (found.cpu() - wanted).abs().max() <= 1e-13 * wanted.abs().max()
    if card.type == NAME:
        assert (seen.waits, seen.downloads, seen.uploads) == (0, 0, 0)
