"""A compiled layer as an ONNX program."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

from sciformer.errors import UsageError
from sciformer.onnx import write_onnx
from sciformer.runs.files import atomic
from theory.universal.layer import SingleLayer, dtype_of


def write_onnx_program(layer: SingleLayer, path: Path | str) -> Path:
    """Writes a layer for onnxruntime and others: `sequences` (b, n, d) to outputs (b, n, m).

    The program has the operations of the layer and its weights bit for bit, for any batch size b. A
    certificate for float32 holds for it where the runtime keeps the operations (onnxruntime with
    its graph optimisations off), rounds as IEEE 754 says and has an exp within 4 ulp.

    Args:
        layer: of float32. ONNX keeps 1 / sqrt(k) in single precision, so that a float64 program
            would be off by 1e-8 and no certificate would hold for it.
        path: of the file.

    Returns:
        The path.

    Raises:
        UsageError: a layer of float64, or a package that is missing.
        RunError: the disk refused.

    Accuracy: 1e-6 of the largest output, against the layer.
    """
    if dtype_of(layer) != torch.float32:
        raise UsageError(
            "compile: an ONNX program has the error of single precision; compile the layer with "
            "--dtype float32, whose certificate counts it."
        )
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"compile: an ONNX program needs {' and '.join(missing)}; install sciformer[exchange]."
        )
    # Two sequences: with one the program would be for that batch size only.
    example = torch.zeros(2, len(layer.positions), layer.embedding.in_features)
    shapes = {"sequences": {0: torch.export.Dim("batch")}}
    program = torch.export.export(layer, (example,), dynamic_shapes=shapes)
    with atomic(Path(path)) as temporary:
        write_onnx(program, temporary)
    return Path(path)
