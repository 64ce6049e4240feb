"""Documents tell the truth: links lead somewhere, commands and names exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from sciformer.cli.registry import entries

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links to other sites are not followed: tests need no network."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@each
def test_every_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:^ {4}|`)sciformer ([a-z][a-z-]*)", text, re.MULTILINE))
    assert shown <= set(entries("commands"))


def test_every_page_of_the_menu_exists() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r": (\S+\.md)$", menu, re.MULTILINE)
    assert {ROOT / "docs" / page for page in pages} == set((ROOT / "docs").rglob("*.md"))


def test_every_name_of_the_reference_exists_and_is_documented() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    names = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert len(names) > 10
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(importlib.import_module(module), attribute).__doc__, name


def test_the_structure_names_every_package() -> None:
    """Kills: a package that is added, renamed or removed without a word in the plan."""
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    for section in ("sciformer", "pinn", "theory"):
        part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        named = set(re.findall(r"`([a-z_]+)`", part))
        packages = {path.parent.name for path in (ROOT / section).glob("*/__init__.py")}
        assert packages <= named, section
