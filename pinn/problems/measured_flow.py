"""Plane flows with measured velocities, and their samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.cloud import Cloud
from pinn.data.noise import noise_in_time, signal_under
from pinn.geometry.box import Box
from pinn.problem.parts import Ansatz, Unknown
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import LAMBDA_1, LAMBDA_2, Flow
from sciformer.errors import DataError

if TYPE_CHECKING:
    from pinn.data.flow import FlowData

# Our choice, after trials on the wake of a cylinder: lengths in diameters, times in D / U.
SCALES = {"x": 1.5, "y": 1.0, "t": 2.0}
UNKNOWN = {LAMBDA_1: Unknown(1.0), LAMBDA_2: Unknown(0.03)}
# Clean data are taken to be this accurate, as a share of the standard deviation of u.
LEAST_NOISE = 1e-3


def measured_flow(
    flow: Flow, data: FlowData, samples: Cloud, *, lambda_1: float = 1.0, lambda_2: float = 0.01
) -> Problem:
    """lambda_1 and lambda_2 of a flow from some of its velocities, in the box around the data.

    The mean of u over all data is added to what the network gives.

    Args:
        flow: the form of the equations.
        data: whose extent and mean speed are taken; no more of it is seen.
        samples: velocities that are seen.
        lambda_1, lambda_2: what errors are against.
    """
    (x_0, y_0), (x_1, y_1) = data.points.min(0).tolist(), data.points.max(0).tolist()
    stream = float(data.velocity[:, 0].mean())
    mean: dict[str, Any] = {"psi": stream * flow.coordinates[1], "u": stream}
    first = flow.fields[0]
    return Problem(
        name="navier-stokes",
        title="Incompressible Navier-Stokes equations",
        coordinates=flow.coordinates,
        fields=flow.fields,
        equations=flow.equations,
        domain=Box(x=(x_0, x_1), y=(y_0, y_1), t=(float(data.time[0]), float(data.time[-1]))),
        parameters={LAMBDA_1: lambda_1, LAMBDA_2: lambda_2},
        unknown=UNKNOWN,
        data=(samples,),
        quantities=flow.quantities,
        ansatz={first: Ansatz(offset=mean[str(first.func)])},
        gauge=("p",),
        scales=SCALES,
    )


def sample_flow(data: FlowData, count: int, noise: float, seed: int) -> Cloud:
    """`count` velocities from random points and snapshots, none twice, with noise added.

    Their noise is what is added and what the data are found to have, in squares.

    Args:
        data: a flow; its pressure is never looked at.
        count: 1 <= count <= points times snapshots.
        noise: standard deviation of what is added, as a share of each component's own.
        seed: of the choice and of the noise.

    Raises:
        DataError: more samples wanted than there are, a constant flow, or noise above the signal.
    """
    if count > data.samples:
        raise DataError(
            f"{data.name}: {count} samples wanted and there are {data.samples}; ask for fewer."
        )
    sizes = data.velocity.std(axis=(0, 2))
    speed = float(np.sqrt(np.mean(data.velocity**2) * 2))
    if float(sizes.max()) <= 1e-6 * speed:
        raise DataError(
            f"{data.name}: the velocity is constant, so lambda_1 and lambda_2 are not "
            "identifiable: every value satisfies the equations; give a flow that varies."
        )
    levels = {}
    for axis, (label, size) in enumerate(zip("uv", sizes.tolist(), strict=True)):
        there = noise_in_time(data.velocity[:, axis], data.time)
        levels[label] = float(np.hypot(noise * size, there))
        signal_under(data.name, label, levels[label], float(np.hypot(noise * size, size)))
    generator = np.random.default_rng(seed)
    index = generator.choice(data.samples, count, replace=False)
    point, snapshot = np.divmod(index, len(data.time))
    places = np.column_stack([data.points[point], data.time[snapshot]])
    added = noise * sizes
    values = {
        name: data.velocity[point, axis, snapshot] + added[axis] * generator.standard_normal(count)
        for axis, name in enumerate("uv")
    }
    least = LEAST_NOISE * float(sizes[0])
    return Cloud(places, values, data.name, {n: max(s, least) for n, s in levels.items()})
