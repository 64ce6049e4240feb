"""The step of a refinement: least squares, or damped where that holds on the fitted points only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pinn.refinement.least_squares import LeastSquaresByBlocks
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.refinement.linearised import Imposed, Linearised
    from sciformer.runs.processes import Processes

# Relative shifts of the normal equations, from hardly a step to nearly least squares. A factor of
# ten changes what is left by less than two where it is least (cavity, Re = 400).
DAMPINGS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)


class Step(NamedTuple):
    """A change of all unknowns.

    Attributes:
        change: (columns,).
        left: what the linearised problem leaves of the validation residual after it.
    """

    change: Tensor
    left: float


def best_step(
    system: Linearised,
    fitted: Imposed,
    validation: Imposed,
    now: float,
    processes: Processes = ALONE,
) -> Step:
    """The step of Gauss and Newton, damped where it makes matters worse on unseen points.

    Near a singular corner thousands of neurons cancel each other at the points of the fit, and
    nowhere else. The largest of the dampings is tried first, then smaller ones for as long as each
    leaves less of the validation residual.

    Args:
        system: the linearised residuals.
        fitted: the points of the fit.
        validation: other points.
        now: the validation residual without a step.
        processes: who shares the points.
    """
    equations = normal_equations(system, fitted, processes)

    def valued(change: Tensor) -> Step:
        left = system.linear_value(validation, change)
        return Step(change, left if math.isfinite(left) else math.inf)

    plain = valued(equations.solve().values)
    if plain.left < now:
        return plain
    best = valued(equations.damped(DAMPINGS[0]))
    for damping in DAMPINGS[1:]:
        damped = valued(equations.damped(damping))
        if damped.left >= best.left:
            break
        best = damped
    return min(best, plain, key=lambda step: step.left)


def gauss_newton_step(system: Linearised, fitted: Imposed, processes: Processes = ALONE) -> Tensor:
    """The change (columns,) of all unknowns that is least squares for the linearised rows."""
    return normal_equations(system, fitted, processes).solve().values


def normal_equations(
    system: Linearised, fitted: Imposed, processes: Processes = ALONE
) -> LeastSquaresByBlocks:
    """The linearised rows on the points of a fit, as a least-squares problem for the change."""
    equations = LeastSquaresByBlocks(system.columns, system.layer.output, processes)
    for block in system.blocks(fitted):
        equations.add(block.transposed_jacobian(), block.right)
    return equations
