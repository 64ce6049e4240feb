"""Convolutions along the sequence, causal or with a few steps of lookahead."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sciformer.errors import DomainError
from sciformer.mixers.protocol import (
    OpCount,
    State,
    TokenMixer,
    check_causal,
    check_sequence,
    masked,
)
from sciformer.mixers.synapses import Synapses


class WindowMap(TokenMixer):
    """A linear map of the last tokens, y_t = W [x_{t - kernel + 1 + lookahead}, ...] + b.

    Zeros stand outside the sequence. A subclass gives `matrix`, W as a table, and `products`.

    Args:
        inputs: width d of the tokens.
        outputs: width e of the result.
        kernel: taps, >= 1.
        lookahead: how many of them lie after the present token, 0 .. kernel - 1.

    Raises:
        DomainError: kernel < 1, or a lookahead outside its range.
    """

    bias: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int, kernel: int, lookahead: int) -> None:
        super().__init__()
        if kernel < 1 or not 0 <= lookahead < kernel:
            raise DomainError(
                "Convolution: kernel must be >= 1 and lookahead in 0 .. kernel - 1; "
                f"got kernel {kernel} and lookahead {lookahead}."
            )
        self.inputs, self.outputs, self.kernel, self.lookahead = inputs, outputs, kernel, lookahead

    @property
    @abstractmethod
    def matrix(self) -> Tensor:
        """W of shape (e, kernel * d)."""

    @property
    @abstractmethod
    def products(self) -> int:
        """Products of a weight and a number that a token costs."""

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_sequence("Convolution", x, self.inputs, mask)
        check_causal("Convolution", self, state)
        x = masked(x, mask)
        ahead = self.lookahead or 0
        before = self.init_state(x.shape[0]) if state is None else state
        padded = torch.cat([*_tensors(before), x], 1)[:, ahead:]
        padded = functional.pad(padded, (0, 0, 0, ahead))
        n = x.shape[1]
        windows = torch.cat([padded[:, j : j + n] for j in range(self.kernel)], -1)
        return functional.linear(windows, self.matrix, self.bias), (padded[:, n:],)

    def init_state(self, batch: int) -> State:
        """State before the first token: the last kernel - 1 tokens, (b, kernel - 1, d)."""
        return (self._empty(batch, self.kernel - 1, self.inputs),)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        check_causal("Convolution", self, state)
        window = torch.cat([*_tensors(state), x_t.unsqueeze(1)], 1)
        return functional.linear(window.flatten(1), self.matrix, self.bias), (window[:, 1:],)

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        """Operations for `length` tokens; the zeros before the first token are counted too."""
        return OpCount.synapses(length * self.products, spikes=spikes)

    def layers(self, length: int) -> list[Synapses]:
        return [Synapses("", length * self.products, inputs_of=self)]


class Convolution(WindowMap):
    """y_t = sum_j W_j x_{t - kernel + 1 + lookahead + j} + b, with zeros outside the sequence.

    Args:
        inputs, outputs, kernel, lookahead: see `WindowMap`.
        bias: whether there is a b.

    `weight` has shape (e, kernel, d): the tokens of a window lie one after the other, so that a
    window is one vector and the whole map one matrix product, for sequences as for steps.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, lookahead: int = 0, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, lookahead)
        bound = 1 / math.sqrt(kernel * inputs)
        self.weight = nn.Parameter(torch.empty(outputs, kernel, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound)) if bias else None

    @property
    def matrix(self) -> Tensor:
        return self.weight.flatten(1)

    @property
    def products(self) -> int:
        return self.weight.numel()


class CausalConvolution(Convolution):
    """A convolution that reads no later token; arguments as `Convolution`."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, bias=bias)


def _tensors(state: State) -> list[Tensor]:
    return [part for part in state if isinstance(part, Tensor)]
