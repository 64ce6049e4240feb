"""Protocol of token mixers: sequences, steps, state as a value, operation counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from sciformer.errors import ShapeError, UsageError
from sciformer.mixers.synapses import Synapses, layers_of_children

State: TypeAlias = "tuple[Tensor | State, ...]"


@dataclass(frozen=True)
class OpCount:
    """Synaptic operations of a network that runs one token at a time, batch 1.

    Attributes:
        macs: multiply-accumulates, one a weight and real-valued input.
        acs: accumulates, one a weight and spike input, if every such input spiked.
    """

    macs: int = 0
    acs: int = 0

    def __add__(self, other: OpCount) -> OpCount:
        return OpCount(self.macs + other.macs, self.acs + other.acs)

    @classmethod
    def synapses(cls, count: int, *, spikes: bool) -> OpCount:
        """`count` weights met once each, by spikes or by real numbers."""
        return cls(acs=count) if spikes else cls(macs=count)


class TokenMixer(nn.Module, ABC):
    """A map (b, n, d) -> (b, n, e) of sequences that can carry its state from one part to the next.

    forward(x) = forward(x[:, :k]) followed by forward(x[:, k:], state) = n calls of step,
    for every mixer whose `causal` is True; a module holds parameters, never a state.

    Attributes:
        lookahead: how many later tokens an output reads; None if it reads them all.
        spikes: whether all outputs are 0 or 1.

    Examples:
        >>> import torch
        >>> from sciformer.mixers import OpCount, TokenMixer
        >>> class RunningSum(TokenMixer):
        ...     def forward(self, x, *, mask=None, state=None):
        ...         (before,) = self.init_state(len(x)) if state is None else state
        ...         y = before[:, None] + x.cumsum(1)
        ...         return y, (y[:, -1],)
        ...
        ...     def init_state(self, batch):
        ...         return (torch.zeros(batch, 1),)
        ...
        ...     def operations(self, length, *, spikes=False):
        ...         return OpCount()
        >>> x, mixer = torch.tensor([[[1.0], [2.0], [3.0]]]), RunningSum()
        >>> _, state = mixer(x[:, :2])
        >>> mixer.step(x[:, 2], state)[0]
        tensor([[6.]])
    """

    lookahead: int | None = 0
    spikes: bool = False

    @property
    def causal(self) -> bool:
        """Whether no output reads a later token, so that the mixer can be stepped."""
        return self.lookahead == 0

    @abstractmethod
    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Mixes a sequence.

        Args:
            x: (b, n, d) with b, n >= 1.
            mask: (b, n) bool, True where a token is there; no output reads the others.
            state: what the tokens before left behind; None at the start of a sequence.

        Returns:
            y of shape (b, n, e) and the state after the last token.
        """

    @abstractmethod
    def init_state(self, batch: int) -> State:
        """The state before the first token, in the dtype and on the device of the parameters."""

    @abstractmethod
    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        """Operations for `length` tokens, memory update included.

        Args:
            length: number of tokens.
            spikes: whether the inputs are spikes.
        """

    def layers(self, length: int) -> list[Synapses]:
        """The layers that `operations` counts, so that their rates of spikes can be observed.

        Those of its children by default; a mixer that multiplies outside of them names the rest.

        Args:
            length: number of tokens.
        """
        return layers_of_children(self, length)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """Mixes one token.

        Args:
            x_t: (b, d).
            state: as `init_state` or the step before returned it.

        Returns:
            y_t of shape (b, e) and the new state.
        """
        y, state = self(x_t.unsqueeze(1), state=state)
        return y.squeeze(1), state

    def last_token(self, x: Tensor) -> Tensor:
        """The last token of what `forward` returns, (b, e); some mixers need not build the rest."""
        y: Tensor = self(x)[0]
        return y[:, -1]

    def _empty(self, *shape: int) -> Tensor:
        """Zeros in the dtype and on the device of the parameters."""
        first = next(self.parameters(), None)
        return torch.zeros(shape) if first is None else first.new_zeros(shape)


class Parallel(nn.Module):
    """A token mixer as a plain map of whole sequences, for blocks that carry no state."""

    def __init__(self, mixer: TokenMixer) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """(b, n, d) -> (b, n, e)."""
        y: Tensor = self.mixer(x, mask=mask)[0]
        return y


def check_sequence(who: str, x: Tensor, width: int, mask: Tensor | None = None) -> None:
    """Refuses what is not a sequence batch of the right width, and a mask of another one.

    Raises:
        ShapeError: x is not (b, n, width) with b, n >= 1, or the mask not (b, n) and boolean.
    """
    if x.dim() != 3 or x.shape[-1] != width or 0 in x.shape:
        raise ShapeError(
            f"{who}: expects a sequence of shape (batch >= 1, length >= 1, {width}); "
            f"got {tuple(x.shape)}."
        )
    if mask is not None and (mask.dtype != torch.bool or mask.shape != x.shape[:2]):
        raise ShapeError(
            f"{who}: a mask is boolean and of shape (batch, length), here {tuple(x.shape[:2])}; "
            f"got {mask.dtype} of shape {tuple(mask.shape)}."
        )


def check_causal(who: str, mixer: TokenMixer, state: State | None) -> None:
    """Refuses to carry a state through a mixer that reads later tokens.

    Raises:
        UsageError: a state came and the mixer is not causal.
    """
    if state is not None and not mixer.causal:
        raise UsageError(
            f"{who}: only a causal mixer can be continued or stepped, this one reads "
            f"{'all' if mixer.lookahead is None else mixer.lookahead} later tokens; "
            "use a causal one."
        )


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x with zeros where there is no token, nan and all."""
    return x if mask is None else torch.where(mask.unsqueeze(-1), x, 0.0)


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """The state with `function` applied to each of its tensors."""
    return tuple(
        function(part) if isinstance(part, Tensor) else map_state(function, part) for part in state
    )
