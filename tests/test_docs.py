"""Documents tell the truth: links lead somewhere, commands and names exist."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from sciformer.cli.parser import Parser
from sciformer.cli.registry import entries

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links to other sites are not followed: tests need no network."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        lies = (page.parent / link).resolve()
        assert lies.exists() or lies in generated(), link


@each
def test_every_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:^ {4}|`)sciformer ([a-z][a-z-]*)", text, re.MULTILINE))
    assert shown <= set(entries("commands"))


def hook(name: str) -> Any:
    """A hook of the documents' build, which lies outside of every package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_of_the_menu_exists_or_is_generated() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {ROOT / "docs" / page for page in re.findall(r": (\S+\.md)$", menu, re.MULTILINE)}
    assert pages == set((ROOT / "docs").rglob("*.md")) | generated()


def generated() -> set[Path]:
    """Pages that exist in the built documents only."""
    pages = hook("pages")
    names = ["commands.md", "gallery.md", *pages.FROM_ROOT]
    names += [f"reference/{package}.md" for package in pages.PACKAGES]
    return {ROOT / "docs" / name for name in names}


def test_the_command_line_reference_holds_every_command_and_option() -> None:
    """Kills: a command or option that the page leaves out; help that breaks a table."""
    page = hook("commands").page()
    for name, entry in entries("commands").items():
        part = page.partition(f"## sciformer {name}\n")[2].partition("\n## ")[0]
        parser = Parser(name)
        entry.load().configure(parser)
        for action in parser._actions[1:]:
            shown = (*action.option_strings, action.metavar, action.dest)[0] or action.dest
            assert re.search(rf"^\| `{shown}[^|]*\| \S.*\|$", part, re.MULTILINE), (name, shown)


def test_the_gallery_shows_problems_with_their_equations() -> None:
    """Kills: a field that keeps its arguments; a problem that the page does not list."""
    gallery = hook("gallery")
    flow = gallery.section("kovasznay", None)
    assert flow.count("$$") == 6
    assert r"\frac{\partial}{\partial x} u" in flow
    result = {"command": "sciformer solve burgers", "cpu_seconds": 20.4, "verdict": "converged"}
    shown = gallery.section("burgers", {**result, "relative_l2": 1.4e-8})
    assert "relative L2 error 1.4e-08, 20 s of CPU time, converged" in shown
    assert "figures/gallery/burgers.png" in shown
    ours = {
        name for name, entry in entries("problems").items() if entry.distribution == "sciformer"
    }
    assert set(gallery.names()) == ours


def test_every_public_name_is_documented() -> None:
    """Kills: a public name without a docstring, or that the reference cannot find."""
    pages = hook("pages")
    for package in pages.PACKAGES:
        text = pages.reference(package, "")
        home = importlib.import_module(package)
        for name in home.__all__:
            assert f"heading: {package}.{name}\n" in text
            assert getattr(home, name).__doc__, name
        for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE):
            assert pages.found(name).__doc__, name


def test_the_structure_names_every_package() -> None:
    """Kills: a package that is added, renamed or removed without a word in the plan."""
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    for section in ("sciformer", "pinn", "theory"):
        part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        named = set(re.findall(r"`([a-z_]+)`", part))
        packages = {path.parent.name for path in (ROOT / section).glob("*/__init__.py")}
        assert packages <= named, section


def resolved(name: str) -> bool:
    """Whether a dotted name is a module or lies in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name and module.startswith(error.name):
                continue
            raise
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@each
def test_every_dotted_name_exists(page: Path) -> None:
    """Kills: a module or an object that was renamed and still stands in a document."""
    groups = set(re.findall(r'entry-points."([\w.]+)"', (ROOT / "pyproject.toml").read_text()))
    text = page.read_text(encoding="utf-8")
    if page.name == "CHANGELOG.md":
        return  # names of earlier versions are part of its story
    if page.name == "single-layer-theorem.md":  # its names are relative, as its head says
        text = text.replace("`construction.", "`theory.universal.construction.")
    for name in re.findall(r"`((?:pinn|sciformer|theory)(?:\.\w+)+)(?:\(.*?\))?`", text):
        assert name in groups or resolved(name), name


def spoken() -> str:
    """All texts of the packages, message by message."""
    return "\n".join(
        node.value
        for package in ("sciformer", "pinn", "theory")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_messages_are_quoted_as_the_program_says_them() -> None:
    """Kills: a message that was reworded, so that a reader searches the page in vain."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r'"([^"]+)"', re.sub(r"`[^`]*`", "", text))
    parts = [part.strip() for quote in quoted for part in quote.split("…")]
    known = spoken()
    assert len(parts) > 40
    assert not [part for part in parts if part not in known]


def test_the_lines_that_a_certificate_rests_on_are_counted() -> None:
    """Kills: counts of an earlier version."""
    from benchmarks.trusted_lines import PARTS, lines

    text = (ROOT / "docs" / "theory" / "certificates.md").read_text(encoding="utf-8")
    own, *shared = (sum(map(lines, paths)) for paths in PARTS.values())
    assert f"{own:,} lines" in text
    assert f"{sum(shared):,} lines" in text
