"""The emitted network: one self-attention layer and one hidden ReLU layer, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention
from sciformer.attention.cores import Materialised
from theory.universal.arrays import Array


@dataclass(frozen=True)
class LayerWeights:
    """Every number of a `SingleLayer`, float64; the names are those of its state dictionary.

    Shapes: embedding (w, d); positions (n, w); query, key, value (heads * head_width, w);
    output (w, heads * head_width); hidden (units, w); hidden_bias (units,);
    readout (m, units); readout_bias (m,).
    """

    heads: int
    embedding: Array
    positions: Array
    query: Array
    key: Array
    value: Array
    output: Array
    hidden: Array
    hidden_bias: Array
    readout: Array
    readout_bias: Array

    @property
    def tokens(self) -> int:
        """n, the sequence length."""
        return len(self.positions)

    @property
    def width(self) -> int:
        """d, channels of an input token."""
        return int(self.embedding.shape[1])

    @property
    def outputs(self) -> int:
        """m, outputs of a token."""
        return len(self.readout)

    @property
    def hidden_units(self) -> int:
        """Units of the hidden ReLU layer, over all tokens and outputs."""
        return len(self.hidden_bias)

    @property
    def head_width(self) -> int:
        """k, numbers a head."""
        return len(self.query) // self.heads

    @property
    def parameters(self) -> int:
        """All numbers of the layer, zeros counted."""
        return sum(array.size for array in self.arrays().values())

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, in a fixed order."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "heads"}

    def rounded(self, dtype: str) -> LayerWeights:
        """The weights rounded to `float32`, or as they are, as float64 numbers."""
        if dtype == "float64":
            return self
        arrays = {k: v.astype(dtype).astype(np.float64) for k, v in self.arrays().items()}
        return LayerWeights(heads=self.heads, **arrays)

    @property
    def digest(self) -> str:
        """SHA-256 of names, shapes and little-endian bytes."""
        hasher = hashlib.sha256(f"heads={self.heads}".encode())
        for name, array in self.arrays().items():
            hasher.update(f";{name}{array.shape}".encode())
            hasher.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return hasher.hexdigest()


STATE_NAMES = {
    "embedding": "embedding.weight",
    "positions": "positions",
    "query": "attention.query.weight",
    "key": "attention.key.weight",
    "value": "attention.value.weight",
    "output": "attention.output.weight",
    "hidden": "hidden.weight",
    "hidden_bias": "hidden.bias",
    "readout": "readout.weight",
    "readout_bias": "readout.bias",
}
"""Fields of `LayerWeights` and the names of the same arrays in a state dictionary."""


class SingleLayer(nn.Module):
    """One softmax self-attention layer with residual, then one hidden ReLU layer, token by token.

    h_j = W_E x_j + p_j,   z_i = h_i + W_O concat_k softmax_j(<q_ki, k_kj>) v_kj,
    y_i = W_2 relu(W_1 z_i + b_1) + b_2

    The whole attention matrix is built for every length: bounds of the rounding error count the
    roundings of this order of operations, and the exp of a fused kernel may be less exact.

    Deviates: no normalisation layer and no residual around the ReLU layer; a token-wise affine
    embedding with absolute positions replaces the word embedding.

    Args:
        weights: every number of the layer.
        dtype: float64 or float32; by default that of the weights.
    """

    def __init__(self, weights: LayerWeights, dtype: str | None = None) -> None:
        super().__init__()
        width = len(weights.embedding)
        with torch.device("meta"):
            self.embedding = nn.Linear(weights.width, width, bias=False)
            self.positions = nn.Parameter(torch.empty(weights.tokens, width))
            self.attention = MultiheadAttention(
                width,
                weights.heads,
                head_width=weights.head_width,
                bias=False,
                core=Materialised(),
            )
            self.hidden = nn.Linear(width, weights.hidden_units)
            self.readout = nn.Linear(weights.hidden_units, weights.outputs)
        arrays = weights.arrays()
        state = {
            state: torch.tensor(arrays[name].astype(dtype or arrays[name].dtype))
            for name, state in STATE_NAMES.items()
        }
        self.load_state_dict(state, assign=True)

    def forward(self, sequences: Tensor) -> Tensor:
        """Outputs (..., n, m) of sequences (..., n, d)."""
        tokens = self.embedding(sequences) + self.positions  # (..., n, w)
        tokens = tokens + self.attention(tokens)
        outputs: Tensor = self.readout(torch.relu(self.hidden(tokens)))
        return outputs


def weights_of(layer: nn.Module) -> LayerWeights:
    """The numbers of a `SingleLayer` of any dtype, as float64."""
    state: Mapping[str, Tensor] = layer.state_dict()
    arrays = {k: v.detach().cpu().to(torch.float64).numpy().copy() for k, v in state.items()}
    attention = layer.attention
    assert isinstance(attention, MultiheadAttention), "the attention of a SingleLayer"
    return weights_from_state(arrays, attention.heads)


def weights_from_state(state: Mapping[str, Array], heads: int) -> LayerWeights:
    """The numbers of a state dictionary; names as in `SingleLayer`."""
    return LayerWeights(
        heads=heads, **{name: np.array(state[key]) for name, key in STATE_NAMES.items()}
    )


_AT_ONCE = 2**24
"""Numbers that `apply` holds at a time: 128 MB in float64."""


def numbers_in_flight(layer: nn.Module, tokens: int) -> int:
    """Numbers that the forward pass of one sequence holds, about: scores, projections, units."""
    attention, hidden = layer.attention, layer.hidden
    assert isinstance(attention, MultiheadAttention), "the attention of a SingleLayer"
    assert isinstance(hidden, nn.Linear), "the hidden layer of a SingleLayer"
    inner = attention.heads * tokens + 3 * len(attention.query.weight)
    return tokens * (inner + 4 * hidden.in_features + 2 * hidden.out_features)


def representable(points: Array, ends: tuple[Array, Array], layer: nn.Module) -> Array:
    """Points rounded to the precision of a layer, and kept between the ends of a domain."""
    if dtype_of(layer) == torch.float64:
        return points
    lower, upper = (np.asarray(end, dtype=np.float32) for end in ends)
    lower = np.where(lower < ends[0], np.nextafter(lower, np.float32(np.inf)), lower)
    upper = np.where(upper > ends[1], np.nextafter(upper, np.float32(-np.inf)), upper)
    return np.clip(points.astype(np.float32), lower, upper).astype(np.float64)


def dtype_of(layer: nn.Module) -> torch.dtype:
    """The precision of a layer, for whose numbers it takes inputs."""
    return next(layer.parameters()).dtype


@torch.no_grad()
def apply(layer: nn.Module, sequences: Array) -> Array:
    """Outputs of a layer at sequences (p, n, d), in blocks, as a float64 array (p, n, m).

    Args:
        layer: of any precision.
        sequences: numbers of that precision; others are rounded to it first.
    """
    points = torch.as_tensor(sequences, dtype=dtype_of(layer))
    size = min(8192, max(1, _AT_ONCE // numbers_in_flight(layer, points.shape[1])))
    blocks = [points[at : at + size] for at in range(0, len(points), size)]
    return np.concatenate([layer(block).to(torch.float64).numpy() for block in blocks])
