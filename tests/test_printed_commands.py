"""Every command that a document, a help text or a claim prints is understood by the program."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sciformer.cli.parser import Parser
from sciformer.cli.registry import entries
from sciformer.errors import UsageError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Commands that stand for several, by the kind of the run that they are given.
BY_KIND = {
    "export": "exports",
    "compress": "compressions",
    "learn": "learners",
    "stream": "streams",
}
PROGRAM = re.compile(r"^(?:torchrun (?:--\S+ \S+ )*-m )?sciformer(?: (.*))?$")


def printed(text: str) -> Iterator[str]:
    """Commands in code blocks, line by line, and in backticks; without comments and results."""
    fenced = re.findall(r"^```(?:console|bash|sh|text)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4}(\S.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)
    for line in [*indented, *(row for block in fenced for row in block.splitlines())]:
        yield from re.split(
            r" && |; (?=sciformer|torchrun)", re.sub(r"\s+#.*$", "", line).removeprefix("$ ")
        )
    yield from re.findall(r"`((?:torchrun|sciformer|python|pytest) [^`\n]*)`", text)


def parser_of(command: object, name: str) -> Parser:
    parser = Parser(f"sciformer {name}")
    parser.add_argument("--debug", action="store_true")
    command.configure(parser)  # type: ignore[attr-defined]
    return parser


def understood(words: list[str]) -> argparse.Namespace:
    """The parsed arguments; a command that stands for several is any of them.

    Raises:
        UsageError: by every one of them.
    """
    name, *rest = words
    commands = entries("commands")
    if name not in commands:
        raise UsageError(f"{name} is not a command")
    tried = [commands[name], *(entries(BY_KIND[name]).values() if name in BY_KIND else ())]
    error: UsageError | None = None
    for entry in tried:
        try:
            return parser_of(entry.load(), name).parse(rest)
        except UsageError as found:
            error = error or found
    assert error is not None, "a loop that finds nothing has an error"
    raise error


def check(line: str) -> None:
    """Fails with the line and the reason if the program would refuse it."""
    program = PROGRAM.match(line)
    assert program, line
    words = shlex.split(program[1] or "")
    if not words or words[0].startswith("-") or len(words) == 1:
        assert not words or words[0] in {"--version", "--help"} or words[0] in entries("commands")
        return  # the name of a command, in a sentence about it
    if words[1:] == ["--help"]:
        assert words[0] in entries("commands"), line
        return
    try:
        parsed = understood([word for word in words if word != "--help"])
    except UsageError as error:
        pytest.fail(f"{line}\n{error}")
    problem = getattr(parsed, "problem", None)
    if words[0] == "solve" and problem and not problem.endswith(".py"):
        assert problem in {**entries("problems"), **entries("families")}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_printed_command_parses(page: Path) -> None:
    """Kills: a row of reproduced.md without --epsilon; an option that was renamed."""
    for line in printed(page.read_text(encoding="utf-8")):
        if PROGRAM.match(line):
            check(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_printed_benchmark_and_test_exists(page: Path) -> None:
    """Kills: a benchmark that was renamed; an option that it does not have."""
    for line in printed(page.read_text(encoding="utf-8")):
        if found := re.match(r"python (?:-m )?(benchmarks[./][\w.]+)(.*)", line):
            path = ROOT / (found[1].removesuffix(".py").replace(".", "/") + ".py")
            source = path.read_text(encoding="utf-8")
            for word in re.findall(r"(?:^| )(-{0,2}[a-z][\w-]*)", found[2]):
                bare = word.lstrip("-")
                assert bare in source or bare.replace("-", "_") in source, (line, word)
        elif line.startswith("pytest "):
            for word in shlex.split(line)[1:]:
                assert "/" not in word or (ROOT / word).exists(), line


@pytest.mark.parametrize("name", sorted(entries("commands")))
def test_the_examples_of_every_help_text_parse(name: str) -> None:
    """Kills: an example in an epilog that its own command refuses."""
    command = entries("commands")[name].load()
    epilog = parser_of(command, name).epilog or ""
    for line in re.findall(r"^  (?:.* \| )?((?:torchrun.*|sciformer) .*)$", epilog, re.MULTILINE):
        for part in re.split(r"; (?=sciformer)| && ", line):
            check(part)


def test_the_command_of_every_claim_parses() -> None:
    """Kills: a claim whose printed command lacks what its trials add."""
    count = 0
    for entry in entries("claims").values():
        for claim in entry.load()().claims:
            experiment = getattr(claim, "experiment", None)
            if experiment is not None and PROGRAM.match(experiment.command):
                check(experiment.command)
                count += 1
    assert count > 10


def test_a_wrong_command_is_found() -> None:
    """Kills: a check that accepts whatever begins with the program's name."""
    with pytest.raises(pytest.fail.Exception, match="--epsilon"):
        check("sciformer compile 'x1*x2' --tokens 2")
    with pytest.raises(pytest.fail.Exception, match="--buget"):
        check("sciformer solve burgers --buget 3")
    with pytest.raises(AssertionError):
        check("sciformer solve burger --budget 3")
    lines = "text `sciformer list problems`\n\n    sciformer show RUN  # note\n"
    assert list(printed(lines)) == ["sciformer show RUN", "sciformer list problems"]


def test_every_python_block_of_the_documents_compiles() -> None:
    """Kills: a block with a typing error; names that a public package does not have."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            code = compile(block, str(page), "exec", dont_inherit=True)
            assert code is not None
            for module, names in re.findall(r"^from ([\w.]+) import (.+)$", block, re.MULTILINE):
                if module.partition(".")[0] in {"sciformer", "pinn", "theory"}:
                    home = importlib.import_module(module)
                    for name in re.findall(r"\w+", names.partition("#")[0]):
                        assert hasattr(home, name), (page, module, name)
            for package, name in re.findall(r"\b(sciformer|pinn|theory)\.(\w+)", block):
                home = importlib.import_module(package)
                known = hasattr(home, name) or (ROOT / package / f"{name}.py").exists()
                assert known or (ROOT / package / name).is_dir(), (page, package, name)
