"""Campaigns: trials are run once, survive a kill, and one that fails takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sciformer.cli import registry
from sciformer.cli.main import main
from sciformer.errors import DataError
from sciformer.reproduce import (
    AtLeast,
    AtMost,
    Between,
    Campaign,
    Claim,
    Effort,
    Experiment,
    Paper,
    Report,
    Trial,
    Untestable,
    Verdict,
)
from sciformer.runs import Run


class Bench:
    """Experiments that count how often they run."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, float]] = []
        self.broken = False

    def experiment(self, name: str, measure: Callable[[Trial], Mapping[str, float]]) -> Experiment:
        def counted(trial: Trial) -> Mapping[str, float]:
            self.calls.append((name, trial.seed, trial.options["scale"]))
            return measure(trial)

        return Experiment(
            name,
            counted,
            f"measure {name} | tee",
            full=Effort(3, 2.0, {"scale": 10.0}),
            quick=Effort(2, 0.5, {"scale": 1.0}),
        )

    def fragile(self, trial: Trial) -> Mapping[str, float]:
        if self.broken and trial.seed == 1:
            raise ArithmeticError("the flask\nbroke")
        return {"width": 7.0}

    def paper(self) -> Paper:
        steady = self.experiment(
            "steady", lambda t: {"error": (1 + t.seed) * t.options["scale"], "count": 53.0}
        )
        fragile = self.experiment("fragile", self.fragile)
        return Paper(
            "toy",
            "A toy",
            "nowhere 2026",
            (
                Claim("small error", "abstract", "2", steady, "error", AtMost(2.0, 0.2), "a note"),
                Claim("a count", "table 1", "53", steady, "count", Between(53, 53), "a note"),
                Claim("wide|r", "figure 2", "8", fragile, "width", AtLeast(8.0)),
                Untestable("best on a cluster", "section 5", "99 %", "needs a cluster."),
            ),
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def campaign(bench: Bench, run: Run, effort: str = "quick", seeds: int | None = None) -> Campaign:
    return Campaign([bench.paper()], attrgetter(effort), run, seeds)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", "reproduce", {})


def verdicts(report: Report) -> list[Verdict]:
    return [row.verdict for _, rows in report.sections for row in rows]


def test_experiments_are_shared_and_every_seed_runs_once(bench: Bench, run: Run) -> None:
    """Kills: an experiment per claim; seeds in the order of experiments."""
    ours = campaign(bench, run)
    assert ours.forecast_minutes() == 4 * 0.5
    list(ours.go())
    assert bench.calls == [
        ("steady", 0, 1.0),
        ("fragile", 0, 1.0),
        ("steady", 1, 1.0),
        ("fragile", 1, 1.0),
    ]
    assert ours.forecast_minutes() == 0
    wanted = [Verdict.HOLDS, Verdict.HOLDS, Verdict.SHORT, Verdict.UNTESTABLE]
    assert verdicts(Report.of(ours, "quick")) == wanted


def test_a_kill_loses_only_the_trial_it_hit(bench: Bench, run: Run) -> None:
    """Kills: results written at the end; finished trials run again."""
    first = campaign(bench, run)
    going = first.go()
    next(going)
    next(going)
    report = Report.of(first, "quick")
    assert verdicts(report)[0] is Verdict.UNFINISHED
    assert report.sections[0][1][0].values == (1.0,)
    del going, first
    list(campaign(bench, run).go())
    assert [call[:2] for call in bench.calls] == [
        ("steady", 0),
        ("fragile", 0),
        ("steady", 1),
        ("fragile", 1),
    ]


def test_a_failure_is_told_takes_no_other_with_it_and_is_tried_again(
    bench: Bench, run: Run
) -> None:
    """Kills: a failure stored as a result; a failure that ends the campaign."""
    bench.broken = True
    ours = campaign(bench, run)
    list(ours.go())
    report = Report.of(ours, "quick")
    assert verdicts(report)[2] is Verdict.BROKEN
    assert verdicts(report)[0] is Verdict.HOLDS
    assert report.has_broken()
    assert report.sections[0][1][2].remark == "Seed 1: ArithmeticError: the flask."
    assert ours.open_trials() == []
    bench.broken = False
    again = campaign(bench, run)
    assert [(experiment.name, seed) for experiment, seed in again.open_trials()] == [("fragile", 1)]
    list(again.go())
    assert not Report.of(again, "quick").has_broken()


def test_effort_and_seeds_are_as_asked(bench: Bench, run: Run) -> None:
    """Kills: a claim refuted by a shorter training than the full one."""
    ours = campaign(bench, run, "full", seeds=1)
    list(ours.go())
    assert bench.calls == [("steady", 0, 10.0), ("fragile", 0, 10.0)]
    assert verdicts(Report.of(ours, "full"))[2] is Verdict.FAILS


def test_a_figure_that_is_missing_or_not_finite_is_no_result(bench: Bench, run: Run) -> None:
    """Kills: NaN taken as a value; a KeyError."""
    odd = bench.experiment("odd", lambda trial: {"error": float("nan")})
    rows = (
        Claim("nan", "-", "-", odd, "error", AtMost(1.0)),
        Claim("absent", "-", "-", odd, "width", AtMost(1.0)),
    )
    ours = Campaign([Paper("odd", "Odd", "-", rows)], attrgetter("quick"), run)
    list(ours.go())
    report = Report.of(ours, "quick")
    assert verdicts(report) == [Verdict.BROKEN, Verdict.BROKEN]
    assert "width is not a finite number" in report.sections[0][1][1].remark


def test_the_markdown_holds_every_column(bench: Bench, run: Run) -> None:
    """Kills: a bar in a cell that splits the row; a remark that is lost or told twice."""
    ours = campaign(bench, run)
    list(ours.go())
    lines = Report.of(ours, "quick").markdown().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 9 for line in rows)
    assert "| small error [1] | abstract | 2 | 1.5 (1 to 2, 2 seeds) | holds |" in rows[2]
    assert "| a count [1] | table 1 | 53 | 53 (2 seeds) | holds | = 53 |" in rows[3]
    assert lines.count("[1] a note  ") == 1
    assert "[2] needs a cluster.  " in lines
    assert "Effort: quick." in lines


def test_a_damaged_result_is_refused(bench: Bench, run: Run) -> None:
    run.write_json("results/steady-0.json", {"colour": "blue"})
    with pytest.raises(DataError, match=r"steady-0\.json is not what this program writes"):
        campaign(bench, run).open_trials()


@pytest.fixture
def registered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The toy paper under the group of claims."""
    toy: Any = SimpleNamespace(load=lambda: bench.paper)
    installed = registry.entries
    monkeypatch.setattr(
        registry, "entries", lambda kind: {"toy": toy} if kind == "claims" else installed(kind)
    )
    return bench


def test_the_command_writes_the_report_and_continues(
    registered: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a resumed campaign that forgets its effort or its seeds."""
    out = tmp_path / "run"
    registered.broken = True
    assert main(["reproduce", "toy", "--quick", "--out", str(out), "--json"]) == 1
    said = capsys.readouterr()
    assert "4 trials, about 2 minutes on two cores" in said.err
    assert "fragile, seed 1: ArithmeticError: the flask" in said.err
    assert json.loads(said.out)["papers"][0]["claims"][2]["verdict"] == "did not run"
    registered.broken = False
    assert main(["reproduce", "--resume", str(out)]) == 0
    assert len(registered.calls) == 5
    assert registered.calls[-1] == ("fragile", 1, 1.0)
    report = json.loads((out / "report.json").read_text())
    assert report["papers"][0]["claims"][0]["values"] == [1.0, 2.0]
    assert (out / "report.md").read_text().startswith("## A toy (nowhere 2026)")
    assert (out / "toy.png").stat().st_size > 5000
    assert "small error" in capsys.readouterr().out


def test_what_cannot_be_reproduced_is_refused(
    registered: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce"]) == 2
    assert "which paper? Known: toy, all" in capsys.readouterr().err
    assert main(["reproduce", "tot"]) == 2
    assert "unknown paper 'tot'. Did you mean 'toy'?" in capsys.readouterr().err
    assert main(["reproduce", "toy", "--quick", "--out", str(tmp_path / "run")]) == 0
    assert main(["reproduce", "--resume", str(tmp_path / "run"), "--seeds", "1"]) == 2
    assert "seeds None -> 1" in capsys.readouterr().err


def test_a_trial_has_an_empty_directory_of_its_own(bench: Bench, run: Run) -> None:
    """Kills: one directory for all; leftovers of an attempt that was killed."""
    seen: list[Path] = []

    def note(trial: Trial) -> Mapping[str, float]:
        assert list(trial.directory.iterdir()) == []
        (trial.directory / "kept").touch()
        seen.append(trial.directory)
        return {"error": 0.0}

    leftover = run.path / "trials" / "tidy-0" / "half"
    leftover.mkdir(parents=True)
    claim = Claim("-", "-", "-", bench.experiment("tidy", note), "error", AtMost(1.0))
    list(Campaign([Paper("p", "P", "-", (claim,))], attrgetter("quick"), run).go())
    assert seen == [run.path / "trials" / "tidy-0", run.path / "trials" / "tidy-1"]
    assert all((directory / "kept").exists() for directory in seen)
