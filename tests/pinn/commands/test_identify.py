"""Time and threads of a fit where nobody says how many."""

from __future__ import annotations

import argparse

import pytest

from pinn.commands import identify
from pinn.identification.identifying import DEFAULTS
from pinn.settings import Settings

OWN = (DEFAULTS["budget"], Settings().threads)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("my_pde.py",), OWN),
        (("navier-stokes",), (240.0, 2)),
        (("burgers", "--data", "burgers_shock.mat"), (240.0, 2)),
        (("my_pde.py", "--budget", "7", "--threads", "3"), (7.0, 3)),
        (("burgers", "--threads", "1"), (240.0, 1)),
    ],
)
def test_a_problem_of_ones_own_has_time_and_threads_of_python_and_a_flow_more(
    words: tuple[str, ...], wanted: tuple[float, int]
) -> None:
    """Kills: four minutes, or two threads, for thirty readings; either not read."""
    parser = argparse.ArgumentParser()
    identify.configure(parser)
    arguments = parser.parse_args(list(words))
    identify.set_defaults(arguments)
    assert (arguments.budget, arguments.threads) == wanted
