"""Permuted sequential Fashion-MNIST, from IDX files."""

from __future__ import annotations

from pathlib import Path

from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.data.pixels import permuted

CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def load(directory: Path | None, seed: int) -> SequenceData:
    """The four files of Fashion-MNIST in `directory`, such as Debian's dataset-fashion-mnist."""
    return permuted("fashion-psmnist", CLASSES, directory, seed)
