"""Loss weights that follow the dynamics of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch

from pinn.jets import residual_jacobian
from pinn.sampling.samplers import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from pinn.loss.terms import Term

# Weights are ratios of quantities that can differ by any factor; beyond this one they stop.
LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class TermDynamics:
    """Effect of a term L = mean |r|^2 on the network at one moment.

    Attributes:
        gradient_norm: |dL / dtheta|.
        ntk_trace: mean over points of |dr / dtheta|^2, the trace of its tangent kernel.
    """

    gradient_norm: float
    ntk_trace: float


def measure(
    term: Term, points: Tensor, parameters: Sequence[nn.Parameter], most: int = 256
) -> TermDynamics:
    """The dynamics of a term, from its exact Jacobian on at most `most` of the points."""
    rows, jacobian = residual_jacobian(term.residual, points[:most], parameters)
    rows, jacobian = rows.reshape(-1), jacobian.flatten(0, -2)
    gradient = 2 * (rows @ jacobian) / len(points[:most])
    trace = jacobian.square().sum() / len(points[:most])
    return TermDynamics(float(gradient.norm()), float(trace))


class Balance(Protocol):
    """Weights of the terms from their dynamics."""

    def weights(
        self, present: Mapping[str, float], dynamics: Mapping[str, TermDynamics]
    ) -> dict[str, float]:
        """The next weights, by term."""
        ...


@dataclass(frozen=True)
class FixedWeights:
    """Weights that never move: those given, 1 for every other term."""

    given: Mapping[str, float] = field(default_factory=dict)

    def weights(
        self, present: Mapping[str, float], dynamics: Mapping[str, TermDynamics]
    ) -> dict[str, float]:
        """The given weights."""
        return {name: float(self.given.get(name, 1.0)) for name in dynamics}


@dataclass(frozen=True)
class GradientNorm:
    """weight_k <- a weight_k + (1 - a) sum_j |grad L_j| / |grad L_k|, so that all terms pull alike.

    Args:
        smoothing: a in [0, 1).

    Source: the gradient-norm weighting of Wang, Sankaran, Wang, Perdikaris 2023
        (arXiv 2308.08468), after Wang, Teng, Perdikaris 2021.
    """

    smoothing: float = 0.9

    def weights(
        self, present: Mapping[str, float], dynamics: Mapping[str, TermDynamics]
    ) -> dict[str, float]:
        """Weights that equalise the norms of the weighted gradients."""
        norms = {name: d.gradient_norm for name, d in dynamics.items()}
        return _smoothed(present, _ratios(norms), self.smoothing)


@dataclass(frozen=True)
class NTKTrace:
    """weight_k <- a weight_k + (1 - a) sum_j trace_j / trace_k, so that all terms converge alike.

    The trace of the neural tangent kernel is the mean rate at which a term's residuals shrink
    under gradient flow.

    Args:
        smoothing: a in [0, 1).

    Source: the tangent-kernel weighting of Wang, Yu, Perdikaris 2022.
    Deviates: smoothed over updates.
    """

    smoothing: float = 0.9

    def weights(
        self, present: Mapping[str, float], dynamics: Mapping[str, TermDynamics]
    ) -> dict[str, float]:
        """Weights that equalise the traces of the weighted kernels."""
        traces = {name: d.ntk_trace for name, d in dynamics.items()}
        return _smoothed(present, _ratios(traces), self.smoothing)


@dataclass(frozen=True)
class CausalInTime:
    """Weights of single points: later times count once earlier residuals are small.

    w_i = exp(-strength * sum_{j < i} L_j),   L_j = mean |r|^2 in the j-th of `bins` time slices.

    Args:
        axis: the time coordinate.
        strength: > 0; larger marches more strictly. Residuals are relative to the terms of their
            equation: with 1e3 a slice waits while those before it exceed 3 %.
        bins: time slices.

    Source: causal training of Wang, Sankaran, Perdikaris 2024.
    """

    axis: int
    strength: float = 1.0
    bins: int = 16

    def reweight(self, sample: Sample, squares: Tensor) -> Sample:
        """The sample with causal weights; `squares` (p,) are its squared residuals."""
        time = sample.points[:, self.axis]
        span = (time.max() - time.min()).clamp_min(torch.finfo(time.dtype).tiny)
        slot = ((time - time.min()) / span * self.bins).long().clamp(0, self.bins - 1)
        zeros = torch.zeros(self.bins, dtype=squares.dtype, device=squares.device)
        total = zeros.index_add(0, slot, squares * sample.weights)
        count = zeros.index_add(0, slot, sample.weights).clamp_min(1e-12)
        means = total / count
        weight = torch.exp(-self.strength * (means.cumsum(0) - means))
        return Sample(sample.points, sample.weights * weight[slot])


class DynamicsWeightedLoss:
    """The loss of PhysicsFormer: terms weighted by their training dynamics.

    L = sum_k weight_k mean(causal_i |r_k,i|^2)

    Weights multiply rows by their square roots, so that least-squares optimisers see them too.
    They move only when the points change: within one sample the objective stands still.

    Args:
        balance: how terms are balanced.
        causal: weights in time for the equations inside the domain, or None.

    Source: the name is PhysicsFormer's (arXiv 2601.03613, abstract).
    Deviates: the paper's formula is not known to us. What we call by its name is `NTKTrace`: it
        needs nothing but the Jacobian that Levenberg-Marquardt has anyhow, and equalises rates
        of convergence, which the word "dynamics" suggests.
    """

    def __init__(self, balance: Balance | None = None, causal: CausalInTime | None = None) -> None:
        self.balance: Balance = NTKTrace() if balance is None else balance
        self.causal = causal
        self.weights: dict[str, float] = {}

    def observe(self, dynamics: Mapping[str, TermDynamics]) -> None:
        """Moves the weights by the measured dynamics."""
        self.weights = self.balance.weights(self.weights, dynamics)


def _ratios(sizes: Mapping[str, float]) -> dict[str, float]:
    total = sum(sizes.values())
    return {name: min(total / max(size, 1e-300), LARGEST_WEIGHT) for name, size in sizes.items()}


def _smoothed(
    present: Mapping[str, float], target: Mapping[str, float], smoothing: float
) -> dict[str, float]:
    return {
        name: smoothing * present[name] + (1 - smoothing) * value if name in present else value
        for name, value in target.items()
    }
