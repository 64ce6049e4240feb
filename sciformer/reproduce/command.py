"""Experiments that are a command, so that a reader can type what is measured."""

from __future__ import annotations

import collections
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from sciformer.errors import RunError
from sciformer.reproduce.claims import Effort, Experiment, Trial

Reading = Callable[[Mapping[str, Any]], Mapping[str, float]]


def flat(result: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a JSON object by its dotted path; truth values count as 0 and 1."""
    return dict(_numbers(result, ""))


@dataclass(frozen=True)
class Command:
    """A `sciformer` command in a process of its own; calling it runs one trial.

    Options of the effort are added as `--key value`, then the seed, the trial's directory and
    --json. Progress goes to stderr as it comes.

    Attributes:
        words: the command and its arguments.
        read: takes the results from the JSON object.
        seed: the option for the trial's seed; None if the command has none.
        out: the option for the run directory; None if the command writes none.
    """

    words: tuple[str, ...]
    read: Reading = flat
    seed: str | None = "--seed"
    out: str | None = "--out"

    def __str__(self) -> str:
        return f"sciformer {shlex.join(self.words)}"

    def __call__(self, trial: Trial) -> Mapping[str, float]:
        """Runs one trial and returns its results.

        Raises:
            RunError: the command failed; its last words are the reason.
        """
        words = [sys.executable, "-m", "sciformer", *self.words]
        for key, value in trial.options.items():
            words += [f"--{key}", str(value)]
        words += [] if self.seed is None else [self.seed, str(trial.seed)]
        words += [] if self.out is None else [self.out, str(trial.directory / "run")]
        result = trial.directory / "result.json"
        with (
            result.open("w", encoding="utf-8") as stdout,
            subprocess.Popen(
                [*words, "--json"], stdout=stdout, stderr=subprocess.PIPE, text=True
            ) as process,
        ):
            last = _passed_on(process.stderr)
        if process.returncode:
            raise RunError(f"{self} ended with status {process.returncode}: {last}")
        return self.read(json.loads(result.read_text(encoding="utf-8")))

    def experiment(self, name: str, *, full: Effort, quick: Effort) -> Experiment:
        """An experiment whose trials run this command."""
        return Experiment(name, self, str(self), full, quick)


def _passed_on(lines: IO[str] | None) -> str:
    """Shows lines as they come, and returns the last few of them as one."""
    last: collections.deque[str] = collections.deque(maxlen=3)
    for line in lines or ():
        sys.stderr.write(line)
        last.append(line.strip())
    return " ".join(last)


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _numbers(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _numbers(child, f"{path}.{index}")
    elif isinstance(value, bool | int | float):
        yield path, float(value)
