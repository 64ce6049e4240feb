"""The code paths for accelerators: the same numbers as on a processor, by few kernel launches.

A CPU stands in for the accelerator: its entry in the table of devices is exchanged. What is counted
are operations that reach a device, which is what a GPU would launch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators, residual_jacobian
from pinn.networks import Wavelet
from sciformer.hardware import (
    ACCELERATOR,
    DEVICES,
    PROCESSOR,
    Hardware,
    free_memory,
    usable_memory,
)
from tests.launches import Launches
from tests.pinn.jets.networks import Transformer, draw, perceptron, ready

# Burgers' residual of a loss gradient, at 50,000 points: the bound of a launch-bound step.
MOST_LAUNCHES = 1500
OPERATORS = Operators(("x", "t"), ("x", "t-0.003xx"))


def burgers(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def residual(points: Tensor) -> Tensor:
        u = network(Jet.coordinates(points, OPERATORS))
        found: Tensor = u.derivative("t-0.003xx") + u.value * u.derivative("x")
        return found[:, 0]

    return residual


def on(device: Hardware, work: Callable[[], Any]) -> tuple[Any, Launches]:
    """What some work gives on a device, and its launches."""
    before, DEVICES["cpu"] = DEVICES["cpu"], device
    try:
        with Launches() as launches:
            return work(), launches
    finally:
        DEVICES["cpu"] = before


def gradient(network: nn.Module, points: Tensor) -> list[Tensor]:
    rows = burgers(network)(points)
    return list(torch.autograd.grad(rows @ rows, list(network.parameters())))


NETWORKS = {
    "mlp": lambda: ready(perceptron(2, 1, nn.Tanh), 1),
    "transformer": lambda: ready(Transformer(2, 1, Wavelet), 2),
}
each_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


@each_network
def test_both_paths_give_the_same_gradient(make: Callable[[], nn.Module]) -> None:
    """Kills: an accelerator product with transposed operands, or one that drops its weight."""
    network, points = make(), draw(37, 2, 5)
    wanted, _ = on(PROCESSOR, lambda: gradient(network, points))
    found, _ = on(ACCELERATOR, lambda: gradient(network, points))
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)


@each_network
def test_both_paths_give_the_same_jacobian(make: Callable[[], nn.Module]) -> None:
    """Kills: rows of weights summed over points, or written instead of added."""
    network, points = make(), draw(23, 2, 7)
    parameters = list(network.parameters())
    work = lambda: residual_jacobian(burgers(network), points, parameters)  # noqa: E731
    wanted, _ = on(PROCESSOR, work)
    found, _ = on(ACCELERATOR, work)
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)


@each_network
def test_launches_do_not_grow_with_the_points(make: Callable[[], nn.Module]) -> None:
    """Kills: a block constant of the processor, or a loop over channels, on an accelerator."""
    network = make()
    _, few = on(ACCELERATOR, lambda: gradient(network, draw(100, 2, 5)))
    _, many = on(ACCELERATOR, lambda: gradient(network, draw(50_000, 2, 5)))
    assert few.names == many.names
    assert many.total <= MOST_LAUNCHES


def test_launches_do_not_grow_with_the_width_of_attention() -> None:
    """Kills: a Python loop over the entries of a head in a product of two jets."""
    narrow, wide = (ready(Transformer(2, 1, Wavelet, width=width), 2) for width in (4, 32))
    counts = [
        on(ACCELERATOR, lambda network=network: gradient(network, draw(50, 2, 5)))[1].names
        for network in (narrow, wide)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("equations", [1, 3])
def test_a_jacobian_waits_for_the_device_once(equations: int) -> None:
    """Kills: `.item()`, `.tolist()` or a comparison on the host in the hot path; a wait for each
    equation, or for each of u, u_x and u_t - 0.003 u_xx, which must not mix points.
    """
    network, points = NETWORKS["transformer"](), draw(50, 2, 5)
    parameters = list(network.parameters())

    def several(where: Tensor) -> Tensor:
        return torch.stack([n * burgers(network)(where) for n in range(1, equations + 1)], 1)

    _, launches = on(ACCELERATOR, lambda: residual_jacobian(several, points, parameters))
    assert launches.waits == 1


def test_memory_that_torch_keeps_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: blocks that shrink once torch has memory of its own; memory in use taken for free."""
    card = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (40 << 30, 80 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 30 << 30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 10 << 30)
    assert free_memory(card) == usable_memory(card) == 30 << 30
    assert free_memory(torch.device("cpu")) is None
