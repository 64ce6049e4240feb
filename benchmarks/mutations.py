"""Realistic mistakes of a source file: single changes of its syntax tree that can alter results.

Method: DeMillo, Lipton, Sayward 1978.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
# Names that are easily taken for one another.
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "amin": "amax", "amax": "amin"}
NAMES |= {"minimum": "maximum", "maximum": "minimum", "floor": "ceil", "ceil": "floor"}


@dataclass(frozen=True)
class Mutant:
    """One changed place of one file.

    Attributes:
        file: path from the root of the repository.
        line: first line of the change.
        last: its last line.
        change: original and changed expression.
        source: the whole changed file.
    """

    file: str
    line: int
    last: int
    change: str
    source: str


class _Places(ast.NodeVisitor):
    """Nodes whose change can alter a result: no annotation, docstring, message or type check."""

    def __init__(self) -> None:
        self.nodes: list[ast.AST] = []

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        self.nodes.append(node)
        skipped = {"annotation", "returns", "decorator_list"}
        if isinstance(node, ast.Raise):
            skipped |= {"exc", "cause"}
        for name, value in ast.iter_fields(node):
            if name not in skipped:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        self.visit(child)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """All single changes of one node, each as a new node in its place."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        changed = deepcopy(node)
        changed.ops = [COMPARISONS[type(node.ops[0])]()]
        yield changed
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.Constant):
        yield from _constants(node.value)
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        changed = deepcopy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield changed
    if isinstance(node, ast.Raise | ast.AugAssign):
        yield ast.Pass()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()
    if isinstance(node, ast.Call) and node.keywords and not _is_silencing(node):
        changed = deepcopy(node)
        changed.keywords = changed.keywords[1:]
        yield changed
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], node.ctx)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)


def _is_silencing(call: ast.Call) -> bool:
    """Whether a call only keeps warnings quiet, which no result shows."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "errstate"


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 10 if value else 1.0)


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a file, in the order of its text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    places = _Places()
    places.visit(tree)
    found = []
    for node in places.nodes:
        for new in _changes(node):
            source = _replaced(tree, node, new)
            change = f"{ast.unparse(node).splitlines()[0]}  ->  {ast.unparse(new).splitlines()[0]}"
            # A negated condition is run where the condition is, not in the branches under it.
            place = getattr(node, "test", node)
            lines = getattr(place, "lineno", 0), getattr(place, "end_lineno", 0)
            found.append(Mutant(str(path.relative_to(ROOT)), *lines, change[:160], source))
    return found


class _Swap(ast.NodeTransformer):
    """Puts one node in the place of another, in the tree itself."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _replaced(tree: ast.Module, old: ast.AST, new: ast.AST) -> str:
    """The source of the tree with `new` for `old`; the tree itself is left as it was."""
    source = ast.unparse(ast.fix_missing_locations(_Swap(old, new).visit(tree)))
    _Swap(new, old).visit(tree)
    return source
