"""Leaky integrate-and-fire neurons over whole sequences; the sequence axis is their time."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.errors import DomainError
from sciformer.mixers.protocol import OpCount, State, TokenMixer, check_sequence, masked
from sciformer.spiking.surrogate import Sigmoid, Surrogate


class LIF(TokenMixer):
    """Leaky integrate-and-fire neurons, one per channel.

    h_t = v_{t-1} + (x_t - v_{t-1}) / tau,   s_t = [h_t >= threshold],   v_t = h_t (1 - s_t)

    The surrogate gradient passes through s_t, no gradient through the reset.

    Args:
        width: number of neurons d.
        tau: membrane time constant in steps, >= 1; beta of snnTorch is 1 - 1 / tau.
        threshold: > 0.
        surrogate: stands in for ds/dh.

    Raises:
        DomainError: tau < 1 or threshold <= 0.

    Cost: no weights; one multiplication and two additions a value, not counted as operations.
    Source: arXiv 2402.04882, eqs. 8-10, with the values of its code: tau 2, threshold 1.
    """

    spikes = True

    def __init__(
        self,
        width: int,
        tau: float = 2.0,
        *,
        threshold: float = 1.0,
        surrogate: Surrogate | None = None,
    ) -> None:
        super().__init__()
        if not (tau >= 1 and threshold > 0):
            raise DomainError(
                "LIF: tau must be >= 1 steps and threshold > 0; "
                f"got tau {tau} and threshold {threshold}."
            )
        self.width, self.tau, self.threshold = width, tau, threshold
        self.register_buffer("rest", torch.zeros(width), persistent=False)
        self.surrogate = Sigmoid() if surrogate is None else surrogate

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Mixes a sequence; an absent token gives its neurons no input."""
        check_sequence("LIF", x, self.width, mask)
        (membrane,) = self.init_state(x.shape[0]) if state is None else state
        assert isinstance(membrane, Tensor)
        spikes, after = _integrate(masked(x, mask), membrane, self)
        return spikes, (after,)

    def init_state(self, batch: int) -> State:
        """State before the first token: one tensor, the membranes v (b, d)."""
        assert isinstance(self.rest, Tensor)
        return (self.rest.expand(batch, -1),)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """Mixes one token; without gradient."""
        (membrane,) = state
        assert isinstance(membrane, Tensor)
        h = torch.lerp(membrane, x_t, 1 / self.tau)
        spikes = h >= self.threshold
        return spikes.to(h.dtype), (torch.where(spikes, 0.0, h),)

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        return OpCount()

    def extra_repr(self) -> str:
        return (
            f"{self.width}, tau={self.tau}, threshold={self.threshold}, surrogate={self.surrogate}"
        )


def _integrate(x: Tensor, membrane: Tensor, neuron: LIF) -> tuple[Tensor, Tensor]:
    """Spikes (b, n, d) and the last membrane (b, d)."""
    spikes, after = _Integrate.apply(x, membrane, neuron)  # type: ignore[no-untyped-call]
    return spikes, after


class _Integrate(torch.autograd.Function):
    """The whole sequence as one node of the graph: the surrogate at once, one recurrence back.

    It works on -x, -v and -h, because torch has an operation that keeps what lies above a
    threshold and resets the rest, and none that resets what lies above.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, membrane: Tensor, neuron: LIF) -> tuple[Tensor, Tensor]:
        b, n, d = x.shape
        inputs = torch.neg(x.transpose(0, 1), out=x.new_empty(n, b, d))  # a step lies together
        potentials, v = torch.empty_like(inputs), -membrane
        for current, h in zip(inputs.unbind(), potentials.unbind(), strict=True):
            torch.lerp(v, current, 1 / neuron.tau, out=h)
            v = functional.threshold(h, -neuron.threshold, 0.0)
        ctx.save_for_backward(potentials)
        ctx.neuron = neuron
        return (potentials <= -neuron.threshold).to(x.dtype).transpose(0, 1), -v

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor, grad_after: Tensor) -> tuple[Tensor, Tensor, None]:
        """g_t = surrogate(h_t) ds_t + [h_t < threshold] (1 - 1/tau) g_{t+1};  dx_t = g_t / tau."""
        (potentials,) = ctx.saved_tensors
        tau, threshold = ctx.neuron.tau, ctx.neuron.threshold
        leak = 1 - 1 / tau
        gradient = ctx.neuron.surrogate.derivative(-threshold - potentials)
        gradient.mul_(grad_spikes.transpose(0, 1))
        kept = (potentials > -threshold).to(gradient.dtype)
        gradient[-1].addcmul_(grad_after, kept[-1])
        later = gradient[-1]
        for g, keep in zip(gradient.unbind()[-2::-1], kept.unbind()[-2::-1], strict=True):
            later = g.addcmul_(later, keep, value=leak)
        before = gradient[0] * leak
        return gradient.mul_(1 / tau).transpose(0, 1), before, None
