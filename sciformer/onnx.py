"""Programs of torch, written for onnxruntime and others."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch


def write_onnx(
    program: Any,
    path: Path,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> None:
    """Writes a `torch.export.ExportedProgram` as one ONNX file, weights included.

    Args:
        program: what is written.
        path: of the file.
        inputs: names of the inputs; those of the program by default.
        outputs: names of the outputs.

    Accuracy: that of single precision, because torch's exporter keeps scalar constants in it.
    """
    with warnings.catch_warnings():
        # torch's own exporter uses what torch has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        with _quiet("torch.onnx"):  # it tells of every package that it would support
            exported = torch.onnx.export(
                _without_double_cosine(program),
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
    assert exported is not None, "an exported program always gives an ONNX program"
    exported.save(path, external_data=False)


def _without_double_cosine(program: Any) -> Any:
    """The program with cos x = 1 - 2 sin(x/2)^2 in double precision.

    onnxruntime has no such cosine up to 1.23, the last version for Python 3.10; it has the sine.
    The three constants are exact in single precision.
    """
    cosine = torch.ops.aten.cos.default
    angles = (node.args[0] for node in program.graph.nodes if node.target is cosine)
    if not any(angle.meta["val"].dtype == torch.float64 for angle in angles):
        return program
    return program.run_decompositions({cosine: lambda x: 1 - 2 * (x / 2).sin().square()})


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Restricts a logger to errors while it is open."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
