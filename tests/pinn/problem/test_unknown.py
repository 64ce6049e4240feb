"""Quantities, explicit forms and unknown parameters as parts of a problem."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from pinn.geometry.box import Box
from pinn.problem.parts import Ansatz, Condition, Unknown
from pinn.problem.problem import Problem
from pinn.trial.hard_constraint import HardConstraint
from sciformer.errors import DomainError, UnknownNameError, UsageError

x, y, k, c = sympy.symbols("x y k c")
psi, p = (sympy.Function(name)(x, y) for name in ("psi", "p"))
WALL = Condition(sympy.Eq(psi.diff(x), 2 * y), on="x=0")


def problem(**changes: Any) -> Problem:
    whole: dict[str, Any] = {
        "name": "mine",
        "coordinates": (x, y),
        "fields": (psi, p),
        "equations": (psi.diff(x, 2) + k * p.diff(y), p.diff(x) - c * psi),
        "domain": Box(x=(0, 1), y=(0, 2)),
        "conditions": (WALL,),
        "parameters": {c: 3.0},
        "unknown": {k: Unknown(0.1, start=0.4)},
        "quantities": {"u": psi.diff(y), "p": p},
        "ansatz": {psi: Ansatz(2 * x * y + 5, x**2)},
    }
    return Problem(**{**whole, **changes})


def test_an_explicit_ansatz_is_used_as_it_stands() -> None:
    """Kills: an offset and a factor exchanged, another field's form, a field left without."""
    points = torch.tensor([[0.5, 1.5], [0.25, 0.5]], dtype=torch.float64)
    fields = torch.tensor([[7.0, 11.0], [13.0, 17.0]], dtype=torch.float64)
    found = HardConstraint(problem())(points, fields)
    assert found.tolist() == [[1.5 + 5 + 0.25 * 7, 11.0], [0.25 + 5 + 13 / 16, 17.0]]


@pytest.mark.parametrize("form", [Ansatz(2 * x * y, x), Ansatz(x * y, x**2), Ansatz(0, 1)])
def test_an_ansatz_that_misses_a_condition_is_refused(form: Ansatz) -> None:
    """Kills: a check of the offset alone, or of the factor alone."""
    with pytest.raises(DomainError, match=r"the ansatz does not meet .* on x=0"):
        HardConstraint(problem(ansatz={psi: form}))


def test_an_unknown_parameter_without_a_value_has_its_start() -> None:
    assert problem().parameter_values == {"k": 0.4, "c": 3.0}
    assert problem(parameters={c: 3.0, k: 0.7}).parameter_values["k"] == 0.7
    assert problem().residual.parameters == ("c", "k")


def test_the_reference_gives_quantities() -> None:
    """Kills: a reference made for the fields, a derivative that is forgotten."""
    exact = {psi: x * y**2, p: sympy.Integer(0)}
    made = problem(
        equations=(psi.diff(x, 2) + k * p.diff(y), p.diff(x)),
        conditions=(),
        parameters={k: 1.0},
        exact=exact,
        ansatz={},
    )
    assert made.reference is not None
    found = made.reference(np.array([[0.5, 1.5]]))
    assert {name: value.tolist() for name, value in found.items()} == {"u": [1.5], "p": [0.0]}


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"unknown": {sympy.Symbol("q"): Unknown(1)}}, UnknownNameError, "unknown parameter 'q'"),
        ({"gauge": ("psi",)}, UnknownNameError, "unknown quantity 'psi'"),
        ({"ansatz": {y: Ansatz()}}, UnknownNameError, "unknown field 'y'"),
        ({"scales": {"x": 1.0}}, UsageError, "scales of x do not match the coordinates x, y"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        problem(**changes)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_sizes_are_positive(size: float) -> None:
    with pytest.raises(UsageError, match="size of an unknown parameter must be > 0"):
        dataclasses.replace(Unknown(1.0), size=size)
