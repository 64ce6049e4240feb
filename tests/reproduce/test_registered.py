"""What every registered paper keeps, whoever registers it."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from sciformer.cli.registry import entries
from sciformer.reproduce import Campaign, Claim, Paper, Report, Untestable, Verdict
from sciformer.runs import Run

PAPERS = {name: entry.load()() for name, entry in entries("claims").items()}
# Experiments of a second or two, run here in earnest.
CHEAP = {
    *("sizes", "streaming", "obstructions", "blindness"),
    *("lean-splits", "bytetransformer-packed", "masformer-pairs", "combiner-regions"),
}


def test_the_papers_are_there() -> None:
    assert {"lmuformer", "physicsformer", "universal", "urpe"} <= set(PAPERS)
    attention = {"lean-attention", "bytetransformer", "masformer", "combiner"}
    assert attention | {"matformer", "dsformer"} <= set(PAPERS)
    assert all(paper.name == name for name, paper in PAPERS.items())


def test_no_two_experiments_share_a_name() -> None:
    """Their results would overwrite each other."""
    names = [e.name for paper in PAPERS.values() for e in paper.experiments()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_claims_are_told_whole(paper: Paper) -> None:
    assert paper.source
    for claim in paper.claims:
        assert claim.statement
        assert claim.where
        assert claim.published
        assert isinstance(claim, Claim) or claim.reason.endswith(".")
    experiments = paper.experiments()
    assert all(e.quick.seeds <= e.full.seeds for e in experiments)
    assert all(0 < e.quick.minutes <= e.full.minutes for e in experiments)


def test_all_papers_quickly_in_ten_minutes() -> None:
    """The forecast of `reproduce all --quick`; the slow suite measures it."""
    efforts = [e.quick for paper in PAPERS.values() for e in paper.experiments()]
    assert sum(effort.seeds * effort.minutes for effort in efforts) <= 10


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_cheap_experiments_give_what_their_claims_read(paper: Paper, tmp_path: Path) -> None:
    """Kills: a figure that no experiment gives."""
    claims = [c for c in paper.claims if isinstance(c, Untestable) or c.experiment.name in CHEAP]
    if len(claims) == sum(isinstance(c, Untestable) for c in claims):
        pytest.skip("every experiment of this paper trains or compiles")
    part = Paper(paper.name, paper.title, paper.source, tuple(claims))
    campaign = Campaign([part], attrgetter("quick"), Run.create(tmp_path / "run", "reproduce", {}))
    list(campaign.go())
    report = Report.of(campaign, "quick")
    rows = report.sections[0][1]
    assert not [row.remark for row in rows if row.verdict is Verdict.BROKEN]
    expected = {
        "53 times fewer parameters than AST": Verdict.HOLDS,
        "65 times fewer operations than AST": Verdict.FAILS,
        "one head is enough (heads that 8 tokens of width 4 need at least)": Verdict.FAILS,
        "with the universal factor it does not (relative spread)": Verdict.HOLDS,
        "attention by any split of the keys is exact (largest difference)": Verdict.HOLDS,
        "pairs saved by a quarter of full layers, in %": Verdict.FAILS,
        "full attention where it can be: regions of equal keys as published (largest error)": (
            Verdict.FAILS
        ),
        "the same with the logarithm of the size in the logit": Verdict.HOLDS,
        "error over our bound, keys without order": Verdict.HOLDS,
    }
    verdicts = {row.claim.statement: row.verdict for row in rows}
    assert all(verdicts[name] is expected[name] for name in expected.keys() & verdicts.keys())


@pytest.mark.slow
def test_all_papers_quickly(tmp_path: Path) -> None:
    """Ten minutes on two idle cores; nothing may break."""
    from sciformer.cli.main import main

    assert main(["reproduce", "all", "--quick", "--out", str(tmp_path / "run")]) == 0
