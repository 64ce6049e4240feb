"""A stream of a million frames in the memory of a short one; `pytest -m slow tests/sequence`."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sciformer.cli.main import main

CHUNK = 10_000


def chunks(frames: int) -> Iterator[bytes]:
    """Lines of one number, a chunk at a time."""
    generator = np.random.default_rng(3)
    for _ in range(frames // CHUNK):
        numbers = generator.standard_normal(CHUNK)
        yield "".join(f"{number:.4f}\n" for number in numbers).encode()


def stream(run: str, frames: int, answers: Path) -> int:
    """Kilobytes of the largest child process so far, after one that took so many frames."""
    command = [sys.executable, "-m", "sciformer", "stream", run, "--input", "-"]
    with (
        answers.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as child,
    ):
        assert child.stdin is not None
        for chunk in chunks(frames):
            child.stdin.write(chunk)
        child.stdin.close()
    assert child.returncode == 0
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@pytest.mark.slow
def test_a_million_frames_take_no_more_memory_than_ten_thousand(tmp_path: Path) -> None:
    """Kills: frames, answers or latencies that are kept. A number a frame would be 8 MB."""
    pytest.importorskip("mnist1d")
    run, answers = str(tmp_path / "run"), tmp_path / "answers"
    assert main(["train", "lmuformer", "--dataset", "mnist1d", "--epochs", "1", "--out", run]) == 0
    short = stream(run, CHUNK, answers)
    long = stream(run, 100 * CHUNK, answers)
    assert answers.read_bytes().count(b"\n") == 100 * CHUNK
    assert long - short < 4_000
