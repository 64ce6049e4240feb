"""Unsteady incompressible flow past a cylinder: Taylor-Hood elements in space, SBDF3 in time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.cfd.engine import finite_elements
from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Coefficients of u_{n+1}, u_n, ... of the backward difference, and of the extrapolated convection.
SBDF = {
    1: ((1.0, -1.0), (1.0,)),
    2: ((1.5, -2.0, 0.5), (2.0, -1.0)),
    3: ((11 / 6, -3.0, 1.5, -1 / 3), (3.0, -3.0, 1.0)),
}
DIVERGED_DRAG = 1e3


@dataclass(frozen=True)
class Scheme:
    """Discretisation of a flow.

    Args:
        order: degree k of the velocity, k - 1 of the pressure.
        viscosity: 1/Re, for unit speed and diameter.
        step: of time, in diameters per unit speed.
    """

    order: int
    viscosity: float = 0.01
    step: float = 0.01


class UnsteadyFlow:
    """u_t + (u.grad) u + grad p = viscosity lap u, div u = 0; u = (1, 0) at the inlet, 0 on the
    cylinder, no stress at the outlet, periodic in y.

    Diffusion and pressure are implicit, convection is extrapolated, so one factorisation serves
    every step. Forces are the residuals of the rows that the boundary condition replaced, which
    converge twice as fast as integrals of the stress.

    Source: Ascher, Ruuth, Wetton 1995 (SBDF); the discretisation is our choice.
    """

    def __init__(self, mesh: Any, scheme: Scheme) -> None:
        ngs, _ = finite_elements()
        self._ngs, self._mesh, self.scheme, self.time = ngs, mesh, scheme, 0.0
        k = scheme.order
        velocity = ngs.Periodic(ngs.VectorH1(mesh, order=k, dirichlet="in|cylinder"))
        pressure = ngs.Periodic(ngs.H1(mesh, order=k - 1))
        self._space = velocity * pressure
        self._free = self._space.FreeDofs()
        (u, p), (v, q) = self._space.TnT()
        viscous = scheme.viscosity * ngs.InnerProduct(ngs.Grad(u), ngs.Grad(v))
        self._stokes = self._assembled(viscous - ngs.div(v) * p - ngs.div(u) * q)
        self._mass = self._assembled(u * v)
        self._convection = ngs.BilinearForm(self._space, nonassemble=True)
        self._convection += ngs.InnerProduct(ngs.Grad(u) * u, v) * ngs.dx(bonus_intorder=k)
        self.field = ngs.GridFunction(self._space)
        self._drag, self._lift = self._on_cylinder((1, 0)), self._on_cylinder((0, 1))
        self._velocities: deque[Any] = deque(maxlen=3)
        self._convections: deque[Any] = deque(maxlen=3)
        self._system: tuple[int, Any, Any] | None = None

    @property
    def unknowns(self) -> int:
        """Degrees of freedom of velocity and pressure."""
        return int(self._space.ndof)

    def start(self, kick: float = 0.3) -> None:
        """Stokes flow, plus an upward blob behind the cylinder that breaks the symmetry."""
        ngs = self._ngs
        inlet = self._mesh.Boundaries("in")
        self.field.components[0].Set(ngs.CF((1, 0)), definedon=inlet)
        inverse = self._stokes.mat.Inverse(self._free, inverse="umfpack")
        self.field.vec.data -= inverse * (self._stokes.mat * self.field.vec).Evaluate()
        blob = ngs.GridFunction(self._space)
        distance = (ngs.x - 1.5) ** 2 + ngs.y**2
        blob.components[0].Set(ngs.CF((0, kick * ngs.exp(-2 * distance))))
        self.field.vec.data += ngs.Projector(self._free, True) * blob.vec
        self._remember()

    def start_from(self, other: UnsteadyFlow) -> None:
        """The field of another order on the same mesh, at its time."""
        for mine, theirs in zip(self.field.components, other.field.components, strict=True):
            mine.Set(theirs)
        self.time = other.time
        self._remember()

    def advance(self) -> tuple[float, float]:
        """Takes one step of time; returns the drag and lift coefficients after it.

        Raises:
            ConvergenceError: the flow blew up; the step is too long for the mesh.
        """
        before, extrapolated = SBDF[len(self._velocities)]
        system, inverse = self._factorised(len(self._velocities), before[0])
        history = self.field.vec.CreateVector()
        history[:] = 0
        for weight, velocity in zip(before[1:], self._velocities, strict=True):
            history.data -= (weight / self.scheme.step) * velocity
        right = (self._mass.mat * history).Evaluate()
        for weight, convection in zip(extrapolated, self._convections, strict=True):
            right.data -= weight * convection
        self.field.vec.data += inverse * (right - system * self.field.vec).Evaluate()
        force = (system * self.field.vec - right).Evaluate()
        self.time += self.scheme.step
        self._remember()
        drag, lift = (
            -2.0 * self._ngs.InnerProduct(force, one.vec) for one in (self._drag, self._lift)
        )
        if not abs(drag) < DIVERGED_DRAG:
            raise ConvergenceError(
                f"wake: the flow blew up at t = {self.time:.2f} (drag coefficient {drag:.3g}); "
                f"take a step below {self.scheme.step:g} or a coarser mesh."
            )
        return drag, lift

    def values(self, points: Array) -> Array:
        """u, v, p at points (p, 2), as (p, 3)."""
        places = self._mesh(points[:, 0], points[:, 1])
        velocity, pressure = self.field.components
        return np.hstack([np.asarray(velocity(places)), np.asarray(pressure(places))])

    def state(self) -> dict[str, Array]:
        """All that the next step needs, as arrays."""
        vectors = [*self._velocities, *self._convections]
        return {
            "time": np.array(self.time),
            "history": np.stack([vector.FV().NumPy().copy() for vector in vectors]),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continues from a `state`, on a mesh made with the same numbers."""
        self.time = float(state["time"])
        vectors = []
        for values in state["history"]:
            vectors.append(self.field.vec.CreateVector())
            vectors[-1].FV().NumPy()[:] = values
        half = len(vectors) // 2
        self._velocities.extend(vectors[:half])
        self._convections.extend(vectors[half:])
        self.field.vec.data = self._velocities[0]

    def _assembled(self, form: Any) -> Any:
        bilinear = self._ngs.BilinearForm(self._space)
        bilinear += form * self._ngs.dx
        return bilinear.Assemble()

    def _on_cylinder(self, direction: tuple[int, int]) -> Any:
        trace = self._ngs.GridFunction(self._space)
        boundary = self._mesh.Boundaries("cylinder")
        trace.components[0].Set(self._ngs.CF(direction), definedon=boundary)
        return trace

    def _remember(self) -> None:
        velocity, convection = self.field.vec.CreateVector(), self.field.vec.CreateVector()
        velocity.data = self.field.vec
        self._convection.Apply(velocity, convection)
        self._velocities.appendleft(velocity)
        self._convections.appendleft(convection)

    def _factorised(self, order: int, leading: float) -> tuple[Any, Any]:
        if self._system is None or self._system[0] != order:
            matrix = self._stokes.mat.CreateMatrix()
            weight = leading / self.scheme.step
            matrix.AsVector().data = (
                self._stokes.mat.AsVector() + weight * self._mass.mat.AsVector()
            )
            inverse = matrix.Inverse(self._free, inverse="sparsecholesky")
            self._system = (order, matrix, inverse)
        return self._system[1], self._system[2]
