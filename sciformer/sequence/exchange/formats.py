"""Formats in which a trained sequence model can be written, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sciformer.errors import UsageError
from sciformer.onnx import write_onnx
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.exchange.programs import (
    step_program,
    whole_program,
    write_torch,
)
from sciformer.sequence.nir_export import write_nir


@dataclass(frozen=True)
class WholeSequence:
    """A program that takes sequences of so many frames.

    Attributes:
        frames: the length.
    """

    frames: int

    def program(self, model: SequenceClassifier) -> Any:
        """The program of `whole_program`."""
        return whole_program(model, self.frames)


@dataclass(frozen=True)
class SingleStep:
    """A program that takes one frame and the state, and gives the next state."""

    def program(self, model: SequenceClassifier) -> Any:
        """The program of `step_program`."""
        return step_program(model)


Extent: TypeAlias = WholeSequence | SingleStep


@dataclass(frozen=True)
class Program:
    """A file with a program of torch.export in it, or with its translation.

    Attributes:
        suffix: of the file.
        packages: that must be there.
        save: writes the program.
    """

    suffix: str
    packages: tuple[str, ...]
    save: Callable[[Any, Path], None]

    def write(self, model: SequenceClassifier, extent: Extent, path: Path) -> None:
        """Writes the model.

        Raises:
            UsageError: a model without steps whose step is wanted.
        """
        self.save(extent.program(model), path)


@dataclass(frozen=True)
class Graph:
    """The spiking part as a graph, see `write_nir`."""

    suffix: str = ".nir"
    packages: tuple[str, ...] = ("nir",)

    def write(self, model: SequenceClassifier, extent: Extent, path: Path) -> None:
        """Writes the model.

        Raises:
            UsageError: a model that NIR cannot carry, or a single step.
        """
        if isinstance(extent, SingleStep):
            raise UsageError(
                "sciformer export: a graph of NIR is run step by step anyway; leave out --step."
            )
        write_nir(model, path)


FORMATS: dict[str, Program | Graph] = {
    "nir": Graph(),
    "onnx": Program(".onnx", ("onnx", "onnxscript"), write_onnx),
    "torch": Program(".pt2", (), write_torch),
}


def require(name: str) -> None:
    """Checks that the packages of a format are installed.

    Raises:
        UsageError: one is missing; the sentence says how to get it.
    """
    for package in FORMATS[name].packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UsageError(
                f"sciformer export: the format {name} needs the package {package}; install it with "
                f"`pip install {package}`."
            ) from error
