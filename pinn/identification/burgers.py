"""Burgers' equation as an inverse problem: its convection coefficient and its viscosity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import sympy

from pinn.data.cloud import Cloud
from pinn.data.noise import signal_under
from pinn.geometry.box import Box
from pinn.identification.flow_network import default_settings
from pinn.identification.identifying import DEFAULTS, Identification, identify
from pinn.identification.result import FieldError, NetworkEstimate
from pinn.problem.parts import Unknown
from pinn.problem.problem import Problem
from pinn.references.cole_hopf import ColeHopf
from pinn.sampling.schedule import Schedule, Stage
from pinn.training.trainer import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.settings import Settings
    from pinn.training.trainer import Progress

VISCOSITY = 0.01 / math.pi
LEAST_NOISE = 1e-3  # noise that clean samples are weighted by, as a share of the size of u
# Terms of the equation reach 100 in the front, so it is held to 1 % of the size of u at best.
SCHEDULE = Schedule(
    (
        Stage(0, 400, samples=1000, tolerance=0.1),
        Stage(10, 1000, tolerance=0.03),
        Stage(25, 2000, tolerance=0.01),
    ),
    final=Stage(0, 4000, tolerance=0.01, is_trusting=True),
)
GRID = (201, 101)  # in x and t, on which the error of u is taken


def burgers_problem(samples: Cloud, viscosity: float = VISCOSITY) -> Problem:
    """u_t + lambda_1 u u_x - lambda_2 u_xx = 0 on [-1, 1] x [0, 1], lambda_1 = 1.

    Args:
        samples: of u.
        viscosity: lambda_2 > 0, that errors are against.
    """
    x, t, lambda_1, lambda_2 = sympy.symbols("x t lambda_1 lambda_2")
    u = sympy.Function("u")(x, t)
    return Problem(
        name="burgers",
        title="Burgers' equation",
        coordinates=(x, t),
        fields=(u,),
        equations=(u.diff(t) + lambda_1 * u * u.diff(x) - lambda_2 * u.diff(x, 2),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        parameters={lambda_1: 1.0, lambda_2: viscosity},
        unknown={lambda_1: Unknown(1.0), lambda_2: Unknown(0.01)},
        data=(samples,),
        scales={"x": 0.5, "t": 0.5},
        reference=ColeHopf(viscosity),
    )


def sample_burgers(count: int, noise: float, seed: int, viscosity: float = VISCOSITY) -> Cloud:
    """Samples of u at uniformly random points, with noise relative to their standard deviation."""
    generator = np.random.default_rng(seed)
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 1.0])
    points = low + (high - low) * generator.random((count, 2))
    exact = ColeHopf(viscosity)(points)["u"]
    size = float(exact.std())
    signal_under("burgers", "u", noise * size, float(np.hypot(noise * size, size)))
    values = exact + noise * size * generator.standard_normal(count)
    return Cloud(points, {"u": values}, "burgers' samples", {"u": max(noise, LEAST_NOISE) * size})


def identify_burgers(
    samples: int = 2000,
    noise: float = 0.0,
    viscosity: float = VISCOSITY,
    settings: Settings | None = None,
    limits: Limits | None = None,
    observers: Sequence[Callable[[Progress], None]] = (),
) -> tuple[NetworkEstimate, Identification]:
    """lambda_1 and lambda_2 from samples of the exact solution by the Cole-Hopf transformation.

    Args:
        samples: of u.
        noise: added, as a share of the standard deviation of u.
        viscosity: that of the exact solution.
        settings: of the fit; its seed is also that of samples and noise.
        limits: of the fit.
        observers: called after every step.

    Returns:
        The estimate and the fit behind it.
    """
    settings = settings or default_settings(schedule=SCHEDULE)
    limits = limits or Limits(budget=DEFAULTS["budget"])
    cloud = sample_burgers(samples, noise, settings.seed, viscosity)
    problem = burgers_problem(cloud, viscosity)
    found = identify(problem, None, settings, limits, observers=observers)
    axes = [np.linspace(*ends, n) for ends, n in zip(((-1, 1), (0, 1)), GRID, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    reference = problem.reference
    assert reference is not None, "the problem is made with one"
    errors = {"u": FieldError.between(found.solution(points)["u"], reference(points)["u"])}
    return NetworkEstimate.of(found, errors, noise=noise, seed=settings.seed), found
