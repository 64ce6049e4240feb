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
    "pinn": {
        "pinn.jets": (
            "Jet",
            "Operators",
            "residual_jacobian",
            "fallback_jacobian",
            "compose",
            "Smooth",
            "wavelet",
            "MissingRuleError",
        ),
    },
    "sciformer": {
        "sciformer.attention": (
            "Position",
            "Core",
            "Scoring",
            "part",
            "merge",
            "influences",
            "Mass",
            "Window",
            "certified_attend",
            "attend_ragged",
        ),
        "sciformer.attention.cores": ("Cells",),
        "sciformer.mixers": ("TokenMixer",),
        "sciformer.sequence": (
            "make_model",
            "Architecture",
            "LMUFormer",
            "SpikingLMUFormer",
            "SequenceClassifier",
            "fold",
            "measure",
        ),
        "sciformer.compression": ("Task", "Edit", "rebuild"),
        "sciformer.runs": ("Run",),
    },
    "theory": {
        "theory.flows.verifier.verify": ("verify_flow",),
        "theory.expressivity": (
            "PositionDecoder",
            "PositionIdentification",
            "Recipe",
            "position_layer",
            "trained_row",
        ),
    },
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
    names = sorted(home.__all__, key=str.casefold)
    paths = [*(f"{package}.{name}" for name in names), *further(package)]
    parts = [f"# `{package}`\n", f"{purpose}\n"]
    return "\n".join([*parts, *(directive(found(path), path) for path in paths)])


def further(package: str) -> list[str]:
    """Names that are documented under the subpackage from which they are imported."""
    places = FURTHER[package].items()
    return [f"{place}.{name}" for place, names in places for name in names]


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
