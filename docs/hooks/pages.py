"""Writes the reference of public names, and the pages that lie in the root of the repository."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
FROM_ROOT = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
# Packages whose public names are documented, and what each is for.
PACKAGES = {
    "pinn": "Differential equations: problems, solving, identification.",
    "sciformer": "Attention, sequence models and what the other packages share.",
    "theory": "Compiled layers and flows, certificates, expressivity.",
}
# Public names of subpackages that have no short name at the top.
FURTHER = {
    "sciformer": (
        "sciformer.attention.positions.base.Position",
        "sciformer.attention.cores.core.Core",
        "sciformer.attention.scoring.Scoring",
        "sciformer.attention.parts.part",
        "sciformer.attention.parts.merge",
        "sciformer.attention.influence.influences",
        "sciformer.attention.masks.Mass",
        "sciformer.attention.masks.Window",
        "sciformer.attention.certified.certified_attend",
        "sciformer.attention.ragged.attend_ragged",
        "sciformer.mixers.protocol.TokenMixer",
        "sciformer.sequence.presets.make_model",
    ),
    "theory": ("theory.flows.verifier.verify.verify_flow",),
}


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages to those that are built."""
    for package, purpose in PACKAGES.items():
        text = reference(package, purpose)
        files.append(File.generated(config, f"reference/{package}.md", content=text))
    for page, source in FROM_ROOT.items():
        files.append(File.generated(config, page, content=from_root(source)))
    return files


def reference(package: str, purpose: str) -> str:
    """Every public name of a package, under the name by which it is imported."""
    home = importlib.import_module(package)
    parts = [f"# `{package}`\n", f"{purpose}\n"]
    for name in sorted(home.__all__, key=str.casefold):
        parts.append(directive(getattr(home, name), f"{package}.{name}"))
    parts += [directive(found(path), path) for path in FURTHER.get(package, ())]
    return "\n".join(parts)


def directive(thing: Any, heading: str) -> str:
    """The lines by which mkdocstrings documents an object under a heading of our choice."""
    place = f"{thing.__module__}.{thing.__qualname__}"
    return f"::: {place}\n    options:\n      heading: {heading}\n      toc_label: {heading}\n"


def found(path: str) -> Any:
    """The object of a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def from_root(source: str) -> str:
    """A page of the root, its links into docs made relative to that folder."""
    text = (ROOT / source).read_text(encoding="utf-8")
    return re.sub(r"\]\(docs/", "](", text)
