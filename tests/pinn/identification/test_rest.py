"""The end of a fit when its estimates rest."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.optimize import curve_fit

import pinn
from pinn.data.cloud import Cloud
from pinn.identification.asking import with_noise
from pinn.networks import MLP
from pinn.sampling.schedule import Renewal, Schedule, Stage
from pinn.settings import Settings

QUICK = Settings(
    network=MLP.Sizes(width=16, layers=2),
    schedule=Schedule(
        (Stage(0, 60, tolerance=0.01), Stage(400, 200, tolerance=1e-3)),
        final=Stage(0, 300, tolerance=1e-3, is_trusting=True),
    ),
    spread=True,
)
TIMES = np.linspace(0, 6, 30)
CURVE = 20 + 70 * np.exp(-0.7 * TIMES)
MOST = 90  # steps: fits that rest need about half of them
T, K = sympy.symbols("t k")
Y = sympy.Function("y")(T)


def fitted(values: np.ndarray, noise: float, steps: int = MOST) -> pinn.Identification:
    problem = pinn.Problem(
        "cooling", T, Y, sympy.Eq(Y.diff(T), -K * (Y - 20)), pinn.Box(t=(0, 6)),
        unknown={K: pinn.Unknown(1.0, 0.3)},
    )  # fmt: skip
    cloud = with_noise(Cloud(TIMES[:, None], {"y": values}), noise)
    return pinn.identify(problem, cloud, QUICK, pinn.Limits(iterations=steps))


def test_a_fit_ends_at_the_least_squares_of_the_formula() -> None:
    """scipy fits 20 + b exp(-k t) to the same readings. The second stage would begin at step 400.

    Kills: a fit that goes on, one that ends on its way or in a stage that holds the equation
    loosely, a stage that is left out.
    """
    noise = 0.1 * np.random.default_rng(1).standard_normal(30)
    found = fitted(CURVE + noise, 0.1)

    def curve(t: np.ndarray, k: float, b: float) -> np.ndarray:
        return 20 + b * np.exp(-k * t)

    right, covariance = curve_fit(curve, TIMES, CURVE + noise, (0.5, 60))
    assert found.stopped == "the estimates rest"
    assert abs(found.values["k"] - right[0]) < 0.1 * covariance[0, 0] ** 0.5
    assert found.tolerance["k"] < 0.1 * found.curvature["k"]


@pytest.mark.slow
def test_clean_samples_are_fitted_below_the_noise_they_are_weighted_by() -> None:
    """Their noise is taken as a thousandth of their spread, by which k would be known to 1e-4.

    Kills: rest in units of that noise.
    """
    found = fitted(CURVE, 0.0)
    assert found.stopped == "the estimates rest"
    assert found.values["k"] == pytest.approx(0.7, rel=1e-5)


def test_a_fit_that_does_not_explain_its_samples_has_all_its_steps() -> None:
    """Readings with ten times the noise that is stated.

    Kills: an end without a look at whether the samples are met.
    """
    noise = np.random.default_rng(1).standard_normal(30)
    found = fitted(CURVE + noise, 0.1, steps=45)
    assert found.stopped == "45 iterations done"
    assert found.dispersion > 5


def test_a_stage_may_end_early_and_is_never_gone_back_to() -> None:
    """Kills: a stage left out or begun again, a last stage that ends, a state without it."""
    renewal = Renewal(Schedule((Stage(0, 10, 3), Stage(8, 20, 3)), final=Stage(0, 30, 3)))
    assert renewal.is_due(0, 0.0, accepted=True)
    renewal.move_on()
    stages = [renewal.stage.points]
    for iteration in range(1, 5):
        renewal.is_due(iteration, 0.0, accepted=True)
        stages.append(renewal.stage.points)
    assert stages == [10, 20, 20, 20, 20]
    renewal.move_on()
    assert not renewal.is_in_last_stage
    restored = Renewal(Schedule((Stage(0, 10, 3), Stage(8, 20, 3)), final=Stage(0, 30, 3)))
    restored.restore(renewal.state())
    assert restored.is_due(5, 0.0, accepted=True)
    assert restored.is_in_last_stage
    restored.move_on()
    assert restored.is_due(6, 0.0, accepted=True)
    assert restored.stage.points == 30
