"""The stand-in for a card: it computes as the CPU does, and is as strict as a card."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.stand_in import NAME, is_possible, stand_in, traffic

pytestmark = pytest.mark.skipif(not is_possible(), reason="this torch takes no such backend")


def moved(shape: tuple[int, ...] = (2, 3)) -> tuple[Tensor, Tensor]:
    host = torch.linspace(-1.0, 2.0, 6).double().reshape(shape)
    return host, host.to(stand_in())


def layers(x: Tensor) -> Tensor:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Tanh())
    found: Tensor = net.double().to(x.device)(x)
    return found


def written(x: Tensor) -> Tensor:
    x = x.clone()
    x[0] = 7
    x[:, [0, 2]] *= 2
    x[x > 3] = x.sum()
    return x.T.contiguous()


def second_derivatives(x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    [slope] = torch.autograd.grad((x.sin() * x).sum(), x, create_graph=True)
    [found] = torch.autograd.grad(slope.square().sum(), x)
    return found


COMPUTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "factors": lambda x: torch.linalg.cholesky_ex(x @ x.T + torch.eye(2, device=x.device))[0],
    "orthogonal": lambda x: torch.linalg.qr(x.T).R.abs(),
    "spectrum": lambda x: (torch.fft.rfft(x).conj() * 2).real,
    "attention": lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
    "convolution": lambda x: torch.nn.functional.conv1d(x[None], torch.ones_like(x[None, :, :2])),
    "vectorised": lambda x: torch.func.vmap(lambda row: row.outer(row))(x),
    "where": lambda x: torch.where(x > 0, x, 0.0).cumsum(0).std(1),
    "layers": layers,
    "written": written,
    "second derivatives": second_derivatives,
}


@pytest.mark.parametrize("compute", COMPUTATIONS.values(), ids=COMPUTATIONS)
def test_it_computes_as_the_cpu_does(compute: Callable[[Tensor], Tensor]) -> None:
    host, there = moved()
    torch.manual_seed(0)
    expected = compute(host)
    torch.manual_seed(0)
    found = compute(there)
    assert found.device.type == NAME
    torch.testing.assert_close(found.detach().cpu(), expected.detach())


REFUSED: dict[str, Callable[[Tensor, Tensor], object]] = {
    "sum": lambda x, y: x + y,
    "product": lambda x, y: x @ y.T,
    "joined": lambda x, y: torch.cat([x, y]),
    "index": lambda x, y: x[y > 0],
    "written": lambda x, y: y.add_(x),
    "read as an array": lambda x, y: x.numpy(),
    "a number written": lambda x, y: y[0, 0].add_(x[0, 0]),
}


@pytest.mark.parametrize("mix", REFUSED.values(), ids=REFUSED)
def test_it_refuses_what_a_card_refuses(mix: Callable[[Tensor, Tensor], object]) -> None:
    host, there = moved()
    with pytest.raises((RuntimeError, TypeError), match=r"device"):
        mix(there, host)


def test_numbers_of_the_cpu_take_part() -> None:
    host, there = moved()
    found = there * torch.tensor(2.0) + host[0, 0]
    torch.testing.assert_close(found.cpu(), host * 2 + host[0, 0])


def test_copies_and_pickles_stay_there() -> None:
    module = torch.nn.Linear(2, 2).to(stand_in())
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other.weight.device.type == NAME
        assert torch.equal(other.weight.cpu(), module.weight.cpu())


def test_what_costs_on_a_card_is_counted() -> None:
    host, there = moved()
    with traffic() as counted:
        there.sum().item()
        there.cpu()
        host.to(stand_in())
        there.view(3, 2)
    assert counted.launches == {"aten::sum": 1, "aten::_local_scalar_dense": 1} | {
        name: n for name, n in counted.launches.items() if "empty" in name
    }
    assert (counted.waits, counted.downloads, counted.uploads) == (2, 1, 1)
