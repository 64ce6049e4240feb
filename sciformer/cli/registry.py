"""Installed commands, problems and claims by name, found without importing them."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from sciformer.cli.shadowing import InstallationError, refuse_foreign

KINDS = (
    "commands",
    "problems",
    "families",
    "claims",
    "mixers",
    "cores",
    "compressions",
    "exports",
    "learners",
    "streams",
    "verifiers",
)
_OURS = "sciformer"


@dataclass(frozen=True)
class Entry:
    """One installed name, announced by an entry point of some distribution."""

    point: EntryPoint

    @property
    def distribution(self) -> str:
        """Name of the distribution that provides it."""
        return self.point.dist.name if self.point.dist else ""

    def summary(self) -> str:
        """First line of its docstring, read from the source so that nothing is imported."""
        path = _source(self.point.module)
        if path is None:
            return ""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node for node in tree.body if getattr(node, "name", None) == self.point.attr]
        documented = [node for node in (*named, tree) if isinstance(node, _DOCUMENTED)]
        return next(filter(None, map(ast.get_docstring, documented)), "").partition("\n")[0]

    def load(self) -> Any:
        """The module or object itself.

        Raises:
            InstallationError: its module is missing, or a foreign package hides it.
        """
        module = self.point.module
        if self.distribution == _OURS and self.point.dist is not None:
            refuse_foreign(module.partition(".")[0], self.point.dist)
        try:
            return self.point.load()
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module}.".startswith(f"{error.name}."):
                raise InstallationError(
                    f"sciformer: {self.point.name!r} needs the module {module}, which does not "
                    f"exist; reinstall {self.distribution}."
                ) from error
            raise


_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.ClassDef)


def entries(kind: str) -> dict[str, Entry]:
    """Everything installed of one kind, by name in alphabetical order.

    Args:
        kind: one of `KINDS`; any distribution adds to it by the entry-point group
            `sciformer.<kind>`.
    """
    points = sorted(entry_points(group=f"sciformer.{kind}"), key=lambda point: point.name)
    return {point.name: Entry(point) for point in points}


def _source(module: str) -> Path | None:
    """File of a module, by the search path of its top package alone."""
    top, *inner = module.split(".")
    spec = importlib.util.find_spec(top)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        stem = Path(folder, *inner)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return Path(spec.origin) if spec and spec.origin and not inner else None
