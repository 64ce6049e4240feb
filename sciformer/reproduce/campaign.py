"""Runs experiments trial by trial; what is finished survives a kill and is not run again."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sciformer.errors import DataError
from sciformer.reproduce.claims import Effort, Experiment, Paper, Trial

if TYPE_CHECKING:
    from sciformer.runs import Run


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Result of one trial.

    Attributes:
        metrics: results by name; empty if it failed.
        seconds: it took.
        failure: the error in one line; None if it went well.
    """

    metrics: dict[str, float | None]
    seconds: float
    failure: str | None = None


class Campaign:
    """All trials of some papers, in one run directory.

    Args:
        papers: whose claims are measured.
        effort: of an experiment, such as `operator.attrgetter("quick")`.
        run: keeps one file per finished trial, `results/EXPERIMENT-SEED.json`.
        seeds: instead of the effort's own number of trials.
    """

    def __init__(
        self,
        papers: Sequence[Paper],
        effort: Callable[[Experiment], Effort],
        run: Run,
        seeds: int | None = None,
    ) -> None:
        self.papers, self.run = papers, run
        experiments = [experiment for paper in papers for experiment in paper.experiments()]
        self.efforts: dict[str, Effort] = {
            experiment.name: dataclasses.replace(effort(experiment), seeds=seeds)
            if seeds is not None
            else effort(experiment)
            for experiment in experiments
        }
        self._experiments = {experiment.name: experiment for experiment in experiments}
        self._failures: dict[tuple[str, int], Outcome] = {}

    def outcomes(self, experiment: Experiment) -> dict[int, Outcome]:
        """Results of an experiment so far, by seed."""
        found = {
            seed: self._finished(experiment.name, seed)
            for seed in range(self.efforts[experiment.name].seeds)
        }
        return {seed: outcome for seed, outcome in found.items() if outcome is not None}

    def open_trials(self) -> list[tuple[Experiment, int]]:
        """Every trial that was not run yet; the first seed of all experiments comes first."""
        trials = [
            (experiment, seed)
            for experiment in self._experiments.values()
            for seed in range(self.efforts[experiment.name].seeds)
            if self._finished(experiment.name, seed) is None
        ]
        return sorted(trials, key=lambda trial: trial[1])

    def forecast_minutes(self) -> float:
        """Minutes that the open trials will take, by the estimates of their efforts."""
        return sum(self.efforts[experiment.name].minutes for experiment, _ in self.open_trials())

    def go(self) -> Iterator[tuple[Experiment, int, Outcome]]:
        """Runs the open trials one after another.

        Yields:
            Experiment, seed and outcome, after the outcome was written.
        """
        for experiment, seed in self.open_trials():
            outcome = self._attempt(experiment, seed)
            if outcome.failure is None:
                self.run.write_json(_file(experiment.name, seed), dataclasses.asdict(outcome))
            else:
                self._failures[experiment.name, seed] = outcome
            yield experiment, seed, outcome

    def _attempt(self, experiment: Experiment, seed: int) -> Outcome:
        """Runs a trial; one that raises must not take the others with it."""
        directory = self.run.path / "trials" / f"{experiment.name}-{seed}"
        shutil.rmtree(directory, ignore_errors=True)  # of an attempt that was killed
        directory.mkdir(parents=True)
        trial = Trial(seed, self.efforts[experiment.name].options, directory)
        begun = time.monotonic()
        try:
            measured = experiment.measure(trial)
        except Exception as error:
            first_line = next(iter(str(error).splitlines()), "")
            failure = f"{type(error).__name__}: {first_line}"
            return Outcome({}, time.monotonic() - begun, failure)
        metrics: dict[str, float | None] = {key: float(value) for key, value in measured.items()}
        return Outcome(metrics, time.monotonic() - begun)

    def _finished(self, name: str, seed: int) -> Outcome | None:
        return self._stored(name, seed) or self._failures.get((name, seed))

    def _stored(self, name: str, seed: int) -> Outcome | None:
        record: Any = self.run.read_json(_file(name, seed))
        if record is None:
            return None
        if not isinstance(record, dict) or not _is_outcome(record):
            raise DataError(
                f"reproduce: {self.run.path / _file(name, seed)} is not what this program writes; "
                "remove it to run that trial again."
            )
        return Outcome(**record)


def _is_outcome(record: dict[str, Any]) -> bool:
    """Whether a stored outcome has the fields of one, of their types."""
    metrics, seconds, failure = (record.get(key) for key in ("metrics", "seconds", "failure"))
    return (
        record.keys() <= {"metrics", "seconds", "failure"}
        and isinstance(metrics, dict)
        and all(v is None or type(v) in (int, float) for v in metrics.values())
        and type(seconds) in (int, float)
        and (failure is None or isinstance(failure, str))
    )


def _file(name: str, seed: int) -> str:
    return f"results/{name}-{seed}.json"
