"""Theorems on u_t = sum_j a_j u_jj - sum_j b_j(x, t, u) u_j + g(x, t, u)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.bounds.eigenvalues import axis_walls, largest_eigenvalue, least_eigenvalue
from pinn.bounds.error_bound import Norm, Theorem
from pinn.bounds.rates import rate_l1, rate_l2, rate_max, seam_trouble, wall_trouble
from pinn.bounds.theorem import NotApplicable, Statement
from pinn.bounds.walls import gap_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pinn.bounds.rates import Rate
    from pinn.bounds.samples import Samples
    from pinn.bounds.theorem import Case

    Array = NDArray[np.float64]

# Doublings of a distance within which the error is shown to stay; each doubles what is allowed.
DOUBLINGS = 60
KEPT = {Norm.L1: 1.0, Norm.L2: 0.5, Norm.MAX: 0.0}
THEOREMS = {
    Norm.L1: Theorem(
        "L1 contraction", "||e(t)||_1 <= ||e(0)||_1 + int_0^t exp(int_s^t q) ||r(s)||_1 ds"
    ),
    Norm.L2: Theorem(
        "energy estimate", "||e(t)||_2 <= ||e(0)||_2 + int_0^t exp(int_s^t q) ||r(s)||_2 ds"
    ),
    Norm.MAX: Theorem(
        "maximum principle", "|e(t)| <= |e(0)| + int_0^t exp(int_s^t q) max|r(s)| ds"
    ),
}
POINTWISE = Theorem(
    "Gronwall at every point", "|e(x,t)| <= |e(x,0)| + int_0^t exp(int_s^t q(x)) |r(x,s)| ds"
)


def bound_evolution(case: Case, samples: Samples, norm: Norm) -> Statement:
    """The bound in one norm on one grid.

    Raises:
        NotApplicable: with the reason.
    """
    form = case.form
    for a in form.diffusion.values():
        if (samples.at(a) < 0).any():
            raise NotApplicable("its diffusion is negative somewhere, and errors grow at any rate")
    if not form.has_space:
        return _pointwise(case, samples, norm)
    if trouble := wall_trouble(form, case.boundary, samples, KEPT[norm]):
        raise NotApplicable(trouble)
    if trouble := seam_trouble(form, case.boundary, samples):
        raise NotApplicable(trouble)
    rate = {Norm.L1: rate_l1, Norm.L2: rate_l2, Norm.MAX: rate_max}[norm](form)
    if rate is None:
        raise NotApplicable("the divergence of its drift depends on the field")
    growth, constants = _march(case, samples, norm, rate)
    assumptions = _assumptions(case, rate)
    return Statement(float(growth.max()), THEOREMS[norm], constants, assumptions, growth)


def _march(case: Case, samples: Samples, norm: Norm, rate: Rate) -> tuple[Array, dict[str, float]]:
    """The bound at the start and the ends of all slices, and the constants."""
    start = float(samples.norm(_start_gap(case, samples), norm.power)[0])
    pushes = samples.norm(samples.residual, norm.power)
    if norm is Norm.L1:
        pushes = pushes + _kinks(case, samples)
    elif any(case.boundary.kinks.values()):
        raise NotApplicable("the slope of the trial solution jumps where its periodic ends meet")
    missed = max(case.boundary.missed.values(), default=0.0)
    if missed and norm is not Norm.MAX:
        raise NotApplicable(
            "values at its walls are in the loss, and only the largest error sees "
            "how far off they are"
        )
    start = max(start, missed)
    gains = _gains(case, samples, norm, rate)
    growth, worst = [start], -np.inf
    for k, (step, push) in enumerate(zip(samples.steps, pushes, strict=True)):
        gain = gains(k, growth[-1], step, float(push))
        gain = max(gain, 0.0) if missed else gain
        growth.append(_advance(growth[-1], gain, step, float(push)))
        worst = max(worst, gain)
    found = np.array(growth)
    if not np.isfinite(found).all():
        raise NotApplicable("at the known growth rate the error bound overflows")
    constants = {"largest q": float(worst), "int |r|": float(pushes @ samples.steps)}
    if start:
        constants["at the start and walls"] = start
    return found, constants


def _advance(error: Any, gain: Any, step: float, push: Any) -> Any:
    """E' = q E + |r| over a slice; a decay is not counted for what is added within it."""
    with np.errstate(over="ignore", invalid="ignore"):
        swollen = np.exp(np.minimum(gain * step, 700.0))
        return error * swollen + step * push * np.maximum(swollen, 1.0)


def _gains(
    case: Case, samples: Samples, norm: Norm, rate: Rate
) -> Callable[[int, float, float, float], float]:
    """The rate on a slice as a function of (slice, error so far, its width, its residual)."""
    if not rate.depends_on_value:
        known = np.array(
            [
                _rate_of(
                    case,
                    norm,
                    samples.part(slice(k, k + 1)),
                    rate.within(samples.part(slice(k, k + 1)), 0.0),
                )
                for k in range(len(samples.steps))
            ]
        )
        return lambda k, *_: float(known[max(k - 1, 0) : k + 2].max())
    if norm is Norm.MAX:
        return lambda k, error, step, push: _continued(samples, rate, k, (error, step, push))[0]
    distances = _distances(case, samples)

    def gain(k: int, *_: float) -> float:
        near = samples.part(slice(max(k - 1, 0), k + 2))
        values = rate.anywhere(near) if distances is None else rate.within(near, distances[k])
        if values is None:
            raise NotApplicable(
                "how fast errors grow depends on the field, and its largest error could not be "
                "bounded; train further"
            )
        rows = range(len(values))
        return max(_rate_of(case, norm, near.part(slice(i, i + 1)), values[[i]]) for i in rows)

    return gain


def _distances(case: Case, samples: Samples) -> Array | None:
    """A bound of the largest error on each slice; None if there is none."""
    rate = rate_max(case.form)
    try:
        if wall_trouble(case.form, case.boundary, samples, KEPT[Norm.MAX]):
            return None
        growth, _ = _march(case, samples, Norm.MAX, rate)
    except NotApplicable:
        return None
    # Within a slice the error is at most twice what the march allows at its ends.
    return 2 * np.maximum(growth[1:], growth[:-1])


def _continued(
    samples: Samples, rate: Rate, k: int, now: tuple[Any, float, Any]
) -> tuple[Any, Any]:
    """The rate on a slice, for errors that are shown to stay within the distance it is taken for.

    As long as |e| <= d the rate is at most q(d); if with it the error stays below d, it never
    reaches d. The least of a doubling sequence of d for which that holds is taken.
    """
    error, step, push = now
    near = samples.part(slice(max(k - 1, 0), k + 2))
    is_single = np.ndim(error) == 0
    distance = 2 * (error + step * push)
    for _ in range(DOUBLINGS):
        values = rate.within(near, distance)
        gain = values.max() if is_single else values.max(0)
        after = np.maximum(_advance(error, gain, step, push), error)
        if np.all(after <= distance):
            return gain, distance
        distance = np.where(after <= distance, distance, 2 * distance)
        distance = float(distance) if is_single else distance
        if not np.all(np.isfinite(distance)):
            break
    values_anywhere = rate.anywhere(near)
    if values_anywhere is None:
        raise NotApplicable(
            "the residual is too large for the rate at which its reaction amplifies errors; train "
            "further"
        )
    return (values_anywhere.max() if is_single else values_anywhere.max(0)), np.inf


def _rate_of(case: Case, norm: Norm, near: Samples, values: Array) -> float:
    """The rate of a norm on one slice from the rates (1, s) at points."""
    form, boundary, domain = case.form, case.boundary, case.domain
    if norm is not Norm.L2:
        return float(values.max())
    varies = float(values.max() - values.min()) > 0
    [first, *others] = case.space
    diffusion = near.at(form.diffusion[first])[0]
    if varies and not others and (diffusion > 0).all():
        axis = case.axis(first)
        low, high = axis_walls(domain, boundary, axis)
        ends = low is not None and low.is_value, high is not None and high.is_value
        widths = near.cells[first].widths
        is_ring = axis in boundary.periodic
        return largest_eigenvalue(diffusion, values[0], widths, ends, is_ring=is_ring)
    least: float = sum(
        float(near.at(a).min()) * least_eigenvalue(domain, boundary, case.axis(c))
        for c, a in form.diffusion.items()
    )
    return float(values.max()) - least


def _pointwise(case: Case, samples: Samples, norm: Norm) -> Statement:
    """The bound without derivatives in space, where every point has an equation of its own."""
    rate = rate_max(case.form)
    error = np.abs(_start_gap(case, samples))[0]
    growth = [error]
    worst = -np.inf
    for k, step in enumerate(samples.steps):
        push = np.abs(samples.residual[k])
        gain, _ = _continued(samples, rate, k, (growth[-1], float(step), push))
        growth.append(_advance(growth[-1], gain, float(step), push))
        worst = max(worst, float(np.max(gain)))
    found = samples.norm(np.array(growth), norm.power)
    if not np.isfinite(found).all():
        raise NotApplicable("at the known growth rate the error bound overflows")
    constants = {"largest q": worst}
    return Statement(float(found.max()), POINTWISE, constants, _assumptions(case, rate), found)


def _start_gap(case: Case, samples: Samples) -> Array:
    """|v - u| at the start on the points of space, (1, s); 0 where the form gives the value."""
    import torch

    condition = case.boundary.start
    if condition is None:
        return np.zeros((1, samples.value.shape[1]))
    columns = [
        np.full(samples.value.shape[1], condition.face.value) if c == case.form.time else x[0]
        for c, x in samples.columns.items()
    ]
    points = torch.from_numpy(np.stack(columns, -1))
    return gap_at(case.problem, case.trial, condition, points).cpu().numpy()[None]


def _kinks(case: Case, samples: Samples) -> float:
    """Part of the L1 norm of the residual added by the jump of a slope where periodic ends meet."""
    domain, total = case.domain, 0.0
    for axis, jump in case.boundary.kinks.items():
        c = case.problem.coordinates[axis]
        others = [
            domain.high[case.axis(o)] - domain.low[case.axis(o)] for o in case.space if o != c
        ]
        total += jump * float(samples.at(case.form.diffusion[c]).max()) * float(np.prod(others))
    return total


def _assumptions(case: Case, rate: Rate) -> tuple[str, ...]:
    said = ["the integral of |r| is a sum over points"]
    if case.boundary.start is not None:
        said.append("the misfit of the initial values is a sum over points")
    if case.boundary.missed:
        said.append("the misfit at the walls is the largest of some points")
    if any(case.boundary.kinks.values()):
        said.append("the jump of the slope at the seam is the largest of some points")
    if not rate.is_constant:
        said.append("rates are the largest of some points")
    if case.form.has_space or case.space:
        said.append("the exact solution is as smooth as the equation requires")
    return tuple(said)
