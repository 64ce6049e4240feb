"""Private words of this code base stay out of docstrings, messages and documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sciformer", "pinn", "theory")
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "mkdocs.yml", "pyproject.toml"]
PAGES += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))]
PAGES += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "notebooks").glob("*.py"))]

# A private word, and the word of the field for it.
PRIVATE = {
    r"houses?": "package",
    r"rooms?": "package, buffer, margin or free space",
    r"arrows?": "dependency",
    r"twins?": "reference implementation or version",
    r"told": "reported, determined or distinguished",
    r"asked wrongly": "usage error",
    r"held-out residual": "validation residual",
    r"errs by": "has an error of",
    r"speaks? of": "is about, covers",
    r"every figure for machines": "all numbers, machine-readable",
    r"figures of (?:one|a) (?:trial|compilation|training)": "results",
    r"(?:All|The) figures": "all results, the pictures",
    r"refused (?:in|with) a sentence": "rejected with an error message",
    r"for ever": "without end",
    r"steers nothing": "is only displayed",
    r"the least residual": "the smallest residual",
}
# Where such a word is the field's own, or somebody else's.
ALLOWED = (
    r"arrow = ",  # of einsum, a name in an example
    r"^told: ",  # an argument of that name
)
WORDS = re.compile(r"\b(?:" + "|".join(PRIVATE) + r")\b")


def found(text: str) -> list[str]:
    """Lines that hold a private word, with the word."""
    lines = [line.strip() for line in text.splitlines()]
    marked = [(line, WORDS.search(line)) for line in lines]
    return [
        f"{word[0]!r}: {line}"
        for line, word in marked
        if word and not any(re.search(allowed, line) for allowed in ALLOWED)
    ]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and messages: string constants of more than one word."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_and_messages_use_the_words_of_the_field(package: str) -> None:
    """Kills: "asked wrongly" in a docstring; a message in which an unknown "is not told"."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {hit}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in texts(path)
        for hit in found(text)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_documents_use_the_words_of_the_field(page: str) -> None:
    """Kills: "the spiking twin" in a notebook; "rooms" in the name of a contract."""
    assert not found((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_docstring_begins_in_the_middle_of_a_sentence(package: str) -> None:
    """Kills: a summary such as "Of each field" or "As before"."""
    wrong = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                summary = (ast.get_docstring(node) or "").partition("\n")[0]
                if re.match(r"(?:Of|With|As before)\b", summary):
                    wrong.append(f"{path.relative_to(ROOT)}: {summary}")
    assert not wrong, "\n".join(wrong)


def test_a_private_word_is_found() -> None:
    """Kills: a pattern that matches nothing, or that matches parts of words."""
    assert found("a room for numbers") == ["'room': a room for numbers"]
    assert found("the spiking twin\nno mushrooms, no headroom") == ["'twin': the spiking twin"]
    assert found("2 if it was asked wrongly")


STIFF = re.compile(
    r"(?<!there )\b(?:is|are) no (?!longer|more|less|nearer|larger|better|worse|proof|such)\w"
    r"|\bwants\b"
)
"""As in "'3x' is no number"; "is not a number" and "expects" are what an engineer writes."""


@pytest.mark.parametrize("package", PACKAGES)
def test_error_messages_read_as_an_engineer_writes(package: str) -> None:
    """Kills: a message translated word by word."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {text.value}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        for text in ast.walk(node)
        if isinstance(text, ast.Constant) and STIFF.search(str(text.value))
    ]
    assert not wrong, "\n".join(wrong)
