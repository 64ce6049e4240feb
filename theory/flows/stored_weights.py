"""The weights in `flow.safetensors`, of which names, shapes and types are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from theory.flows.record import (
    WEIGHTS,
    BurgersDesignRecord,
    BurgersRecord,
    FlowRecord,
    number,
    reach,
)
from theory.universal.reading import Tensors, damaged, read_tensors

_PARTS = ("query", "key", "value", "output")


def read_weights(directory: Path, record: FlowRecord | BurgersRecord) -> Tensors:
    """The weights, of which names, shapes and types are those of the design.

    Raises:
        DataError: other tensors, or numbers that are not finite.
    """
    tensors = read_tensors(directory / WEIGHTS)
    if isinstance(record, BurgersRecord):
        shapes = _burgers_shapes(record.design)
    else:
        shapes = _flow_shapes(record, tensors.get("reading.index", np.zeros(0)).size)
    for name in sorted({*shapes, *tensors}):
        if name not in tensors or name not in shapes:
            raise damaged(WEIGHTS, f"it {'lacks' if name in shapes else 'should not hold'} {name}")
        kind = np.int64 if name == "reading.index" else np.float64
        if tensors[name].shape != shapes[name] or tensors[name].dtype != kind:
            raise damaged(WEIGHTS, f"{name} does not have the shape and type of its design")
        if not np.isfinite(tensors[name]).all():
            raise damaged(WEIGHTS, f"{name} holds numbers that are not finite")
    return tensors


def _flow_shapes(record: FlowRecord, keys: int) -> dict[str, tuple[int, ...]]:
    d, walls = record.design, record.equation.walls
    ring = d.tokens * (1 if walls is None else 2 if walls[0] == walls[1] else 4)
    shapes: dict[str, tuple[int, ...]] = {
        "reaction.layers.0.weight": (d.units, 1),
        "reaction.layers.0.bias": (d.units,),
        "reaction.layers.2.weight": (1, d.units),
        "reaction.layers.2.bias": (1,),
        "attention.attention.position.table": (1, 2 * ring - 1),
    }
    shapes |= {f"attention.attention.{part}.weight": (1, 1) for part in _PARTS}
    if d.sensors != d.tokens:
        e = record.equation
        far = reach(number(e.diffusivity), number(e.drift), number(e.time) / d.depth)
        wanted = d.sensors + 2 * far * d.sensors / float(number(e.length))
        # The head rounds up and adds a sensor on each side.
        if abs(keys - wanted) > 6:
            raise damaged(WEIGHTS, f"its {keys} keys are not as many as the first step reaches")
        shapes |= {"reading.index": (keys,), "reading.sources": (keys, 2)}
        shapes |= {"reading.places": (d.tokens, 2)}
        shapes |= {f"reading.attention.{part}.weight": (2, 2) for part in ("query", "output")}
        shapes |= {f"reading.attention.{part}.weight": (2, 3) for part in ("key", "value")}
    return shapes


def _burgers_shapes(design: BurgersDesignRecord) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"potential.weight": (design.tokens, design.sensors)}
    return shapes | {f"attention.{part}.weight": (3, 3) for part in _PARTS}
