"""Estimates side by side: spread over seeds, published claims, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from pinn.identification.estimate import Truth
from pinn.identification.result import FieldError, NetworkEstimate
from pinn.identification.study import Study, claim_notes, network_notes, over_seeds, with_ensemble
from pinn.training.verdict import Evidence, judge
from sciformer.cli.main import main

ONE = NetworkEstimate(
    method="network",
    samples=5000,
    noise=0.01,
    seed=0,
    lambda_1=1.0,
    lambda_2=0.0100,
    lambda_1_error_percent=0.0,
    lambda_2_error_percent=0.0,
    interval_1=(0.999, 1.001),
    interval_2=(0.00999, 0.01001),
    curvature_1=0.01,
    curvature_2=0.05,
    cramer_rao_1=0.02,
    cramer_rao_2=0.3,
    fields={"u": FieldError(1e-3, 1e-6)},
    wave={"x": -1.2, "y": 0.1, "t": 1.25},
    is_periodic=False,
    parameters=2000,
    iterations=90,
    loss=2.1,
    stopped="budget of 60 s spent",
    verdict=judge(Evidence(residuals={"the equation": 1e-3})),
    wall_seconds=61.0,
)


def test_intervals_grow_by_the_spread_over_seeds() -> None:
    """Values 1.0, 1.2, 1.4 have deviation 0.2; Student's quantile for two degrees is 4.30.

    Kills: the population's deviation, the normal quantile, an interval about the mean.
    """
    runs = [replace(ONE, seed=i, lambda_1=1.0 + 0.2 * i) for i in range(3)]
    runs = [replace(r, interval_1=(r.lambda_1 - 0.196, r.lambda_1 + 0.196)) for r in runs]
    wide = with_ensemble(runs)
    half = 4.30265273 * (0.2**2 + 0.1**2) ** 0.5
    for run, result in zip(runs, wide, strict=True):
        assert result.interval_1 == pytest.approx(
            (run.lambda_1 - half, run.lambda_1 + half), abs=2e-5
        )  # 1.96 is the rounded normal quantile
    assert with_ensemble(runs[:1]) == runs[:1]


def test_coverage_is_counted_against_the_truth() -> None:
    runs = [ONE, replace(ONE, interval_2=(0.0101, 0.0102), lambda_2_error_percent=1.5)]
    metrics = over_seeds(runs, Truth(1.0, 0.01))
    assert metrics["lambda_1_covered"] == 2
    assert metrics["lambda_2_covered"] == 1
    assert metrics["lambda_2_error_percent"] == {"median": 0.75, "least": 0.0, "greatest": 1.5}


def test_claims_below_the_bound_are_named_with_what_they_take() -> None:
    """Kills: a bound of another noise, a ratio without its square."""
    said = claim_notes(ONE, {"lambda_1": 0.07, "lambda_2": 0.05})
    assert len(said) == 1
    assert "0.05 % in lambda_2" in said[0]
    assert "it takes at least 180000 of them" in said[0]
    assert claim_notes(replace(ONE, noise=0.0), {"lambda_2": 0.05}) == []


def test_a_table_has_a_row_for_each_run() -> None:
    study = Study("flow", "data", Truth(), {"network": lambda seed, _: replace(ONE, seed=seed)})
    for seed in (4, 5):
        study.run("network", seed)
    rows, headers = study.table()
    assert [row[1] for row in rows] == ["4", "5"]
    assert len(rows[0]) == len(headers)
    assert any("over 2 seeds" in sentence for sentence in study.notes())
    assert any("relative L2 of u 1.00e-03" in sentence for sentence in study.notes())


def test_what_the_network_knew_is_said() -> None:
    """Kills: a prior that is kept quiet, a frequency given as a period."""
    said = network_notes(ONE)[0]
    assert "x -1.2000, y +0.1000, t +1.2500; period 5.0265" in said
    assert "nothing is taken to be periodic" in said
    assert "knowledge beyond the equations" in network_notes(replace(ONE, is_periodic=True))[0]
    assert "phase" not in " ".join(network_notes(replace(ONE, wave={})))


def test_the_command_with_a_network_has_the_promised_keys(capsys) -> None:
    quick = ["--method", "network", "--iterations", "2", "--samples", "600", "--threads", "1"]
    arguments = ["identify", "navier-stokes", *quick, "--periodic-in-time", "--json"]
    assert main([*arguments, "--noise", "0.01", "--seeds", "2"]) == 3
    result = json.loads(capsys.readouterr().out)
    promised = (
        "method samples noise seed lambda_1 lambda_2 lambda_1_error_percent "
        "lambda_2_error_percent interval_1 interval_2 wall_seconds relative_l2_u relative_l2_v "
        "relative_l2_p cramer_rao_2 over_seeds"
    )
    assert set(promised.split()) <= set(result)
    assert (result["samples"], result["noise"], result["method"]) == (600, 0.01, "network")
    assert [run["seed"] for run in result["runs"]] == [0, 1]


def test_burgers_by_the_command(capsys) -> None:
    assert main(["identify", "burgers", "--iterations", "2", "--samples", "200"]) == 3
    shown = capsys.readouterr()
    assert "seed 0: NOT CONVERGED" in shown.err
    assert "lambda_1" in shown.out
    assert "burgers, exact solution" in shown.out + shown.err
    assert main(["identify", "burgers", "--method", "weak"]) == 2
    assert "supports the network method only" in capsys.readouterr().err


def test_bad_data_are_refused_by_either_method(capsys) -> None:
    for method in ("weak", "network"):
        assert main(["identify", "navier-stokes", "--method", method, "--noise", "1.5"]) == 2
        assert "larger than" in capsys.readouterr().err


def test_the_weak_method_needs_neither_torch_nor_sympy() -> None:
    """Importing them takes longer than the method does. Kills: an import at the top of a module."""
    code = (
        "import sys; import pinn.identification.study, pinn.identification.weak.navier_stokes, "
        "pinn.data.embedded, pinn.data.files; sys.exit(bool({'torch', 'sympy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
