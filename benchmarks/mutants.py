"""Realistic mistakes, one at a time, and whether the tests of their package notice.

    python -m benchmarks.mutants pinn/loss theory/universal/verifier --each 8 --seed 0

Every chosen file gets up to `--each` mutants: a comparison or an operator exchanged, a constant
changed, a condition negated, a check dropped, a keyword argument forgotten. For each the tests of
the package run with `-x` until the first failure. Survivors are listed with their line; those that
cannot change any result are argued in `benchmarks/equivalent_mutants.json` and do not count.

Method: DeMillo, Lipton, Sayward 1978. A mutant that outlasts three times the unchanged tests counts
as noticed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("sciformer", "pinn", "theory", "tests", "benchmarks", "docs", "notebooks")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
# Imported once, before the children fork: a third of a small test run is the import of these.
PRELOADED = ("torch", "sympy", "scipy.optimize", "matplotlib.figure")

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
        line: line of the change.
        change: original and changed expression.
        source: the whole changed file.
    """

    file: str
    line: int
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
    if isinstance(node, ast.Call) and node.keywords:
        changed = deepcopy(node)
        changed.keywords = changed.keywords[1:]
        yield changed
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], node.ctx)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)


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
            line = getattr(node, "lineno", 0)
            found.append(Mutant(str(path.relative_to(ROOT)), line, change[:160], source))
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


def tests_of(file: str) -> str:
    """The deepest folder of tests that mirrors a source file."""
    folder = ROOT / "tests" / Path(file).parent.relative_to(Path(file).parts[0])
    if Path(file).parts[0] != "sciformer":
        folder = ROOT / "tests" / Path(file).parent
    while not any(folder.glob("test_*.py")) and folder != ROOT / "tests":
        folder = folder.parent
    return str(folder.relative_to(ROOT))


class Checkout:
    """A copy of the packages and tests in which one file at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, folder)

    def passes(self, tests: str, limit: float, mutant: Mutant | None = None) -> bool | None:
        """Whether the tests pass, with a mutant or unchanged; None where they outlast the limit."""
        if mutant is None:
            return self._run(tests, limit)
        path = self._folder / mutant.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.source, encoding="utf-8")
        try:
            return self._run(tests, limit)
        finally:
            path.write_text(original, encoding="utf-8")

    def _run(self, tests: str, limit: float) -> bool | None:
        child = os.fork()
        if child == 0:
            os.setsid()
            self._test(tests)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def _test(self, tests: str) -> None:
        """Runs in the child, and ends it."""
        import pytest

        os.chdir(self._folder)
        sys.path.insert(0, str(self._folder))
        sys.dont_write_bytecode = True
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = 1
        try:
            code = int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", tests]))
        finally:
            os._exit(code)


@dataclass
class Score:
    """Mutants of one package.

    Attributes:
        package: folder of the source.
        tried: mutants that count.
        noticed: by a failing test, or by outlasting the limit.
        equivalent: survivors argued to change no result.
        survivors: those that live, as file:line change.
    """

    package: str
    tried: int
    noticed: int
    equivalent: int
    survivors: list[str]

    def row(self) -> str:
        """A line of the table."""
        share = f"{100 * self.noticed / self.tried:.0f} %" if self.tried else "-"
        cells = (self.package, self.tried, self.noticed, self.equivalent, share)
        return "| " + " | ".join(map(str, cells)) + " |"


def examine(folder: str, each: int, seed: int, lines: int) -> Score:
    """Tries `each` mutants of every file of a folder that has at least `lines` lines."""
    argued = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    score = Score(folder, 0, 0, 0, [])
    start = ROOT / folder
    files = [start] if start.suffix == ".py" else sorted(start.rglob("*.py"))
    with tempfile.TemporaryDirectory() as scratch:
        checkout = Checkout(Path(scratch))
        limits: dict[str, float] = {}
        for path in files:
            if len(path.read_text(encoding="utf-8").splitlines()) < lines:
                continue
            found = mutants(path)
            chosen = random.Random(f"{seed}{path.name}").sample(found, min(each, len(found)))
            for mutant in chosen:
                tests = tests_of(mutant.file)
                if tests not in limits:
                    began = time.monotonic()
                    if not checkout.passes(tests, 3600):
                        raise SystemExit(f"mutants: {tests} fails unchanged; mend it first.")
                    limits[tests] = 10 + 3 * (time.monotonic() - began)
                survived = checkout.passes(tests, limits[tests], mutant)
                if survived and mutant.change in argued.get(mutant.file, {}):
                    score.equivalent += 1
                    continue
                score.tried += 1
                score.noticed += not survived
                if survived:
                    score.survivors.append(f"{mutant.file}:{mutant.line} {mutant.change}")
                    print(score.survivors[-1], file=sys.stderr, flush=True)
    return score


def main() -> None:
    """Examines the folders named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("folders", nargs="+", help="source folders or files, e.g. pinn/loss")
    parser.add_argument("--each", type=int, default=8, help="mutants a file (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice")
    parser.add_argument("--lines", type=int, default=60, help="shortest file examined")
    parser.add_argument("--json", action="store_true", help="print scores as JSON")
    arguments = parser.parse_args()
    for name in PRELOADED:
        importlib.import_module(name)
    scores = []
    for folder in arguments.folders:
        scores.append(examine(folder.rstrip("/"), arguments.each, arguments.seed, arguments.lines))
    if arguments.json:
        print(json.dumps([asdict(score) for score in scores], indent=1))
        return
    print("| package | mutants | noticed | equivalent | score |\n| --- | --- | --- | --- | --- |")
    for score in scores:
        print(score.row())


if __name__ == "__main__":
    main()
