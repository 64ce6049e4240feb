"""Burgers' equation as an inverse problem: its convection coefficient and its viscosity."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import sympy

from pinn.data.observations import Observations
from pinn.geometry.box import Box
from pinn.identification.fit import FitReport
from pinn.identification.inverse_problem import InverseProblem
from pinn.identification.network import FitSettings, Identification, identify
from pinn.identification.noise import signal_under
from pinn.identification.result import FieldError, NetworkEstimate
from pinn.identification.schedule import ALL, Schedule, Stage
from pinn.networks import MLP
from pinn.problem.problem import Problem
from pinn.references.cole_hopf import ColeHopf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VISCOSITY = 0.01 / math.pi
LEAST_NOISE = 1e-3
# Terms of the equation reach 100 in the front, so it is held to 1 % of the size of u at best.
SCHEDULE = Schedule(
    (Stage(0, 400, 1000, 0.1), Stage(10, 1000, ALL, 0.03), Stage(25, 2000, ALL, 0.01)),
    final_points=4000,
)
NETWORK = partial(MLP, width=20, layers=4)
GRID = (201, 101)  # in x and t, on which the error of u is taken


def burgers_problem(viscosity: float = VISCOSITY) -> InverseProblem:
    """u_t + lambda_1 u u_x - lambda_2 u_xx = 0 on [-1, 1] x [0, 1], lambda_1 = 1.

    Args:
        viscosity: lambda_2 > 0, that errors are against.
    """
    x, t, lambda_1, lambda_2 = sympy.symbols("x t lambda_1 lambda_2")
    u = sympy.Function("u")(x, t)
    problem = Problem(
        name="burgers",
        title="Burgers' equation",
        coordinates=(x, t),
        fields=(u,),
        equations=(u.diff(t) + lambda_1 * u * u.diff(x) - lambda_2 * u.diff(x, 2),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        parameters={lambda_1: 1.0, lambda_2: viscosity},
        reference=ColeHopf(viscosity),
    )
    return InverseProblem(
        problem, sizes={"lambda_1": 1.0, "lambda_2": 0.01}, scales={"x": 0.5, "t": 0.5}
    )


def sample_burgers(inverse: InverseProblem, count: int, noise: float, seed: int) -> Observations:
    """u at uniformly random points, with noise of that share of its standard deviation."""
    generator = np.random.default_rng(seed)
    low, high = np.array(list(inverse.problem.domain.intervals.values())).T
    points = low + (high - low) * generator.random((count, 2))
    reference = inverse.problem.reference
    assert reference is not None, "the problem is made with one"
    exact = reference(points)["u"]
    size = float(exact.std())
    signal_under("burgers", "u", noise * size, float(np.hypot(noise * size, size)))
    values = exact + noise * size * generator.standard_normal(count)
    return Observations(
        points, {"u": values}, {"u": max(noise, LEAST_NOISE) * size}, "burgers' samples"
    )


def identify_burgers(
    samples: int = 2000,
    noise: float = 0.0,
    viscosity: float = VISCOSITY,
    settings: FitSettings | None = None,
    observers: Sequence[Callable[[FitReport], None]] = (),
) -> tuple[NetworkEstimate, Identification]:
    """lambda_1 and lambda_2 from samples of the exact solution by Cole and Hopf.

    Args:
        samples: of u.
        noise: added, as a share of the standard deviation of u.
        viscosity: that of the exact solution.
        settings: of the fit; its seed is also that of samples and noise.
        observers: called after every step.

    Returns:
        The estimate and the fit behind it.
    """
    settings = settings or FitSettings(network=NETWORK, schedule=SCHEDULE)
    inverse = burgers_problem(viscosity)
    observations = sample_burgers(inverse, samples, noise, settings.seed)
    found = identify(inverse, observations, settings, observers)
    axes = [np.linspace(*ends, n) for ends, n in zip(((-1, 1), (0, 1)), GRID, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    reference = inverse.problem.reference
    assert reference is not None, "the problem is made with one"
    errors = {"u": FieldError.between(found.fields(points)["u"], reference(points)["u"])}
    return NetworkEstimate.of(found, errors, noise=noise, seed=settings.seed), found
