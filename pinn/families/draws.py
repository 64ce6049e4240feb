"""Random draws of one training step: members, readings and points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.families.networks.inputs import SENSORS, Inputs, read, uniform_places

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members

# A network that reads any sensors is trained on so many of them, uniform and random in turns.
COUNTS = (32, 48, 64)


def uniform_inputs(family: Family, members: Members, dtype: torch.dtype) -> Inputs:
    """Inputs from `SENSORS` uniform places."""
    places = {name: uniform_places(family, name, SENSORS) for name in family.fields}
    return read(family, members, places, dtype)


def random_inputs(
    family: Family, members: Members, dtype: torch.dtype, generator: torch.Generator
) -> Inputs:
    """Inputs from a random number of uniform or random places."""
    pick = int(torch.randint(2 * len(COUNTS), (1,), generator=generator))
    count = COUNTS[pick // 2]
    places = {}
    for name, field in family.fields.items():
        low, high = field.interval
        if pick % 2:
            unit = torch.rand(len(members), count, generator=generator, dtype=torch.float64)
            places[name] = low + (high - low) * unit
        else:
            places[name] = uniform_places(family, name, count)
    return read(family, members, places, dtype)


def points(family: Family, count: int, generator: torch.Generator) -> Tensor:
    """Points (count, c) in the domain: stratified along time, uniform in space; sorted by time."""
    problem = family.problem
    unit = torch.rand(count, len(problem.coordinates), generator=generator, dtype=torch.float64)
    if problem.time is not None:
        axis = problem.domain.coordinates.index(problem.time)
        unit[:, axis] = (torch.arange(count) + unit[:, axis]) / count
    return problem.domain.from_unit(unit)
