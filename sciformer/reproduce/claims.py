"""Claims of papers, and the experiments that measure them here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sciformer.reproduce.verdicts import Rule


@dataclass(frozen=True)
class Trial:
    """One run of an experiment.

    Attributes:
        seed: of everything random in it.
        options: of the effort, such as a budget in seconds.
        directory: of this trial alone, empty; what is written there is kept.
    """

    seed: int
    options: Mapping[str, Any]
    directory: Path


@dataclass(frozen=True)
class Effort:
    """Thoroughness with which an experiment is run.

    Attributes:
        seeds: number of trials, with seeds 0, 1, …
        minutes: of one trial on two cores, for the forecast.
        options: handed to the trial.
    """

    seeds: int
    minutes: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A measurement that several claims may read from.

    Attributes:
        name: unique among all papers; part of file names.
        measure: the results of one trial by name; whatever it raises is reported, not hidden.
        command: what a reader types to see such a trial.
        full: the effort behind a verdict.
        quick: a smaller one, labelled as such.
    """

    name: str
    measure: Callable[[Trial], Mapping[str, float]]
    command: str
    full: Effort
    quick: Effort


@dataclass(frozen=True)
class Claim:
    """A statement of a paper that can be measured here.

    Attributes:
        statement: the claim in our words.
        where: place in the paper, as far as we could read it.
        published: the paper's number.
        experiment: measures it.
        metric: which of the experiment's results.
        rule: decides the verdict.
        note: what a reader must know to compare the two numbers.
    """

    statement: str
    where: str
    published: str
    experiment: Experiment
    metric: str
    rule: Rule
    note: str = ""


@dataclass(frozen=True)
class Untestable:
    """A claim that cannot be measured here, and why.

    Attributes:
        statement: the claim in our words.
        where: place in the paper.
        published: the paper's number.
        reason: what is missing.
    """

    statement: str
    where: str
    published: str
    reason: str


@dataclass(frozen=True)
class Paper:
    """A paper and its claims.

    Attributes:
        name: as on the command line.
        title: of the paper, or what it is known by.
        source: arXiv number and venue.
        claims: in the order of the table.
    """

    name: str
    title: str
    source: str
    claims: tuple[Claim | Untestable, ...]

    def experiments(self) -> list[Experiment]:
        """Every experiment once, in the order of the claims."""
        testable = [claim for claim in self.claims if isinstance(claim, Claim)]
        return list({claim.experiment.name: claim.experiment for claim in testable}.values())
