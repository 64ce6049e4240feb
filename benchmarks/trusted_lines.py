"""Counts the lines of code that a verified certificate rests on: no comments, docstrings, blanks.

python benchmarks/trusted_lines.py
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from sciformer.cli.console import print_table

ROOT = Path(__file__).parents[1] / "theory" / "universal"
PARTS = {
    "verifier": [*ROOT.glob("verifier/*.py")],
    "formula (shared with the certifier)": [*ROOT.glob("formula/*.py")],
    "files and layer (shared)": [
        ROOT / name for name in ("format.py", "reading.py", "layer.py", "arrays.py")
    ],
}
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines(path: Path) -> int:
    """Lines of a file that hold code."""
    text = path.read_text(encoding="utf-8")
    remarks: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            remarks |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return len({t.start[0] for t in tokens if t.type not in _NO_CODE} - remarks)


if __name__ == "__main__":
    print_table([[name, sum(map(lines, paths))] for name, paths in PARTS.items()], ["", "lines"])
