"""LMUFormer, spiking LMUFormer and relatives with attention: a body, a running mean, a head."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sciformer.attention import Rotary
from sciformer.errors import DomainError
from sciformer.mixers import (
    Convolution,
    MixerSizes,
    Pipeline,
    Residual,
    TokenMixer,
    Window,
    WindowAttention,
    find_core,
    find_mixer,
)
from sciformer.mixers.normalisation import BatchNorm
from sciformer.mixers.protocol import OpCount, State
from sciformer.sequence.pooling import Mean, Pooling
from sciformer.sequence.tasks import Classify, SequenceTask
from sciformer.spiking import LIF, Sigmoid, SpikingLMU, Surrogate


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


class LMUFormer(SequenceClassifier):
    """Convolutional embedding, then blocks of a Legendre memory (or attention) and channel mixer.

    x <- x + N(W mixer(x));   x <- x + relu(N(W_2 gelu(N(W_1 x))))

    Source: arXiv 2402.04882, figure 2, and its code for what the figure leaves open.

    Examples:
        >>> import torch
        >>> from sciformer.sequence import make_model
        >>> model = make_model("lmuformer", "small", classes=3)
        >>> type(model).__name__, model.operations(40).macs > 0
        ('LMUFormer', True)
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        width = architecture.width
        blocks = {
            f"block{i}": Pipeline(mix=_mix(architecture, i), channels=_channels(architecture))
            for i in range(architecture.depth)
        }
        body = Pipeline(embedding=_embedding(architecture), **blocks)
        super().__init__(body, width, architecture.classes, architecture.dropout)


class SpikingLMUFormer(SequenceClassifier):
    """The LMUFormer with spiking neurons before every weight, and real numbers on the shortcut.

    Source: arXiv 2402.04882, section 4.2; the membrane-shortcut variant of its code.
    Deviates: without `spiking_head` the head reads the numbers on the shortcut, averaged over time,
        which costs one multiplication a weight of the head and none elsewhere.

    Examples:
        >>> from sciformer.sequence import make_model
        >>> model = make_model("spiking-lmuformer", "small", classes=3)
        >>> model.operations(40).acs > model.operations(40).macs  # sums instead of products
        True
    """

    def __init__(self, architecture: Architecture) -> None:
        if architecture.mixer != "lmu":
            raise DomainError(
                f"SpikingLMUFormer: only the mixer lmu spikes; got {architecture.mixer}."
            )
        self.architecture = architecture
        width = architecture.width
        blocks = {
            f"block{i}": Pipeline(
                mix=_spiking_mix(architecture), channels=_spiking_channels(architecture)
            )
            for i in range(architecture.depth)
        }
        head = {"neuron": architecture.neurons(width)} if architecture.spiking_head else {}
        body = Pipeline(
            embedding=_spiking_embedding(architecture), **blocks, norm=BatchNorm(width), **head
        )
        super().__init__(body, width, architecture.classes, architecture.dropout)


def _embedding(a: Architecture) -> Pipeline:
    stages: dict[str, nn.Module] = {}
    for i, convolution in enumerate(_convolutions(a)):
        stages[f"convolution{i}"] = convolution
        stages[f"activation{i}"] = nn.ReLU()
        stages[f"norm{i}"] = BatchNorm(a.width)
    return Pipeline(**stages, position=Residual(convolution=_convolution(a)))


def _mix(a: Architecture, block: int) -> Residual:
    mixer = _mixer(a, block)
    return Residual(mixer=mixer, project=nn.Linear(a.width, a.width), norm=BatchNorm(a.width))


def _channels(a: Architecture) -> Residual:
    hidden = a.expansion * a.width
    return Residual(
        expand=nn.Linear(a.width, hidden),
        norm=BatchNorm(hidden),
        activation=nn.GELU(),
        contract=nn.Linear(hidden, a.width),
        norm_out=BatchNorm(a.width),
        activation_out=nn.ReLU(),
    )


def _spiking_embedding(a: Architecture) -> Pipeline:
    """The spiking embedding; its last convolution stays real, as its spikes only lead to the
    residual one.
    """
    stages: dict[str, nn.Module] = {}
    for i, convolution in enumerate(_convolutions(a)):
        if i:
            stages |= {f"norm{i - 1}": BatchNorm(a.width), f"neuron{i - 1}": a.neurons(a.width)}
        stages[f"convolution{i}"] = convolution
    position = Residual(
        norm=BatchNorm(a.width), neuron=a.neurons(a.width), convolution=_convolution(a)
    )
    return Pipeline(**stages, position=position)


def _spiking_mix(a: Architecture) -> Residual:
    return Residual(
        norm=BatchNorm(a.width),
        neuron=a.neurons(a.width, 0.5),
        mixer=SpikingLMU(a.width, a.window, neuron=a.neurons),
        project=nn.Linear(a.width, a.width),
        norm_out=BatchNorm(a.width),
    )


def _spiking_channels(a: Architecture) -> Residual:
    hidden = a.expansion * a.width
    return Residual(
        norm=BatchNorm(a.width),
        neuron=a.neurons(a.width),
        expand=nn.Linear(a.width, hidden),
        norm_hidden=BatchNorm(hidden),
        neuron_hidden=a.neurons(hidden),
        contract=nn.Linear(hidden, a.width),
    )


def _mixer(a: Architecture, block: int) -> TokenMixer:
    """The mixer of one block."""
    mixing = a.mixing
    core = find_core("LMUFormer", mixing.core) if mixing.core else None
    if mixing.spans:
        _check_spans(a)
        if span := mixing.spans[block]:
            return WindowAttention(a.width, a.heads, span, position=Rotary(), core=core)
    make = find_mixer("LMUFormer", a.mixer)
    return make(
        MixerSizes(
            a.width,
            a.heads,
            a.length,
            memory=a.window,
            before=mixing.window,
            latents=mixing.latents,
            block=mixing.block,
            core=core,
        )
    )


def _check_spans(a: Architecture) -> None:
    spans = a.mixing.spans
    if a.mixer != "attention" or len(spans) != a.depth or min(spans) < 0:
        raise DomainError(
            f"LMUFormer: spans are for the mixer attention, one >= 0 for each of {a.depth} blocks; "
            f"got {spans} for the mixer {a.mixer}."
        )


def _convolution(a: Architecture) -> Convolution:
    """A convolution with three taps on tokens."""
    return Convolution(a.width, a.width, 3, lookahead=a.lookahead, bias=False)


def _convolutions(a: Architecture) -> list[Convolution]:
    """The convolutions of the embedding: one on frames, the others on tokens."""
    first = Convolution(a.features, a.width, a.kernel, lookahead=a.lookahead, bias=False)
    return [first, *(_convolution(a) for _ in range(a.convolutions - 1))]
