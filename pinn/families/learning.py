"""`pinn.learn`: from a family to an answer for each of its members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import torch
from torch import nn

from pinn.families.answer import Answer
from pinn.families.learned import Learned
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.pairs import DataObjective, Pairs, made_pairs, read_pairs
from pinn.families.registry import find_family
from pinn.families.saved import describe, save
from pinn.families.starts import start_for
from pinn.families.training import Fit, History, Limit, Objective, Schedule, train
from pinn.jets.memory import kept_memory
from pinn.names import label
from sciformer.errors import UsageError
from sciformer.runs.clock import clock_of
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.starts import Start
    from sciformer.runs import Run


class Sizes(Protocol):
    """Sizes of a network of families."""

    reads_tokens: bool
    """Whether it takes readings as they come; others read what is found from them at uniform
    places."""

    def build(self, family: Family) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        ...


Loss = Literal["residual", "data", "both"]


class Stages(NamedTuple):
    """Stages of learning: pairs of data first, the equations after."""

    uses_data: bool
    uses_residual: bool


STAGES: dict[Loss, Stages] = {
    "residual": Stages(uses_data=False, uses_residual=True),
    "data": Stages(uses_data=True, uses_residual=False),
    "both": Stages(uses_data=True, uses_residual=True),
}
BUDGET = 60.0  # seconds of CPU time
DATA_SHARE = 0.4
"""Of a budget that goes to data where the residual comes after them."""


def learn(
    family: Family | str,
    *,
    network: Sizes | None = None,
    start: Start | None = None,
    loss: Loss = "residual",
    data: Pairs | Path | str | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    schedule: Schedule | None = None,
    device: torch.device | str = "cpu",
    run: Run | None = None,
    observe: Callable[[float, dict[str, float]], None] = lambda share, metrics: None,
) -> Learned:
    """Learns a family: afterwards each member is answered in milliseconds.

        learned = pinn.learn("burgers-family", budget=60)
        solution = learned(start=(places, values))

    Without a network of one's choice, an equation whose solution is known in closed form is not
    trained at all: its start is the solution. A chosen network is trained, from the best start that
    leaves something to learn.

    Args:
        family: a `Family`, a registered name, or a Python file.
        network: `SpectralBranch`, `DeepONet`, `PooledTokens` or `FamilyFormer` of
            `pinn.families.networks`; by default the first.
        start: what the network adds to; by default the best one that is known.
        loss: "residual" learns from the equations and fresh members alone, "data" from pairs,
            "both" from pairs first and from the equations after.
        data: pairs, or an npz or HDF5 file of them; by default made by the reference.
        budget: seconds of CPU time of this process; on an accelerator by the clock on the wall.
        seed: of the network and of all that is drawn.
        schedule: sizes of a step.
        device: where a network is trained. What is learned comes back to the CPU, which answers a
            member in milliseconds.
        run: where it is written.
        observe: called with the share of the budget spent and metrics.

    Raises:
        UsageError: data without a loss that uses them, or the other way round.
        DataError: pairs that do not fit the family.
        ConvergenceError: the loss stopped being finite.

    Ctrl-C ends the training early: the best network so far is returned, and
    `about["is_interrupted"]` is true.

    Examples:
        >>> import pinn
        >>> learned = pinn.learn("heat-family")  # known in closed form: nothing is trained
        >>> learned.errors(2).median < 1e-6
        True
    """
    if isinstance(family, str):
        family = find_family(family)
    if loss not in STAGES or (data is not None and not STAGES[loss].uses_data):
        raise UsageError(
            f"learn: loss must be 'residual' (without data), 'data' or 'both'; got {loss!r}"
            f"{' with data' if data is not None else ''}."
        )
    if not budget > 0:
        raise UsageError(f"learn: the budget must be > 0 seconds; got {budget:g}.")
    place = torch.device(device)
    clock = clock_of(place, whole_process=True)
    begun = clock()
    chosen = start or start_for(family, solved=network is None)
    about = describe(family, network, chosen, loss, budget, seed, schedule)
    if network is None and not chosen.leaves_out:
        learned = Learned(Answer(family, chosen, None), False, {**about, "network": "compiled"})
    else:
        sizes = network or SpectralBranch()
        with limit_threads(1), kept_memory():
            training = _Training(family, sizes, chosen, loss, seed, schedule or Schedule(), place)
            learned = training.run(data, budget, observe)
        learned.about = {**about, "network": label("family network", sizes), **learned.about}
    learned.about["train_seconds"] = clock() - begun
    if run is not None:
        save(learned, run)
    return learned


@dataclass(frozen=True)
class _Training:
    """The training of a network of a family, from the choices of `learn`."""

    family: Family
    sizes: Sizes
    start: Start
    loss: Loss
    seed: int
    schedule: Schedule
    device: torch.device

    def run(
        self,
        data: Pairs | Path | str | None,
        budget: float,
        observe: Callable[[float, dict[str, float]], None],
    ) -> Learned:
        """Trains in one stage or two, and brings what is learned to the CPU."""
        clock, family, schedule = (
            clock_of(self.device, whole_process=True),
            self.family,
            self.schedule,
        )
        begun = clock()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.sizes.build(family)
            answer = Answer(family, self.start, network).to(self.device)
        objective = Objective(answer, schedule, self.seed, self.sizes.reads_tokens)
        history: History | None = None
        stages = STAGES[self.loss]
        if stages.uses_data:
            pairs = data if isinstance(data, Pairs) else _pairs(family, data, self.seed)
            on_pairs = DataObjective(
                answer,
                pairs,
                lambda members: objective.inputs(members, torch.float32),
                (schedule.members, schedule.batch),
                self.seed,
            )
            # Making the pairs is part of the price.
            share = DATA_SHARE if stages.uses_residual else 1
            limit = _limit(share * budget - (clock() - begun), budget, schedule, share)
            fit = Fit(family.name, network, on_pairs, on_pairs.validation)
            history = train(fit, schedule.rate, limit, observe)
        if stages.uses_residual and not (history and history.is_interrupted):
            share = 1 - DATA_SHARE if stages.uses_data else 1
            limit = _limit(budget - (clock() - begun), budget, schedule, share)
            fit = Fit(family.name, network, objective, objective.validation)
            history = train(fit, schedule.rate, limit, observe, history)
        assert history is not None, "one of the two was trained on"
        about = {
            "optimiser": history.optimiser,
            "steps": history.steps,
            "validation": history.curve[-1][3],
            "curve": [list(point) for point in history.curve],
            "is_interrupted": history.is_interrupted,
        }
        return Learned(answer.cpu(), self.sizes.reads_tokens, about)


def _limit(left: float, budget: float, schedule: Schedule, share: float) -> Limit:
    """The limit of a stage: its seconds, but at least a tenth of the budget, or its share of
    steps.
    """
    return Limit(max(left, 0.1 * budget), round(share * schedule.steps))


def _pairs(family: Family, data: Path | str | None, seed: int) -> Pairs:
    return made_pairs(family, seed + 1) if data is None else read_pairs(family, Path(data))
