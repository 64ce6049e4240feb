"""The time that a fit takes where nobody says how long."""

from __future__ import annotations

import argparse

import pytest

from pinn.commands import identify
from pinn.identification.identifying import DEFAULTS


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("my_pde.py",), DEFAULTS["budget"]),
        (("navier-stokes",), 240.0),
        (("burgers", "--data", "burgers_shock.mat"), 240.0),
        (("my_pde.py", "--budget", "7"), 7.0),
    ],
)
def test_a_problem_of_ones_own_has_the_time_of_python_and_a_flow_more(
    words: tuple[str, ...], wanted: float
) -> None:
    """Kills: four minutes for thirty readings of a thermometer; a budget that is not read."""
    parser = argparse.ArgumentParser()
    identify.configure(parser)
    assert identify.budget_of(parser.parse_args(list(words))) == wanted
