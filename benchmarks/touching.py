"""Which test runs which line of the source: the tests that can notice a change of it."""

from __future__ import annotations

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
        durations: test -> seconds, its fixtures included.
    """

    lines: dict[str, dict[str, list[str]]]
    durations: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Touched:
        """The record that `record` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def of_lines(self, mutant: Mutant) -> list[str]:
        """Tests that run a line of a mutant, the quickest first."""
        lines = self.lines.get(mutant.file, {})
        found = {
            test
            for line in range(mutant.line, mutant.last + 1)
            for test in lines.get(str(line), [])
        }
        return sorted(found, key=lambda test: (self.seconds([test]), test))

    def of_file(self, file: str) -> list[str]:
        """Test files of which a test runs a line of a source file."""
        lines = self.lines.get(file, {}).values()
        return sorted({test.partition("::")[0] for tests in lines for test in tests})

    def seconds(self, tests: Sequence[str]) -> float:
        """Seconds of tests, test files and folders together."""
        return sum(
            seconds
            for name, seconds in self.durations.items()
            if any(name.startswith(test) for test in tests)
        )


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
