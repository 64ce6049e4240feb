"""The trial solution of a problem, built as the settings ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.capacity import refuse_too_large
from pinn.refinement.saved_layers import widened
from pinn.trial.inputs import inputs_of, spread_units
from pinn.trial.parameters import Coefficients, Parameters
from pinn.trial.trial_solution import TrialSolution
from pinn.trial.windows import Windows, state_of, window
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.trial.inputs import Inputs

# A solution of more windows than these could not be stored by anybody.
MOST_WINDOWS = 10_000


def build_trial(problem: Problem, settings: Settings) -> TrialSolution:
    """The network of the settings with conditions around it, freshly initialised from the seed.

    A network given as a module is taken as it stands.

    Raises:
        DomainError: hard conditions were asked for and do not exist.
        UsageError: a network without a linear layer whose units are to be spread.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        inputs = inputs_of(problem, settings.harmonics, settings.waves, settings.wave)
        constraint = settings.conditions(problem, settings.fade)
        network = settings.network
        refuse_too_large(problem, settings, inputs, constraint.outputs)
        if isinstance(network, nn.Module):
            network = nn.Sequential(inputs, network)
        else:
            network = network.build(inputs, constraint.outputs)
        network.double()
        if settings.spread:
            _spread(network, inputs.double(), problem)
    unknown = {str(symbol): given for symbol, given in problem.unknown.items()}
    coefficients = Coefficients(unknown) if unknown else None
    values = Parameters(problem.parameter_values, coefficients)
    trial = TrialSolution(network, constraint, values)
    return trial.to(device=settings.device, dtype=getattr(torch, settings.dtype))


def rebuilt(
    problem: Problem, settings: Settings, config: Mapping[str, Any], state: Mapping[str, Tensor]
) -> TrialSolution:
    """A trial solution with the structure of a saved state, whose numbers are still to be loaded.

    Args:
        problem: what it solves.
        settings: how it was solved.
        config: of its run.
        state: names and tensors of a `state_dict`.

    Raises:
        DataError: sizes that do not belong together.
    """
    if "ends" in state:
        return rebuilt_windows(problem, settings, state)
    trial = kept_trial(problem, settings, config)
    trial.network = widened(trial.network, problem, state, "network.", trial.constraint)
    return trial.to(settings.device)


def rebuilt_windows(problem: Problem, settings: Settings, state: Mapping[str, Tensor]) -> Windows:
    """Trial solutions in windows of time with the structure of a saved state.

    Raises:
        DataError: ends and states that are not windows of the problem.
    """
    ends, states = torch.as_tensor(state["ends"]), torch.as_tensor(state.get("states", ()))
    [(low, high)] = problem.domain.intervals.values() if len(problem.coordinates) == 1 else [(0, 0)]
    wanted = (len(ends), len(state_of(problem)) if low < high else 0)
    starts = torch.cat([torch.tensor([low], dtype=torch.float64), ends.double().reshape(-1)[:-1]])
    is_sound = (
        ends.ndim == 1
        and 0 < len(ends) <= MOST_WINDOWS
        and tuple(states.shape) == wanted
        and bool(states.isfinite().all())
        and bool((ends.double() > starts).all() and ends[-1] <= high)
    )
    if not is_sound:
        raise DataError(
            f"{problem.name}: the saved windows have ends {tuple(ends.shape)} and states "
            f"{tuple(states.shape)}, which are not windows of this problem; solve again."
        )
    trials = []
    for k, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        part = window(problem, start, end, states[k].tolist() if k else None)
        trial = build_trial(part, settings)
        prefix = f"network.{k}.network."
        trial.network = widened(trial.network, part, state, prefix, trial.constraint)
        trials.append(trial)
    whole = settings.conditions(problem, settings.fade)
    found = Windows(trials, ends, states, whole, Parameters(problem.parameter_values))
    return found.to(settings.device)


def _spread(network: nn.Module, inputs: Inputs, problem: Problem) -> None:
    """Lets the units of the first layer change sign at random points of the domain."""
    layers = (m for m in network.modules() if isinstance(m, nn.Linear))
    first = getattr(network, "first", None) or next(layers, None)
    if first is None or first.bias is None or first.in_features != inputs.width:
        raise UsageError(
            f"{problem.name}: spread=True moves the biases of a first linear layer of "
            f"{inputs.width} inputs, and this network has none; solve with spread=False."
        )
    unit = torch.rand(first.out_features, len(problem.coordinates)).double()
    spread_units(first, inputs(problem.domain.from_unit(unit)))


def kept_trial(problem: Problem, settings: Settings, config: Mapping[str, Any]) -> TrialSolution:
    """A fresh trial solution with the structure of a run's configuration, pruned if the run was.

    Raises:
        DataError: edits that do not fit the network, or are none.
    """
    from sciformer.compression import Edit, rebuild

    trial = build_trial(problem, settings)
    try:
        edits = [Edit(**edit) for edit in config.get("edits", [])]
        texts = all(type(edit.kind) is type(edit.place) is str for edit in edits)
        if not texts or not all(type(edit.size) is type(edit.nonzeros) is int for edit in edits):
            raise TypeError("of other types")
    except TypeError as error:
        raise DataError(
            f"{problem.name}: the run has edits that no command writes ({error}); solve again."
        ) from error
    rebuild(trial, edits)
    return trial
