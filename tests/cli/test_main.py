"""The program: statuses, sentences and speed."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import sciformer
from sciformer.cli.console import print_json
from sciformer.cli.main import main
from sciformer.errors import ConvergenceError, DomainError, RunError

NEEDS_CPU_TIME = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows does not tell the CPU time of children"
)
HEAVY = ("torch", "numpy", "scipy", "sympy", "matplotlib", "tqdm", "safetensors")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Makes a function the only command, named "solve", with --model and --json."""

    def configure(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("problem")
        parser.add_argument("--model", choices=["mlp", "physicsformer"], default="mlp")
        parser.add_argument("--json", action="store_true")

    def install(run: Callable[..., Any]) -> None:
        command = SimpleNamespace(configure=configure, run=run, __doc__="Solve a problem.")
        entry = SimpleNamespace(load=lambda: command, summary=lambda: "Solve a problem.")
        monkeypatch.setattr("sciformer.cli.main.entries", lambda kind: {"solve": entry})

    return install


def raising(error: BaseException) -> Callable[..., None]:
    def run(arguments: argparse.Namespace) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (DomainError("burgers: viscosity must be > 0; got -0.1."), 2, "burgers: viscosity must"),
        (ConvergenceError("solve: residual not finite at step 3."), 1, "solve: residual not fin"),
        (RunError("run: cannot write x."), 1, "run: cannot write x."),
        (KeyboardInterrupt(), 130, "sciformer: interrupted."),
        (
            KeyError("a\nb"),
            1,
            "sciformer: unexpected KeyError: 'a\\nb'; run again with --debug to see where.",
        ),
        (AttributeError(), 1, "sciformer: unexpected AttributeError; run again with --debug to se"),
        (MemoryError(), 2, "sciformer: these sizes need more memory than this machine gives; ask"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            2,
            "sciformer: these sizes need more memory than this machine gives; ask for fewer",
        ),
        (RuntimeError("mat1 and mat2"), 1, "sciformer: unexpected RuntimeError: mat1 and mat2; r"),
        (RecursionError("maximum"), 2, "sciformer: what was given is nested deeper than Python"),
        (
            OSError(28, "No space left on device"),
            2,
            "sciformer: standard output cannot be written (No space left on device); give the",
        ),
        (
            OSError(28, "No space", "x"),
            1,
            "sciformer: unexpected OSError: [Errno 28] No space: 'x'",
        ),
        (DomainError("a\x1b[2Jb"), 2, r"a\x1b[2Jb"),
    ],
)
def test_an_error_is_one_sentence_and_its_status(
    install: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    sentence: str,
) -> None:
    """Kills: swapping 1 and 2; printing to stdout; a traceback without --debug."""
    install(raising(error))
    assert main(["solve", "burgers", "--json"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(sentence)
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--debug", "solve", "x"], ["solve", "x", "--debug"]])
def test_debug_shows_the_traceback_too(
    install: Callable[..., None], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Kills: looking for --debug on one side of the command only."""
    install(raising(ZeroDivisionError("by zero")))
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith("sciformer: unexpected ZeroDivisionError: by zero.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["slove"], r"sciformer: unknown command 'slove'\. Did you mean 'solve'\? Known: solve\."),
        (["--josn"], r"sciformer: unknown option '--josn'\."),
        (
            ["solve", "x", "--jsom"],
            r"sciformer solve: unknown option '--jsom'\. Did you mean '--json'",
        ),
        (["solve", "x", "--mod=mlp"], r"sciformer solve: unknown option '--mod'\."),
        (
            ["solve", "x", "--model", "pysicsformer"],
            r"solve: unknown --model 'pysicsformer'\. Did you mean 'physicsformer'\? Known: mlp, ",
        ),
        (["solve"], r"sciformer solve: the following arguments are required: problem; see scif"),
        (["solve", "x", "y"], r"sciformer solve: unexpected argument 'y'; see"),
    ],
)
def test_bad_usage_is_status_2_with_the_nearest_name(
    install: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """Kills: argparse's own exit and usage block; abbreviations; a status of 1."""
    install(lambda arguments: None)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(sentence, err)
    assert err.count("\n") == 1


@pytest.mark.parametrize(("answer", "status"), [(None, 0), (0, 0), (3, 3)])
def test_the_status_of_a_command_is_passed_on(
    install: Callable[..., None], answer: int | None, status: int
) -> None:
    install(lambda arguments: answer)
    assert main(["solve", "burgers"]) == status


def test_a_command_gets_its_arguments(
    install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: losing the options after the command; giving the command the program's own."""

    def run(arguments: argparse.Namespace) -> None:
        print_json({"problem": arguments.problem, "model": arguments.model})

    install(run)
    assert main(["--debug", "solve", "cavity", "--model", "physicsformer"]) == 0
    assert capsys.readouterr().out == '{\n  "problem": "cavity",\n  "model": "physicsformer"\n}\n'


def test_help_and_version(install: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: help that lists no commands, or an exit that is not 0."""
    install(lambda arguments: None)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{sciformer.__version__}\n"
    assert main(["--help"]) == 0
    assert "  solve         Solve a problem.\n" in capsys.readouterr().out
    assert main(["solve", "--help"]) == 0
    assert "Solve a problem." in capsys.readouterr().out
    assert main([]) == 2
    assert "  solve  " in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_error() -> None:
    """Kills: a BrokenPipeError traceback, from the command or from the interpreter's last flush."""
    command = [sys.executable, "-m", "sciformer", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_help_and_every_command_start_without_heavy_imports() -> None:
    """Kills: a heavy import at the top of a command module or of a package above it."""
    program = f"""
import sys
from sciformer.cli.main import main
from sciformer.cli.registry import entries
main(["--help"])
heavy = set({HEAVY!r})
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
for name, entry in entries("commands").items():
    entry.load()
    assert not heavy & sys.modules.keys(), (name, heavy & sys.modules.keys())
"""
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@NEEDS_CPU_TIME
def test_help_answers_at_once() -> None:
    """0.3 s of computing; twice that is allowed here, for the best of five."""
    command = [sys.executable, "-m", "sciformer", "--help"]
    assert min(seconds(command) for _ in range(5)) < 0.6


@NEEDS_CPU_TIME
def test_import_is_cheap() -> None:
    """0.1 s of computing; twice that is allowed here, for the best of five."""
    bare, loaded = [sys.executable, "-c", ""], [sys.executable, "-c", "import sciformer"]
    assert min(seconds(loaded) for _ in range(5)) - min(seconds(bare) for _ in range(5)) < 0.2


def seconds(command: list[str]) -> float:
    """CPU time, which does not grow while other programs wait for the same core."""
    before = os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


@pytest.mark.skipif(sys.platform == "win32", reason="a matter of shells")
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")],
)
def test_output_that_goes_nowhere_is_said(redirection: str, reason: str) -> None:
    """Kills: AttributeError of None, the interpreter's own words about a last flush."""
    done = subprocess.run(
        f"{sys.executable} -m sciformer list --json {redirection}",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    wanted = f"sciformer: standard output cannot be written ({reason}); give the command a terminal"
    assert done.stderr == f"{wanted} or a file on a disk with free space.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a matter of shells")
def test_without_stderr_the_answer_is_the_same() -> None:
    """Kills: sentences on stdout in place of a closed stderr."""
    command = f"{sys.executable} -m sciformer"
    plain, silent = (
        subprocess.run(f"{command} {words}", shell=True, capture_output=True, text=True, timeout=60)
        for words in ("list --json", "list --json 2>&-")
    )
    assert silent.stdout == plain.stdout
    bad = subprocess.run(f"{command} nothing 2>&-", shell=True, capture_output=True, timeout=60)
    assert (bad.returncode, bad.stdout) == (2, b"")
