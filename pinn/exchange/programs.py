"""The trained network as a program that runs without this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sciformer.errors import UsageError
from sciformer.onnx import write_onnx

if TYPE_CHECKING:
    from pinn.solution import Solution


class Fields(nn.Module):
    """Points (n, c) to fields (n, f), hard conditions included."""

    def __init__(self, solution: Solution) -> None:
        super().__init__()
        self.trial = solution.trial

    def forward(self, points: Tensor) -> Tensor:
        """Fields in the order of the problem."""
        with torch.no_grad():
            fields: Tensor = self.trial(points)
        return fields


def program(solution: Solution) -> Any:
    """The network as a `torch.export.ExportedProgram` for any number of points, at least two.

    Raises:
        UsageError: the answer is derived from the fields, as velocities from a streamfunction, and
            a program of the network alone would give the fields instead.
    """
    if solution.problem.quantities:
        names = ", ".join(solution.problem.quantities)
        raise UsageError(
            f"export: {solution.problem.name} answers with {names}, which are derivatives of its "
            "fields, and a program would hold the fields only; export npz, netcdf or vtk."
        )
    first = next(solution.trial.parameters())
    points = solution.problem.domain.sample(7).to(first.device, first.dtype)
    any_number = torch.export.Dim("points", min=2)
    return torch.export.export(
        Fields(solution).eval(), (points,), dynamic_shapes=({0: any_number},)
    )


@dataclass(frozen=True)
class TorchProgram:
    """A program for `torch.export.load`, in Python or C++."""

    suffix: str = ".pt2"
    packages: tuple[str, ...] = ()

    def write(self, solution: Solution, path: Path, most: int) -> None:
        torch.export.save(program(solution), path)


@dataclass(frozen=True)
class ONNX:
    """A program for onnxruntime and others; one input `points`, one output `fields`.

    Accuracy: about 1e-7, because torch's exporter keeps scalar constants in single precision.
    """

    suffix: str = ".onnx"
    packages: tuple[str, ...] = ("onnx", "onnxscript")

    def write(self, solution: Solution, path: Path, most: int) -> None:
        write_onnx(program(solution), path, inputs=["points"], outputs=["fields"])
