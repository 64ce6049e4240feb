"""Realistic mistakes, one at a time, and whether the tests of their package notice.

    python -m benchmarks.mutants pinn/loss theory/universal/verifier --each 8 --seed 0

Every chosen file gets up to `--each` mutants: a comparison or an operator exchanged, a constant
changed, a condition negated, a check dropped, a keyword argument forgotten. The tests of a package
run once unchanged, and it is written down which test runs which line. A mutant then meets the tests
that run its line (its file, where no test runs the line by itself), the quickest first, until one
fails or a minute of tests has passed. Survivors are listed with their line; those that cannot
change any result are argued in `benchmarks/equivalent_mutants.json` and do not count. A mutant that
outlasts three times the unchanged tests counts as noticed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mutations import ROOT, Mutant, mutants
from benchmarks.touching import Touched, record

COPIED = ("sciformer", "pinn", "theory", "tests", "benchmarks", "docs", "notebooks")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
# Imported once, before the children fork: a third of a small test run is the import of these.
PRELOADED = ("torch", "sympy", "scipy.optimize", "matplotlib.figure", "coverage", "pytest")
# Seconds to collect the tests; those of the tests themselves come on top, threefold.
START = 60.0
# A survivor meets the quickest tests of its line up to so many seconds: some lines are run by all.
MOST_SECONDS = 60.0


def tests_of(file: str) -> str:
    """The folder whose tests judge a source file: that of its package.

    The whole of `pinn`, whose packages are tested through one another; one package of `theory` or
    `sciformer`; all tests for a file that stands in none.
    """
    root, *packages = Path(file).parent.parts
    own = packages[:1] if root == "sciformer" else [root, *packages[: int(root == "theory")]]
    folder = Path("tests", *own)
    return str(folder if any((ROOT / folder).rglob("test_*.py")) else Path("tests"))


class Checkout:
    """A copy of the packages and tests in which one file at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, folder)

    def touched(self, tests: str) -> Touched:
        """Which of the unchanged tests runs which line, and how long each takes.

        Raises:
            SystemExit: a test fails unchanged.
        """
        path = self.folder / "touched.json"
        if not self._child(lambda: record(self.folder, tests, path), limit=3600):
            raise SystemExit(f"mutants: {tests} fails unchanged; mend it first.")
        return Touched.read(path)

    def passes(self, tests: Sequence[str], limit: float, mutant: Mutant) -> bool | None:
        """Whether the tests pass with a mutant; None where they outlast the limit."""
        path = self.folder / mutant.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.source, encoding="utf-8")
        try:
            return self._child(lambda: _pytest(*tests), limit)
        finally:
            path.write_text(original, encoding="utf-8")

    def _child(self, work: Callable[[], int], limit: float) -> bool | None:
        """Whether a piece of work returns 0 in a process of its own; None past the limit."""
        child = os.fork()
        if child == 0:
            self._work(work)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def _work(self, work: Callable[[], int]) -> None:
        """Runs in the child, and ends it."""
        code = 1
        try:
            os.setsid()
            os.chdir(self.folder)
            sys.path.insert(0, str(self.folder))
            sys.dont_write_bytecode = True
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            code = work()
        finally:
            os._exit(code)


def _pytest(*tests: str) -> int:
    import pytest

    return int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]))


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


class Examiner:
    """Tries mutants of one source file after the other, by the tests that can notice them."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._touched: dict[str, Touched] = {}
        self._argued = json.loads(EQUIVALENT.read_text(encoding="utf-8"))

    def examine(self, folder: str, each: int, seed: int, lines: int) -> Score:
        """Tries `each` mutants of every file of a folder that has at least `lines` lines."""
        score = Score(folder, 0, 0, 0, [])
        start = ROOT / folder
        for path in [start] if start.suffix == ".py" else sorted(start.rglob("*.py")):
            if len(path.read_text(encoding="utf-8").splitlines()) < lines:
                continue
            found = mutants(path)
            chosen = random.Random(f"{seed}{path.name}").sample(found, min(each, len(found)))
            for mutant in chosen:
                self._try(mutant, score)
        return score

    def _try(self, mutant: Mutant, score: Score) -> None:
        survived = self._survives(mutant)
        if survived and mutant.change in self._argued.get(mutant.file, {}):
            score.equivalent += 1
            return
        score.tried += 1
        score.noticed += not survived
        if survived:
            score.survivors.append(f"{mutant.file}:{mutant.line} {mutant.change}")
            print(score.survivors[-1], file=sys.stderr, flush=True)

    def _survives(self, mutant: Mutant) -> bool:
        folder = tests_of(mutant.file)
        if folder not in self._touched:
            self._touched[folder] = self._checkout.touched(folder)
        touched = self._touched[folder]
        tests = touched.able_to_notice(mutant, MOST_SECONDS) or [folder]
        limit = START + 3 * touched.seconds(tests)
        return self._checkout.passes(tests, limit, mutant) is True


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
    choice = (arguments.each, arguments.seed, arguments.lines)
    with tempfile.TemporaryDirectory() as scratch:
        examiner = Examiner(Checkout(Path(scratch)))
        scores = [examiner.examine(name.rstrip("/"), *choice) for name in arguments.folders]
    if arguments.json:
        print(json.dumps([asdict(score) for score in scores], indent=1))
        return
    print("| package | mutants | noticed | equivalent | score |\n| --- | --- | --- | --- | --- |")
    for score in scores:
        print(score.row())


if __name__ == "__main__":
    main()
