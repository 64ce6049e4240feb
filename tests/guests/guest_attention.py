"""A guest that brings an attention core and a token mixer, by the public names alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention import Core, Scoring, Softmax
from sciformer.mixers import MixerSizes, OpCount, State, TokenMixer
from sciformer.mixers.protocol import check_sequence

CALLS: list[int] = []


class Streamed(Core):
    """Attention by a running maximum and sum, one key after the other."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        CALLS.append(scoring.patch.n)
        lowest = torch.finfo(query.dtype).min / 4
        highest = torch.full_like(query[..., :1], lowest)
        total = torch.zeros_like(highest)
        output = torch.zeros_like(query[..., :1]) * value[..., :1, :]
        for j in range(scoring.patch.m):
            logit = query @ key[..., j : j + 1, :].transpose(-2, -1)
            allowed = scoring.columns(j, j + 1).allowed(query.device)
            if allowed is not None:
                logit = torch.where(allowed, logit, lowest)
            new = torch.maximum(highest, logit)
            old, weight = (highest - new).exp(), (logit - new).exp()
            if allowed is not None:
                weight = torch.where(allowed, weight, 0.0)
            total = total * old + weight
            output = output * old + weight * value[..., j : j + 1, :]
            highest = new
        return torch.where(total > 0, output / torch.where(total > 0, total, 1.0), 0.0)

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        position, patch = scoring.position, scoring.patch
        if not isinstance(scoring.normaliser, Softmax):
            return "a running sum is a softmax"
        if (
            not position.is_toeplitz
            or position.relative(patch) is not None
            or position.gain(patch) is not None
            or scoring.added() is not None
        ):
            return "it adds nothing to the logits"
        return None


class Fading(TokenMixer):
    """m_t = keep m_{t-1} + (1 - keep) x_t,   y_t = W m_t"""

    def __init__(self, width: int, keep: float = 0.8) -> None:
        super().__init__()
        self.keep = keep
        self.readout = nn.Linear(width, width)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_sequence("Fading", x, self.readout.in_features)
        if mask is not None:
            x = torch.where(mask.unsqueeze(-1), x, 0.0)
        memories, memory = [], None if state is None else state[0]
        for token in x.unbind(1):
            memory = (
                (1 - self.keep) * token
                if memory is None
                else (self.keep * memory + (1 - self.keep) * token)
            )
            memories.append(memory)
        return self.readout(torch.stack(memories, 1)), (memories[-1],)

    def init_state(self, batch: int) -> State:
        return (self.readout.weight.new_zeros(batch, self.readout.in_features),)

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        return OpCount(macs=length * self.readout.weight.numel())


def fading(sizes: MixerSizes) -> TokenMixer:
    """A memory that fades, from a guest."""
    return Fading(sizes.width)
