"""The Legendre memory unit: trains in parallel, steps in constant memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sciformer.errors import DomainError, UsageError
from sciformer.mixers.legendre.evaluation import ChunkedScan, Evaluation, Size, fastest
from sciformer.mixers.legendre.legendre import LegendreMemory, fixed_memory
from sciformer.mixers.protocol import OpCount, State, TokenMixer, check_sequence, masked
from sciformer.mixers.synapses import Synapses


@dataclass(frozen=True)
class Window:
    """Sizes of the window that a Legendre memory remembers.

    Attributes:
        order: Legendre coefficients q a channel, >= 1.
        theta: window in steps, > 0.
        channels: scalar signals remembered, each with a memory of its own, >= 1.
    """

    order: int
    theta: float
    channels: int = 1

    def __post_init__(self) -> None:
        order, theta, channels = sizes = _sizes(self)
        kinds = Integral, Real, Integral
        are_numbers = all(map(isinstance, sizes, kinds))
        if not (are_numbers and order >= 1 and channels >= 1 and 0 < theta < math.inf):
            raise DomainError(
                "Window: order and channels must be whole numbers >= 1 and theta > 0 steps; got "
                f"order {self.order}, channels {self.channels}, theta {self.theta}."
            )

    @property
    def size(self) -> int:
        """Numbers in the memory, c * q."""
        return self.channels * self.order

    def memory(self, like: Tensor) -> LegendreMemory:
        """The discretised delay line in the dtype and on the device of `like`."""
        return fixed_memory(self.order, self.theta, like.dtype, like.device)


def _sizes(window: Window) -> tuple[Any, Any, Any]:
    """Sizes as they were given, of any type."""
    return window.order, window.theta, window.channels


def update(memory: LegendreMemory, state: Tensor, signal: Tensor) -> Tensor:
    """One step of the memory: state (b, c, q), signal (b, c) -> (b, c, q)."""
    return functional.linear(torch.cat([state, signal.unsqueeze(-1)], -1), memory.step)


def update_operations(window: Window, length: int, *, spikes: bool) -> OpCount:
    """Operations of the memory update: A_bar m by numbers, B_bar u by whatever the signal is."""
    recurrent = OpCount(macs=length * window.size * window.order)
    return recurrent + OpCount.synapses(length * window.size, spikes=spikes)


class LMU(TokenMixer):
    """A Legendre memory with a feed-forward input and read-out.

    u = f(W_u x + b_u),   m_t = A_bar m_{t-1} + B_bar u_t,   y = g(W_m m + W_x x + b)

    Args:
        width: width d of the tokens.
        window: order, length and channels of the memory; or, for one channel,
        order, theta: Legendre coefficients and window in steps.
        hidden: width e of the output; `width` by default.
        signal_activation: f.
        activation: g.
        evaluation: how whole sequences are computed; the fastest for their size by default.

    Raises:
        UsageError: neither a window nor both of order and theta, or a window and one of them.

    Cost: by size, see `mixers.legendre.evaluation`; a step costs q^2 c + e (c q + d) operations.
    Source: Chilkuri and Eliasmith 2021, eqs. 18-20, 23, 26; their d is `order`, W_h is [W_m W_x].
    Deviates: several channels, with a memory each (there one scalar signal).
    """

    def __init__(
        self,
        width: int,
        window: Window | None = None,
        *,
        order: int | None = None,
        theta: float | None = None,
        hidden: int | None = None,
        signal_activation: nn.Module | None = None,
        activation: nn.Module | None = None,
        evaluation: Evaluation | None = None,
    ) -> None:
        super().__init__()
        window = _one_window(window, order, theta)
        self.width, self.window, self.evaluation = width, window, evaluation
        hidden = width if hidden is None else hidden
        self.signal = nn.Linear(width, window.channels)
        self.readout = nn.Linear(window.size, hidden, bias=False)
        self.direct = nn.Linear(width, hidden)
        self.signal_activation = nn.ReLU() if signal_activation is None else signal_activation
        self.activation = nn.ReLU() if activation is None else activation

    def memory(self, like: Tensor) -> LegendreMemory:
        """The discretised delay line in the dtype and on the device of `like`."""
        return self.window.memory(like)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Mixes a sequence; at absent tokens the signal is 0 and time goes on."""
        check_sequence("LMU", x, self.width, mask)
        x = masked(x, mask)
        signal = masked(self.signal_activation(self.signal(x)), mask)
        recalled, last = self._recall(signal, state)
        return self.activation(recalled + self.direct(x)), (last,)

    def init_state(self, batch: int) -> State:
        """State before the first token: one tensor (b, c, q)."""
        return (self._empty(batch, self.window.channels, self.window.order),)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        (before,) = state
        assert isinstance(before, Tensor)
        signal = self.signal_activation(self.signal(x_t))
        after = update(self.memory(x_t), before, signal)
        return self.activation(self.readout(after.flatten(1)) + self.direct(x_t)), (after,)

    def last_token(self, x: Tensor) -> Tensor:
        """The last token; one read-out of one memory, whatever the length."""
        check_sequence("LMU", x, self.width)
        signal = self.signal_activation(self.signal(x))
        memory = self.memory(signal).last(signal)
        y: Tensor = self.activation(self.readout(memory.flatten(1)) + self.direct(x[:, -1]))
        return y

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        hidden = self.direct.out_features
        inputs = length * self.width * (self.window.channels + hidden)
        return (
            OpCount.synapses(inputs, spikes=spikes)
            + update_operations(self.window, length, spikes=False)
            + OpCount(macs=length * self.window.size * hidden)
        )

    def layers(self, length: int) -> list[Synapses]:
        window = self.window
        return [
            Synapses("memory", length * window.size * window.order),
            Synapses("signal_to_memory", length * window.size),
            Synapses("readout", length * self.readout.weight.numel()),
            Synapses("signal", length * self.signal.weight.numel(), inputs_of=self.signal),
            Synapses("direct", length * self.direct.weight.numel(), inputs_of=self.direct),
        ]

    def _recall(self, signal: Tensor, state: State | None) -> tuple[Tensor, Tensor]:
        """W_m m_t for every t, and the last memory."""
        memory = self.memory(signal)
        if state is not None:
            (before,) = state
            assert isinstance(before, Tensor)
            trace = ChunkedScan().trace(signal, memory, before)
            return self.readout(trace.flatten(-2)), trace[:, -1]
        evaluation = self.evaluation
        if evaluation is None:
            b, n, c = signal.shape
            evaluation = fastest(Size(b, n, c, self.window.order, self.readout.out_features))
        return evaluation(signal, memory, self.readout.weight), memory.last(signal)


def _one_window(window: Window | None, order: int | None, theta: float | None) -> Window:
    """The given window, in either of the two ways to give it."""
    if window is not None and order is None and theta is None:
        return window
    if window is None and order is not None and theta is not None:
        return Window(order, theta)
    raise UsageError(
        "LMU: expects a Window(order, theta, channels), or order and theta for one channel; got "
        f"window {window}, order {order}, theta {theta}."
    )


class TrainableLMU(LMU):
    """An LMU that learns the length of its window; arguments as `LMU`.

    theta = window.theta * exp(log_scale), one parameter; its gradient runs through the
    matrix exponential, at the cost of building the kernel anew in every training step.

    Deviates: ours; Voelker et al. 2019 train A and B instead, or nothing.
    """

    def __init__(self, width: int, window: Window | None = None, **options: Any) -> None:
        super().__init__(width, window, **options)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def memory(self, like: Tensor) -> LegendreMemory:
        theta = self.window.theta * torch.exp(self.log_scale.double())
        if torch.is_grad_enabled() and self.log_scale.requires_grad:
            return LegendreMemory(self.window.order, theta, like.dtype, like.device)
        return fixed_memory(self.window.order, float(theta), like.dtype, like.device)
