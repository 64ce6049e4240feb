"""Which test runs which line of the source: the tests that can notice a change of it."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from coverage import Coverage

from benchmarks.mutations import Mutant

PACKAGES = ("sciformer", "pinn", "theory")


@dataclass(frozen=True)
class Touched:
    """Lines that tests ran, and the seconds of each test.

    Attributes:
        lines: source file -> line -> tests; a fixture of wider scope counts for its test file.
        durations: test, and test file -> seconds, fixtures included.
    """

    lines: dict[str, dict[str, list[str]]]
    durations: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Touched:
        """The record that `record` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def able_to_notice(self, mutant: Mutant, most: float) -> list[str]:
        """Tests that run a line of a mutant, or of its file where none does, the quickest first.

        Args:
            mutant: the change.
            most: seconds of tests that are enough; the quickest test is always there.
        """
        lines = self.lines.get(mutant.file, {})
        own = [lines.get(str(line), []) for line in range(mutant.line, mutant.last + 1)]
        found = {test for tests in own for test in tests}
        found = found or {test for tests in lines.values() for test in tests}
        seconds = {test: self.seconds([test]) for test in found}
        ordered = sorted(found, key=lambda test: (seconds[test], test))
        total = itertools.accumulate(seconds[test] for test in ordered)
        chosen = [test for test, spent in zip(ordered, total, strict=True) if spent <= most]
        return chosen or ordered[:1]

    def seconds(self, tests: Sequence[str]) -> float:
        """Seconds of tests and test files together; those of all where one is a folder."""
        known = [self.durations.get(test) for test in tests]
        return sum(self.durations.values() if None in known else filter(None, known))


class _Contexts:
    """A pytest plugin that tells the line counter whose lines it counts."""

    def __init__(self, counter: Coverage) -> None:
        self._counter = counter
        self.durations: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._counter.switch_context(item.nodeid)
        result = yield
        self._counter.switch_context("")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Iterator[None]:
        """What a fixture of a whole file runs is run for every test of that file."""
        if fixturedef.scope == "function":
            return (yield)
        test = request._pyfuncitem.nodeid
        self._counter.switch_context(test.partition("::")[0])
        result = yield
        self._counter.switch_context(test)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.durations[report.nodeid] += report.duration
        self.durations[report.nodeid.partition("::")[0]] += report.duration


def record(folder: Path, tests: str, path: Path) -> int:
    """Runs tests, writes a `Touched` to a file, and returns the exit status of pytest."""
    counter = Coverage(data_file=None, source=[str(folder / name) for name in PACKAGES])
    contexts = _Contexts(counter)
    counter.start()
    arguments = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", tests]
    code = int(pytest.main(arguments, plugins=[contexts]))
    counter.stop()
    data = counter.get_data()
    lines = {}
    for file in data.measured_files():
        ran = data.contexts_by_lineno(file)
        named = {str(line): [name for name in names if name] for line, names in ran.items()}
        lines[str(Path(file).relative_to(folder))] = named
    path.write_text(json.dumps(asdict(Touched(lines, dict(contexts.durations)))), encoding="utf-8")
    return code
