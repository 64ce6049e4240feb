"""Theorems on u_tt + c u_t = sum_j a_j u_jj - m u + g(x, t)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.eigenvalues import least_eigenvalue
from pinn.bounds.error_bound import Norm, Theorem
from pinn.bounds.normal_form import VALUE
from pinn.bounds.theorem import NotApplicable, Statement

if TYPE_CHECKING:
    from pinn.bounds.samples import Samples
    from pinn.bounds.theorem import Case

ENERGY = Theorem(
    "energy estimate",
    "N(t) <= int_0^t ||r(s)||_2 ds for N^2 = ||e_t||_2^2 + sum_j a_j ||e_j||_2^2 + m ||e||_2^2, "
    "and ||e||_2 <= min(int N, N / sqrt(least eigenvalue))",
)


def bound_oscillation(case: Case, samples: Samples, norm: Norm) -> Statement:
    """The bound in L2 on one grid.

    Raises:
        NotApplicable: with the reason.
    """
    form, boundary = case.form, case.boundary
    if norm is not Norm.L2 and case.space:
        raise NotApplicable("waves have an energy, which bounds the L2 norm only")
    mass = -form.reaction.diff(VALUE)
    constants = [mass, form.rate, *form.diffusion.values()]
    if not all(c.is_number and c >= 0 for c in constants) or any(
        b != 0 for b in form.drift.values()
    ):
        raise NotApplicable("an energy is known for constant coefficients of the right sign only")
    if boundary.start is not None or not boundary.start_slope:
        raise NotApplicable(
            "its initial values and slopes are not both built into the trial solution"
        )
    if boundary.missed or (boundary.free and form.has_space) or any(boundary.kinks.values()):
        raise NotApplicable("the conditions at its walls are not built into the trial solution")
    if any((w.robin or 0.0) < 0 for w in boundary.walls.values()):
        raise NotApplicable("energy enters through a wall")
    pushes = samples.norm(samples.residual, 2.0)
    energy = np.concatenate([[0.0], np.cumsum(pushes * samples.steps)])
    moved = np.concatenate([[0.0], np.cumsum(energy[1:] * samples.steps)])
    least = float(mass) + sum(
        float(a) * least_eigenvalue(case.domain, boundary, case.axis(c))
        for c, a in form.diffusion.items()
    )
    growth = np.minimum(moved, energy / least**0.5) if least > 0 else moved
    numbers = {"int ||r||_2": float(energy[-1]), "least eigenvalue": least}
    said = ("the integral of |r| is a sum over points",)
    return Statement(float(growth.max()), ENERGY, numbers, said, growth)
