"""Limits of claims, written before anything was measured: they stay, or are moved in two places."""

from __future__ import annotations

import pytest

from sciformer.cli.registry import entries
from sciformer.reproduce import Claim

LIMITS = {
    "bytetransformer": ["87 | faster | median ≥ 87"],
    "combiner": [
        "1.5 | order | every seed in [1.45, 1.55]",
        "0 | published | median ≤ 1e-12",
        "- | with_mass | median ≤ 1e-12",
        "- | over_bound | median ≤ 1",
    ],
    "compiled-flows": [
        "2e-14 | median | median ≤ 1e-12",
        "1e-10 | worst | median ≤ 1e-09",
        "proven | bound_over_epsilon | median ≤ 1",
        "at most 1 | observed_over_bound | median ≤ 1",
        "2 | plain | every seed in [1.95, 2.05]",
        "4 | combined | every seed in [3.8, 4.2]",
        "1 | blind | every seed in [1, 1]",
        "1/2 | killed | every seed in [0.4, 0.6]",
        "rounding | images | median ≤ 1e-12",
    ],
    "dsformer": [
        "< 1 | error_ratio | median ≤ 1",
        "> 0 | made | median ≥ 0.1",
        "> 0 | trained | median ≥ 0.1",
    ],
    "lean-attention": ["exact | difference | median ≤ 1e-12"],
    "lmuformer": [
        "53 | parameters | every seed in [52.5, 53.5]",
        "65 | operations | median ≥ 65",
        "65 | operations_without_readout | median ≥ 65",
        "32.03 | frames_saved | every seed in [32.02, 32.04]",
        "32.03 | real_frames_saved | median ≥ 32.03",
        "equal | difference | median ≤ 1e-06, better at ≤ 1e-12",
        "96.53 % (speech) | accuracy | median ≥ 0.9653",
        "96.12 % (speech) | accuracy | median ≥ 0.9612",
    ],
    "masformer": ["up to 75 | saved | median ≥ 75", "- | visited | median ≤ 1.2"],
    "matformer": ["0 | gain | median ≥ -1"],
    "physicsformer": [
        "~1e-6 | mse | median ≤ 1e-06, better at ≤ 1e-07",
        "- | relative_l2 | median ≥ 0.0001",
        "- | relative_l2 | median ≥ 0.0001",
        "- | entropy | median ≤ 0.9",
        "- | attention.cut_to_one | median ≥ 0.01",
        "~1e-6 | mse_by_field.u | median ≤ 1e-06",
        "~1e-6 | mse_by_field.v | median ≤ 1e-06",
        *[
            "0 % | lambda_1_error_percent | median ≤ 0.005",
            "0 % | lambda_2_error_percent | median ≤ 0.05",
            "0.07 % | lambda_1_error_percent | median ≤ 0.07",
            "0 % | lambda_2_error_percent | median ≤ 0.05",
        ]
        * 2,
    ],
    "universal": [
        *["any precision | bound_over_epsilon | median ≤ 1"] * 3,
        "any precision | without_positions | median ≤ 1e-12",
        "any precision | relative_only | median ≤ 1e-12",
        "not stated | heads_needed | median ≤ 1",
    ],
    "urpe": [
        "0 | blind | median ≤ 1e-10",
        "> 0 | universal | median ≥ 1e-06",
        "~.11 | relative.constant | median ≤ 0.0625",
        "~.11 | relative.random | median ≤ 0.2",
        "1.0 | urpe.least | median ≥ 1",
        "1.0 | urpe.least | median ≥ 0.999",
    ],
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_those_that_were_written_before_any_run(name: str) -> None:
    """Kills: a limit that has been moved to what was measured, a claim that reads another result,
    a published number with a digit exchanged."""
    paper = entries("claims")[name].load()()
    claims = [c for c in paper.claims if isinstance(c, Claim)]
    assert [f"{c.published} | {c.metric} | {c.rule}" for c in claims] == LIMITS[name]
