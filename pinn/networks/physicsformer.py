"""PhysicsFormer: a transformer that reads a point as a short sequence of later times."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.networks.mixers import attention
from pinn.networks.mlp import initialise, refuse_too_deep
from sciformer.attention import MultiheadAttention
from sciformer.blocks import DecoderBlock, EncoderBlock, FeedForward
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from pinn.networks.protocol import NetworkInputs


# Attention over k tokens has k^2 weights a point: a block of 512 points then takes 4 GB.
MOST_STEPS = 1000


class PhysicsFormer(nn.Module):
    """Pseudo-sequence in time, self-attention encoder, cross-attention decoder, pointwise head.

    (x, t) -> [(x, t), (x, t + step), ..., (x, t + (steps - 1) step)] -> linear embedding
    -> encoder over all tokens -> decoder from the first token to the encoder's output -> head.

    Only the first token, which is the queried point, is decoded: the others would be discarded.
    All tokens move with the point, so a derivative with respect to t is the total derivative
    along the whole sequence. (Differentiating with respect to single tokens and adding up their
    columns, as published code does, is not the derivative of the field.)

    Args:
        coordinates: number of coordinates c >= 1.
        fields: number of fields f >= 1.
        sizes: of its parts.
        along: the coordinate that the sequence steps along; the last by default.
        inputs: layers between the coordinates and the embedding, such as
            `pinn.trial.inputs.Inputs`; the sequence then steps along `inputs.along` of the scaled
            coordinates, and `coordinates` and `along` are not looked at.

    Raises:
        DomainError: steps < 1, step <= 0, or no decoder layer.

    Source: pseudo-sequence, embedding and encoder-decoder as in PhysicsFormer (arXiv 2601.03613,
        abstract); block layout of PINNsFormer (arXiv 2307.11833).
    Deviates: the paper's sizes, activation and step are not known to us; those here were chosen
        by measurement on Burgers' equation.

    Examples:
        >>> import pinn
        >>> pinn.Settings(network=pinn.PhysicsFormer.Sizes(steps=3)).network.steps
        3
    """

    @dataclass(frozen=True)
    class Sizes:
        """Sizes of a PhysicsFormer.

        Args:
            steps: tokens k >= 1 in the pseudo-sequence; 1 is the ablation without a sequence.
            step: distance of two tokens, in the units of the coordinate that it steps along.
            width: size d of a token, divisible by heads.
            heads: attention heads.
            encoder_layers: number of self-attention blocks >= 0.
            decoder_layers: number of cross-attention blocks >= 1.
            feed_forward: hidden size of the two-layer perceptrons in blocks and head.
            activation: makes the activation; it also stands before each attention in place of a
                norm.
            sharpness: factor on the initial query and key weights; at 1 attention starts, and
                stays, nearly uniform.
            mixer: makes what mixes the tokens in each encoder layer, from width, heads and steps;
                see `pinn.networks.mixers`. The decoder always attends.

        Raises:
            DomainError: a size out of its range.
        """

        steps: int = 5
        step: float = 0.1
        width: int = 8
        heads: int = 2
        encoder_layers: int = 1
        decoder_layers: int = 1
        feed_forward: int = 10
        activation: Callable[[], nn.Module] = field(
            default=nn.Tanh, metadata={"kind": "activation"}
        )
        sharpness: float = 4.0
        mixer: Callable[[int, int, int], nn.Module] = field(
            default=attention, metadata={"kind": "mixer"}
        )

        def __post_init__(self) -> None:
            _check(self.steps, self.step, self.decoder_layers)
            for name in ("width", "heads", "feed_forward"):
                if getattr(self, name) < 1:
                    size = getattr(self, name)
                    raise DomainError(f"PhysicsFormer: {name} must be >= 1; got {size}.")
            if self.encoder_layers < 0:
                raise DomainError(
                    f"PhysicsFormer: encoder_layers must be >= 0; got {self.encoder_layers}."
                )
            if self.steps > MOST_STEPS:
                raise DomainError(
                    f"PhysicsFormer: at most {MOST_STEPS} steps can be attended to; got "
                    f"{self.steps}."
                )
            if self.width % self.heads:
                raise DomainError(
                    f"PhysicsFormer: heads must divide width; got {self.heads} heads and width "
                    f"{self.width}."
                )
            refuse_too_deep("PhysicsFormer", self.encoder_layers + self.decoder_layers)

        def build(self, inputs: NetworkInputs, fields: int) -> nn.Module:
            """The network, freshly initialised from torch's random state."""
            return PhysicsFormer(inputs.coordinates, fields, self, inputs=inputs)

    def __init__(
        self,
        coordinates: int,
        fields: int,
        sizes: Sizes | None = None,
        *,
        along: int = -1,
        inputs: NetworkInputs | None = None,
    ) -> None:
        super().__init__()
        sizes = sizes or PhysicsFormer.Sizes()
        self.steps, self.step, self.inputs = sizes.steps, sizes.step, inputs
        self.along = along % coordinates if inputs is None else inputs.along
        width, heads, activation = sizes.width, sizes.heads, sizes.activation

        def perceptron(output: int) -> FeedForward:
            return FeedForward(width, sizes.feed_forward, output, depth=2, activation=activation)

        self.embedding = nn.Linear(coordinates if inputs is None else inputs.width, width)
        self.encoder = nn.ModuleList(
            EncoderBlock(
                sizes.mixer(width, heads, sizes.steps),
                perceptron(width),
                before_mixer=activation(),
                before_channels=activation(),
            )
            for _ in range(sizes.encoder_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderBlock(
                MultiheadAttention(width, heads),
                perceptron(width),
                before_attention=activation(),
                before_channels=activation(),
            )
            for _ in range(sizes.decoder_layers)
        )
        self.after_encoder, self.after_decoder = activation(), activation()
        self.head = perceptron(fields)
        initialise(self)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, MultiheadAttention):
                    module.query.weight.mul_(sizes.sharpness)
                    module.key.weight.mul_(sizes.sharpness)

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        scaled = points if self.inputs is None else self.inputs.scaled(points)
        sequence = self.pseudo_sequence(scaled)  # (p, k, c)
        features = sequence if self.inputs is None else self.inputs.features(sequence)
        tokens = self.embedding(features)  # (p, k, d)
        memory = tokens
        for block in self.encoder:
            memory = block(memory)
        memory = self.after_encoder(memory)
        queried = tokens[:, :1]  # (p, 1, d)
        for block in self.decoder:
            queried = block(queried, memory)
        return self.head(self.after_decoder(queried))[:, 0]  # (p, f)

    def pseudo_sequence(self, points: Any) -> Any:
        """The point and its later copies, (p, c) -> (p, k, c)."""
        if self.steps == 1:
            return points.unsqueeze(1)
        shift = torch.zeros(self.steps, points.shape[-1], dtype=points.dtype, device=points.device)
        shift[:, self.along] = self.step * torch.arange(
            self.steps, dtype=points.dtype, device=points.device
        )
        return points.unsqueeze(1) + shift

    @property
    def first(self) -> nn.Linear:
        """The layer that receives the inputs."""
        return self.embedding

    def with_steps(self, steps: int) -> PhysicsFormer:
        """A network with shared weights that reads a sequence of another length."""
        _check(steps, self.step, len(self.decoder))
        other = copy.copy(self)
        other.steps = steps
        return other


def _check(steps: int, step: float, decoder_layers: int) -> None:
    if steps < 1:
        raise DomainError(f"PhysicsFormer: steps must be >= 1; got {steps}.")
    if not step > 0:
        raise DomainError(f"PhysicsFormer: step must be > 0; got {step:g}.")
    if decoder_layers < 1:
        raise DomainError(f"PhysicsFormer: needs at least 1 decoder layer; got {decoder_layers}.")


def attention_entropy(network: nn.Module, points: torch.Tensor) -> dict[str, float]:
    """Evenness of each attention layer's weights: mean entropy over log(number of keys).

    H / log k,   H = -sum_j a_j log a_j averaged over points, heads and queries.

    1 means uniform weights, in which case attention is only a mean; 0 means one key is chosen.
    Signed weights, as a gain makes them, count by their size as a share of their row.

    Args:
        network: any module that holds `MultiheadAttention` layers.
        points: (p, c), where the network is evaluated.

    Returns:
        The ratio for each attention layer with at least two keys, by the layer's name.
    """
    found: dict[str, float] = {}

    def record(name: str) -> Any:
        def hook(module: MultiheadAttention, inputs: tuple[Any, ...], _: Any) -> None:
            weights = module.weights(*inputs)
            if weights.shape[-1] > 1:
                shares = torch.nn.functional.normalize(weights, p=1.0, dim=-1)
                entropy = torch.special.entr(shares.abs()).sum(-1).mean()
                found[name] = float(entropy) / math.log(weights.shape[-1])

        return hook

    layers = [(n, m) for n, m in network.named_modules() if isinstance(m, MultiheadAttention)]
    handles = [module.register_forward_hook(record(name)) for name, module in layers]
    try:
        with torch.no_grad():
            network(points)
    finally:
        for handle in handles:
            handle.remove()
    return found
