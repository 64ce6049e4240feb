"""The fields of an inverse problem as a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinn.identification.coefficients import Coefficients
from pinn.identification.waves import find_wave
from pinn.networks.wave import PeriodicWave, TravellingWave

NetworkMaker = Callable[[int, int], nn.Module]

if TYPE_CHECKING:
    from pinn.data.observations import Observations
    from pinn.geometry.base import Domain
    from pinn.identification.inverse_problem import InverseProblem


class Model(nn.Module):
    """offset + factor * network((points - centre) / scales), points (p, c) to fields (p, f).

    Args:
        inverse: whose fields these are.
        network: from c inputs to f outputs.

    Jets of points give jets of fields.
    """

    centre: Tensor
    scales: Tensor

    def __init__(self, inverse: InverseProblem, network: nn.Module) -> None:
        super().__init__()
        domain = inverse.problem.domain
        self.coordinates = domain.coordinates
        middle = [(low + high) / 2 for low, high in domain.intervals.values()]
        scales = [inverse.scales[name] for name in domain.intervals]
        self.register_buffer("centre", torch.tensor(middle, dtype=torch.float64))
        self.register_buffer("scales", torch.tensor(scales, dtype=torch.float64))
        self.network = network
        self._ansatz = inverse.ansatz()

    def forward(self, points: Any) -> Any:
        fields = self.network((points - self.centre) / self.scales)
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
        inputs: what stands before the first layer, in scaled coordinates; None for nothing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = network(len(inverse.problem.coordinates), len(inverse.problem.fields))
        if inputs is not None:
            put_before(made, inputs)
        model = Model(inverse, made).double()
        spread_units(model, inverse.problem.domain)
    return model


def put_before(network: nn.Module, inputs: TravellingWave) -> None:
    """Puts `inputs` before the first linear layer, which is made as wide as they need."""
    name, first = _first_linear(network)
    wider = nn.Linear(inputs.width(first.in_features), first.out_features)
    nn.init.xavier_normal_(wider.weight)
    parent, _, child = name.rpartition(".")
    holder: Any = network.get_submodule(parent)
    setattr(holder, child, nn.Sequential(inputs, wider))


def wave_of(
    inverse: InverseProblem, observations: Observations, kind: type[TravellingWave]
) -> TravellingWave:
    """Inputs whose wave vector starts at the wave that the samples carry."""
    scales = np.array([inverse.scales[name] for name in inverse.problem.domain.coordinates])
    values = np.column_stack(list(observations.values.values()))
    return kind(find_wave(observations.points / scales, values))


def spread_units(model: Model, domain: Domain) -> None:
    """Biases of the first layer such that its units change sign at random points of the domain.

    With zero biases all of them do at the centre, and nothing far from it is resolved.
    """
    _, first = _first_linear(model)
    seen: list[Tensor] = []
    handle = first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    points = spread(torch.rand(first.out_features, len(domain.intervals)).double(), domain)
    with torch.no_grad():
        model(points)
        handle.remove()
        inputs = seen[0].reshape(len(points), -1, first.in_features)[:, 0]
        first.bias.copy_(-(first.weight * inputs).sum(1))


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


def _first_linear(network: nn.Module) -> tuple[str, nn.Linear]:
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            return name, module
    raise AssertionError("every network of the package begins with a linear layer")
