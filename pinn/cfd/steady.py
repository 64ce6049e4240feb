"""Steady incompressible flow: Taylor-Hood elements and Newton's method."""

from __future__ import annotations

from typing import Any

from pinn.cfd.engine import finite_elements
from sciformer.errors import ConvergenceError

TOLERANCE, MAX_STEPS = 1e-12, 15


class SteadyFlow:
    """The equations (u.grad) u + grad p = viscosity lap u, div u = 0 on a mesh.

    Args:
        mesh: NGSolve mesh.
        order: degree of the velocity, `order` - 1 of the pressure.
        viscosity: > 0.
        walls: names of the boundaries where the velocity is given, joined by "|".
        pin: weight of -p q in the continuity equation; > 0 fixes the constant of a pressure that
            no outlet fixes, and must then be tiny.
    """

    def __init__(
        self, mesh: Any, order: int, viscosity: float, walls: str, pin: float = 0.0
    ) -> None:
        ngs, _ = finite_elements()
        self._ngs, self.mesh = ngs, mesh
        velocity = ngs.VectorH1(mesh, order=order, dirichlet=walls)
        space = velocity * ngs.H1(mesh, order=order - 1)
        (u, p), (v, q) = space.TnT()
        viscous = viscosity * ngs.InnerProduct(ngs.Grad(u), ngs.Grad(v))
        convective = ngs.InnerProduct(ngs.Grad(u) * u, v)
        self._form = ngs.BilinearForm(space)
        self._form += (
            viscous + convective - ngs.div(v) * p - ngs.div(u) * q - pin * p * q
        ) * ngs.dx
        self._free = space.FreeDofs()
        self.field, self.unknowns = ngs.GridFunction(space), int(space.ndof)

    def solve(self) -> int:
        """Solves by Newton's method from `field`, whose boundary values stay; returns the number of
        steps.

        Raises:
            ConvergenceError: the residual is not below 1e-12 after 15 steps.
        """
        project = self._ngs.Projector(self._free, True)
        for step in range(MAX_STEPS):
            residual = self.residual()
            inner = (project * residual).Evaluate()
            if step and self._ngs.Norm(inner) < TOLERANCE:
                return step
            self._form.AssembleLinearization(self.field.vec)
            inverse = self._form.mat.Inverse(self._free, inverse="umfpack")
            self.field.vec.data -= inverse * inner
        raise ConvergenceError(
            f"steady flow: Newton's method left a residual of {self._ngs.Norm(inner):.1e} after "
            f"{MAX_STEPS} steps; start from a smaller Reynolds number."
        )

    def residual(self) -> Any:
        """Residual of every row; those of given values hold the force on the boundary."""
        result = self.field.vec.CreateVector()
        self._form.Apply(self.field.vec, result)
        return result
