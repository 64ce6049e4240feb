"""Costs of a model per frame: operations, spike rates, energy, memory; and the published claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sciformer.errors import UsageError
from sciformer.mixers.synapses import Synapses, layers_of
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.presets import SPEECH, make_model
from sciformer.sequence.streaming import flatten

# Energy of 32-bit operations in 45 nm CMOS, in picojoules.
# Source: Horowitz 2014, figure 1.1.9 (a multiplication 3.7, an addition 0.9).
MAC_PJ, AC_PJ = 4.6, 0.9
# The audio spectrogram transformer as the paper compares with it.
AST_PARAMETERS, AST_MACS = 85_395_491, 12.429e9


@dataclass(frozen=True)
class Layer:
    """Operations of one layer for one frame.

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
        """Multiply-accumulates per frame; real inputs are counted whether 0 or not."""
        return 0.0 if self.spikes else float(self.synapses)

    @property
    def acs(self) -> float:
        """Accumulates per frame: one for each weight and spike."""
        return self.synapses * self.rate if self.spikes else 0.0


@dataclass(frozen=True)
class Report:
    """Costs of a model per frame.

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
        """Multiply-accumulates per frame."""
        return sum(layer.macs for layer in self.layers) + self.pair_macs

    @property
    def acs(self) -> float:
        """Accumulates per frame, by measured rates."""
        return sum(layer.acs for layer in self.layers)

    @property
    def energy_pj(self) -> float:
        """Energy of the arithmetic alone, in picojoules per frame; reading weights costs more on
        most hardware.
        """
        return MAC_PJ * self.macs + AC_PJ * self.acs


@torch.no_grad()
def measure(model: SequenceClassifier, x: Tensor) -> Report:
    """The cost of a model for frames like those of x, (b, n, c), with a prediction after each.

    Raises:
        UsageError: a mixer whose `layers` are not what its `operations` count.

    Examples:
        >>> import torch
        >>> from sciformer.sequence import make_model, measure
        >>> report = measure(make_model("lmuformer", "small"), torch.zeros(1, 40, 1))
        >>> report.parameters
        106458
    """
    length = x.shape[1]
    head = Synapses("head", length * model.head.weight.numel(), outputs_of=model.body)
    named = [*layers_of(model.body, length), head]
    named = [layer if layer is head else layer.below("body") for layer in named]
    count = model.operations(length)
    if sum(layer.count for layer in named) != count.macs + count.acs:
        raise UsageError(
            f"measure: {type(model).__name__} counts {count.macs + count.acs} operations and its "
            f"layers {sum(layer.count for layer in named)}; let layers() of its mixers name all."
        )
    observed: dict[int, _Values] = {}
    handles = [_observe(layer, observed) for layer in named]
    training = model.training
    try:
        _, kept = model.eval().body(x)
    finally:
        model.train(training)
        for handle in handles:
            if handle is not None:
                handle.remove()
    layers = tuple(
        _layer(layer, length, observed.get(id(layer), _REAL))
        for layer in named
        if not layer.between_tokens
    )
    of_body = sum(part[0].numel() for part in flatten(kept).values())
    numbers = of_body + model.head.in_features + 1
    pairs = sum(layer.count for layer in named if layer.between_tokens) / length
    return Report(layers, model.parameter_count(), numbers, pairs)


def summary_of(model: SequenceClassifier, some: Tensor, length: int) -> dict[str, Any]:
    """The costs of a sequence that a run keeps, by rates measured on some sequences (b, n, c)."""
    cost = measure(model, some)
    return {
        "parameters": cost.parameters,
        "macs": round(cost.macs * length),
        "acs": round(cost.acs * length),
        "energy_nj": cost.energy_pj * length / 1000,
        "state_numbers": cost.state_numbers,
    }


@dataclass(frozen=True)
class _Values:
    """Statistics of values: whether all are 0 or 1, and the share of those that are not 0."""

    spikes: bool
    rate: float


_REAL = _Values(spikes=False, rate=1.0)


def _layer(layer: Synapses, length: int, values: _Values) -> Layer:
    return Layer(layer.name, layer.count // length, values.spikes, values.rate)


def _observe(layer: Synapses, found: dict[int, _Values]) -> RemovableHandle | None:
    """Watches the inputs of the layer; None where they are real numbers."""

    def keep(values: Tensor) -> None:
        spikes = bool(((values == 0) | (values == 1)).all())
        found[id(layer)] = _Values(spikes, float((values != 0).double().mean()))

    def inputs(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        keep(arguments[0])

    def outputs(_: nn.Module, __: object, result: tuple[Tensor, object]) -> None:
        keep(result[0])

    if layer.inputs_of is not None:
        return layer.inputs_of.register_forward_pre_hook(inputs)
    if layer.outputs_of is not None:
        return layer.outputs_of.register_forward_hook(outputs)
    return None


@dataclass(frozen=True)
class Claim:
    """A published ratio, and the ratio that the published sizes give."""

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
