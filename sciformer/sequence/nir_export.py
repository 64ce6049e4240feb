"""A spiking model as a graph of the Neuromorphic Intermediate Representation, where that can be.

NIR knows linear maps, delays and leaky neurons, but no mean over time, no normalisation and no
convolution of ours, so it can carry the one-memory spiking model (preset psmnist): its signal,
its linear memory as a loop through A_bar and a delay of one step, its read-out and its neurons.
The mean over the sequence and the head are left to the reader of the spikes. Nothing is said
about any hardware: whether a device can run the loop is for its own tools to tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.errors import DataError, UsageError
from sciformer.mixers import Pipeline
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.folding import fold
from sciformer.spiking import LIF, LinearReadoutLMU

STEP_S = 1e-3  # NIR counts in seconds: one token is one millisecond


def write_nir(model: SequenceClassifier, path: Path) -> None:
    """Writes the spiking part of a model, from frames to spikes.

    Raises:
        UsageError: a model that NIR cannot carry.
        DataError: the package nir is not installed.
    """
    nir = _nir()
    body = fold(model).body
    stages = body.stages if isinstance(body, Pipeline) else []
    if len(stages) != 1 or not isinstance(stages[0], LinearReadoutLMU):
        raise UsageError(
            "nir: it can carry the spiking model of the preset psmnist only, others have "
            "normalisation, convolutions or real-valued layers between their neurons; "
            "train spiking-lmuformer with --preset psmnist."
        )
    with path.open("w+b") as file:  # nir wants a name that ends in .nir; the handle takes any
        nir.write(file, graph(stages[0]))


def graph(lmu: LinearReadoutLMU) -> Any:
    """The NIR graph of one spiking memory."""
    nir = _nir()
    memory = lmu.window.memory(lmu.readout.weight.double())
    channels, order = lmu.window.channels, lmu.window.order
    size, hidden = lmu.window.size, lmu.direct.out_features
    eye = np.eye(channels)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([lmu.width])}),
        "signal": _affine(nir, lmu.signal),
        "signal_neuron": _lif(nir, lmu.signal_neuron, channels),
        "drive": nir.Linear(weight=np.kron(eye, _numpy(memory.step[:, order:]))),
        "memory": nir.Scale(scale=np.ones(size)),
        "delay": nir.Delay(delay=np.full(size, STEP_S)),
        "transition": nir.Linear(weight=np.kron(eye, _numpy(memory.transition))),
        "readout": nir.Linear(weight=_numpy(lmu.readout.weight)),
        "direct": _affine(nir, lmu.direct),
        "output_neuron": _lif(nir, lmu.output_neuron, hidden),
        "output": nir.Output(output_type={"output": np.array([hidden])}),
    }
    edges = [
        ("input", "signal"),
        ("signal", "signal_neuron"),
        ("signal_neuron", "drive"),
        ("drive", "memory"),
        ("memory", "delay"),
        ("delay", "transition"),
        ("transition", "memory"),
        ("memory", "readout"),
        ("readout", "output_neuron"),
        ("input", "direct"),
        ("direct", "output_neuron"),
        ("output_neuron", "output"),
    ]
    return nir.NIRGraph(nodes=nodes, edges=edges)


def _lif(nir: Any, neuron: nn.Module, count: int) -> Any:
    """The equation tau dv/dt = -v + i; a step of Euler's rule is ours: v + (i - v) / tau."""
    assert isinstance(neuron, LIF)
    return nir.LIF(
        tau=np.full(count, neuron.tau * STEP_S),
        r=np.ones(count),
        v_leak=np.zeros(count),
        v_threshold=np.full(count, neuron.threshold),
        v_reset=np.zeros(count),
    )


def _affine(nir: Any, linear: nn.Linear) -> Any:
    return nir.Affine(weight=_numpy(linear.weight), bias=_numpy(linear.bias))


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _nir() -> Any:
    try:
        import nir
    except ImportError as error:
        raise DataError(
            f"nir: the package nir is needed and cannot be imported ({error}); "
            "install it with `pip install nir`."
        ) from error
    return nir
