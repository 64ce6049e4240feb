"""The head that reads a rough start: cross-attention from few tokens to many sensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention
from theory.flows.ends import Line
from theory.flows.heads import mix_values

# Pairs of token and sensor whose weights are held at a time: 32 MB of float64.
_PAIRS = 2**22
# Sensors this many standard deviations away weigh less than e^{-40} and are left out.
REACH = 9.0


class ReadingHead(nn.Module):
    """One softmax cross-attention head that is a Gaussian kernel between two sets of places.

    out_i = sum_j softmax_j(-(x_i - shift - y_j)^2 / (2 variance)) u_j
    q_i = ((x_i - shift) / variance, -1 / (2 variance)),   k_j = (y_j, y_j^2)

    Places are measured from the middle of the interval. Sensors continue beyond both ends as
    `Line` says, as far as the kernel reaches.

    Args:
        tokens: where the output is wanted.
        sensors: where the start is read; the same interval and ends.
        variance: of the kernel.
        shift: drift times time.
    """

    places: Tensor
    sources: Tensor
    index: Tensor

    def __init__(self, tokens: Line, sensors: Line, variance: float, shift: float = 0.0) -> None:
        super().__init__()
        self.sensors = sensors
        reach = REACH * math.sqrt(variance) + abs(shift) + sensors.spacing
        beyond = math.ceil(reach / sensors.spacing)
        steps = torch.arange(-beyond, sensors.tokens + beyond)
        middle = tokens.length / 2
        y = (steps.double() + sensors.ends.offset()) * sensors.spacing - middle
        x = tokens.places() - middle - shift
        self.register_buffer("index", steps % sensors.ring)
        self.register_buffer("sources", torch.stack([y, y**2], -1))
        self.register_buffer("places", torch.stack([x, torch.ones_like(x)], -1))
        self.attention = MultiheadAttention(2, 1, head_width=2, memory_width=3, bias=False).double()
        scales = torch.tensor([1 / variance, -1 / (2 * variance)], dtype=torch.float64)
        with torch.no_grad():
            # attend divides logits by sqrt(2)
            self.attention.query.weight.copy_(torch.diag(scales * math.sqrt(2)))
            self.attention.key.weight.copy_(torch.eye(2, 3))
            self.attention.value.weight.copy_(torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
            self.attention.output.weight.copy_(torch.eye(2))
        self.requires_grad_(False)

    def forward(self, readings: Tensor) -> Tensor:
        """Readings (..., sensors, 1) to tokens (..., n, 1)."""
        memory = self.memory(readings)
        empty = self.memory(readings.new_zeros(self.sensors.tokens, 1))
        rows = max(1, _PAIRS // len(self.index))
        parts = [
            # No weight depends on a reading, so a batch shares them.
            mix_values(self.attention, self.attention.weights(block, empty), memory)
            for block in torch.split(self.places, rows)
        ]
        return torch.cat(parts, -2)[..., :1]

    def memory(self, readings: Tensor) -> Tensor:
        """Tokens (y, y^2, u) that are attended to, shape (..., m, 3)."""
        values = self.sensors.ends.extend(readings)[..., self.index, :]
        places = self.sources.expand(*values.shape[:-1], 2)
        return torch.cat([places, values], -1)
