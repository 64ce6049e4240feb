"""The trial solution of a problem, built as the settings ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.capacity import refuse_too_large
from pinn.trial.hard_constraint import TrialSolution
from pinn.trial.inputs import inputs_of, spread_units
from pinn.trial.parameters import Coefficients, Parameters
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.trial.inputs import Inputs


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
    """A fresh trial solution of the form that a run's configuration keeps: pruned, if it was.

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
