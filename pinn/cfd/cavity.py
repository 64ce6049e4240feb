"""The steady flow in a square cavity whose lid slides, kept as values on a Chebyshev grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinn.cfd.engine import finite_elements
from pinn.cfd.meshes import CavityMesh
from pinn.cfd.steady import SteadyFlow
from pinn.references.cavity import Cavity
from pinn.references.chebyshev import lobatto_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CORNER = 1e-12
PRESSURE_PIN = 1e-9
FROM_REST = 400.0  # Newton's method from rest fails at 1000
RAMP = 2.0  # and from half the Reynolds number it does not


def solve_cavity(
    reynolds: float = 100.0, order: int = 5, mesh: CavityMesh | None = None
) -> SteadyFlow:
    """Steady flow in the unit square; the lid y = 1 moves with speed 1, its two ends do not.

    Without that zero at the ends the interpolated lid would push fluid through the walls. Newton's
    method starts from the flow of a smaller Reynolds number, down to one that it reaches from rest.

    Args:
        reynolds: lid speed times side over viscosity.
        order: degree of the velocity.
        mesh: of the square; None takes the standard one.

    Accuracy: at the standard mesh and order 5, extrema on the centre lines to 1e-6 at Re = 100 and
        to 1e-5 at Re = 1000.
    """
    built = (mesh or CavityMesh()).build()
    ramp = [reynolds]
    while ramp[-1] > FROM_REST:
        ramp.append(ramp[-1] / RAMP)
    flow: SteadyFlow | None = None
    for number in reversed(ramp):
        before = flow
        flow = SteadyFlow(built, order, 1 / number, "wall|lid", pin=PRESSURE_PIN)
        if before is None:
            _move_the_lid(flow)
        else:
            flow.field.vec.data = before.field.vec
        flow.solve()
    assert flow is not None, "the ramp holds one number at least"
    return flow


def _move_the_lid(flow: SteadyFlow) -> None:
    ngs, _ = finite_elements()
    velocity = flow.field.components[0]
    velocity.Set(ngs.CF((1, 0)), definedon=flow.mesh.Boundaries("lid"))
    for vertex in flow.mesh.vertices:
        x, y = vertex.point
        if y > 1 - CORNER and min(x, 1 - x) < CORNER:
            velocity.components[0].vec[vertex.nr] = 0


def sample_cavity(flow: SteadyFlow, reynolds: float = 100.0, nodes: int = 97) -> Cavity:
    """The flow on `nodes` x `nodes` Chebyshev-Lobatto points; p has mean zero over them."""
    axis = lobatto_nodes(nodes, 0.0, 1.0)
    inside = np.clip(axis, CORNER, 1 - CORNER)
    x, y = (part.ravel() for part in np.meshgrid(inside, inside, indexing="ij"))
    places = flow.mesh(x, y)
    velocity, pressure = flow.field.components
    u, v = np.asarray(velocity(places)).reshape(nodes, nodes, 2).transpose(2, 0, 1)
    p = np.asarray(pressure(places)).reshape(nodes, nodes)
    return Cavity(reynolds, axis, u, v, p - p[1:-1, 1:-1].mean())


def save_cavity(path: Path, cavity: Cavity) -> None:
    """Writes the table in float32, whose rounding is below the error of the flow."""
    fields = {name: getattr(cavity, name).astype(np.float32) for name in ("u", "v", "p")}
    np.savez_compressed(path, reynolds=cavity.reynolds, axis=cavity.axis, **fields)
