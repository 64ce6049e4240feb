"""LMUFormer, spiking LMUFormer and relatives with attention, stage by stage."""

from __future__ import annotations

from torch import nn

from sciformer.attention import Rotary
from sciformer.errors import DomainError
from sciformer.mixers import (
    Convolution,
    MixerSizes,
    Pipeline,
    Residual,
    TokenMixer,
    WindowAttention,
    find_core,
    find_mixer,
)
from sciformer.mixers.normalisation import BatchNorm
from sciformer.sequence.architecture import Architecture
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.spiking import SpikingLMU


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
