"""Every problem of the package goes to other processes as it is."""

from __future__ import annotations

import pickle
from importlib.metadata import entry_points

import pytest
import sympy

import pinn
from pinn.problem.reading import difference
from pinn.problem.registry import GROUP

NAMES = sorted(e.name for e in entry_points(group=GROUP) if e.value.startswith("pinn."))


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_of_the_package_is_pickled(name: str) -> None:
    """Case 44. Kills: a compiled function, a closure or an open file in a problem."""
    problem = pinn.find_problem(name)
    again = pickle.loads(pickle.dumps(problem))
    gaps = zip(again.equations, problem.equations, strict=True)
    assert all(sympy.expand(difference(a) - difference(b)) == 0 for a, b in gaps)
    assert again.conditions == problem.conditions
    assert again.parameter_values == problem.parameter_values
    assert (again.reference is None) == (problem.reference is None)
    assert len(again.residual.unknowns) == len(problem.residual.unknowns)
