"""Classes of sequences: a body, a pooling of its tokens, a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.mixers import TokenMixer
from sciformer.mixers.protocol import OpCount, State
from sciformer.sequence.pooling import Mean, Pooling
from sciformer.sequence.tasks import Classify, SequenceTask


class SequenceClassifier(nn.Module):
    """Classes of sequences, and of all their beginnings.

    logits_t = W pool_{s <= t} body(x)_s + b

    Args:
        body: frames (b, n, c) to tokens (b, n, d).
        width: d.
        classes: number of classes.
        dropout: probability, applied to the pooled vector.
        pooling: how tokens become one vector; their mean by default.

    Source: arXiv 2402.04882, section 4; the head is linear, so the mean of its outputs is its
        output for the mean.

    Examples:
        >>> import torch
        >>> from sciformer.mixers import LMU
        >>> from sciformer.sequence import SequenceClassifier
        >>> model = SequenceClassifier(LMU(2, order=8, theta=30.0), width=2, classes=3)
        >>> model(torch.zeros(1, 30, 2)).shape
        torch.Size([1, 3])
    """

    def __init__(
        self,
        body: TokenMixer,
        width: int,
        classes: int,
        dropout: float = 0.0,
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.pooling: Pooling = Mean() if pooling is None else pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        self.task: SequenceTask = Classify()
        self.outputs: nn.Module = nn.Identity()  # what gives the outputs their units

    @property
    def features(self) -> int:
        """Width c of a frame: the first weight, of whatever kind, has it as its last axis."""
        return next(weight for weight in self.body.parameters() if weight.dim()).shape[-1]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (b, classes) of whole sequences x (b, n, c); mask as in `TokenMixer.forward`."""
        return self._classify(self.pooling.whole(self.body, x, mask))

    def beginnings(self, x: Tensor) -> Tensor:
        """Logits (b, n, classes) after each frame, in parallel."""
        tokens, _ = self.body(x)
        return self._classify(self.pooling.beginnings(tokens))

    def init_state(self, batch: int) -> State:
        """The state before the first frame: the body's, its tokens pooled, their number."""
        pooled = self.head.weight.new_zeros(batch, self.head.in_features)
        return self.body.init_state(batch), pooled, pooled.new_zeros(())

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (b, classes) after one more frame x_t (b, c), and the new state."""
        before, pooled, count = state
        assert isinstance(before, tuple)
        assert isinstance(pooled, Tensor)
        assert isinstance(count, Tensor)
        token, after = self.body.step(x_t, before)
        count = count + 1
        pooled = torch.lerp(pooled, token, self.pooling.share(count))
        return self._classify(pooled), (after, pooled, count)

    def operations(self, length: int) -> OpCount:
        """Operations of a stream of `length` frames with a prediction after each."""
        head = length * self.head.weight.numel()
        return self.body.operations(length) + OpCount.synapses(head, spikes=self.body.spikes)

    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _classify(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.outputs(self.head(self.dropout(pooled)))
        return logits
