"""More digits for one member: a wide layer around its learned answer."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.assembly import build_trial
from pinn.bounds.bounding import bound_error
from pinn.families.measured import Measured
from pinn.networks import MLP
from pinn.refinement.refine import Refiner
from pinn.refinement.wide_layer import WideLayer
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.bounds.error_bound import ErrorBound
    from pinn.families.answer import Answer
    from pinn.problem.problem import Problem
    from pinn.refinement.report import Report

# A second of a thread. On the diffusion-reaction family 400 and 1,000 neurons gave 6e-6 and 3e-6,
# from an answer that was 1e-2 wrong.
NEURONS = 600
STEPS = 6  # of Gauss and Newton at most; they end by themselves where the layer gives no more
# Hidden units that the neurons see beside the coordinates: untrained, and cheap.
SEEN = MLP.Sizes(width=16, layers=1)
# Neurons that an answer is fitted by, a few points for each, and a seed away from the refiner's.
FITTED, ROWS, SEED = 400, 5, 60_000
# Relative weight of the penalty on their outputs, above which rounding does not show.
PENALTY = 1e-7


class Around(nn.Module):
    """field = answer(x) + factor(x) N(x): the answer in place of what the conditions give.

    Args:
        constraint: the hard conditions of the member, affine in N; the answer meets them.
        member: the answer, a function of points and of jets.
    """

    def __init__(self, constraint: Any, member: Callable[[Any], Any]) -> None:
        super().__init__()
        self.outputs, self.conditions = constraint.outputs, constraint.conditions
        self.offset, self.factor = constraint.offset, constraint.factor
        self.constraint, self.member = constraint, member

    @property
    def numbers(self) -> Any:
        """Values of the parameters that the conditions hold."""
        return self.constraint.numbers

    @numbers.setter
    def numbers(self, values: Any) -> None:
        self.constraint.numbers = values

    def forward(self, points: Any, fields: Any, edges: Any = None) -> Any:
        """Fields at points, from outputs of the network; as `HardConstraint.forward`."""
        none = None if edges is None else 0 * edges
        change = self.constraint(points, fields, edges) - self.constraint(points, 0 * fields, none)
        return self.member(points) + change

    def projected(self, points: Any) -> Any:
        """As `HardConstraint.projected`."""
        return self.constraint.projected(points)


class Silent(nn.Module):
    """A network whose output is 0 and whose hidden units a wide layer sees.

    Args:
        network: untrained.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, points: Any) -> Any:
        """Zeros (p, f), or a jet of them."""
        return 0 * self.network(points)


class RefinedSolution(Solution):
    """A refined answer of a learned family.

    Attributes:
        report: validation residuals of the steps, seconds, and why they ended.
    """

    def __init__(
        self, problem: Problem, trial: TrialSolution, settings: Settings, report: Report
    ) -> None:
        super().__init__(problem, trial, settings)
        self.report = report

    def error_bound(self, norm: str | None = None) -> ErrorBound:
        # The form meets the conditions of the member but for what the answer misses of them.
        trial: Any = Measured(self.problem, self.trial)
        return bound_error(self.problem, trial, norm)


def refine_answer(
    problem: Problem, made: Callable[[Answer], Any], answer: Answer, neurons: int
) -> RefinedSolution:
    """Refines the answer of one member by least squares on its equations.

    A wide layer stands on the answer; another one on a first layer that the answer was fitted by.
    An answer that is known but for a little is the better base of the two; what a network has
    learned roughly is rougher than the solution, and the smooth fit of it is. The one with the
    lesser validation residual is kept.

    Args:
        problem: the member as an ordinary problem.
        made: makes the answer of the member from that of the family.
        answer: of the family, left as it is.
        neurons: of the wide layer, >= 1.

    Returns:
        The answer itself where no step was an improvement; the report says so.

    Accuracy: see the validation residual of the report; what readings leave open stays open.
    """
    settings = Settings(network=SEEN)
    member = made(copy.deepcopy(answer).double())
    base = build_trial(problem, settings)
    around: Any = Around(base.constraint, member)
    refiner = Refiner(neurons=neurons, scales=(1.0,), steps=STEPS, polynomials=0)
    found = refiner(problem, TrialSolution(Silent(base.network), around, base.values))
    begun = found.report.iterates[:1]
    fitted = _fitted(problem, base, member)
    other = None if fitted is None else refiner(problem, fitted)
    if (
        other is not None
        and other.report.steps
        and other.report.validation < min(found.report.validation, begun[0].validation)
    ):
        seconds = found.report.seconds + other.report.seconds
        iterates = (*begun, *other.report.iterates[1:])
        found = replace(other, report=replace(other.report, iterates=iterates, seconds=seconds))
    return RefinedSolution(problem, found.trial, settings, found.report)


def _fitted(problem: Problem, base: TrialSolution, member: Any) -> TrialSolution | None:
    """The conditions of a member around a layer of random neurons that its answer is fitted by.

    None where the conditions do not take one output of the network for each field.
    """
    constraint, count = base.constraint, len(problem.fields)
    if constraint is None or constraint.outputs != count:
        return None
    silent = TrialSolution(Silent(base.network), constraint, base.values)
    points = problem.domain.sample(ROWS * FITTED)
    layer = WideLayer.random(silent, problem, points, neurons=FITTED, scale=1.0, seed=SEED)
    with torch.no_grad():
        none = points.new_zeros(len(points), count)
        offset, neurons = constraint(points, none), layer.parts(points)[1]
        factor, gap = constraint(points, none + 1) - offset, member.at(points) - offset
        size = PENALTY * neurons.norm() / neurons.shape[1] ** 0.5
        small = size * torch.eye(neurons.shape[1], dtype=points.dtype)
        for k in range(count):
            rows = torch.cat([factor[:, k : k + 1] * neurons, small])
            wanted = torch.cat([gap[:, k], gap.new_zeros(len(small))])
            layer.output[k] = torch.linalg.lstsq(rows, wanted[:, None]).solution[:, 0]
    return TrialSolution(layer, constraint, base.values)
