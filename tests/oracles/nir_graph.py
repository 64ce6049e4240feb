"""A NIR graph run step by step, each node by the equation of its kind."""

from __future__ import annotations

from typing import Any

import numpy as np

STEP_S = 1e-3
ORDER = (
    "signal",
    "signal_neuron",
    "drive",
    "delay",
    "transition",
    "memory",
    "readout",
    "direct",
    "output_neuron",
)


def run_graph(graph: Any, frames: np.ndarray) -> np.ndarray:
    """The spikes of `output_neuron` for frames (n, c)."""
    value: dict[str, Any] = {"memory": 0.0}
    membranes: dict[str, Any] = {}
    rows = []
    for frame in frames:
        value["input"] = frame
        for name in ORDER:
            node = graph.nodes[name]
            current = sum(value[source] for source, target in graph.edges if target == name)
            value[name] = step(node, name, current, membranes)
        rows.append(value["output_neuron"])
    return np.stack(rows)


def step(node: Any, name: str, current: Any, membranes: dict[str, Any]) -> Any:
    """One step of one node; `delay` reads the memory of the step before, being computed first."""
    kind = type(node).__name__
    if kind == "Affine":
        return node.weight @ current + node.bias
    if kind == "Linear":
        return node.weight @ current if np.ndim(current) else 0.0
    if kind == "Scale":
        return node.scale * current
    if kind == "Delay":
        assert np.allclose(node.delay, STEP_S)
        return current
    v = membranes.get(name, node.v_reset)
    v = v + (node.v_leak - v + node.r * current) * STEP_S / node.tau
    spikes = (v >= node.v_threshold).astype(float)
    membranes[name] = np.where(spikes > 0, node.v_reset, v)
    return spikes
