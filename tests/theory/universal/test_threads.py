"""The number of threads does not choose the layer: weights agree to solver tolerance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

_SCRIPT = """
import sys, theory
theory.compile("x1*x2; sin(2*x1 + x2)", 2, epsilon=0.2).save(sys.argv[1])
"""


def compiled(threads: int, path: Path) -> dict[str, np.ndarray]:
    """The weights that a fresh interpreter with so many threads emits."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    subprocess.run([sys.executable, "-c", _SCRIPT, str(path)], env=environment, check=True)
    return load_file(path / "layer.safetensors")


@pytest.mark.slow
def test_one_and_two_threads_emit_the_same_layer(tmp_path: Path) -> None:
    """Kills: a cap by the clock, which the speed of the machine would decide.

    Tolerance: 1e-6, our choice; fits stop by a count of steps, so sums taken in another order can
    only move the weights by rounding times the condition of a least-squares step (0 was seen). A
    pruning that decided otherwise would change the shapes.
    """
    one, two = (compiled(t, tmp_path / str(t)) for t in (1, 2))
    assert one.keys() == two.keys()
    for name, array in one.items():
        assert array.shape == two[name].shape, name
        if not name.startswith("tree"):
            assert np.allclose(array, two[name], rtol=1e-6, atol=1e-6), name
