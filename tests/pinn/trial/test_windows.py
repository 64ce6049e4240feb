"""Windows in time as one trial solution: the right window everywhere, jets, programs, bad files."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch

from pinn.assembly import build_trial, rebuilt, rebuilt_windows
from pinn.geometry.box import Box
from pinn.jets import Jet, Operators
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.trial.windows import Windows, state_of, window
from sciformer.errors import DataError
from tests.oracles.nested_autograd import all_derivatives

SETTINGS = Settings(network=MLP.Sizes(width=4, layers=1))
ENDS = [0.5, 1.25, 3.0]
STATES = [[0.0, 0.0, 0.0], [0.3, -0.7, 2.0], [1.1, 0.2, -3.0]]


def pair() -> Problem:
    """u'' = -v, v' = u t: a state of u, u' and v."""
    t = sympy.Symbol("t")
    u, v = (sympy.Function(name)(t) for name in "uv")
    return Problem(
        "pair",
        (t,),
        (u, v),
        (sympy.Eq(u.diff(t, 2), -v), sympy.Eq(v.diff(t), u * t)),
        Box(t=(0, 3)),
        (
            Condition(sympy.Eq(u, 1), on="t=0"),
            Condition(sympy.Eq(u.diff(t), 0), on="t=0"),
            Condition(sympy.Eq(v, 2), on="t=0"),
        ),
    )


def windows() -> Windows:
    problem, starts = pair(), [0.0, *ENDS[:-1]]
    trials = [
        build_trial(window(problem, start, end, STATES[k] if k else None), SETTINGS)
        for k, (start, end) in enumerate(zip(starts, ENDS, strict=True))
    ]
    return Windows(
        trials, torch.tensor(ENDS, dtype=torch.float64), torch.tensor(STATES, dtype=torch.float64)
    )


def test_the_state_has_all_derivatives_below_the_order() -> None:
    """Kills: a slope that is not carried over, or one too many."""
    assert [str(part) for part in state_of(pair())] == ["u(t)", "Derivative(u(t), t)", "v(t)"]


def test_each_window_starts_from_its_state_and_answers_for_its_own_time() -> None:
    """Kills: the neighbour's window, states out of order, slopes taken for values."""
    trial, operators = windows(), Operators(("t",), ["t"])
    inside = torch.tensor([[0.2], [0.9], [2.0], [0.5], [1.25]]).double()
    expected = [
        trial.trials[k].at(p[None])[0] for k, p in zip((0, 1, 2, 0, 1), inside, strict=True)
    ]
    torch.testing.assert_close(trial.at(inside), torch.stack(expected), rtol=0, atol=0)
    after = torch.nextafter(torch.tensor([[0.5], [1.25]]).double(), torch.tensor(9.0).double())
    jet = trial(Jet.coordinates(after, operators))
    for k in (1, 2):
        u, v = jet.value[k - 1].tolist()
        assert [u, jet.derivative("t")[k - 1, 0].item(), v] == pytest.approx(STATES[k], abs=1e-12)


def test_derivatives_are_those_of_nested_autograd_in_every_window() -> None:
    """Kills: channels of one window put at the points of another."""
    trial, names = windows(), ["1", "t", "tt"]
    points = torch.tensor([[2.9], [0.1], [0.7], [0.4], [1.3]]).double()
    jet = trial(Jet.coordinates(points, Operators(("t",), ["t", "tt"])))
    exact = all_derivatives(trial, points, ("t",), names)
    for name, expected in zip(names, exact, strict=True):
        torch.testing.assert_close(jet.derivative(name), expected, rtol=1e-10, atol=1e-10)


def test_a_program_gives_the_same_fields() -> None:
    """Kills: windows chosen while the program is written, not while it runs."""
    trial = windows()
    written = torch.export.export(
        _At(trial),
        (torch.rand(5, 1).double(),),
        dynamic_shapes=({0: torch.export.Dim("p", min=2)},),
    )
    points = torch.linspace(0, 3, 31).double()[:, None]
    torch.testing.assert_close(written.module()(points), trial.at(points))


class _At(torch.nn.Module):
    def __init__(self, trial: Windows) -> None:
        super().__init__()
        self.trial = trial

    def forward(self, points: Any) -> Any:
        return self.trial.at(points)


def test_windows_come_back_from_their_state() -> None:
    """Kills: windows rebuilt from the states of others, or none of them."""
    trial = windows()
    again = rebuilt(pair(), SETTINGS, {}, trial.state_dict())
    again.load_state_dict(trial.state_dict())
    points = torch.linspace(0, 3, 19).double()[:, None]
    torch.testing.assert_close(again.at(points), trial.at(points), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("ends", "states"),
    [
        ([0.5, 0.4, 3.0], STATES),
        ([0.5, 1.25, 4.0], STATES),
        ([-1.0, 1.25, 3.0], STATES),
        ([0.5, 1.25], STATES),
        ([float("nan"), 1.25, 3.0], STATES),
        (ENDS, [[0.0, 0.0, 0.0], [0.3, float("inf"), 2.0], [1.1, 0.2, -3.0]]),
        (ENDS, [row[:2] for row in STATES]),
        ([], []),
    ],
)
def test_files_that_hold_no_windows_are_refused(ends: Any, states: Any) -> None:
    """Kills: ends or states of a stranger's file that are believed."""
    state = {"ends": torch.tensor(ends).double(), "states": torch.tensor(states).double()}
    with pytest.raises(DataError, match="not windows of this problem"):
        rebuilt_windows(pair(), SETTINGS, state)
