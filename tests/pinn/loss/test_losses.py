"""Sums of squares over weighted terms, and weights that follow the dynamics."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pinn.loss import least_squares, weighting
from pinn.loss.least_squares import LeastSquares, Weighted, Workspace
from pinn.loss.weighting import CausalInTime, DynamicsWeightedLoss, FixedWeights, TermDynamics
from pinn.optimisers import FlatParameters
from pinn.sampling.samplers import Sample
from sciformer.errors import ConvergenceError
from sciformer.hardware import ACCELERATOR, DEVICES, PROCESSOR


class Line(nn.Module):
    """r(x) = slope * x - target(x), whose Jacobian is x."""

    def __init__(self, name: str, slope: nn.Parameter, power: int) -> None:
        super().__init__()
        self.name, self.slope, self.power = name, slope, power

    def residual(self, points: Tensor) -> Tensor:
        return self.slope * points - points**self.power


class Pair(Line):
    """Two equations: 3 slope x and -7 slope x."""

    def __init__(self, name: str, slope: nn.Parameter) -> None:
        super().__init__(name, slope, 1)

    def residual(self, points: Tensor) -> Tensor:
        return torch.cat(self.slopes(self.slope * points), dim=1)

    @staticmethod
    def slopes(points: Tensor) -> tuple[Tensor, Tensor]:
        return 3 * points, -7 * points


@pytest.fixture
def objective() -> LeastSquares:
    slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    first = Sample(torch.tensor([[2.0], [5.0]]).double(), torch.tensor([0.5, 1.5]).double())
    second = Sample(torch.tensor([[7.0]]).double(), torch.ones(1).double())
    terms = [
        Weighted(Line("square", slope, 2), first, 11.0),
        Weighted(Line("cube", slope, 3), second),
    ]
    return LeastSquares(FlatParameters([slope]), terms)


def test_rows_square_to_the_weighted_means(objective: LeastSquares) -> None:
    """Kills: weights instead of their roots, a forgotten division by the number of points."""
    rows = objective.rows()
    first = 11 * (0.5 * (3 * 2 - 4) ** 2 + 1.5 * (3 * 5 - 25) ** 2) / 2
    second = (3 * 7 - 343) ** 2
    assert float(rows @ rows) == pytest.approx(first + second, rel=1e-14)


def test_rows_jacobian_and_gradient_agree(objective: LeastSquares) -> None:
    at = objective.linearise()
    assert torch.allclose(at.rows, objective.rows(), rtol=1e-14)
    value, gradient = objective.value_and_gradient()
    assert value == pytest.approx(float(at.rows @ at.rows), rel=1e-14)
    assert torch.allclose(gradient, 2 * at.rows @ at.jacobian, rtol=1e-13)


def test_jacobians_of_one_workspace_share_their_memory(objective: LeastSquares) -> None:
    """Terms are written side by side into memory that holds numbers of the step before.

    Kills: rows added to what was there, terms at another's place, fresh memory at every step.
    """
    workspace, [slope] = Workspace(), objective.parameters.tensors
    points = torch.linspace(-1, 2, 7).double()[:, None]
    line = Weighted(Line("l", slope, 2), Sample(points, torch.ones(7).double()), 5.0)
    pair = Weighted(Pair("p", slope), Sample(points[:4], torch.ones(4).double()), 2.0)
    larger = LeastSquares(FlatParameters([slope]), [line, pair, line], workspace=workspace)
    first = larger.linearise().jacobian
    kept = first.clone()
    again = larger.linearise().jacobian
    assert again.data_ptr() == first.data_ptr()
    assert torch.equal(again, kept)
    wanted = torch.cat([points * math.sqrt(5 / 7), *Pair.slopes(points[:4] * math.sqrt(2 / 4))])
    torch.testing.assert_close(again[: len(wanted)], wanted, rtol=1e-14, atol=0)
    torch.testing.assert_close(again[len(wanted) :], wanted[:7], rtol=1e-14, atol=0)
    smaller = LeastSquares(FlatParameters([slope]), [pair], workspace=workspace).linearise()
    assert smaller.jacobian.data_ptr() == first.data_ptr()
    torch.testing.assert_close(smaller.jacobian, wanted[7:], rtol=1e-14, atol=0)


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_blocks_of_points_add_up(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: points between blocks lost or counted twice; a mean over the block's own points."""
    slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    points = torch.linspace(-1, 2, 7).double()[:, None]
    sample = Sample(points, torch.linspace(0.2, 1.4, 7).double())
    objective = LeastSquares(FlatParameters([slope]), [Weighted(Line("l", slope, 2), sample, 5.0)])
    at = objective.linearise()
    monkeypatch.setitem(DEVICES, "cpu", replace(PROCESSOR, block_points=block))
    value, gradient = objective.value_and_gradient()
    assert value == pytest.approx(float(at.rows @ at.rows), rel=1e-13)
    assert torch.allclose(gradient, 2 * at.rows @ at.jacobian, rtol=1e-12)


def test_blocks_of_an_accelerator_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a trial evaluation before every gradient; blocks that do not fit into the memory."""
    slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    points = torch.linspace(-1, 2, 700).double()[:, None]
    term, seen = Line("l", slope, 2), []
    residual = term.residual
    monkeypatch.setattr(term, "residual", lambda x: seen.append(len(x)) or residual(x))  # type: ignore[func-returns-value]
    weighted = Weighted(term, Sample(points, torch.ones(700).double()))
    monkeypatch.setitem(DEVICES, "cpu", ACCELERATOR)
    free = 300 * weighted.bytes_per_point
    monkeypatch.setattr(least_squares, "free_memory", lambda _: free)
    objective = LeastSquares(FlatParameters([slope]), [weighted])
    [probe] = seen
    values = [objective.value_and_gradient() for _ in range(2)]
    assert seen == [probe, *[300, 300, 100] * 2]
    assert values[0] == values[1]


def test_a_term_that_is_not_finite_is_named(objective: LeastSquares) -> None:
    objective.parameters.write(torch.tensor([math.inf], dtype=torch.float64))
    for evaluate in (objective.linearise, objective.value_and_gradient):
        with pytest.raises(ConvergenceError, match="the term 'square' is no longer finite"):
            evaluate()


DYNAMICS = {"residual": TermDynamics(2.0, 30.0), "start": TermDynamics(8.0, 10.0)}


def test_weights_equalise_what_they_are_made_for() -> None:
    """Kills: the ratio upside down, norms exchanged with traces."""
    by_norm = weighting.GradientNorm().weights({}, DYNAMICS)
    assert by_norm == {"residual": 5.0, "start": 1.25}
    by_trace = weighting.NTKTrace().weights({}, DYNAMICS)
    assert by_trace == pytest.approx({"residual": 40 / 30, "start": 4.0})
    assert FixedWeights({"start": 7.0}).weights({}, DYNAMICS) == {"residual": 1.0, "start": 7.0}


def test_weights_move_by_their_smoothing() -> None:
    loss = DynamicsWeightedLoss(weighting.NTKTrace(smoothing=0.75))
    loss.observe(DYNAMICS)
    loss.observe({"residual": TermDynamics(1, 1), "start": TermDynamics(1, 3)})
    assert loss.weights == pytest.approx(
        {"residual": 0.75 * 4 / 3 + 0.25 * 4, "start": 0.75 * 4 + 0.25 * 4 / 3}
    )


def test_a_term_that_does_not_move_gets_a_bounded_weight() -> None:
    weights = weighting.NTKTrace().weights({}, {"a": TermDynamics(0, 0), "b": TermDynamics(1, 1)})
    assert weights["a"] == weighting.LARGEST_WEIGHT


def test_measured_dynamics_are_those_of_the_mean_square() -> None:
    slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    points = torch.tensor([[2.0], [5.0]], dtype=torch.float64)
    found = weighting.measure(Line("square", slope, 2), points, [slope])
    loss = Line("square", slope, 2).residual(points).square().mean()
    (gradient,) = torch.autograd.grad(loss, slope)
    assert found.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-13)
    assert found.ntk_trace == pytest.approx((4 + 25) / 2, rel=1e-13)


def test_causal_weights_wait_for_earlier_times() -> None:
    """Kills: the bin's own residual in its weight, the sum over later bins."""
    times = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64)
    sample = Sample(times, torch.ones(3, dtype=torch.float64))
    squares = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    weights = CausalInTime(axis=0, strength=0.1, bins=3).reweight(sample, squares).weights
    assert weights.tolist() == pytest.approx([1, math.exp(-0.2), math.exp(-0.5)])


def test_the_mean_is_over_points_and_not_over_weights() -> None:
    """11 (.25 * 2^2 + .25 * 10^2) / 2 = 143. Kills: a division by the sum of the weights (572)."""
    slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    points, weights = torch.tensor([[2.0], [5.0]]).double(), torch.full((2,), 0.25).double()
    rows = Weighted(Line("square", slope, 2), Sample(points, weights), 11.0).rows().detach()
    assert float(rows @ rows) == pytest.approx(143, rel=1e-14)
