"""Verdicts: a bad solution is called bad, whatever its units, and a good one good."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import sympy
import torch
from torch import Tensor

import pinn
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.problem import Problem
from pinn.sampling.samplers import Sample
from pinn.settings import Settings
from pinn.training.evidence import relative_residuals
from pinn.training.history import MOST, History
from pinn.training.verdict import Evidence, Outcome, judge
from pinn.trial.trial_solution import TrialSolution
from sciformer.cli.main import main

GOOD = Evidence(residuals={"the equation": 1e-4})
BAD = Evidence(residuals={"the equation": 0.2})


@pytest.mark.parametrize(
    ("residual", "outcome"),
    [
        (0.99e-3, Outcome.CONVERGED),
        (1.01e-3, Outcome.DOUBTFUL),
        (0.0499, Outcome.DOUBTFUL),
        (0.0501, Outcome.NOT_CONVERGED),
        (math.inf, Outcome.NOT_CONVERGED),
        (math.nan, Outcome.NOT_CONVERGED),
    ],
)
def test_the_relative_residual_decides(residual: float, outcome: Outcome) -> None:
    """Kills: thresholds moved or swapped, a residual that is not a number taken for a small one."""
    verdict = judge(Evidence(residuals={"the equation": 1e-5, "equation 2": residual}))
    assert verdict.outcome is outcome
    assert verdict.converged == (outcome is Outcome.CONVERGED)
    assert verdict.converged == (verdict.remedy == "")
    assert "equation 2" in verdict.reasons[0]


def test_conditions_and_samples_count_like_equations() -> None:
    """Kills: only the equations looked at."""
    missed = judge(replace(GOOD, conditions={"u on x=0": 0.3}))
    assert missed.outcome is Outcome.NOT_CONVERGED
    assert missed.reasons == ("u on x=0 is missed by 3.0e-01 of its size",)
    noisy = replace(GOOD, residuals={"the equation": 0.04})
    assert judge(replace(noisy, noisy={"samples": 1.0})).converged
    assert judge(replace(noisy, noisy={"samples": 2.0})).outcome is Outcome.DOUBTFUL
    assert judge(replace(noisy, noisy={"samples": 9.0})).outcome is Outcome.NOT_CONVERGED


@pytest.mark.parametrize(
    ("changes", "reason", "remedy"),
    [
        ({"fall": 30.0}, "still falling at the end, 30-fold", "Train longer: --resume"),
        ({"overfit": 40.0}, "40 times as large on unseen points", "more points"),
        ({"failed": 0.5, "note": "no descent"}, "50% of the steps failed (no descent)", "another"),
        ({"restarts": 2}, "restarted 2 times", "another network"),
        ({"offer": "Use causal weights."}, "residual", "Use causal weights. Train longer"),
    ],
)
def test_the_course_explains_what_is_left_and_is_no_fault_of_a_good_one(
    changes: dict[str, float], reason: str, remedy: str
) -> None:
    """Kills: a converged solve doubted because its last steps failed at rounding level."""
    verdict = judge(replace(BAD, **changes))
    assert any(reason in said for said in verdict.reasons)
    assert remedy in verdict.remedy
    assert judge(replace(GOOD, **changes)).converged


def test_a_jump_in_what_is_given_is_doubtful_however_small_the_residual() -> None:
    """Kills: a calm verdict beside a jump; more training as the remedy for it."""
    jump = {"u jumps at (0, 0)": "Let the values meet."}
    verdict = judge(replace(GOOD, jumps=jump))
    assert verdict.outcome is Outcome.DOUBTFUL
    assert (verdict.reasons, verdict.remedy) == (("u jumps at (0, 0)",), "Let the values meet.")
    worse = judge(replace(BAD, jumps=jump))
    assert worse.outcome is Outcome.NOT_CONVERGED
    assert worse.reasons[0] == "u jumps at (0, 0)"
    assert worse.remedy == "Let the values meet."
    early = judge(replace(GOOD, jumps=jump, unsettled="it ended early"))
    assert early.reasons == ("it ended early", "u jumps at (0, 0)")
    assert "Train longer" in early.remedy


def test_a_curriculum_that_was_cut_short_has_not_converged() -> None:
    verdict = judge(replace(GOOD, unsettled="the curriculum ended at beta = 3 and not at 30"))
    assert verdict.outcome is Outcome.NOT_CONVERGED
    assert verdict.reasons == ("the curriculum ended at beta = 3 and not at 30",)


def test_a_history_knows_how_far_the_residual_fell_late() -> None:
    """Kills: the whole training in place of its last fifth, thinning that loses the order."""
    history = History()
    for step in range(5, 5005, 5):
        history.add(step, 1e-3 if step <= 4000 else 1e-3 / 7)
        history.add(step, 1e-9)  # a second look at the same step
    assert history.fall() == pytest.approx(7)
    assert len(history.pairs) <= MOST
    assert History.of(history.state()).fall() == history.fall()
    assert History().fall() == 1
    assert History([(5, 0.1)]).fall() == 1


class Cubic(torch.nn.Module):
    """size (x/unit + a (x/unit)^3), whose residual in u'' = 0 is 6 a size x / unit^3."""

    def __init__(self, size: float, unit: float, a: float) -> None:
        super().__init__()
        self.size = torch.nn.Parameter(torch.tensor(size, dtype=torch.float64))
        self._unit, self._a = unit, a

    def forward(self, points: Tensor) -> Tensor:
        x = points / self._unit
        return self.size * (x + self._a * x * x * x)


def _left(size: float, unit: float, a: float) -> float:
    """The relative residual of a cubic in u'' = u / unit^2 - x size / unit^3."""
    x, field = sympy.Symbol("x"), sympy.Function("u")
    u = field(x)
    problem = Problem(
        name="line",
        coordinates=(x,),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2), u / unit**2 - x * size / unit**3),),
        domain=Box(x=(0.0, unit)),
        conditions=(
            pinn.Condition(sympy.Eq(u, 0), "x=0"),
            pinn.Condition(sympy.Eq(u, size), f"x={unit:g}"),
        ),
    )
    points = torch.linspace(0, unit, 501, dtype=torch.float64)[:, None]
    sample = Sample(points, torch.ones(501, dtype=torch.float64))
    trial = TrialSolution(Cubic(size, unit, a), None)
    [found] = relative_residuals(problem, trial, sample, {}).values()
    return found


def test_residuals_are_relative_to_the_terms_in_any_units() -> None:
    """By hand: u'' = 6 a x, residual 6 a x - a x^3 over |6 a x| + |x + a x^3| + |x|, x in [0, 1].

    Kills: a sum of terms instead of their sizes, the square of a size, units that count.
    """
    a = 0.01
    x = torch.linspace(0, 1, 501, dtype=torch.float64)
    gap, terms = 6 * a * x - a * x**3, 6 * a * x + (x + a * x**3) + x
    expected = float(gap.norm() / terms.norm())
    for size, unit in ((1.0, 1.0), (1e6, 1.0), (1.0, 1e-6), (3e-13, 2e5)):
        assert _left(size, unit, a) == pytest.approx(expected, rel=1e-9)


def test_five_steps_are_not_enough_and_are_said_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: status 0 or silence for a solution that is wrong by a third."""
    words = ["solve", "burgers", "--model", "mlp", "--iterations", "5", "--out", str(tmp_path)]
    assert main([*words, "--json"]) == 3
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["converged"] is False
    assert result["verdict"] == "not converged"
    assert result["reasons"]
    assert result["relative_l2"] > 0.1
    assert "burgers: NOT CONVERGED: the residual of the equation" in said.err
    assert "Infinity" not in said.out


def test_enough_steps_are_enough() -> None:
    """Kills: a measure that calls every training doubtful."""
    for name in ("heat", "poisson"):
        solved = pinn.solve(name, network=pinn.MLP.Sizes(), iterations=40, digits=None)
        assert solved.errors is not None
        assert solved.verdict.converged, str(solved.verdict)
        assert solved.errors.relative_l2 < 1e-4
        assert solved.summary()["converged"] is True
    early = pinn.solve("heat", network=pinn.MLP.Sizes(), iterations=5, digits=None)
    assert early.verdict.outcome is Outcome.NOT_CONVERGED
    figure = early.solution.plot(early.verdict)
    assert "(not converged)" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("problem", "settings", "is_offered"),
    [
        ("kdv", Settings(), True),
        ("kdv", Settings(causal=1.0), False),
        ("poisson", Settings(), False),
    ],
)
def test_causal_weights_are_offered_to_evolutions_without_them(
    problem: str, settings: Settings, is_offered: bool
) -> None:
    """Kills: an offer that `solve` refuses for want of a time, or that has been taken."""
    few = replace(settings, network=MLP.Sizes(width=4, layers=1), digits=None)
    solved = pinn.solve(problem, settings=few, iterations=1, progress=False)
    assert ("causal=1e3" in solved.verdict.remedy) == is_offered
