"""An answer of a family is refined by least squares on its equations, with its conditions kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn.assembly import build_trial
from pinn.families.answer import Answer
from pinn.families.family import Family
from pinn.families.learned import Learned
from pinn.families.refining import SEEN, Around, Silent, _fitted
from pinn.families.registry import find_family
from pinn.families.solutions import grid
from pinn.families.starts import find_start
from pinn.jets import Jet, Operators
from pinn.settings import Settings
from sciformer.errors import UsageError

NEURONS = 150


def started(name: str, start: str) -> Learned:
    """The start of a family alone: an answer that is a little wrong, without a training."""
    family = find_family(name)
    return Learned(Answer(family, find_start(start, family), None), False, {"network": None})


def error(family: Family, solution: object, seed: int) -> float:
    points = grid(family)
    exact = family.exact(family.draw(1, seed), points.numpy())
    found: dict[str, Tensor] = solution(points)  # type: ignore[operator]
    [name] = family.problem.field_names
    return float((found[name] - exact[name][0]).norm() / torch.as_tensor(exact[name][0]).norm())


def test_digits_against_the_reference_and_conditions_that_stay() -> None:
    """A linear flow that leaves out the reaction, 2e-3 wrong; the reference is a spectral solver.

    Kills: a layer without the answer beneath it, an answer in single precision, a factor that
    leaves walls or the initial value.
    """
    learned = started("diffusion-reaction-family", "linear-flow")
    answered = learned.solution(learned.family.draw(1, 3))
    refined = answered.refined(NEURONS)
    before, after = (error(learned.family, one, 3) for one in (answered, refined))
    assert 5e-4 < before < 1e-2
    assert after < before / 30
    first, last = refined.report.iterates[0], refined.report.iterates[-1]
    assert last.validation < 1e-3 * first.validation
    along = torch.linspace(0, 1, 7, dtype=torch.float64)
    for edge in (torch.stack([along, 0 * along], -1), torch.stack([0 * along, along], -1)):
        torch.testing.assert_close(refined(edge)["u"], answered(edge)["u"], atol=1e-12, rtol=0)


def test_readings_are_refined_and_what_cannot_be_better_stays() -> None:
    """Kills: the member that was drawn in place of the one that was read; a step for its own sake.

    The heat family is known in closed form, to the last digits.
    """
    learned = started("heat-family", "linear-flow")
    places = np.linspace(0, 1, 80, endpoint=False)
    given = {"start": (places, np.sin(2 * np.pi * places)), "a": 0.02}
    refined = learned.refine(neurons=40, **given)
    points = grid(learned.family)
    wanted = learned(**given)(points)["u"]
    torch.testing.assert_close(refined(points)["u"], wanted, atol=1e-10, rtol=0)
    with pytest.raises(UsageError, match=r"heat-family: refining takes neurons >= 1; got 0"):
        learned.refine(neurons=0, **given)


def test_a_layer_is_fitted_to_the_answer_and_keeps_the_conditions() -> None:
    """Kills: a factor left out, a penalty that shows, an offset counted twice."""
    learned = started("diffusion-reaction-family", "linear-flow")
    solution = learned.solution(learned.family.draw(1, 3))
    base = build_trial(solution.problem, Settings(network=SEEN))
    fitted = _fitted(solution.problem, base, solution.measured())
    assert fitted is not None
    points = grid(learned.family)
    answer = solution.trial.at(points)
    assert float((fitted.at(points) - answer).norm() / answer.norm()) < 1e-4
    along = torch.linspace(0, 1, 7, dtype=torch.float64)
    for edge in (torch.stack([along, 0 * along], -1), torch.stack([0 * along, along], -1)):
        assert float(fitted.at(edge).abs().max()) == 0


def test_around_is_the_answer_where_the_network_is_silent() -> None:
    """With derivatives; elsewhere it adds what the conditions make of the network alone.

    Kills: the values of the conditions added twice.
    """
    operators = Operators("xt", ["x", "t", "xx"])
    points = torch.rand(6, 2).double()

    def offset(at: object) -> object:
        return 3 + 2 * at  # type: ignore[operator]

    class Conditions(torch.nn.Module):
        outputs, conditions, offset, factor = 2, (), (0, 0), (1, 1)

        def forward(self, at: object, fields: object, edges: object = None) -> object:
            return 7 * at + 5 * fields  # type: ignore[operator]

    around = Around(Conditions(), offset)
    network = torch.nn.Linear(2, 2).double()
    jet = Jet.coordinates(points, operators)
    silent = around(jet, Silent(network)(jet))
    torch.testing.assert_close(silent.channels, (3 + 2 * jet).channels)
    torch.testing.assert_close(
        around(points, network(points)), 3 + 2 * points + 5 * network(points)
    )
