"""The loop that trains families and filters: rates, checks, and the network that is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pinn.families import training
from pinn.families.training import CHECKS, Fit, History, Limit, train
from sciformer.errors import ConvergenceError

RATE = 0.03


class One(nn.Module):
    """A number, by which the loss falls however far it goes."""

    def __init__(self) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.rates: list[float] = []
        self.seen: list[float] = []
        self.steepness = 1.0
        self.optimiser: torch.optim.Optimizer | None = None

    def loss(self) -> Tensor:
        assert self.optimiser is not None
        self.seen.append(float(self.number.detach()))
        return -self.steepness * self.number.sum()


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> One:
    """Plain gradient steps, whose rates show in how far the number goes."""
    network = One()

    def plain(module: nn.Module, rate: float) -> tuple[torch.optim.Optimizer, str]:
        network.optimiser = torch.optim.SGD(module.parameters(), lr=rate)
        return network.optimiser, "plain"

    monkeypatch.setattr(training, "_optimiser", plain)
    return network


def trained(one: One, steps: int, metrics: Iterator[float] | None = None, **more: Any) -> History:
    def validation() -> float:
        return -float(one.number.detach()) if metrics is None else next(metrics)

    fit = Fit("one", one, one.loss, validation)
    observe = more.pop("observe", lambda share, metrics: None)
    return train(fit, RATE, Limit(1e9, steps), observe, **more)


def test_rates_rise_at_first_and_fall_by_a_cosine(one: One) -> None:
    """Kills: the slower of the two warm-ups, a decay to 0, a share of the step after."""
    trained(one, 1000)
    places = torch.tensor([*one.seen, float(one.number.detach())], dtype=torch.float64)
    wanted = [
        RATE
        * (0.01 + 0.99 * (1 + math.cos(math.pi * k / 1000)) / 2)
        * min(1.0, max((k + 1) / 100, k / 50))
        for k in range(1000)
    ]
    exact = torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(places.diff(), exact, rtol=1e-5, atol=0)
    assert wanted[0] == pytest.approx(RATE / 100)
    assert wanted[50] == pytest.approx(RATE, rel=0.01)
    assert wanted[-1] == pytest.approx(RATE / 100, rel=0.01)


def test_steep_losses_move_no_farther_than_one(one: One) -> None:
    """The norm of a gradient is cut to 1. Kills: no cut, one by value, one of flat gradients."""
    one.steepness = 1e6
    trained(one, 20)
    far = float(one.number.detach())
    one.number.data.zero_()
    one.steepness = 1.0
    trained(one, 20)
    assert float(one.number.detach()) == pytest.approx(far, rel=1e-5)
    one.number.data.zero_()
    one.steepness = 0.25
    trained(one, 20)
    assert float(one.number.detach()) == pytest.approx(far / 4, rel=1e-5)


def test_checks_are_even_from_before_the_first_step_to_the_last(one: One) -> None:
    """Kills: a check after each step, none at the end, a loss before there is one."""
    told: list[tuple[float, dict[str, float]]] = []
    history = trained(one, 80, observe=lambda share, metrics: told.append((share, dict(metrics))))
    shares = torch.tensor([share for share, _ in told])
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    # Due after a fortieth, and made at the next step.
    assert float(shares.diff()[:-1].min()) >= 1 / CHECKS - 1e-6
    assert float(shares.diff().max()) <= 1 / CHECKS + 1 / 80 + 1e-6
    assert set(told[0][1]) == {"validation"}
    assert all(set(metrics) == {"loss", "validation"} for _, metrics in told[1:])
    assert [steps / 80 for _, steps, _, _ in history.curve] == pytest.approx(shares.tolist())
    assert (history.steps, history.optimiser) == (80, "plain")
    assert not history.is_interrupted


def test_the_network_of_the_least_check_is_kept(one: One) -> None:
    """Least at the fourth check. Kills: the last, the first, the worst, a copy that moves with the
    network."""
    metrics = [9.0, 8.0, 7.0, 1.0, 5.0, *[2.0] * 40]
    checked = trained(one, 80, iter(metrics)).curve[3][1]
    assert 0 < checked < 80
    assert float(one.number.detach()) == pytest.approx(one.seen[checked])
    one.number.data.zero_()
    one.seen.clear()
    checked = trained(one, 80, iter([math.nan, *[3.0] * 44])).curve[1][1]
    # The first of equals, and no nan.
    assert float(one.number.detach()) == pytest.approx(one.seen[checked])


def test_a_second_stage_goes_on_counting(one: One) -> None:
    """Kills: steps or seconds of the first stage that are lost, its curve replaced."""
    first = trained(one, 40)
    seconds, count = first.seconds, len(first.curve)
    second = trained(one, 20, history=first)
    assert second is first
    assert second.steps == 60
    assert second.seconds > seconds
    assert second.curve[count][1] == 40
    assert second.curve[count][0] >= seconds
    assert second.curve[-1][1] == 60


def test_a_loss_that_is_not_finite_names_its_step(one: One) -> None:
    fit_loss = one.loss

    def loss() -> Tensor:
        return fit_loss() * (math.inf if len(one.seen) == 7 else 1.0)

    one.loss = loss  # type: ignore[method-assign]
    with pytest.raises(ConvergenceError, match=r"the loss of one is -?(inf|nan) at step \d"):
        trained(one, 40)


def test_shares_are_of_steps_where_there_are_some() -> None:
    """Kills: seconds that count beside steps, a share above 1."""
    assert Limit(10.0).share(4.0, 99) == pytest.approx(0.4)
    assert Limit(10.0, 8).share(9.0, 2) == pytest.approx(0.25)
    assert Limit(10.0).share(11.0, 0) == 1.0
    assert Limit(10.0, 8).share(0.0, 9) == 1.0
