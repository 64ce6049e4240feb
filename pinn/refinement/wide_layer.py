"""A wide layer of fixed random neurons on the hidden units of a trained network."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.refinement.correction import Correction
from pinn.refinement.products import Products
from pinn.trial.inputs import inputs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

# Units that hardly vary over the points get at most so many times the weight of the liveliest one:
# dividing by a spread of 0 would turn rounding into features.
LEAST_SPREAD = 1e-3


class WideLayer(Correction):
    """fields = network(x) + output [tanh(weights s(x) + bias); products(x)], random weights fixed.

    s(x) = [what enters linear layer i of the network, for i in `layers`; inputs(x)]

    Of a sequence (p, k, d) that enters a layer, the first token counts.

    Args:
        network: the trained network, points or jets (p, c) to fields (p, f); it is evaluated, and
            not changed. It may itself be a `WideLayer`.
        layers: positions among the network's `nn.Linear` modules, in the order of `modules()`.
        weights: (m, n).
        bias: (m,).
        output: (f, m + q), the only numbers that a refinement determines.
        inputs: points to what else the neurons see; None for the network's own `inputs`.
        products: q further features, of the fields that the network below gives; or None.

    Source: random features on learned coordinates are ours; random neurons with a least-squares
        output are extreme learning machines, for differential equations Dong, Li 2021.
    """

    layers: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[int],
        weights: Tensor,
        bias: Tensor,
        output: Tensor,
        inputs: nn.Module | None = None,
        products: Products | None = None,
    ) -> None:
        super().__init__(network, output)
        self.own_inputs, self.products = inputs, products
        self.register_buffer("layers", torch.tensor(list(layers), dtype=torch.int64))
        self.register_buffer("weights", weights)
        self.register_buffer("bias", bias)
        linear = linear_layers(network)
        self._chosen = [linear[i] for i in layers]

    def parts(self, points: Any) -> tuple[Any, Any]:
        fields, units = self.units(points)
        neurons = torch.tanh(nn.functional.linear(units, self.weights, self.bias))
        if self.products is None:
            return fields, neurons
        return fields, torch.cat([neurons, self.products(points, fields)], dim=-1)

    def units(self, points: Any) -> tuple[Any, Any]:
        """Fields (p, f) of the network below, and s (p, n)."""
        with _inputs_of(self._chosen) as entered:
            fields = self.network(points)
        found = [x[:, 0] if x.ndim == 3 else x for x in entered.values()]
        return fields, torch.cat([*found, self.inputs(points)], dim=-1)

    @property
    def inputs(self) -> nn.Module:
        """Inputs of the neurons beside hidden units, from points."""
        inputs = self.network.inputs if self.own_inputs is None else self.own_inputs
        assert isinstance(inputs, nn.Module), "a network without inputs was given some"
        return inputs

    @classmethod
    def random(
        cls,
        trial: TrialSolution,
        problem: Problem,
        points: Tensor,
        *,
        neurons: int,
        scale: float,
        seed: int,
        layers: Sequence[int] | None = None,
        products: Products | None = None,
    ) -> WideLayer:
        """Draws neurons that are centred on points, with output 0.

        tanh(w . (s - s(x_j)) / spread),   w normal with standard deviation scale / sqrt(n)

        Args:
            trial: whose network the layer stands on.
            problem: gives inputs where the network has none of its own.
            points: (p, c), from which centres are drawn.
            neurons: m >= 1.
            scale: slope of a neuron along s, each unit of s divided by its spread.
            seed: of the weights and centres.
            layers: as for the class; None for all that see one vector a point.
            products: as for the class.
        """
        network, points = trial.network, points.to(trial.device)
        chosen = per_point(network, points) if layers is None else layers
        none = points.new_zeros(0, 0)
        inputs = further_inputs(network, problem, points)
        with torch.no_grad():
            fields, units = cls(network, chosen, none, none, none, inputs).units(points)
        generator = torch.Generator().manual_seed(seed)
        spread = units.std(0)
        spread = spread.clamp_min(LEAST_SPREAD * float(spread.max()))
        weights = torch.randn(neurons, units.shape[1], generator=generator, dtype=torch.float64)
        weights = weights.to(units) * scale / units.shape[1] ** 0.5 / spread
        centres = torch.randint(0, len(units), (neurons,), generator=generator)
        bias = -(weights * units[centres.to(units.device)]).sum(1)
        count = fields.shape[-1]
        further = 0 if products is None else products.width(count)
        output = units.new_zeros(count, neurons + further)
        return cls(network, chosen, weights, bias, output, inputs, products)


def further_inputs(network: nn.Module, problem: Problem, like: Tensor) -> nn.Module | None:
    """Scaled and periodic coordinates for a network without `inputs`; None if it has its own."""
    if getattr(network, "inputs", None) is not None:
        return None
    return inputs_of(problem, harmonics=1, waves=0).to(like)


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """All linear layers of a network, in the order of `modules()`."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def per_point(network: nn.Module, points: Tensor) -> list[int]:
    """Positions of the linear layers that see one vector a point, (p, d) or (p, 1, d).

    Those of a sequence with several tokens are left out: their first token alone says little.
    Layers that are not reached are left out as well.
    """
    linear = linear_layers(network)
    with torch.no_grad(), _inputs_of(linear) as entered:
        network(points[:2])
    return [
        index
        for index, module in enumerate(linear)
        if module in entered and (entered[module].ndim == 2 or entered[module].shape[1:-1] == (1,))
    ]


@contextmanager
def _inputs_of(modules: Sequence[nn.Module]) -> Iterator[dict[nn.Module, Any]]:
    """Collects what enters the modules, in the order in which they are first reached."""
    entered: dict[nn.Module, Any] = {}

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered[module] = inputs[0]

    handles = [module.register_forward_pre_hook(note) for module in modules]
    try:
        yield entered
    finally:
        for handle in handles:
            handle.remove()
