"""The program `sciformer`: finds a command, runs it, turns errors into a line and a status."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Sequence

import sciformer
from sciformer.cli.console import note
from sciformer.cli.parser import Parser
from sciformer.cli.registry import entries
from sciformer.errors import SciformerError, UsageError, unknown_name
from sciformer.runs.launch import launch

# As programs of Unix have it: argparse ends with 2, a shell reports 128 + SIGINT.
FAILED, USAGE, INTERRUPTED = 1, 2, 130
STATUSES = {
    0: "success",
    FAILED: "the run failed",
    USAGE: "usage error: a wrong argument or a file that cannot be read",
    3: "`solve`, `identify`: not converged; `verify --share`: no proof",
    INTERRUPTED: "interrupted",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        One of `STATUSES`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if sys.stderr is None:  # closed by the caller; print would take stdout in its place
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        if sys.stdout is None:
            raise OutputError(errno.EBADF)
        status = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()  # the reader has all it wanted
        return 0
    except KeyboardInterrupt:
        note("sciformer: interrupted.")
        return INTERRUPTED
    except Exception as found:
        error = _designed(found)
        if debug:
            traceback.print_exc()
        note(_sentence(error, debug))
        if isinstance(error, OutputError):
            _silence_stdout()
        return USAGE if isinstance(error, UsageError) else FAILED
    return status


class OutputError(UsageError):
    """Standard output that cannot be written: closed, or on a full disk."""

    def __init__(self, number: int | None) -> None:
        reason = os.strerror(number or errno.EIO)
        super().__init__(
            f"sciformer: standard output cannot be written ({reason}); give the command a terminal "
            "or a file on a disk with free space."
        )


class MemoryUsageError(UsageError):
    """Sizes whose arrays this machine has no memory for."""


def _designed(error: Exception) -> Exception:
    """The error itself, or the package's own error for the same cause."""
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        return OutputError(error.errno)
    words = str(error)
    if isinstance(error, MemoryError) or any(text in words for text in _ALLOCATORS):
        return MemoryUsageError(
            "sciformer: these sizes need more memory than this machine gives; ask for fewer "
            "points, a smaller network or a shorter sequence."
        )
    if isinstance(error, RecursionError):
        return UsageError(
            "sciformer: what was given is nested deeper than Python can follow; write it flatter."
        )
    return error


_UNWRITABLE = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EDQUOT)
# How torch says that there is no memory, on the CPU and on other devices; sizes beyond 64 bits too.
_ALLOCATORS = (
    "DefaultCPUAllocator",
    "out of memory",
    "Storage size calculation overflowed",
    "numel: integer multiplication overflow",
)


def _silence_stdout() -> None:
    """Keeps the interpreter's own last flush quiet."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    """Parses what stands before the command, then hands the rest to the command."""
    first = next((i for i, word in enumerate(arguments) if not word.startswith("-")), None)
    try:
        parser = _top_parser(list_commands=first is None)
        parser.parse(arguments[:first])
        if first is None:
            parser.print_help(sys.stderr)
            return USAGE
        return _run(arguments[first], arguments[first + 1 :])
    except SystemExit as stop:  # how argparse ends after --help and --version
        return int(stop.code or 0)


def _run(name: str, rest: list[str]) -> int:
    commands = entries("commands")
    if name not in commands:
        raise unknown_name("sciformer", "command", name, commands)
    command = commands[name].load()
    if hasattr(command, "choose"):  # it stands for several, and the words say which
        command = command.choose(rest) or command
    parser = Parser(f"sciformer {name}", (command.__doc__ or "").partition("\n\n")[0])
    _add_debug(parser)
    command.configure(parser)
    parsed = parser.parse(rest)
    if not getattr(command, "SEVERAL_PROCESSES", False) and (started := launch()) is not None:
        raise UsageError(
            f"sciformer {name}: runs in one process, but torchrun started {started.size}, each "
            f"of which would do all the work; run `sciformer {name}` without torchrun."
        )
    return int(command.run(parsed) or 0)


def _top_parser(*, list_commands: bool) -> Parser:
    parser = Parser("sciformer", (sciformer.__doc__ or "").partition("\n")[0])
    parser.usage = "sciformer [--version] [--debug] COMMAND …"
    parser.add_argument("--version", action="version", version=sciformer.__version__)
    _add_debug(parser)
    if list_commands:
        lines = [f"  {name:<14}{entry.summary()}" for name, entry in entries("commands").items()]
        parser.epilog = "\n".join(["commands:", *lines])
    return parser


def _add_debug(parser: Parser) -> None:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _sentence(error: Exception, debug: bool) -> str:
    """The one line of an error for a person."""
    if isinstance(error, SciformerError):
        return str(error)
    text = f"sciformer: unexpected {type(error).__name__}"
    first_line = next(iter(str(error).splitlines()), "")
    hint = "" if debug else "; run again with --debug to see where"
    return f"{text}: {first_line}{hint}." if first_line else f"{text}{hint}."
