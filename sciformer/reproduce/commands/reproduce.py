"""Measure what the papers claim, and print claim, paper's number, ours and verdict."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciformer.reproduce.campaign import Campaign
    from sciformer.reproduce.claims import Paper
    from sciformer.reproduce.report import Report
    from sciformer.runs import Run

EPILOG = """examples:
  sciformer reproduce all --quick
  sciformer reproduce physicsformer --out runs/physicsformer
  sciformer reproduce --resume runs/physicsformer
  sciformer list claims

Every verdict follows from a limit that is written in the code and in the table. Finished trials
survive a kill: --resume runs only what is missing. The run directory holds report.md, report.json,
one picture per paper, and the files of every trial."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument("paper", nargs="?", help="a paper (see `sciformer list claims`), or all")
    parser.add_argument("--quick", action="store_true", help="fewer seeds, shorter trainings")
    parser.add_argument(
        "--seeds", type=positive_integer, metavar="N", help="number of trials of every experiment"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="DIR", help="new run directory")
    place.add_argument("--resume", type=Path, metavar="DIR", help="run directory to continue")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs what is missing; the report is rewritten after every trial."""
    from sciformer.cli.console import note, print_json
    from sciformer.reproduce.report import Report

    campaign, label = _campaign(arguments)
    total = len(campaign.open_trials())
    note(
        f"reproduce: {total} trials, about {campaign.forecast_minutes():.0f} minutes on two "
        f"cores; results in {campaign.run.path}"
    )
    report = Report.of(campaign, label)
    for count, (experiment, seed, outcome) in enumerate(campaign.go(), 1):
        ended = outcome.failure or f"done in {outcome.seconds:.0f} s"
        note(
            f"[{count}/{total}] {experiment.name}, seed {seed}: {ended}; "
            f"about {campaign.forecast_minutes():.0f} minutes left"
        )
        report = Report.of(campaign, label)
        _write(report, campaign)
    _write(report, campaign)
    if arguments.json:
        print_json({**report.summary(), "run": str(campaign.run.path)})
    else:
        _print(report, campaign)
    return int(report.has_broken())


def _campaign(arguments: argparse.Namespace) -> tuple[Campaign, str]:
    """The campaign asked for, or the one to continue, and what its effort is called."""
    from operator import attrgetter

    from sciformer.reproduce.campaign import Campaign
    from sciformer.runs import Run

    if arguments.resume:
        old = _checked(Run.open(arguments.resume))
        asked = {"paper": arguments.paper, "seeds": arguments.seeds}
        config = {**old, **{key: value for key, value in asked.items() if value is not None}}
        if arguments.quick:
            config["effort"] = "quick"
        run = Run.resume(arguments.resume, config)
    else:
        effort = "quick" if arguments.quick else "full"
        config = {"paper": _named(arguments.paper), "effort": effort, "seeds": arguments.seeds}
        run = Run.create(arguments.out, "reproduce", config)
    papers, seeds = _papers(config["paper"]), config["seeds"]
    label = config["effort"] + ("" if seeds is None else f", {seeds} seed{'s' * (seeds != 1)}")
    return Campaign(papers, attrgetter(config["effort"]), run, seeds), label


def _checked(run: Run) -> dict[str, Any]:
    """The configuration of a run of this command, of its types."""
    from sciformer.errors import DataError

    config = run.config
    seeds = config.get("seeds", 0)
    is_ours = (
        isinstance(config.get("paper"), str)
        and config.get("effort") in ("quick", "full")
        and (seeds is None or (type(seeds) is int and seeds > 0))
    )
    if not is_ours:
        raise DataError(
            f"reproduce: {run.path} is a run of {run.kind!r}, not of `sciformer reproduce`; name "
            "another."
        )
    _named(config["paper"])
    return config


def _named(paper: str | None) -> str:
    from sciformer.cli.registry import entries
    from sciformer.errors import UsageError, unknown_name

    known = [*entries("claims"), "all"]
    if paper is None:
        raise UsageError(f"sciformer reproduce: which paper? Known: {', '.join(known)}.")
    if paper not in known:
        raise unknown_name("sciformer reproduce", "paper", paper, known)
    return paper


def _papers(name: str) -> list[Paper]:
    from sciformer.cli.registry import entries

    known = entries("claims")
    return [known[key].load()() for key in (known if name == "all" else [name])]


def _print(report: Report, campaign: Campaign) -> None:
    from sciformer.cli.console import note, print_table

    for paper, rows in report.sections:
        note(f"\n{paper.title} ({paper.source}), effort: {report.effort}")
        cells = [
            (row.claim.statement, row.claim.published, row.ours, row.verdict.value) for row in rows
        ]
        print_table(cells, ("claim", "paper", "ours", "verdict"))
    note(f"\nlimits, commands, remarks and pictures: {campaign.run.path}/report.md")


def _write(report: Report, campaign: Campaign) -> None:
    from sciformer.reproduce.figures import draw_verdicts

    run = campaign.run
    run.write_json("report.json", report.summary())
    with run.file("report.md") as path:
        path.write_text(report.markdown(), encoding="utf-8")
    for paper, rows in report.sections:
        with run.file(f"{paper.name}.png") as path:
            draw_verdicts(paper, rows, path)
