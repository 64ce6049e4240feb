"""Writes the gallery of all registered problems when the documents are built.

Equations and conditions come from the problems, pictures and errors from what
`python -m benchmarks.gallery` left in docs/figures/gallery.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sympy
from mkdocs.structure.files import File, Files

from pinn import find_problem
from sciformer.cli.registry import entries

PAGE = "gallery.md"
FOLDER = Path(__file__).parents[1] / "figures" / "gallery"
OURS = "sciformer"  # problems of other packages that happen to be installed are left out


def on_files(files: Files, config: Any) -> Files:
    """Adds the page to those that are built."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """The whole page as Markdown."""
    record = FOLDER / "results.json"
    results = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    parts = [
        "# Gallery\n",
        "Every problem that `sciformer list problems` shows, with the command that made its "
        "picture. Errors are relative L2 errors against the reference named in the problem's "
        "source. These are single runs of one seed, a look at each problem rather than a "
        "benchmark; five seeds of several problems are on the page [Performance](performance.md). "
        "All pictures: "
        "`python -m benchmarks.gallery`.\n",
    ]
    parts += [section(name, results.get(name)) for name in names()]
    return "\n".join(parts)


def names() -> list[str]:
    """Names of our own problems."""
    return [name for name, entry in entries("problems").items() if entry.distribution == OURS]


def section(name: str, result: dict[str, Any] | None) -> str:
    """One problem: title, equations, parameters, and the picture if there is one."""
    problem = find_problem(name)
    parts = [f"## {name}\n", f"{problem.title or problem.name}.\n"]
    parts += [f"$$ {latex(equation, problem)} $$\n" for equation in problem.equations]
    parameters = ", ".join(f"${sympy.latex(s)} = {v:.4g}$" for s, v in problem.parameters.items())
    where = f"on {problem.domain!s}".replace("*", "×")
    parts.append(f"{where}{', with ' + parameters if parameters else ''}.\n")
    if problem.source:
        parts.append(f"Source: {problem.source}\n")
    if result is None:
        return "\n".join([*parts, f"    sciformer solve {name}\n"])
    error = result.get("relative_l2")
    said = "no reference" if error is None else f"relative L2 error {error:.1e}"
    parts.append(f"    {result['command']}\n")
    parts.append(f"{said}, {result['cpu_seconds']:.0f} s of CPU time, {result['verdict']}.\n")
    parts.append(f"![{name}](figures/gallery/{name}.png)\n")
    return "\n".join(parts)


def latex(equation: Any, problem: Any) -> str:
    """An equation with its fields written without arguments."""
    text = sympy.latex(equation)
    for field in problem.fields:
        text = text.replace(sympy.latex(field), sympy.latex(sympy.Symbol(str(field.func))))
    return text
