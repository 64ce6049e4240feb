"""Whatever is typed, and whatever a file holds: a status as designed, one sentence, no traceback.

Valid command lines are spoilt in one to three places: a word lost, doubled or replaced by rubbish,
a flag that does not exist, a file cut short or with bytes changed.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sciformer.cli.main import main

# Of the processor, and by the clock, where other programs have the processor, too.
SECONDS, CLOCK = 20, 200
RUBBISH = [
    *["", " ", "-1", "0", "nan", "inf", "1e-9", "1e999", "0x1", "1_0", "é", "٣", "x" * 300],
    *["--", "-", "--json", "--help", "=", "a=b", "width=-3", "points=nan", "viscosity=0", "x1;"],
    *["x1/0", "1/x1", "lambda", "__import__('os')", "x9**x9", "/", "/dev/null", "\0", "nothing"],
]
PDE = "import sympy\nfrom pinn import Box, Condition, Problem\nproblem = 3\n"


@pytest.fixture(scope="module")
def wares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that the commands take: a run, a certificate, a flow, a problem, frames."""
    folder = tmp_path_factory.mktemp("wares")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        solve = ["solve", "burgers", "--iterations", "1", "--set", "points=0.1"]
        assert main([*solve, "--out", str(folder / "run")]) == 3  # One step does not converge.
        formula = ["compile", "x1*x2; x1", "--tokens", "2", "--epsilon", "0.4"]
        assert main([*formula, "--out", str(folder / "layer")]) == 0
    (folder / "pde.py").write_text(PDE)
    flow = {
        "X_star": np.arange(24.0).reshape(12, 2),
        "t": np.arange(5.0),
        "U_star": np.ones((12, 2, 5)),
    }
    np.savez(folder / "flow.npz", **flow)
    np.save(folder / "frames.npy", np.zeros((3, 1)))
    return folder


def lines(wares: Path, out: Path) -> list[list[str]]:
    """Command lines that are quick, valid or nearly so.

    A solve has two limits, because one of them may be spoilt away.
    """
    run, layer, flow = str(wares / "run"), str(wares / "layer"), str(wares / "flow.npz")
    quick = ["--iterations", "1", "--budget", "2"]
    return [
        ["list", "problems", "--json"],
        ["show", run, "--json"],
        ["solve", "burgers", *quick, "--set", "points=0.1", "--out", str(out)],
        ["solve", "burgers", "--model", "mlp", *quick, "--set", "width=4"],
        ["solve", "--resume", run, *quick],
        ["solve", str(wares / "pde.py"), *quick, "--out", str(out)],
        ["export", run, "--format", "npz", "--out", str(out / "a.npz"), "--points", "50"],
        ["identify", "navier-stokes", "--method", "weak", "--data", flow, "--noise", "0.1"],
        ["compile", "x1*x2; x1", "--tokens", "2", "--epsilon", "0.4", "--out", str(out)],
        ["verify", layer, "--json"],
        ["diagnose", "x1*x2; x1", "--tokens", "2"],
        ["expressivity", "--position", "none", "--steps", "1", "--length", "4", "--out", str(out)],
        ["train", "lmuformer", "--dataset", "psmnist", "--data", str(wares), "--out", str(out)],
        ["stream", run, "--input", str(wares / "frames.npy")],
        ["reproduce", "nothing", "--quick", "--out", str(out)],
    ]


@st.composite
def spoiling(draw: st.DrawFn) -> Callable[[list[str]], list[str]]:
    """A change of one place of a command line."""
    kind = draw(st.sampled_from(["replace", "drop", "double", "insert", "flag"]))
    place = draw(st.floats(0, 0.999))
    word = draw(st.sampled_from(RUBBISH) | st.text(max_size=8))

    def spoil(words: list[str]) -> list[str]:
        at = 1 + int(place * (len(words) - 1))  # the command itself stays
        changed = list(words)
        if kind == "replace":
            changed[at : at + 1] = [word]
        elif kind == "drop":
            del changed[at]
        elif kind == "double":
            changed.insert(at, words[min(at, len(words) - 1)])
        elif kind == "insert":
            changed.insert(at, word)
        else:
            changed.insert(at, f"--{word}")
        return changed

    return spoil


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"hangs for more than {SECONDS} s")

    previous = {s: signal.signal(s, late) for s in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(CLOCK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for number, handler in previous.items():
            signal.signal(number, handler)


def answer(words: list[str]) -> tuple[int, str]:
    """Status and stderr of a command line."""
    said = io.StringIO()
    with (
        limited(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(said),
    ):
        status = main(words)
    return status, said.getvalue()


def check(words: list[str]) -> None:
    status, said = answer(words)
    assert status in (0, 1, 2, 3), (words, status)  # 3: a solve that did not converge
    assert "Traceback" not in said, words
    assert not any(line.startswith("sciformer: unexpected") for line in said.splitlines()), (
        words,
        said,
    )
    if status == 2:
        assert said.strip(), words


def spoilt_lines(wares: Path, folder: Path, index: int, spoils: list[object]) -> None:
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    words = lines(wares, out)[index]
    for spoil in spoils:
        if len(words) > 1:
            words = spoil(words)  # type: ignore[operator]
    check(words)


CASES = {
    "index": st.integers(0, 14),
    "spoils": st.lists(spoiling(), min_size=1, max_size=3),
}
quietly = [
    HealthCheck.too_slow,
    HealthCheck.function_scoped_fixture,
    HealthCheck.differing_executors,
]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=quietly)
@given(**CASES)
def test_spoilt_command_lines(
    wares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int, spoils: list[object]
) -> None:
    monkeypatch.chdir(tmp_path)
    spoilt_lines(wares, tmp_path, index, spoils)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=quietly)
@given(**CASES)
def test_many_spoilt_command_lines(
    wares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int, spoils: list[object]
) -> None:
    monkeypatch.chdir(tmp_path)
    spoilt_lines(wares, tmp_path, index, spoils)


FILES = [
    ("run/config.json", ["show", "run"]),
    ("run/config.json", ["solve", "--resume", "run", "--iterations", "1"]),
    ("run/network.safetensors", ["export", "run", "--format", "npz"]),
    ("run/metrics.jsonl", ["show", "run"]),
    ("layer/certificate.json", ["verify", "layer"]),
    ("layer/layer.safetensors", ["verify", "layer"]),
    ("flow.npz", ["identify", "navier-stokes", "--method", "weak", "--data", "flow.npz"]),
    ("frames.npy", ["stream", "run", "--input", "frames.npy"]),
]


def damaged(path: Path, share: float, byte: int, cuts: bool) -> None:
    content = bytearray(path.read_bytes())
    at = int(share * len(content))
    if cuts:
        del content[at:]
    elif content:
        content[at] ^= byte
    path.write_bytes(content)


DAMAGES = {
    "index": st.integers(0, len(FILES) - 1),
    "share": st.floats(0, 0.999),
    "byte": st.integers(1, 255),
    "cuts": st.booleans(),
}


def damaged_files(
    monkeypatch: pytest.MonkeyPatch,
    wares: Path,
    folder: Path,
    index: int,
    share: float,
    byte: int,
    cuts: bool,
) -> None:
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(wares, copy)
    name, words = FILES[index]
    damaged(copy / name, share, byte, cuts)
    monkeypatch.chdir(copy)
    check(words)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=quietly)
@given(**DAMAGES)
def test_damaged_files(
    monkeypatch: pytest.MonkeyPatch,
    wares: Path,
    tmp_path: Path,
    index: int,
    share: float,
    byte: int,
    cuts: bool,
) -> None:
    damaged_files(monkeypatch, wares, tmp_path, index, share, byte, cuts)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=quietly)
@given(**DAMAGES)
def test_many_damaged_files(
    monkeypatch: pytest.MonkeyPatch,
    wares: Path,
    tmp_path: Path,
    index: int,
    share: float,
    byte: int,
    cuts: bool,
) -> None:
    damaged_files(monkeypatch, wares, tmp_path, index, share, byte, cuts)
