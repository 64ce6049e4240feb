"""The fields of an inverse problem as a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinn.identification.coefficients import Coefficients
from pinn.trial.inputs import Inputs, PeriodicWave, Rescale, TravellingWave, spread_units
from pinn.trial.wave_search import find_wave

NetworkMaker = Callable[..., nn.Module]

if TYPE_CHECKING:
    from pinn.data.observations import Observations
    from pinn.geometry.base import Domain
    from pinn.identification.inverse_problem import InverseProblem


class Model(nn.Module):
    """offset + factor * network(points), points (p, c) to fields (p, f).

    Args:
        inverse: whose fields these are.
        network: from points to f outputs; its inputs scale them.

    Jets of points give jets of fields.
    """

    scales: Tensor

    def __init__(self, inverse: InverseProblem, network: nn.Module) -> None:
        super().__init__()
        self.coordinates = inverse.problem.domain.coordinates
        self.register_buffer("scales", _units(inverse).unit)
        self.network = network
        self._ansatz = inverse.ansatz()

    def forward(self, points: Any) -> Any:
        fields = self.network(points)
        if self._ansatz is None:
            return fields
        columns = [points[:, i] for i in range(points.shape[-1])]
        forms = self._ansatz(columns)
        count = len(forms) // 2
        whole = [forms[i] + forms[count + i] * fields[:, i] for i in range(count)]
        return torch.stack(whole, dim=-1)


def build(
    inverse: InverseProblem,
    network: NetworkMaker,
    seed: int,
    inputs: TravellingWave | None = None,
) -> Model:
    """A model with fresh weights.

    Args:
        inverse: whose fields it gives.
        network: makes the network from the number of coordinates and of fields.
        seed: of the weights.
        inputs: features of the scaled coordinates; None for the coordinates alone.
    """
    count, domain = len(inverse.problem.coordinates), inverse.problem.domain
    layers = Inputs(count, _units(inverse), inputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Any = network(count, len(inverse.problem.fields), inputs=layers)
        model = Model(inverse, made).double()
        places = spread(torch.rand(made.first.out_features, count).double(), domain)
        with torch.no_grad():
            spread_units(made.first, layers(places))
    return model


def _units(inverse: InverseProblem) -> Rescale:
    """Coordinates from the centre of the domain, over the lengths that the fields vary over."""
    intervals = inverse.problem.domain.intervals
    middle = [(low + high) / 2 for low, high in intervals.values()]
    return Rescale(middle, [inverse.scales[name] for name in intervals])


def wave_of(
    inverse: InverseProblem, observations: Observations, kind: type[TravellingWave]
) -> TravellingWave:
    """Inputs whose wave vector starts at the wave that the samples carry."""
    scales = np.array([inverse.scales[name] for name in inverse.problem.domain.coordinates])
    values = np.column_stack(list(observations.values.values()))
    return kind(find_wave(observations.points / scales, values))


def spread(unit: Tensor, domain: Domain) -> Tensor:
    """Points (p, c) of the unit cube laid over a box."""
    low, high = unit.new_tensor(list(domain.intervals.values())).T
    placed: Tensor = low + (high - low) * unit
    return placed


def learned_wave(model: Model) -> tuple[dict[str, float], bool]:
    """The wave vector of a model's inputs in radians over the units of the coordinates, and whether
    time enters by the phase only; nothing without a wave."""
    for module in model.modules():
        if isinstance(module, TravellingWave):
            vector = (module.wave.detach() / model.scales).tolist()
            return dict(zip(model.coordinates, vector, strict=True)), isinstance(
                module, PeriodicWave
            )
    return {}, False


def new_coefficients(inverse: InverseProblem) -> Coefficients:
    """The unknown parameters where they start."""
    start = {name: inverse.start.get(name, 0.0) for name in inverse.sizes}
    return Coefficients(start, inverse.sizes)
