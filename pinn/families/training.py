"""The training of a family's network, by its own equations or by data, within seconds of CPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.families.answer import Residual
from pinn.families.draws import points, random_inputs, uniform_inputs
from pinn.optimisers.first_order import find_in_library
from sciformer.errors import ConvergenceError, UsageError
from sciformer.runs.clock import clock_of
from sciformer.runs.interrupts import deferred_interrupt

if TYPE_CHECKING:
    from pinn.families.answer import Answer
    from pinn.families.members import Members
    from pinn.families.networks.inputs import Inputs

VALIDATION_MEMBERS, VALIDATION_POINTS = 32, 1024
CHECKS = 40
"""How often the validation residual is computed; the network with the least one is kept."""
MOST_CHECKING = 0.05  # of the time goes to validation
BINS = 16
"""Parts of time among which causal weights are shared."""
STEEP = 10.0
"""Slopes, in sizes of the field over the length of the domain, above which residuals weigh less."""
WARM, WARM_SHARE = 100, 0.05
"""Steps over which the rate rises, or the share of the budget, whichever is shorter."""


@dataclass(frozen=True)
class Schedule:
    """Schedule of the training of a network.

    Args:
        members: fresh members a step.
        points: points a step, shared by the members where the network shares them.
        rate: largest learning rate; it decays by a cosine to a hundredth over the budget.
        causal: how strongly a part of time waits for the residuals of those before it.
        batch: values of each member a step where it learns from data.
        steps: after which training ends, in place of the budget: the same numbers twice. 0 goes by
            the budget.
    """

    members: int = 64
    points: int = 256
    rate: float = 3e-3
    causal: float = 0.05
    batch: int = 128
    steps: int = 0

    def __post_init__(self) -> None:
        if (
            min(self.members, self.batch, self.steps + 1) < 1
            or self.points < BINS
            or not 0 < self.rate < 1
        ):
            raise UsageError(
                f"Schedule: needs members and batch >= 1, points >= {BINS}, 0 < rate < 1 and steps "
                f">= 0; got {self.members}, {self.batch}, {self.points}, {self.rate:g} and "
                f"{self.steps}."
            )


@dataclass(frozen=True)
class Limit:
    """Limit of a stage of training.

    Attributes:
        seconds: of CPU time, on an accelerator by the clock on the wall.
        steps: in place of the seconds, if not 0.
    """

    seconds: float
    steps: int = 0

    def share(self, seconds: float, steps: int) -> float:
        """The completed share, from 0 to 1."""
        done = steps / self.steps if self.steps else seconds / self.seconds
        return min(1.0, done)


@dataclass
class History:
    """Record of a training.

    Attributes:
        optimiser: its name.
        steps: taken.
        seconds: of CPU time, on an accelerator by the clock on the wall.
        curve: seconds, steps, loss and validation residual, at each check.
        is_interrupted: whether Ctrl-C has ended it.
    """

    optimiser: str
    steps: int = 0
    seconds: float = 0.0
    curve: list[tuple[float, int, float, float]] = field(default_factory=list)
    is_interrupted: bool = False


class Objective:
    """The mean square of residuals of fresh members, in units of that of the start alone.

    Args:
        answer: whose network is trained.
        schedule: sizes of a step.
        seed: of members, readings and points.
        reads_tokens: whether the network takes readings as they come, at random places too.
    """

    def __init__(self, answer: Answer, schedule: Schedule, seed: int, reads_tokens: bool) -> None:
        self.answer, self._schedule, self._reads_tokens = answer, schedule, reads_tokens
        self._residual = Residual(answer.family)
        self._generator, self._device = torch.Generator().manual_seed(seed), _like(answer).device
        # Seeds of members: those of the validation are drawn first, all differ.
        held = answer.family.draw(VALIDATION_MEMBERS, self._seed())
        self._held, _ = answer.family.centred(held.to(self._device))
        self._where = self._at(VALIDATION_POINTS)
        self.scale = self._measure()

    def _seed(self) -> int:
        return int(torch.randint(2**62, (1,), generator=self._generator))

    def _at(self, count: int) -> Any:
        """Fresh points, drawn alike on every device."""
        drawn = points(self.answer.family, count, self._generator)
        return self._residual.where(drawn.to(self._device))

    def _measure(self) -> Tensor:
        """Root mean square residual of each equation for the start alone; sizes of the network."""
        answer = self.answer
        with torch.no_grad():
            self._started = answer.start(self._held, self._where)
            offset = self._started[0]
            found = self._residual(self._held, offset, self._where)
            scale = torch.stack([r.square().mean().sqrt() for r in found])
            sizes = torch.stack([u.value.square().mean().sqrt() for u in offset])
        intervals, time_name = answer.family.problem.domain.intervals, answer.family.problem.time
        span = 1.0 if time_name is None else intervals[time_name][1] - intervals[time_name][0]
        # A residual r that lasts for a time T moves the field by r T, but not beyond its size.
        moved = scale.max() * span
        self._size = float(torch.where(sizes > 0, sizes, moved).max())
        answer.sizes.copy_(torch.where(sizes > 0, torch.minimum(moved, sizes), moved))
        self.relative = float(scale.max() * span / sizes.max().clamp(min=1e-300))
        self._scales: list[float] = scale.clamp(min=1e-300).tolist()
        return scale.clamp(min=1e-300)

    def inputs(self, members: Members, dtype: torch.dtype) -> Inputs:
        """Readings of members as this network expects them."""
        if self._reads_tokens:
            return random_inputs(self.answer.family, members, dtype, self._generator)
        return uniform_inputs(self.answer.family, members, dtype)

    def __call__(self) -> Tensor:
        """The loss of one step."""
        schedule, answer = self._schedule, self.answer
        drawn = answer.family.draw(schedule.members, self._seed()).to(self._device)
        members, _ = answer.family.centred(drawn)
        where = self._at(schedule.points)
        inputs = self.inputs(members, _like(answer).dtype)
        fields = answer(members, inputs, where)
        squares = self._squares(members, fields, where)
        if answer.family.problem.time is None:
            return squares.mean()
        chunks = torch.stack([part.mean() for part in squares.tensor_split(BINS)])
        before = chunks.detach().cumsum(0) - chunks.detach()
        return (torch.exp(-schedule.causal * before) * chunks).mean()

    def validation(self) -> float:
        """The loss on members and points never trained on, without weights in time."""
        with torch.no_grad():
            inputs = uniform_inputs(self.answer.family, self._held, _like(self.answer).dtype)
            fields = self.answer.combined(self._started, inputs, self._where)
            return float(self._squares(self._held, fields, self._where).mean())

    def _squares(self, members: Members, fields: list[Any], where: Any) -> Tensor:
        found = self._residual(members, fields, where)
        parts = [(r / s) ** 2 for r, s in zip(found, self._scales, strict=True)]
        total = sum(parts[1:], parts[0])
        steep = self._residual.steepness(fields) / (STEEP * max(self._size, 1e-300)) ** 2
        weighted: Tensor = total / (1 + steep)
        return weighted


def _like(answer: Answer) -> Tensor:
    """A tensor of the precision and on the device of the network."""
    return next(answer.parameters())


@dataclass(frozen=True)
class Fit:
    """A network under training.

    Attributes:
        name: what messages call it.
        network: whose parameters take the steps.
        loss: of one step.
        validation: a metric of the present network, less is better.
    """

    name: str
    network: nn.Module
    loss: Callable[[], Tensor]
    validation: Callable[[], float]


def train(
    fit: Fit,
    rate: float,
    limit: Limit,
    observe: Callable[[float, dict[str, float]], None],
    history: History | None = None,
) -> History:
    """Takes steps until the limit is reached, and leaves the network that validates best.

    Args:
        fit: network, loss and validation.
        rate: largest learning rate; it decays by a cosine to a hundredth.
        limit: when it ends.
        observe: called at each check with the share done and metrics.
        history: of an earlier stage, which is continued.

    Raises:
        ConvergenceError: the loss stopped being finite.

    Ctrl-C ends it after the step in which it came, with a last check.
    """
    network = fit.network
    optimiser, name = _optimiser(network, rate)
    clock = clock_of(next(network.parameters()).device, whole_process=True)
    history = history or History(name)
    best, kept = math.inf, copy.deepcopy(network.state_dict())
    begun, steps, earlier, value = clock(), 0, history.seconds, math.nan
    next_check = 0.0
    with deferred_interrupt() as interrupted:
        while True:
            spent = clock() - begun
            share, history.is_interrupted = limit.share(spent, steps), interrupted()
            if share >= next_check or history.is_interrupted:
                found = fit.validation()
                cost = clock() - begun - spent
                next_check = _next_check(limit, share, cost / max(spent, 1e-9))
                history.curve.append((earlier + spent, history.steps, value, found))
                if found < best:
                    best, kept = found, copy.deepcopy(network.state_dict())
                losses = {} if math.isnan(value) else {"loss": value}  # none before the first step
                observe(share, {**losses, "validation": found})
                if share >= 1 or history.is_interrupted:
                    break
            for group in optimiser.param_groups:
                decay = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
                warm = max((steps + 1) / WARM, share / WARM_SHARE)
                group["lr"] = rate * decay * min(1.0, warm)
            value = _step(fit, optimiser, history.steps)
            steps += 1
            history.steps += 1
    network.load_state_dict(kept)
    history.seconds = earlier + clock() - begun
    return history


def _next_check(limit: Limit, share: float, cost: float) -> float:
    """The share done at which the next check is due, for one that cost a share of the time."""
    pause = 0.0 if limit.steps else cost / MOST_CHECKING * share
    return min(1.0, share + max(1 / CHECKS, pause))


def _step(fit: Fit, optimiser: torch.optim.Optimizer, number: int) -> float:
    """Takes a step, and returns the loss before it."""
    current = fit.loss()
    value = float(current.detach())
    if not math.isfinite(value):
        raise ConvergenceError(
            f"learn: the loss of {fit.name} is {value} at step {number}; learn with a smaller rate."
        )
    optimiser.zero_grad(set_to_none=True)
    current.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(fit.network.parameters(), 1.0)
    optimiser.step()
    return value


def _optimiser(network: nn.Module, rate: float) -> tuple[torch.optim.Optimizer, str]:
    """SOAP if the library is there, else Adam, and its name."""
    try:
        kind = find_in_library("soap")
    except UsageError:
        return torch.optim.Adam(network.parameters(), lr=rate), "adam"
    made: torch.optim.Optimizer = kind(
        network.parameters(), lr=rate, weight_decay=0.0, betas=(0.95, 0.95)
    )
    return made, "soap"
