"""lambda_1 and lambda_2 of a plane flow by a network, with its u, v and p."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.identification.estimate import Truth
from pinn.identification.identifying import DEFAULTS, Identification, identify
from pinn.identification.result import FieldError, NetworkEstimate
from pinn.identification.weak.navier_stokes import check_flow
from pinn.problems.measured_flow import measured_flow, sample_flow
from pinn.problems.navier_stokes import Flow, streamfunction_pressure
from pinn.settings import Settings
from pinn.training.trainer import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.data.flow import FlowData
    from pinn.solution import Solution
    from pinn.training.trainer import Progress

SNAPSHOTS = 25  # at which errors of the fields are taken, at every point of the data


def default_settings(**choices: Any) -> Settings:
    """Default settings of `identify` where the problem advises nothing, changed by some choices."""
    return Settings(**{**{k: v for k, v in DEFAULTS.items() if k != "budget"}, **choices})


@dataclass(frozen=True)
class NetworkRequest:
    """Request for an estimate by a network.

    Attributes:
        samples: velocities that it sees, each u and v at one point of one snapshot.
        noise: added, as a share of each component's standard deviation.
        flow: form of the equations.
        settings: of the fit; its seed is also that of samples and noise.
        limits: of the fit.
        truth: what errors are against.
    """

    samples: int = 5000
    noise: float = 0.0
    flow: Flow = field(default_factory=streamfunction_pressure)
    settings: Settings = field(default_factory=default_settings)
    limits: Limits = field(default_factory=lambda: Limits(budget=DEFAULTS["budget"]))
    truth: Truth = field(default_factory=Truth)

    def with_seed(self, seed: int) -> NetworkRequest:
        """The request with other samples, noise, weights and points."""
        return replace(self, settings=replace(self.settings, seed=seed))


def identify_network(
    data: FlowData,
    request: NetworkRequest | None = None,
    observers: Sequence[Callable[[Progress], None]] = (),
) -> tuple[NetworkEstimate, Identification]:
    """lambda_1 and lambda_2 from some of the data's velocities, and the fields that go with them.

    A first snapshot whose time cannot be right (`FlowData.has_late_start`) is left out.

    Args:
        data: a flow; its pressure, if there is one, is only compared with.
        request: samples, noise, form and settings.
        observers: called after every step.

    Returns:
        The estimate and the fit behind it.

    Raises:
        DataError: too few samples, a flow that does not identify both coefficients, or noise above
            the signal.
    """
    request = request or NetworkRequest()
    truth, seed = request.truth, request.settings.seed
    left_out = int(data.has_late_start)
    data = data.from_snapshot(left_out)
    check_flow(data)
    samples = sample_flow(data, request.samples, request.noise, seed)
    problem = measured_flow(
        request.flow, data, samples, lambda_1=truth.lambda_1, lambda_2=truth.lambda_2
    )
    found = identify(problem, None, request.settings, request.limits, observers=observers)
    errors = field_errors(data, found.solution)
    estimate = NetworkEstimate.of(found, errors, noise=request.noise, seed=seed)
    return replace(estimate, left_out=left_out), found


def field_errors(data: FlowData, solution: Solution) -> dict[str, FieldError]:
    """Errors of u, v and, where it is known, p, at all points of 25 snapshots.

    Of quantities that are free by a constant each snapshot's mean is removed first.
    """
    chosen = np.unique(np.linspace(0, len(data.time) - 1, SNAPSHOTS).round().astype(int))
    times = np.repeat(data.time[chosen], len(data.points))
    found = solution(np.column_stack([np.tile(data.points, (len(chosen), 1)), times]))
    wanted = {"u": data.velocity[:, 0], "v": data.velocity[:, 1]}
    if data.pressure is not None:
        wanted["p"] = data.pressure
    errors = {}
    for name, snapshots in wanted.items():
        truth = snapshots[:, chosen].T
        mine = found[name].reshape(truth.shape)
        if name in solution.problem.gauge:
            mine = mine - mine.mean(1, keepdims=True)
            truth = truth - truth.mean(1, keepdims=True)
        errors[name] = FieldError.between(mine, truth)
    return errors
