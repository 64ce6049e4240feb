"""Rows of unknowns that meet coordinates: recorded in one pass, and exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
import torch

import pinn
import pinn.jets.jacobian.jacobian as jacobians
from pinn.assembly import build_trial
from pinn.networks import MLP
from pinn.optimisers import FlatParameters
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import Settings
from pinn.training.noisy_data import NoisyData
from pinn.training.progress import Progress

X, T, A, B = sympy.symbols("x t a b")
U = sympy.Function("u")(X, T)
DIFFUSES = U.diff(T) - U.diff(X, 2)
COLD = tuple(pinn.Condition(sympy.Eq(U, 0), on=on) for on in ("x=0", "x=1"))
FLAT = pinn.Condition(sympy.Eq(U.diff(X), 0), on="x=1")


@pytest.mark.parametrize(
    ("equation", "conditions"),
    [
        (DIFFUSES - A * sympy.exp(-(((X - B) / 0.2) ** 2)), COLD),
        (U.diff(T) - (1 + A * sympy.exp(-B * X)) * U.diff(X, 2), COLD),
        (DIFFUSES - sympy.Max(X - A, 0) * sympy.atan2(T, B), COLD),
        (DIFFUSES, (pinn.Condition(sympy.Eq(U, sympy.tanh((X - A) / B)), on="t=0"),)),
        (DIFFUSES * A - B, (pinn.Condition(sympy.Eq(U, A), on="x=0"), FLAT)),
        (DIFFUSES - B * U, (pinn.Condition(sympy.Eq(U.diff(X), A * (U - X)), on="x=0"), FLAT)),
        (DIFFUSES, (pinn.Condition(sympy.Eq(U, B * T**A), on="x=0"), COLD[1])),
    ],
    ids=["source", "coefficient", "corner", "front", "wall", "robin", "ramp"],
)
def test_unknowns_are_recorded_where_they_meet_coordinates(
    equation: sympy.Expr, conditions: tuple[pinn.Condition, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reverse pass a point is the reference: it knows nothing of records.

    Kills: a way of a parameter to the points that is not followed, in equations or in the form that
    meets conditions; a parameter that stands alone; rows counted twice.
    """
    places = np.random.default_rng(0).random((12, 2))
    problem = pinn.Problem(
        "mine", (X, T), U, sympy.Eq(equation, 0), pinn.Box(x=(0, 1), t=(0, 1)), conditions,
        unknown={A: pinn.Unknown(1.0, 0.6), B: pinn.Unknown(2.0, 0.7)},
        data=pinn.Cloud(places, {"u": places[:, 0]}, noise={"u": 0.1}),
    )  # fmt: skip
    trial = build_trial(problem, Settings(network=MLP.Sizes(width=4, layers=1)))
    flat = FlatParameters(list(trial.parameters()))
    schedule = Schedule((Stage(0, 24, tolerance=0.1),))
    objective = NoisyData(problem, trial, flat, schedule).at(Progress())
    slow, passes = jacobians.fallback_jacobian, []

    def counted(*given: Any, **named: Any) -> Any:
        passes.append(1)
        return slow(*given, **named)

    monkeypatch.setattr(jacobians, "fallback_jacobian", counted)
    found = objective.linearise().jacobian.clone()
    assert not passes
    monkeypatch.setattr(jacobians, "_recorded_rows", lambda *_: None)
    right = objective.linearise().jacobian
    assert len(passes) == len(objective.terms)
    assert torch.allclose(found, right, rtol=1e-10, atol=1e-12 * float(right.abs().max()))
