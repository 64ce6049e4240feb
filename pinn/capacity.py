"""Memory that a solve will need, estimated before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pinn.optimisers.quasi_newton import SelfScaledBroyden
from sciformer.errors import UsageError
from sciformer.hardware import physical_memory

if TYPE_CHECKING:
    from pinn.networks.protocol import NetworkInputs
    from pinn.problem.problem import Problem
    from pinn.settings import NetworkSizes, Settings

NUMBER = 8  # bytes of a float64, in which sizes are estimated whatever the dtype


def refuse_too_large(
    problem: Problem, settings: Settings, inputs: NetworkInputs, fields: int
) -> None:
    """Refuses a network or a number of points that the memory of this machine cannot hold.

    Counted are the parameters with gradient and copies, the points, and what the optimiser keeps:
    the Gram matrix of the Jacobian, or a dense inverse Hessian. The Jacobian itself is computed in
    parts where it does not fit.

    Raises:
        UsageError: the sentence says what is too large.
    """
    optimiser = settings.optimiser
    schedule = settings.planned(optimiser.schedule)
    stages = (*schedule.stages, *(() if schedule.final is None else (schedule.final,)))
    points = max(stage.points for stage in stages)
    rows = points * len(problem.equations)
    size = settings.network
    parameters = (
        sum(p.numel() for p in size.parameters())
        if isinstance(size, torch.nn.Module)
        else count_parameters(size, inputs, fields)
    )
    numbers = 4 * parameters + points * (len(problem.coordinates) + 1) + rows
    if optimiser.needs_jacobian:
        whole = rows * parameters + min(rows, parameters) ** 2
        numbers += min(whole, 2 * parameters**2)
    if isinstance(optimiser, SelfScaledBroyden):
        numbers += parameters**2
    wanted, there = NUMBER * numbers, physical_memory()
    if wanted > there:
        raise UsageError(
            f"{problem.name}: {parameters:,} parameters and {points:,} points need about "
            f"{wanted / 2**30:,.0f} GB with {type(optimiser).__name__}, this machine has "
            f"{there / 2**30:,.0f} GB; choose a smaller network, fewer points or another optimiser."
        )


def count_parameters(sizes: NetworkSizes, inputs: NetworkInputs, fields: int) -> int:
    """Number of parameters of a network that is not made: its tensors have no memory."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return sum(p.numel() for p in sizes.build(inputs, fields).parameters())
