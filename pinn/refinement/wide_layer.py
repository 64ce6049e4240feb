"""A wide layer of fixed random neurons on the hidden units of a trained network."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Units that hardly vary over the points get at most so many times the weight of the liveliest one:
# dividing by a spread of 0 would turn rounding into features.
LEAST_SPREAD = 1e-3


class HiddenUnits:
    """Read what enters chosen linear layers of a network, point by point.

    s(x) = [inputs of linear layer i for i in `layers`, inputs of the network]

    Args:
        network: maps inputs (p, w) to fields (p, f); the first token of a sequence (p, k, d)
            counts.
        layers: positions among the network's `nn.Linear` modules, in the order of `modules()`.
    """

    def __init__(self, network: nn.Module, layers: Sequence[int]) -> None:
        linear = linear_layers(network)
        self._network, self._chosen = network, [linear[i] for i in layers]

    def __call__(self, inputs: Any) -> tuple[Any, Any]:
        """Fields (p, f) of the network, and s (p, n); jets go through as well."""
        with _inputs_of(self._chosen) as entered:
            fields = self._network(inputs)
        found = [x[:, 0] if x.ndim == 3 else x for x in entered.values()]
        return fields, torch.cat([*found, inputs], dim=-1)


class WideLayer(nn.Module):
    """fields = network(z) + output tanh(weights s(z) + bias), with fixed random weights and bias.

    Args:
        network: the trained network; it is evaluated, and not changed.
        layers: which linear layers s is read from, see `HiddenUnits`; None for what `per_point`
            finds.
        weights: (m, n).
        bias: (m,).
        output: (f, m), the only numbers that a refinement determines.

    Attributes:
        network: the network below, which may itself be a `WideLayer`.

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
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("layers", torch.tensor(list(layers), dtype=torch.int64))
        self.register_buffer("weights", weights)
        self.register_buffer("bias", bias)
        self.output = nn.Parameter(output, requires_grad=False)
        self._units = list(layers)

    def forward(self, inputs: Any) -> Any:
        """Fields (p, f) at inputs (p, w); jets go through as well."""
        fields, neurons = self.parts(inputs)
        return fields + nn.functional.linear(neurons, self.output)

    def parts(self, inputs: Any) -> tuple[Any, Any]:
        """Fields (p, f) of the network below, and the neurons (p, m)."""
        fields, units = HiddenUnits(self.network, self._units)(inputs)
        return fields, torch.tanh(nn.functional.linear(units, self.weights, self.bias))

    @property
    def neurons(self) -> int:
        """Number of neurons m."""
        return len(self.bias)

    @classmethod
    def random(
        cls,
        network: nn.Module,
        inputs: Tensor,
        *,
        neurons: int,
        scale: float,
        layers: Sequence[int],
        fields: int,
        seed: int,
    ) -> WideLayer:
        """Draws neurons that are centred on points, with output 0.

        tanh(w . (s - s(x_j)) / spread),   w normal with standard deviation scale / sqrt(n)

        Args:
            network: the trained network.
            inputs: its inputs (p, w) at points of the domain, from which centres are drawn.
            neurons: m >= 1.
            scale: slope of a neuron along s, each unit of s divided by its spread.
            layers: see `HiddenUnits`.
            fields: f >= 1.
            seed: of the weights and centres.
        """
        with torch.no_grad():
            _, units = HiddenUnits(network, layers)(inputs)
        generator = torch.Generator().manual_seed(seed)
        spread = units.std(0)
        spread = spread.clamp_min(LEAST_SPREAD * float(spread.max()))
        weights = torch.randn(neurons, units.shape[1], generator=generator, dtype=torch.float64)
        weights = weights.to(units) * scale / units.shape[1] ** 0.5 / spread
        centres = torch.randint(0, len(units), (neurons,), generator=generator)
        bias = -(weights * units[centres.to(units.device)]).sum(1)
        return cls(network, layers, weights, bias, units.new_zeros(fields, neurons))


def widened(network: nn.Module, state: Mapping[str, Tensor], prefix: str = "") -> nn.Module:
    """The network with the wide layers that a saved state holds, outermost first, zero or more.

    Args:
        network: freshly built, without wide layers.
        state: names and tensors of a `state_dict`.
        prefix: what the names of the network begin with.

    Raises:
        DataError: the sizes of a layer do not belong together.
    """
    if f"{prefix}layers" not in state or f"{prefix}output" not in state:
        return network
    below = widened(network, state, f"{prefix}network.")
    layers, weights, bias, output = (
        torch.as_tensor(state[prefix + name]) for name in ("layers", "weights", "bias", "output")
    )
    known = len(linear_layers(below))
    fits = weights.ndim == output.ndim == 2 and len(weights) == len(bias) == output.shape[-1]
    if not fits or not bool(((layers >= 0) & (layers < known)).all()):
        raise DataError(
            f"WideLayer: the saved layer has weights {tuple(weights.shape)}, bias "
            f"{tuple(bias.shape)}, output {tuple(output.shape)} on linear layers "
            f"{layers.tolist()} of {known}, which do not fit together; solve again."
        )
    empty = [torch.empty_like(tensor) for tensor in (weights, bias, output)]
    return WideLayer(below, layers.tolist(), *empty)


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """All linear layers of a network, in the order of `modules()`."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def per_point(network: nn.Module, inputs: Tensor) -> list[int]:
    """Positions of the linear layers that see one vector a point, (p, d) or (p, 1, d).

    Those of a sequence with several tokens are left out: their first token alone says little.
    Layers that are not reached are left out as well.
    """
    linear = linear_layers(network)
    with torch.no_grad(), _inputs_of(linear) as entered:
        network(inputs[:2])
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
