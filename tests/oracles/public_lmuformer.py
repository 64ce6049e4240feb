"""The public LMUFormer, layer by layer in its own layout (b, c, n) and with its names of weights.

Written from the published architecture: torch's Conv1d and BatchNorm1d, the memory by FFT over a
fixed length, spikes by a loop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.oracles.lmu import discrete_system


def memory_by_fft(u: Tensor, order: int, theta: float) -> Tensor:
    """(b, 1, n) -> (b, q, n)."""
    A, B = discrete_system(order, theta)
    n = u.shape[-1]
    rows = [B]
    for _ in range(n - 1):
        rows.append(A @ rows[-1])
    spectrum = torch.fft.rfft(torch.stack(rows, 1), n=2 * n)
    return torch.fft.irfft(torch.fft.rfft(u, n=2 * n) * spectrum, n=2 * n)[..., :n]


def spike(x: Tensor, threshold: float = 1.0) -> Tensor:
    """LIF with tau = 2 and hard reset along the last axis."""
    v, rows = torch.zeros_like(x[..., 0]), []
    for t in range(x.shape[-1]):
        h = v + (x[..., t] - v) / 2
        s = (h >= threshold).to(x.dtype)
        v = h * (1 - s)
        rows.append(s)
    return torch.stack(rows, -1)


class Cell(nn.Module):
    def __init__(self, width: int, order: int, theta: float) -> None:
        super().__init__()
        self.order, self.theta = order, theta
        self.W_u = nn.Linear(width, 1)
        self.W_h = nn.Linear(order + width, width)

    def forward(self, x: Tensor) -> Tensor:
        u = torch.relu(self.W_u(x.transpose(1, 2))).transpose(1, 2)
        joined = torch.cat([memory_by_fft(u, self.order, self.theta), x], 1)
        return torch.relu(self.W_h(joined.transpose(1, 2))).transpose(1, 2)


class SpikingCell(Cell):
    def __init__(self, width: int, order: int, theta: float) -> None:
        super().__init__(width, order, theta)
        self.bn_u, self.bn_m = nn.BatchNorm1d(1), nn.BatchNorm1d(order)
        self.bn_h = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        u = spike(self.bn_u(self.W_u(x.transpose(1, 2)).transpose(1, 2)))
        m = spike(self.bn_m(memory_by_fft(u, self.order, self.theta)))
        h = self.W_h(torch.cat([m, x], 1).transpose(1, 2)).transpose(1, 2)
        return spike(self.bn_h(h))


class Tokenizer(nn.Module):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        widths = [features, *[width] * 4]
        self.conv_layers = nn.Sequential(
            *[
                nn.Sequential(
                    nn.Conv1d(widths[i], width, 3, padding=1, bias=False),
                    nn.ReLU(),
                    nn.Identity(),
                    nn.BatchNorm1d(width),
                )
                for i in range(4)
            ]
        )
        self.rpe_conv = nn.Conv1d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_layers(x)
        return x + self.rpe_conv(x)


class SpikingEmbedding(nn.Module):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        for i, inputs in enumerate([features, width, width, width]):
            suffix = str(i) if i else ""
            setattr(self, f"proj_conv{suffix}", nn.Conv1d(inputs, width, 3, padding=1, bias=False))
            setattr(self, f"proj_bn{suffix}", nn.BatchNorm1d(width))
        self.rpe_conv = nn.Conv1d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = spike(self.proj_bn(self.proj_conv(x)))
        x = spike(self.proj_bn1(self.proj_conv1(x)))
        x = self.proj_conv3(spike(self.proj_bn2(self.proj_conv2(x))))
        return x + self.rpe_conv(spike(self.proj_bn3(x)))


class Mixer(nn.Module):
    def __init__(self, cell: Cell, width: int) -> None:
        super().__init__()
        self.lmu = cell
        self.proj_conv, self.proj_bn = nn.Conv1d(width, width, 1), nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj_bn(self.proj_conv(self.lmu(x)))


class SpikingMixer(Mixer):
    def __init__(self, cell: Cell, width: int) -> None:
        super().__init__(cell, width)
        self.prev_bn = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(spike(self.prev_bn(x), 0.5))


class Channels(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1_conv, self.fc1_bn = nn.Conv1d(width, 4 * width, 1), nn.BatchNorm1d(4 * width)
        self.fc2_conv, self.fc2_bn = nn.Conv1d(4 * width, width, 1), nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.fc1_bn(self.fc1_conv(x)))
        return torch.relu(self.fc2_bn(self.fc2_conv(hidden)))


class SpikingChannels(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1_bn, self.fc1_conv = nn.BatchNorm1d(width), nn.Conv1d(width, 4 * width, 1)
        self.fc2_bn, self.fc2_conv = nn.BatchNorm1d(4 * width), nn.Conv1d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.fc1_conv(spike(self.fc1_bn(x)))
        return self.fc2_conv(spike(self.fc2_bn(hidden)))


class Block(nn.Module):
    def __init__(self, attn: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.attn, self.mlp = attn, mlp

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(x)
        return x + self.mlp(x)


class PublicLMUFormer(nn.Module):
    def __init__(self, features: int, width: int, classes: int, order: int, theta: float) -> None:
        super().__init__()
        self.patch_embed = Tokenizer(features, width)
        mixer = Mixer(Cell(width, order, theta), width)
        self.block = nn.ModuleList([Block(mixer, Channels(width))])
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block[0](self.patch_embed(x.transpose(1, 2)))
        return self.head(x.transpose(1, 2)).mean(1)


class PublicSpikingLMUFormer(nn.Module):
    def __init__(self, features: int, width: int, classes: int, order: int, theta: float) -> None:
        super().__init__()
        self.patch_embed = SpikingEmbedding(features, width)
        mixer = SpikingMixer(SpikingCell(width, order, theta), width)
        self.block = nn.ModuleList([Block(mixer, SpikingChannels(width))])
        self.head_bn = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block[0](self.patch_embed(x.transpose(1, 2)))
        return self.head(spike(self.head_bn(x)).transpose(1, 2)).mean(1)
