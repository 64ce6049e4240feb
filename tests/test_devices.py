"""Attention cores, token mixers, streams, jets and optimisers compute on a card as on a CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import pinn
from pinn.assembly import build_trial
from pinn.jets import residual_jacobian
from pinn.loss import terms
from pinn.problem.registry import find_problem
from sciformer.attention import Causal, Core, attend
from sciformer.attention.cores import Materialised, RowBlocks, SplitKeys, ToeplitzRows
from sciformer.mixers import TokenMixer
from sciformer.mixers.legendre.lmu import Window
from sciformer.mixers.named import MIXERS, MixerSizes
from sciformer.sequence.streaming import Streamer
from sciformer.spiking import SpikingLMU
from tests.contracts.cores import SCHEMES, heads, scheme
from tests.pinn.optimisers.test_optimisers import MAKERS, Objective, rosenbrock
from tests.sequence.test_training import DATA, model

CORES: dict[str, Callable[[], Core | None]] = {
    "chosen by size": lambda: None,
    "materialised": Materialised,
    "row blocks": lambda: RowBlocks(4),
    "split keys": lambda: SplitKeys(3),
    "toeplitz rows": lambda: ToeplitzRows(5),
}
CLOSE = {"rtol": 1e-10, "atol": 1e-11}


def on(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().to(device).requires_grad_() for tensor in tensors]


def agree(there: list[Tensor], here: list[Tensor], card: torch.device) -> None:
    assert all(tensor.device.type == card.type for tensor in there)
    torch.testing.assert_close(
        [t.detach().cpu() for t in there], [h.detach() for h in here], **CLOSE
    )


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("make", CORES.values(), ids=CORES)
def test_attention(name: str, make: Callable[[], Core | None], card: torch.device) -> None:
    """Values and gradients of every position scheme. Kills: offsets, tables or masks of the CPU."""
    core = make()
    if isinstance(core, ToeplitzRows) and name.startswith("shaw"):
        pytest.skip("refuses positions that are no tables by offset")

    def slopes(device: torch.device) -> list[Tensor]:
        position = scheme(name).to(device)
        inputs = on(device, *(heads(11, seed, 2) for seed in (1, 2, 3)))
        found = attend(*inputs, mask=Causal(), position=position, core=core)
        wanted = [*inputs, *position.parameters()]
        return [found, *torch.autograd.grad(found.square().sum(), wanted, materialize_grads=True)]

    agree(slopes(card), slopes(torch.device("cpu")), card)


@pytest.mark.parametrize("name", [*MIXERS, "spiking"])
def test_mixers(name: str, card: torch.device) -> None:
    """Whole sequences, their gradients and single steps. Kills: a kernel or a state of the CPU."""
    torch.manual_seed(0)
    made: TokenMixer = (
        SpikingLMU(4, Window(3, 8.0))
        if name == "spiking"
        else MIXERS[name](MixerSizes(4, 2, 16, before=3, latents=3, block=4, is_smooth=False))
    )
    made = made.double().eval()
    x = torch.randn(2, 12, 4, dtype=torch.float64)

    def slopes(device: torch.device) -> list[Tensor]:
        mixer, [given] = copy.deepcopy(made).to(device), on(device, x)
        whole, _ = mixer(given)
        found = [whole]
        if mixer.causal:
            state = mixer.init_state(2)
            for t in range(3):
                y, state = mixer.step(given[:, t], state)
                found.append(y)
        return [
            *found,
            *torch.autograd.grad(
                whole.square().sum(), [given, *mixer.parameters()], materialize_grads=True
            ),
        ]

    agree(slopes(card), slopes(torch.device("cpu")), card)


@pytest.mark.parametrize("network", ["mlp", "physicsformer"])
def test_jets(network: str, card: torch.device) -> None:
    """Residuals, their gradient and the rows of their Jacobian."""
    sizes: Any = (
        pinn.MLP.Sizes(width=4) if network == "mlp" else pinn.PhysicsFormer.Sizes(width=4, heads=2)
    )
    problem = find_problem("burgers")
    points = problem.domain.sample(6)

    def slopes(device: torch.device) -> list[Tensor]:
        trial = build_trial(problem, pinn.Settings(network=sizes, device=str(device)))
        term, weights = terms.interior(problem, trial), tuple(trial.parameters())
        where = points.to(device)
        residual = term.residual(where)
        gradient = torch.autograd.grad(residual.square().sum(), weights, allow_unused=True)
        rows, jacobian = residual_jacobian(term.residual, where, weights)
        return [residual, rows, jacobian, *(g for g in gradient if g is not None)]

    agree(slopes(card), slopes(torch.device("cpu")), card)


@pytest.mark.parametrize("name", MAKERS)
def test_optimisers(name: str, card: torch.device) -> None:
    """Three steps from the same place, and three more from the state that was saved there.

    Kills: curvature that stays on the CPU, a state that holds its device.
    """

    def walk(device: torch.device, onwards: torch.device) -> Tensor:
        start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
        objective, optimiser = Objective(rosenbrock, start.to(device)), MAKERS[name]()
        for _ in range(3):
            optimiser.step(objective)
        moved = objective.parameters.read().to(onwards)
        after, again = Objective(rosenbrock, moved), MAKERS[name]()
        again.restore(copy.deepcopy(optimiser.state()))
        for _ in range(3):
            again.step(after)
        return after.parameters.read().cpu()

    cpu = torch.device("cpu")
    expected = walk(cpu, cpu)
    for devices in ((card, card), (cpu, card), (card, cpu)):
        torch.testing.assert_close(walk(*devices), expected, rtol=1e-6, atol=1e-8)


def test_streams(card: torch.device) -> None:
    """Kills: a frame that is not brought to the model, a state on the CPU."""
    made = model().eval()
    frames = DATA.test.inputs[:2]
    answers = []
    for device in (torch.device("cpu"), card):
        streamer = Streamer(copy.deepcopy(made).to(device), batch=2)
        answers.append(torch.stack([streamer.push(f).cpu() for f in frames[:, :5].unbind(1)]))
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-5, atol=1e-6)
