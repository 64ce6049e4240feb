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

from pinn import Box, find_problem
from sciformer.cli.registry import entries

PAGE = "gallery.md"
FOLDER = Path(__file__).parents[1] / "figures" / "gallery"
# Where sympy's own equation is too long to read, what it means.
WRITTEN = {
    "poisson": [
        r"-\nabla^2 u = f, \quad f \text{ made for } u = "
        r"\sin \pi x \, \sin 2 \pi y + x (1 - x) \, y (1 - y) \, e^x",
    ],
    "cavity": [
        r"(u \cdot \nabla)\, u + \nabla p = \frac{1}{Re} \nabla^2 u",
        r"u = \left(\frac{\partial \psi}{\partial y}, -\frac{\partial \psi}{\partial x}\right)",
    ],
}
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
    written = [latex(equation, problem) for equation in problem.equations]
    written = WRITTEN.get(name, written)
    parts += [f"$$ {equation} $$\n" for equation in written]
    parameters = ", ".join(f"${sympy.latex(s)} = {v:.4g}$" for s, v in problem.parameters.items())
    parts.append(f"for {where(problem.domain)}{', with ' + parameters if parameters else ''}.\n")
    if problem.source:
        parts.append(f"Source: {problem.source}\n")
    if result is None:
        return "\n".join([*parts, f"    sciformer solve {name}\n"])
    error = result.get("relative_l2")
    said = "no reference" if error is None else f"relative L2 error {error:.1e}"
    parts.append(f"    {result['command']}\n")
    parts.append(f"{said}, {result['cpu_seconds']:.0f} s of CPU time, {result['verdict']}.\n")
    parts.append(f"![{name}](figures/gallery/{name}.png)\n")
    if (FOLDER / f"{name}.gif").exists():
        parts.append(
            f"The same as a film, by `{result['command']} --out runs/{name}` and "
            f"`sciformer export runs/{name} --format gif`:\n"
        )
        parts.append(f"![{name} as a film](figures/gallery/{name}.gif)\n")
    return "\n".join(parts)


def latex(equation: Any, problem: Any) -> str:
    """An equation with its fields written without arguments."""
    text = sympy.latex(equation)
    for field in problem.fields:
        name = sympy.latex(sympy.Symbol(str(field.func)))
        text = text.replace(sympy.latex(field).removeprefix(name), "")  # also behind a power
    return text


def where(domain: Any) -> str:
    """A domain in words: a box by its intervals."""
    if not isinstance(domain, Box):
        return str(domain).replace("*", "×")
    sides = (
        rf"${sympy.latex(sympy.Symbol(name))} \in [{low:g}, {high:g}]$"
        for name, (low, high) in domain.intervals.items()
    )
    return ", ".join(sides)
