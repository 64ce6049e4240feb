"""What a model costs a frame: operations, spike rates, energy, memory; and the published claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciformer.mixers import LMU, Convolution, Window
from sciformer.sequence.model import SequenceClassifier
from sciformer.sequence.presets import SPEECH, make_model
from sciformer.sequence.streaming import flatten
from sciformer.spiking import SpikingLMU

# Energy of 32-bit operations in 45 nm CMOS, in picojoules.
# Source: Horowitz 2014, figure 1.1.9 (a multiplication 3.7, an addition 0.9).
MAC_PJ, AC_PJ = 4.6, 0.9
# The audio spectrogram transformer as the paper compares with it.
AST_PARAMETERS, AST_MACS = 85_395_491, 12.429e9


@dataclass(frozen=True)
class Layer:
    """What one layer does for one frame.

    Attributes:
        name: its place in the model.
        synapses: weights met once a frame.
        spikes: whether its inputs are spikes.
        rate: share of its inputs that are not 0, measured.
    """

    name: str
    synapses: int
    spikes: bool
    rate: float

    @property
    def macs(self) -> float:
        """Multiply-accumulates a frame; real inputs are counted whether 0 or not."""
        return 0.0 if self.spikes else float(self.synapses)

    @property
    def acs(self) -> float:
        """Accumulates a frame: one a weight and spike."""
        return self.synapses * self.rate if self.spikes else 0.0


@dataclass(frozen=True)
class Report:
    """What a model costs a frame.

    Attributes:
        layers: one by one.
        parameters: trained numbers.
        state_numbers: numbers kept after the last of the frames.
        pair_macs: multiply-accumulates of attention between pairs of tokens, a frame; they grow
            with the length, the others do not.
    """

    layers: tuple[Layer, ...]
    parameters: int
    state_numbers: int
    pair_macs: float

    @property
    def macs(self) -> float:
        """Multiply-accumulates a frame."""
        return sum(layer.macs for layer in self.layers) + self.pair_macs

    @property
    def acs(self) -> float:
        """Accumulates a frame, by measured rates."""
        return sum(layer.acs for layer in self.layers)

    @property
    def energy_pj(self) -> float:
        """Arithmetic alone, in picojoules a frame; reading weights costs more on most hardware."""
        return MAC_PJ * self.macs + AC_PJ * self.acs


@torch.no_grad()
def measure(model: SequenceClassifier, x: Tensor) -> Report:
    """The cost of a model for frames like those of x, (b, n, c), with a prediction after each."""
    layers: list[Layer] = []
    handles = []
    # The head is measured behind the body, a real read-out may be used without being called.
    folded: set[nn.Module] = {model.head}
    for name, module in model.named_modules():
        if isinstance(module, LMU):
            layers += [
                _update(f"{name}.memory", module.window),
                _real(f"{name}.signal_to_memory", module.window.size),
            ]
            layers.append(_real(f"{name}.readout", module.readout.weight.numel()))
            folded.add(module.readout)
        elif isinstance(module, SpikingLMU):
            layers.append(_update(f"{name}.memory", module.window))
            if not module.spiking_readout:
                layers.append(_real(f"{name}.readout", module.readout.weight.numel()))
                folded.add(module.readout)
            observe = _outputs(f"{name}.signal_to_memory", module.window.order, layers)
            handles.append(module.signal_neuron.register_forward_hook(observe))
        elif isinstance(module, nn.Linear | Convolution) and module not in folded:
            handles.append(module.register_forward_pre_hook(_inputs(name, module, layers)))
    handles.append(
        model.body.register_forward_hook(_outputs("head", model.head.out_features, layers))
    )
    training = model.training
    try:
        _, kept = model.eval().body(x)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    of_body = sum(part[0].numel() for part in flatten(kept).values())
    numbers = of_body + model.head.in_features + 1
    count = model.operations(x.shape[1])
    pairs = (count.macs + count.acs) / x.shape[1] - sum(layer.synapses for layer in layers)
    return Report(tuple(layers), model.parameter_count(), numbers, pairs)


def _update(name: str, window: Window) -> Layer:
    return _real(name, window.size * window.order)


def _real(name: str, synapses: int) -> Layer:
    return Layer(name, synapses, spikes=False, rate=1.0)


def _inputs(
    name: str, module: nn.Linear | Convolution, layers: list[Layer]
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def observe(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        layers.append(_observed(name, module.weight.numel(), arguments[0]))

    return observe


def _outputs(
    name: str, fan_out: int, layers: list[Layer]
) -> Callable[[nn.Module, object, tuple[Tensor, object]], None]:
    def observe(_: nn.Module, __: object, result: tuple[Tensor, object]) -> None:
        layers.append(_observed(name, result[0].shape[-1] * fan_out, result[0]))

    return observe


def _observed(name: str, synapses: int, values: Tensor) -> Layer:
    spikes = bool(((values == 0) | (values == 1)).all())
    return Layer(name, synapses, spikes, float((values != 0).double().mean()))


@dataclass(frozen=True)
class Claim:
    """A published ratio, and what the published sizes give."""

    statement: str
    published: float
    recomputed: float
    remark: str

    @property
    def holds(self) -> bool:
        """Whether the two agree to 1 %."""
        return abs(self.recomputed - self.published) <= 0.01 * self.published


def published_claims() -> list[Claim]:
    """The arithmetic of arXiv 2402.04882: 53 and 65 times fewer parameters and operations, 32 %.

    AST has 85,395,491 parameters and needs 12.429 G operations; LMUFormer is counted by
    `operations`; 87 of 128 frames reach 99 % of the final accuracy.
    """
    model = make_model("lmuformer", "speech-commands")
    parameters = model.parameter_count()
    window = SPEECH.window
    memory = SPEECH.length * window.size * (window.order + 1)
    weights = model.operations(SPEECH.length).macs - memory
    read_in_and_out = SPEECH.length * (window.size + SPEECH.width) * SPEECH.width
    return [
        Claim("parameters, AST over LMUFormer", 53.0, AST_PARAMETERS / parameters, "holds"),
        Claim("operations, AST over LMUFormer, all weights", 65.0, AST_MACS / weights, "too small"),
        Claim(
            "the same without W_h",
            65.0,
            AST_MACS / (weights - read_in_and_out),
            "what the published figure leaves out",
        ),
        Claim(
            "the same with the memory update", 65.0, AST_MACS / (weights + memory), "the full count"
        ),
        Claim(
            "share of frames saved, in %",
            32.03,
            100 * (1 - 87 / 128),
            "holds as arithmetic; a second of speech has 98 frames, so 30 of the 41 saved are "
            "padding, and the convolutions look 5 frames ahead: truly 6 to 11 %",
        ),
    ]
