"""Networks whose deep part at points is shared by all members: branch times trunk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.families.attention import outer
from pinn.families.networks.inputs import SENSORS, Inputs, PointFeatures, TokenFeatures
from sciformer.attention import MultiheadAttention
from sciformer.blocks import EncoderBlock, FeedForward
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from pinn.families.family import Family


def layers(entering: int, width: int, count: int) -> nn.Sequential:
    """A stack of `count` tanh layers."""
    modules: list[nn.Module] = []
    for _ in range(count):
        modules += [nn.Linear(entering, width), nn.Tanh()]
        entering = width
    return nn.Sequential(*modules)


def check_sizes(who: str, **sizes: int) -> None:
    """Refuses a size below 1.

    Raises:
        DomainError: the sentence names the size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise DomainError(f"{who}: {name} must be >= 1; got {size}.")


class SharedTrunk(nn.Module):
    """field_i(x; member) = sum_p branch_ip(member) trunk_p(x) / sqrt(width) + bias_i.

    One evaluation of the trunk and of its derivatives serves every member, so that the residuals of
    b members at q points cost a matrix product.

    Args:
        family: whose members it reads.
        branch: from `Inputs` to (b, width).
        width: of trunk and branch.
        depth: layers of the trunk.

    Source: Lu et al. 2021 (DeepONet).
    """

    def __init__(self, family: Family, branch: nn.Module, width: int, depth: int) -> None:
        super().__init__()
        self.branch, self._width = branch, width
        self._fields = len(family.problem.fields)
        self.features = PointFeatures(family)
        self.trunk = nn.Sequential(
            layers(self.features.width, width, depth), nn.Linear(width, width)
        )
        self.last = nn.Linear(width, self._fields * width)
        self.bias = nn.Parameter(torch.zeros(self._fields))

    def forward(self, inputs: Inputs, points: Any) -> list[Any]:
        """One (q, b) for each field at points (q, c)."""
        basis = self.trunk(self.features(points))
        found = self.last(self.branch(inputs)).unflatten(-1, (self._fields, self._width))
        scaled = found / math.sqrt(self._width)
        return [outer(basis, scaled[:, i]) + self.bias[i] for i in range(self._fields)]


class Modes(nn.Module):
    """The branch on coefficients of the functions in the waves of their distribution."""

    def __init__(self, family: Family, width: int, depth: int) -> None:
        super().__init__()
        entering = sum(len(f.sizes) for f in family.fields.values()) + len(family.distributions)
        self.layers = layers(entering, width, depth)

    def forward(self, inputs: Inputs) -> Tensor:
        found: Tensor = self.layers(inputs.white)
        return found


class Sensors(nn.Module):
    """The branch on readings at `SENSORS` uniform places."""

    def __init__(self, family: Family, width: int, depth: int) -> None:
        super().__init__()
        self._names = tuple(family.fields)
        entering = SENSORS * len(self._names) + len(family.distributions)
        self.layers = layers(entering, width, depth)

    def forward(self, inputs: Inputs) -> Tensor:
        values = [inputs.readings[name].values for name in self._names]
        found: Tensor = self.layers(torch.cat([*values, inputs.numbers], -1))
        return found


class Pool(nn.Module):
    """The branch on the mean of encoded tokens, with quadrature weights: any sensors."""

    def __init__(self, family: Family, width: int, depth: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.tokens = TokenFeatures(family)
        self.embed = nn.Linear(self.tokens.width, tokens)
        self.encoder = encoder_block(tokens, heads)
        self.norm = nn.LayerNorm(tokens)
        self.layers = layers(tokens + len(family.distributions), width, depth)

    def forward(self, inputs: Inputs) -> Tensor:
        seen, weights = self.tokens(inputs)
        mask = weights.log()[:, None, None]  # (b, 1, 1, m): a token counts by its weight
        encoded = self.norm(self.encoder(self.embed(seen), mask=mask))
        functions = len(self.tokens.names)
        pooled = (encoded * weights[..., None]).sum(1) / max(functions, 1)
        found: Tensor = self.layers(torch.cat([pooled, inputs.numbers], -1))
        return found


def encoder_block(width: int, heads: int) -> EncoderBlock:
    """Self-attention among tokens, and a perceptron on each."""
    return EncoderBlock(
        MultiheadAttention(width, heads),
        FeedForward(width, 2 * width),
        before_mixer=nn.LayerNorm(width),
        before_channels=nn.LayerNorm(width),
    )


@dataclass(frozen=True)
class SpectralBranch:
    """A DeepONet that reads functions by the waves of their distribution: any sensors, cheaply.

    Readings become coefficients by the mean of the Gaussian posterior, whatever their places, and
    the branch has as many inputs as the functions have degrees of freedom, all of unit size.

    Args:
        width: of trunk and branch.
        depth: layers of each.
    """

    width: int = 64
    depth: int = 3
    reads_tokens = False

    def build(self, family: Family) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        check_sizes("SpectralBranch", width=self.width, depth=self.depth)
        branch = Modes(family, self.width, self.depth)
        return SharedTrunk(family, branch, self.width, self.depth)


@dataclass(frozen=True)
class DeepONet:
    """A DeepONet on functions at 64 fixed uniform sensors.

    Args:
        width: of trunk and branch.
        depth: layers of each.

    Source: Lu et al. 2021; Wang, Wang, Perdikaris 2021.
    """

    width: int = 64
    depth: int = 3
    reads_tokens = False

    def build(self, family: Family) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        check_sizes("DeepONet", width=self.width, depth=self.depth)
        branch = Sensors(family, self.width, self.depth)
        return SharedTrunk(family, branch, self.width, self.depth)


@dataclass(frozen=True)
class PooledTokens:
    """A DeepONet whose branch is a Transformer encoder on readings, pooled with their weights.

    Args:
        width: of trunk and branch.
        depth: layers of each.
        tokens: width of a token.
        heads: of the encoder's attention.
    """

    width: int = 64
    depth: int = 3
    tokens: int = 32
    heads: int = 2
    reads_tokens = True

    def build(self, family: Family) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        check_sizes("PooledTokens", width=self.width, depth=self.depth, tokens=self.tokens)
        branch = Pool(family, self.width, self.depth, self.tokens, self.heads)
        return SharedTrunk(family, branch, self.width, self.depth)
