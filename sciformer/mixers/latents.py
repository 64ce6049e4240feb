"""Few latent tokens between many: read, mix, write; and slices, whose shares serve both ways."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sciformer.attention import Mask, Mass, MultiheadAttention, Padding, Patch, Softmax
from sciformer.errors import DomainError, ShapeError
from sciformer.mixers.protocol import (
    OpCount,
    State,
    TokenMixer,
    check_causal,
    check_sequence,
    masked,
)
from sciformer.mixers.synapses import Synapses, layers_of, layers_of_children


class Latents(TokenMixer):
    """Learned latents read all tokens, mix among themselves, and are read by every token.

    z = read(z_0, x);   z <- z + mix(z), `depth` times;   y = write(x, z)

    Each step is multi-head attention. With the sizes of the cells of a mesh as `masses` the
    reading is a quadrature, so that the output does not depend on where the mesh is fine.

    Args:
        width: width of the tokens and latents.
        heads: number of heads.
        latents: number of latents, >= 1.
        depth: times that latents mix among themselves, >= 0.

    Raises:
        DomainError: latents < 1 or depth < 0.

    Cost: pairs 2 n latents + depth latents^2.
    Source: Jaegle et al. 2022 (Perceiver IO), figure 2; Chen et al. 2023 (FIT) puts groups of
        tokens with local attention before it, which is `WindowAttention` in a block of its own.
    Deviates: reading starts sharp, each latent at its share of the tokens: from latents of unit
        size all start as the mean of all tokens, and differ only after hundreds of steps.
    """

    lookahead = None

    def __init__(self, width: int, heads: int, latents: int, *, depth: int = 1) -> None:
        super().__init__()
        if latents < 1 or depth < 0:
            raise DomainError(
                f"Latents: needs latents >= 1 and depth >= 0; got latents {latents} and depth "
                f"{depth}."
            )
        self.width, self.latents = width, latents
        sharpness = _sharpness(latents)
        self.start = nn.Parameter(sharpness * torch.randn(latents, width))
        self.read = MultiheadAttention(width, heads)
        self.mix = nn.ModuleList(MultiheadAttention(width, heads) for _ in range(depth))
        self.write = MultiheadAttention(width, heads)
        with torch.no_grad():  # what latents read is small: tokens would all ask for their mean
            for parameter in self.write.query.parameters():
                parameter.mul_(sharpness)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        state: State | None = None,
        masses: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Mixes a sequence; `masses` (b, n) or (n,) are what the tokens stand for."""
        check_sequence("Latents", x, self.width, mask)
        check_causal("Latents", self, state)
        x = masked(x, mask)
        never = torch.zeros((), dtype=torch.bool, device=x.device)
        # Zeros of the type of x, also where x is a jet or holds a nan.
        z = torch.where(never, x[:, :1], 0.0) + self.start  # (b, latents, d)
        z = self.read(z, x, mask=_keys(x, mask, masses))
        for layer in self.mix:
            z = z + layer(z)
        return self.write(x, z), ()

    def init_state(self, batch: int) -> State:
        return ()

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        """Operations for `length` tokens; their keys, values and queries meet the inputs."""
        read, write = _inner(self.read), _inner(self.write)
        tokens = OpCount.synapses(length * (2 * read + write) * self.width, spikes=spikes)
        rounds = sum(4 * _inner(layer) for layer in self.mix)
        own = (length * write + self.latents * (2 * read + 2 * write + rounds)) * self.width
        return tokens + OpCount(macs=own + self._pairs(length))

    def layers(self, length: int) -> list[Synapses]:
        few, many = self.latents * self.width, length * self.width
        parts: list[tuple[str, nn.Module, int, int]] = [
            ("read", self.read, few, many),
            ("write", self.write, many, few),
        ]
        parts += [(f"mix.{i}", layer, few, few) for i, layer in enumerate(self.mix)]
        found = []
        for name, layer, asking, answering in parts:
            counts = {"query": asking, "key": answering, "value": answering, "output": asking}
            for part, count in counts.items():
                module = getattr(layer, part)
                products = count * _inner(layer)
                found.append(Synapses(f"{name}.{part}", products, inputs_of=module))
        return [*found, Synapses("pairs", self._pairs(length), between_tokens=True)]

    def _pairs(self, length: int) -> int:
        both = length * (_inner(self.read) + _inner(self.write))
        mixed = self.latents * sum(_inner(layer) for layer in self.mix)
        return 2 * self.latents * (both + mixed)


class Slices(TokenMixer):
    """Every token belongs to slices by a softmax; slices attend to each other and give back.

    w_nk = softmax_k(x_n W),   z_k = sum_n m_n w_nk v_n / sum_n m_n w_nk,   y_n = sum_k w_nk z'_k

    where z' is attention among the slices and m the masses of the tokens, such as cell sizes.

    Args:
        width: width of the tokens.
        heads: number of heads.
        slices: number of slices, >= 1.

    Raises:
        DomainError: slices < 1.

    Cost: 2 n slices + slices^2 pairs.
    Source: Wu et al. 2024 (Transolver), eqs. 1-4.
    Deviates: masses, without which the answer follows the density of the mesh; their sum has no
        1e-5 added; one map of slices for all heads.
    """

    lookahead = None

    def __init__(self, width: int, heads: int, slices: int) -> None:
        super().__init__()
        if slices < 1:
            raise DomainError(f"Slices: needs slices >= 1; got {slices}.")
        self.width, self.slices = width, slices
        self.assign, self.value = nn.Linear(width, slices), nn.Linear(width, width)
        self.mix = MultiheadAttention(width, heads)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        state: State | None = None,
        masses: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Mixes a sequence; `masses` (b, n) or (n,) are what the tokens stand for."""
        check_sequence("Slices", x, self.width, mask)
        check_causal("Slices", self, state)
        x = masked(x, mask)
        logits, value = self.assign(x), self.value(x)  # (b, n, k), (b, n, d)
        # By logarithms, because the shares of a slice to which no token belongs are all 0.
        held = (logits - logits.logsumexp(-1, keepdim=True)).transpose(-2, -1)  # (b, k, n)
        z = _reading(held, _keys(x, mask, masses)) @ value
        return torch.softmax(logits, -1) @ self.mix(z), ()

    def init_state(self, batch: int) -> State:
        return ()

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        inputs = length * self.width * (self.slices + self.width)
        own = 4 * self.slices * self.width * _inner(self.mix) + self._pairs(length)
        return OpCount.synapses(inputs, spikes=spikes) + OpCount(macs=own)

    def layers(self, length: int) -> list[Synapses]:
        return [
            *(layer.below("assign") for layer in layers_of(self.assign, length)),
            *(layer.below("value") for layer in layers_of(self.value, length)),
            *(layer.below("mix") for layer in layers_of_children(self.mix, self.slices)),
            Synapses("pairs", self._pairs(length), between_tokens=True),
        ]

    def _pairs(self, length: int) -> int:
        return 2 * self.slices * (length * self.width + self.slices * _inner(self.mix))


def _sharpness(latents: int) -> float:
    """Scale of the first latents at which each reads its share of the tokens, n / latents.

    Weights of n normal logits of variance v are spread over about n exp(-v) tokens, so that
    v = log(latents); otherwise all latents start as the same mean and long stay there. Maps start
    with weights of variance 1 / (3 width), so latents of scale s and tokens of unit size, as they
    are behind a norm, have v = s^2 / 9.
    """
    return 3 * math.sqrt(math.log(latents))


def _inner(layer: nn.Module) -> int:
    """Width of all heads of a layer together, less than the tokens' once heads are removed."""
    assert isinstance(layer, MultiheadAttention)
    return layer.query.out_features


def _keys(x: Tensor, mask: Tensor | None, masses: Tensor | None) -> Mask | None:
    """The tokens (b, n, d) as keys: which of them exist, and their masses."""
    if masses is not None and masses.shape not in (x.shape[1:2], x.shape[:2]):
        raise ShapeError(
            f"Latents, Slices: masses of tokens {tuple(x.shape[:2])} have this shape, or one for "
            f"all, {tuple(x.shape[1:2])}; got {tuple(masses.shape)}."
        )
    found = None if masses is None else Mass(masses)
    if mask is None:
        return found
    return Padding(mask) if found is None else found & Padding(mask)


def _reading(logits: Tensor, keys: Mask | None) -> Tensor:
    """Weights (b, k, n) of the tokens in every slice; 0 where no token exists."""
    slices, n = logits.shape[-2:]
    if keys is None:
        return torch.softmax(logits, -1)
    patch = Patch(slices, n)
    allowed, added = keys.allowed(patch, logits.device), keys.added(patch)
    if added is not None:
        logits = logits + added[..., 0, :, :].to(logits.dtype)
    return Softmax().weights(logits, None if allowed is None else allowed[..., 0, :, :], n)
