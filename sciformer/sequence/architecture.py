"""The sizes and options of an LMUFormer."""

from __future__ import annotations

from dataclasses import dataclass, field

from sciformer.mixers import Window
from sciformer.spiking import LIF, Sigmoid, Surrogate


@dataclass(frozen=True)
class Mixing:
    """Options of the mixers of an LMUFormer beside its sizes; each reads its own.

    Attributes:
        window: frames that `window` reaches back.
        latents: number of `latents` or `slices`.
        block: frames in a region of `regions`.
        spans: frames that the attention of each block reaches back, 0 for all; empty: as the mixer
            does. For the mixer `attention`.
        core: attention core by name; empty: by size.
    """

    window: int = 16
    latents: int = 32
    block: int = 16
    spans: tuple[int, ...] = ()
    core: str = ""


@dataclass(frozen=True)
class Architecture:
    """The sizes of an LMUFormer.

    Attributes:
        features: width of the input frames.
        classes: number of classes.
        length: longest sequence in frames; only URPE's table needs it.
        width: width d of the tokens.
        depth: number of blocks.
        convolutions: layers of the embedding before the residual one.
        lookahead: later frames that each convolution reads; 0 can be streamed.
        kernel: taps of the first convolution, which reads the frames; the others have three.
        order, theta, channels: the memory, see `Window`.
        expansion: hidden width of the channel mixer over d.
        mixer: lmu, attention, urpe, window, linear, latents, slices, regions, or a registered name.
        mixing: what they need beside these sizes.
        heads: of attention.
        dropout: before the head.
        tau: membrane time constant of spiking neurons, in steps.
        surrogate: their surrogate gradient.
        spiking_head: whether the head of a spiking model reads spikes; if not, it reads the
            numbers on the shortcut, which are membrane potentials.

    Examples:
        >>> import torch
        >>> from sciformer.sequence import Architecture, LMUFormer
        >>> sizes = Architecture(
        ...     features=3, classes=2, length=20, width=16, depth=1, convolutions=1, lookahead=0,
        ...     order=8, theta=20.0, mixer="attention",
        ... )
        >>> LMUFormer(sizes).eval()(torch.zeros(1, 20, 3)).shape
        torch.Size([1, 2])
    """

    features: int
    classes: int
    length: int
    width: int
    depth: int
    convolutions: int
    lookahead: int
    order: int
    theta: float
    channels: int = 1
    kernel: int = 3
    expansion: int = 4
    mixer: str = "lmu"
    heads: int = 4
    dropout: float = 0.0
    tau: float = 2.0
    surrogate: Surrogate = field(default_factory=Sigmoid)
    spiking_head: bool = True
    mixing: Mixing = field(default_factory=Mixing)

    @property
    def window(self) -> Window:
        """The window of the memory."""
        return Window(self.order, self.theta, self.channels)

    def neurons(self, width: int, threshold: float = 1.0) -> LIF:
        """A layer of spiking neurons."""
        return LIF(width, self.tau, threshold=threshold, surrogate=self.surrogate)
