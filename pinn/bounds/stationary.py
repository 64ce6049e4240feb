"""Theorems on 0 = sum_j a_j u_jj - sum_j b_j u_j + g(x, u)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.eigenvalues import (
    axis_spectrum,
    axis_walls,
    distance_to_spectrum,
    least_eigenvalue,
)
from pinn.bounds.error_bound import Norm, Theorem
from pinn.bounds.normal_form import VALUE
from pinn.bounds.rates import rate_l2, rate_max, seam_trouble, wall_trouble
from pinn.bounds.theorem import NotApplicable, Statement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.bounds.samples import Samples
    from pinn.bounds.theorem import Case

    Array = NDArray[np.float64]

# A distance to the spectrum below this share of the eigenvalue is rounding of its formula.
RESONANCE = 1e-9
POINTS = ("norms of the residual are sums over points",)
SPECTRAL = Theorem(
    "distance to the spectrum",
    "||e||_2 <= ||r||_2 / dist(k, spectrum of -sum_j a_j (d/dx_j)^2)",
)
COERCIVE = Theorem(
    "coercivity", "||e||_2 <= ||r||_2 / (least eigenvalue of diffusion - largest growth)"
)
BARRIER = Theorem("maximum principle", "|e| <= max|e| on the walls + max|r| L_j^2 / (8 a_j)")


def bound_stationary(case: Case, samples: Samples, norm: Norm) -> Statement:
    """The bound in one norm on one grid.

    Raises:
        NotApplicable: with the reason.
    """
    if (min(float(samples.at(a).min()) for a in case.form.diffusion.values())) < 0:
        raise NotApplicable("its second derivatives have both signs, so it is not elliptic")
    if norm is Norm.MAX:
        return _by_barrier(case, samples)
    if norm is Norm.L1:
        raise NotApplicable("it has no theorem of its own in L1")
    if any(case.boundary.kinks.values()) or case.boundary.missed:
        raise NotApplicable(
            "values at its walls are in the loss"
            if case.boundary.missed
            else "the slope of the trial solution jumps where its periodic ends meet"
        )
    residual = float(samples.norm(samples.residual, 2.0)[0])
    constant, theorem, constants = _stability(case, samples)
    return Statement(residual / constant, theorem, {"||r||_2": residual, **constants}, POINTS)


def _stability(case: Case, samples: Samples) -> tuple[float, Theorem, dict[str, float]]:
    """c with ||e||_2 <= ||r||_2 / c, the theorem, and its constants."""
    found = _spectral(case)
    if found is not None:
        return found
    form, boundary, domain = case.form, case.boundary, case.domain
    trouble = wall_trouble(form, boundary, samples, 0.5) or seam_trouble(form, boundary, samples)
    if trouble:
        raise NotApplicable(trouble)
    rate = rate_l2(form)
    growth = None if rate is None else rate.anywhere(samples)
    if growth is None:
        raise NotApplicable("how errors grow depends on the field, whose exact value is not known")
    least = sum(
        float(samples.at(a).min()) * least_eigenvalue(domain, boundary, case.axis(c))
        for c, a in form.diffusion.items()
    )
    worst = float(growth.max())
    if not least > worst:
        raise NotApplicable(
            f"it is not coercive: errors grow at a rate of {worst:.3g}, and diffusion removes only "
            f"{least:.3g}"
        )
    constants = {"least eigenvalue": least, "largest growth": worst}
    return least - worst, COERCIVE, constants


def _spectral(case: Case) -> tuple[float, Theorem, dict[str, float]] | None:
    """The constant by eigenvalues for constant coefficients without drift; None for others."""
    form, domain = case.form, case.domain
    shift = form.reaction.diff(VALUE)
    is_constant = shift.is_number and all(a.is_number for a in form.diffusion.values())
    if not is_constant or any(b != 0 for b in form.drift.values()):
        return None
    number = float(shift)
    spectra = []
    for c, a in form.diffusion.items():
        if a == 0:
            continue
        factor = float(a)
        found = axis_spectrum(domain, case.boundary, case.axis(c), max(number, 0.0) / factor)
        if found is None:
            return None
        spectra.append([factor * value for value in found])
    distance, nearest = distance_to_spectrum(spectra, number)
    if distance <= RESONANCE * max(abs(nearest), abs(number)):
        raise NotApplicable(
            f"{number:.6g} is an eigenvalue ({nearest:.6g}): solutions are not unique, or do not "
            "exist"
        )
    return distance, SPECTRAL, {"k": number, "nearest eigenvalue": nearest}


def _by_barrier(case: Case, samples: Samples) -> Statement:
    """The constant by a barrier: a parabola over one coordinate between two walls with values lies
    above the error.
    """
    form, domain = case.form, case.domain
    if any(case.boundary.kinks.values()):
        raise NotApplicable("the slope of the trial solution jumps where its periodic ends meet")
    if trouble := wall_trouble(form, case.boundary, samples, 0.0):
        raise NotApplicable(trouble)
    growth = rate_max(form).anywhere(samples)
    if growth is None or (growth > 0).any():
        raise NotApplicable("its reaction grows with the field, so no maximum principle holds")
    factors = []
    for c, a in form.diffusion.items():
        axis = case.axis(c)
        least = float(samples.at(a).min())
        names = [f.name for f in domain.parts() if f.coordinate == str(c)]
        closed = [w for w in axis_walls(domain, case.boundary, axis) if w and w.is_value]
        given = len(closed) + sum(name in case.boundary.missed for name in names)
        if least > 0 and given == 2 and form.drift[c] == 0:
            factors.append((domain.high[axis] - domain.low[axis]) ** 2 / (8 * least))
    if not factors:
        raise NotApplicable("no coordinate has values at both ends and no drift")
    residual = float(samples.norm(samples.residual, np.inf)[0])
    missed = max(case.boundary.missed.values(), default=0.0)
    constants = {"max|r|": residual, "L^2 / 8a": min(factors)}
    if missed:
        constants["at the walls"] = missed
    assumptions = ("the largest residual is that of some points",)
    return Statement(missed + residual * min(factors), BARRIER, constants, assumptions)
