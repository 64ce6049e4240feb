"""Both arithmetics hold what they enclose: points, polydiscs, Gauss rules, rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from pinn.certificates import gauss as prover_gauss
from pinn.certificates.balls import Ball
from pinn.certificates.certify import ELLIPSES, ORDERS, Boxes, Frame, disc_residual, gauss_sum
from pinn.certificates.claiming import claim_of
from pinn.certificates.residual import Residual
from pinn.certificates.verifier import gauss as verifier_gauss
from pinn.certificates.verifier.forms import Form
from pinn.certificates.verifier.residual import Residual as VerifierResidual
from pinn.certificates.verifier.rounding import evaluation_error
from pinn.certificates.verifier.verify import _on_polydiscs
from tests.pinn.certificates.claims import (
    claim_with_wide_layer,
    exact_residual,
    exact_value,
    problem_of,
    trial_of,
)

PLACES = [(0.3, 1.1), (1.7, 1.02), (0.95, 1.45)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rule", [prover_gauss.gauss_points, verifier_gauss.rule])
def test_gauss_points_are_enclosed_and_weights_are_upper_bounds(rule: Any, order: int) -> None:
    """Against roots in 40 digits. Kills: a wrong recurrence, a weight of another formula, rounding
    of weights downward."""
    points, weights = rule(order)
    with mpmath.workdps(40):
        for point, weight in zip(points, weights, strict=True):
            root = mpmath.findroot(lambda z: mpmath.legendre(order, z), mpmath.mpf(float(point)))
            assert abs(root - mpmath.mpf(float(point))) <= mpmath.mpf(2) ** -50
            below = mpmath.legendre(order - 1, root)
            exact = 2 * (1 - root**2) / (order * below) ** 2
            assert exact <= mpmath.mpf(float(weight)) <= exact * (1 + mpmath.mpf(10) ** -9)


def test_balls_hold_exact_results() -> None:
    """Sums, products and functions of thirds. Kills: a radius without its rounding."""
    third, tenth = Ball.of(Fraction(1, 3)), Ball.of(Fraction(-7, 10))
    with mpmath.workdps(40):
        a, b = mpmath.mpf(1) / 3, -mpmath.mpf(7) / 10
        cases = [
            (third + tenth, a + b),
            (third - tenth, a - b),
            (third * tenth, a * b),
            (third.power(5), a**5),
            (tenth.sin(), mpmath.sin(b)),
            (tenth.cos(), mpmath.cos(b)),
            (tenth.exp(), mpmath.exp(b)),
            (tenth.tanh(), mpmath.tanh(b)),
        ]
        for ball, exact in cases:
            gap = abs(mpmath.mpf(float(ball.middle)) - exact)
            assert gap <= mpmath.mpf(float(ball.radius))
            assert float(ball.radius) < 1e-14


def test_the_residual_at_points_is_enclosed_by_both() -> None:
    """Exact residuals by mpmath's differences of exact values, a network with a wide layer, a
    source, a quadratic flux, times from 1. Kills: any wrong rule of derivatives in either."""
    claim = claim_with_wide_layer()
    columns = [np.array([p[axis] for p in PLACES])[:, None] for axis in range(2)]
    ball = Residual(claim)(*(Ball.of(c) for c in columns), lambda b: b)
    forms = [Form(c, None, np.zeros_like(c), 0.0) for c in columns]
    form = VerifierResidual(claim)(*forms)
    for k, place in enumerate(PLACES):
        exact = float(exact_residual(claim, place))
        for middle, radius in ((ball.middle, ball.radius), (form.centre, form.rest)):
            radius = np.broadcast_to(radius, middle.shape)
            assert abs(middle[k, 0] - exact) <= radius[k, 0] + 1e-16 * abs(exact)
            assert radius[k, 0] < 1e-11


@pytest.mark.parametrize("rho", [ELLIPSES[0], ELLIPSES[-1]])
def test_the_residual_on_polydiscs_is_bounded_by_both(rho: int) -> None:
    """At complex places on the rim of the polydisc. Kills: a reach that is too small, a rest
    without its second-order part, tanh near its poles taken for tame."""
    claim = claim_with_wide_layer(3)
    frame = Frame(claim)
    boxes = Boxes(np.array([[20, 9]]), np.array([[6, 5]]))
    bound = float(disc_residual(frame, Residual(claim), boxes, rho).above.max())
    centre, half = frame.centres(boxes), frame.halves(boxes)
    other = float(_on_polydiscs(VerifierResidual(claim), centre, half, frame.slack, rho).max())
    assert math.isfinite(bound)
    assert other == pytest.approx(bound, rel=0.2)
    reach = (rho + 1 / rho) / 2
    worst = 0.0
    for turn in range(8):
        angles = [mpmath.expj(0.4 + 0.8 * turn), mpmath.expj(1 + 2.4 * turn)]
        place = [c + h * reach * a for c, h, a in zip(centre[0], half[0], angles, strict=True)]
        worst = max(worst, float(abs(exact_residual(claim, (place[0], place[1])))))
    assert worst <= min(bound, other)
    # A crude bound costs a few Gauss points more, as its logarithm.
    assert bound < 1e4 * worst


def test_a_box_with_a_pole_inside_its_ellipses_has_no_bound() -> None:
    claim = claim_with_wide_layer(3)
    whole = Boxes(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64))
    found = disc_residual(Frame(claim), Residual(claim), whole, 9).above
    assert np.isinf(found).all()


def test_the_sum_at_gauss_points_bounds_the_integral() -> None:
    """Against a trapezoid of 200^2 points of the package's own jets."""
    problem = problem_of()
    trial = trial_of(problem, 4)
    claim = claim_of(problem, trial)
    frame = Frame(claim)
    boxes = Boxes(np.array([[5, 2]]), np.array([[3, 2]]))
    squares = float(gauss_sum(frame, Residual(claim), boxes, 12)[0])
    from pinn.loss.terms import EquationTerm

    term = EquationTerm("r", trial, problem.residual, ("x", "t"), problem.parameter_values)
    centre, half = frame.centres(boxes)[0], frame.halves(boxes)[0]
    lines = [
        c + h * (2 * (np.arange(200) + 0.5) / 200 - 1) for c, h in zip(centre, half, strict=True)
    ]
    grid = np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], -1)
    with torch.no_grad():
        mean = float(term.residual(torch.from_numpy(grid)).square().mean())
    assert squares == pytest.approx(4 * mean, rel=1e-4)


def test_rounding_covers_what_float64_computes() -> None:
    """Kills: a layer or the formulas left out of the account."""
    problem = problem_of()
    trial = trial_of(problem, 5, layers=3, width=9)
    claim = claim_of(problem, trial)
    allowed = evaluation_error(claim)
    places = np.random.default_rng(0).uniform((0, 1), (2, 1.5), (40, 2))
    values = trial.at(torch.from_numpy(places))[:, 0].numpy()
    gaps = [
        abs(float(exact_value(claim, (mpmath.mpf(a), mpmath.mpf(b))) - mpmath.mpf(float(v))))
        for (a, b), v in zip(places.tolist(), values, strict=True)
    ]
    assert 0 < max(gaps) <= allowed
    assert allowed < 1e-10
