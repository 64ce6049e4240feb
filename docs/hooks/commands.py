"""Writes the command-line reference from the parsers themselves when the documents are built."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any
from unittest import mock

from mkdocs.structure.files import File, Files

from sciformer.cli.main import STATUSES
from sciformer.cli.parser import Parser
from sciformer.cli.registry import entries

PAGE = "commands.md"
# Commands that stand for several, by the kind of the run that they are given.
BY_KIND = {"export": "exports", "compress": "compressions"}
# And those whose own page is that of the usual kind, with the kinds that have another.
OTHERS = {
    "learn": ("learners", "sciformer learn {}"),
    "stream": ("streams", "sciformer stream RUN, a run of `{}`"),
}
WIDTH = {"COLUMNS": "100"}  # usage lines break here, whatever the terminal of the build


def on_files(files: Files, config: Any) -> Files:
    """Adds the page to those that are built."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """The whole page as Markdown."""
    parts = ["# Command line\n", _preamble()]
    for name, entry in entries("commands").items():
        parts.append(section(f"sciformer {name}", entry.load()))
    for name, group in BY_KIND.items():
        for kind, entry in entries(group).items():
            parts.append(section(f"sciformer {name} RUN, a run of `{kind}`", entry.load()))
    for name, (group, title) in OTHERS.items():
        usual = entries("commands")[name].load()
        for kind, entry in entries(group).items():
            if (other := entry.load()) is not usual:
                parts.append(section(title.format(kind), other))
    return "\n".join(parts)


def section(title: str, command: Any) -> str:
    """One command: what it does, its usage, its arguments, its examples and remarks."""
    parser = Parser(title.partition(",")[0], command.__doc__)
    command.configure(parser)
    first, _, rest = (command.__doc__ or "").partition("\n")
    with mock.patch.dict(os.environ, WIDTH):
        usage = parser.format_usage().removeprefix("usage: ")
    parts = [f"## {title}\n", _escaped(f"{first}\n{rest}"), f"```text\n{usage.rstrip()}\n```\n"]
    rows = [_row(action) for action in parser._actions if action.dest != "help"]
    if rows:
        parts += ["| argument | meaning |", "| --- | --- |", *rows, ""]
    return "\n".join([*parts, _epilog(parser.epilog or "")])


def _preamble() -> str:
    rows = "\n".join(f"| {status} | {meaning} |" for status, meaning in STATUSES.items())
    return (
        "Generated from the program's own parsers. Every command has `--help`, and `--debug`, "
        "which shows the traceback of an error.\n\n"
        f"| exit status | meaning |\n| --- | --- |\n{rows}\n"
    )


def _row(action: argparse.Action) -> str:
    choices = "" if action.choices is None else ", ".join(f"`{word}`" for word in action.choices)
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if isinstance(value, tuple):
        value = " ".join(value)
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    shown = f"{name} {value}" if action.option_strings and value and not choices else name
    said = _escaped((action.help or "").replace("%%", "%")).replace("|", "\\|")
    shown = shown.replace("|", " or ")  # a bar would part the cell
    return f"| `{shown}` | {'; '.join(filter(None, [said, choices]))} |"


def _epilog(text: str) -> str:
    """Indented lines become code, the others stay prose."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        code = [line.strip() for line in lines if line.startswith("  ")]
        prose = [line for line in lines if not line.startswith("  ")]
        if prose:
            blocks.append(_escaped("\n".join(prose)) + "\n")
        if code:
            blocks.append("```text\n" + "\n".join(code) + "\n```\n")
    return "\n".join(blocks)


def _escaped(text: str) -> str:
    """Text in which neither <word> nor an asterisk is markup; code in backticks stays."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"<(\w+)>", r"&lt;\1&gt;", p).replace("*", r"\*") for p in parts[::2]]
    return "".join(parts)
