"""Whether an evolution is solved window after window, and with what settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from pinn.geometry.box import Face
from pinn.networks import MLP, Race
from pinn.problem.orders import order_of
from pinn.problem.uniqueness import is_explicit
from pinn.refinement.refine import Refiner
from pinn.sampling.schedule import Schedule, Stage
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from sciformer.runs.processes import Processes

# Fields along one coordinate over a short window are simple: small networks on few points reach
# the residual at which a wide layer of few columns, neurons times fields, does the rest.
NETWORK = MLP.Sizes(width=12, layers=2)
SCHEDULE = Schedule((Stage(0, 128, 5),))
COLUMNS, SCALES = 450, (1.0,)
FEWEST = 40  # neurons; fewer are no better than the network


def why_not_marching(problem: Problem, settings: Settings, processes: Processes) -> str:
    """Why a problem cannot be solved window after window; empty if it can."""
    if len(problem.coordinates) != 1:
        return "windows need fields of one coordinate, such as time"
    [coordinate] = problem.coordinates
    [name] = problem.domain.coordinates
    low, _ = problem.domain.intervals[name]
    order = sum(order_of(problem, field, coordinate) for field in problem.fields)
    faces = [problem.domain.part(c.on) for c in problem.conditions]
    at_start = all(isinstance(face, Face) and face.outward < 0 for face in faces)
    if not at_start or len(problem.conditions) != order:
        return f"windows need as many conditions as derivatives, all of them at {name}={low:g}"
    if not is_explicit(problem):
        return (
            "windows need equations that are linear in the highest derivatives, for others leave a "
            "choice anew where each window starts"
        )
    for what, is_there in (
        ("periodic coordinates", bool(problem.periodic)),
        ("data", bool(problem.data)),
        ("values at other places", bool(problem.functionals)),
        ("unknown parameters", bool(problem.unknown)),
        ("an explicit ansatz", bool(problem.ansatz)),
        ("a curriculum", settings.curriculum is not None),
        ("causal weights", bool(settings.causal)),
        ("a network given as a module", isinstance(settings.network, torch.nn.Module)),
        ("several processes", processes.size > 1),
    ):
        if is_there:
            return f"windows cannot be combined with {what}"
    return ""


def is_marched(problem: Problem, settings: Settings, processes: Processes) -> bool:
    """Whether a solve goes window after window, by the settings or because the problem is made
    for it.

    Raises:
        UsageError: windows are asked for and cannot be.
    """
    why_not = why_not_marching(problem, settings, processes)
    if settings.windows > 1 and why_not:
        raise UsageError(f"{problem.name}: {why_not}; solve with windows=1.")
    if settings.windows:
        return settings.windows > 1
    has_digits = settings.digits is not None and settings.dtype == "float64"
    return not why_not and has_digits and settings.optimiser.needs_jacobian


def settings_of_windows(problem: Problem, settings: Settings) -> Settings:
    """The settings of each window: small, unless somebody says otherwise."""
    changes: dict[str, Any] = {}
    if isinstance(settings.network, Race):
        changes["network"] = NETWORK
    if settings.schedule is None and settings.optimiser.needs_jacobian:
        changes["schedule"] = SCHEDULE
    if settings.digits == Refiner():
        neurons = COLUMNS // len(problem.fields)
        changes["digits"] = Refiner(neurons=max(FEWEST, neurons), scales=SCALES)
    return dataclasses.replace(settings, **changes)
