"""A training that is killed at any moment goes on from its last checkpoint as if nothing was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_no_kill_changes_the_result(tmp_path: Path, kills: int) -> None:
    """Kills: a checkpoint that is not atomic, state that is not in it."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.pinn.training.killing", str(tmp_path), str(kills), "7"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **one_thread},
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert sum(result["kills"] for result in results) >= kills
    assert all(result["equal"] for result in results)
