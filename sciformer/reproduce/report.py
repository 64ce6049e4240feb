"""The table of a campaign: every claim, the paper's number, ours, the verdict."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from sciformer.reproduce.campaign import Campaign, Outcome
from sciformer.reproduce.claims import Claim, Paper, Untestable
from sciformer.reproduce.verdicts import Verdict

COLUMNS = ("claim", "where", "paper", "ours", "verdict", "by", "command", "minutes")


@dataclass(frozen=True)
class Row:
    """One claim and its verdict.

    Attributes:
        claim: of the paper.
        values: ours, one per finished seed.
        verdict: by the claim's rule.
        minutes: of all trials of its experiment; other claims may share them.
        remark: why there is no verdict, or the claim's note.
    """

    claim: Claim | Untestable
    values: tuple[float, ...]
    verdict: Verdict
    minutes: float
    remark: str

    @property
    def ours(self) -> str:
        """Median, range and number of seeds."""
        if not self.values:
            return "-"
        median = f"{statistics.median(self.values):.3g}"
        if len(self.values) == 1:
            return f"{median} (1 seed)"
        if min(self.values) == max(self.values):
            return f"{median} ({len(self.values)} seeds)"
        spread = f"{min(self.values):.3g} to {max(self.values):.3g}"
        return f"{median} ({spread}, {len(self.values)} seeds)"

    @property
    def rule(self) -> str:
        """The rule that decided the verdict."""
        return str(self.claim.rule) if isinstance(self.claim, Claim) else "-"

    @property
    def command(self) -> str:
        """The command that runs one trial."""
        return self.claim.experiment.command if isinstance(self.claim, Claim) else ""

    def summary(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {
            "claim": self.claim.statement,
            "where": self.claim.where,
            "paper": self.claim.published,
            "median": statistics.median(self.values) if self.values else None,
            "least": min(self.values, default=None),
            "greatest": max(self.values, default=None),
            "values": list(self.values),
            "seeds": len(self.values),
            "verdict": self.verdict.value,
            "rule": self.rule,
            "command": self.command,
            "minutes": self.minutes,
            "remark": self.remark,
        }


@dataclass(frozen=True)
class Report:
    """The rows of every paper.

    Attributes:
        effort: how thoroughly it was measured, for the heading.
        sections: each paper with its rows, in the order of the claims.
    """

    effort: str
    sections: tuple[tuple[Paper, tuple[Row, ...]], ...]

    @classmethod
    def of(cls, campaign: Campaign, effort: str) -> Report:
        """The report on a campaign so far."""
        sections = [
            (paper, tuple(_row(claim, campaign) for claim in paper.claims))
            for paper in campaign.papers
        ]
        return cls(effort, tuple(sections))

    def has_broken(self) -> bool:
        """Whether an experiment could not be run at all."""
        return any(row.verdict is Verdict.BROKEN for _, rows in self.sections for row in rows)

    def summary(self) -> dict[str, Any]:
        """The report as JSON values."""
        papers = [
            {
                "name": paper.name,
                "title": paper.title,
                "source": paper.source,
                "claims": [row.summary() for row in rows],
            }
            for paper, rows in self.sections
        ]
        return {"effort": self.effort, "papers": papers}

    def markdown(self) -> str:
        """One table per paper, with the remarks below it."""
        return "\n".join(self._section(paper, rows) for paper, rows in self.sections)

    def _section(self, paper: Paper, rows: tuple[Row, ...]) -> str:
        lines = [f"## {paper.title} ({paper.source})", "", f"Effort: {self.effort}.", ""]
        lines += [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
        numbers: dict[str, int] = {}  # rows of the same remark share its number
        for row in rows:
            mark = ""
            if row.remark:
                mark = f" [{numbers.setdefault(row.remark, len(numbers) + 1)}]"
            lines.append(_line([row.claim.statement + mark, *_cells(row)]))
        lines += ["", *(f"[{number}] {remark}  " for remark, number in numbers.items()), ""]
        return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    command = f"`{row.command}`" if row.command else "-"
    minutes = f"{row.minutes:.1f}" if row.minutes else "-"
    where, published = row.claim.where, row.claim.published
    return [where, published, row.ours, row.verdict.value, row.rule, command, minutes]


def _line(cells: Any) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _row(claim: Claim | Untestable, campaign: Campaign) -> Row:
    if isinstance(claim, Untestable):
        return Row(claim, (), Verdict.UNTESTABLE, 0.0, claim.reason)
    outcomes = campaign.outcomes(claim.experiment)
    values, failures = _read(outcomes, claim)
    minutes = sum(outcome.seconds for outcome in outcomes.values()) / 60
    wanted = campaign.efforts[claim.experiment.name].seeds
    if failures:
        return Row(claim, values, Verdict.BROKEN, minutes, failures[0])
    if len(values) < wanted:
        remark = f"{len(values)} of {wanted} seeds finished."
        return Row(claim, values, Verdict.UNFINISHED, minutes, remark)
    verdict = claim.rule.judge(values)
    shorter = campaign.efforts[claim.experiment.name].options != claim.experiment.full.options
    if verdict is Verdict.FAILS and shorter:
        verdict = Verdict.SHORT  # a shorter training refutes nothing
    return Row(claim, values, verdict, minutes, claim.note)


def _read(outcomes: dict[int, Outcome], claim: Claim) -> tuple[tuple[float, ...], list[str]]:
    """The claim's value for every seed, and the reasons for missing ones."""
    values, failures = [], []
    for seed, outcome in outcomes.items():
        value = outcome.metrics.get(claim.metric)
        if value is not None and math.isfinite(value):
            values.append(value)
        else:
            failures.append(
                f"Seed {seed}: {outcome.failure or f'{claim.metric} is not a finite number'}."
            )
    return tuple(values), failures
