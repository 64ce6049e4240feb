"""The program `sciformer`: finds a command, runs it, turns errors into a sentence and a status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import sciformer
from sciformer.cli.parser import Parser
from sciformer.cli.registry import entries
from sciformer.errors import SciformerError, UsageError, unknown_name

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        0 if it went well, 1 if the run failed, 2 if it was asked wrongly, 130 if interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has all it wanted; keep the interpreter's own last flush quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("sciformer: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(_sentence(error, debug), file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILED
    return status


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
    parser = Parser(f"sciformer {name}", command.__doc__)
    _add_debug(parser)
    command.configure(parser)
    return int(command.run(parser.parse(rest)) or 0)


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
    """The one line that a person sees of an error."""
    if isinstance(error, SciformerError):
        return str(error)
    text = f"sciformer: unexpected {type(error).__name__}"
    first_line = next(iter(str(error).splitlines()), "")
    hint = "" if debug else "; run again with --debug to see where"
    return f"{text}: {first_line}{hint}." if first_line else f"{text}{hint}."
