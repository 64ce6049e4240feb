"""The smooth part of a solution's error, by a defect correction in polynomials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pinn.geometry.box import Box
from pinn.refinement.least_squares import LeastSquaresByBlocks
from pinn.refinement.linearised import Linearised
from pinn.refinement.points import for_polynomials
from pinn.refinement.polynomials import PolynomialLayer, Polynomials, orders_within
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pinn.refinement.candidates import Fit

# Columns at most: degree 40 in two coordinates, which holds waves of a twelfth of a box.
COLUMNS = 1300
# The residual that is left is noise to the polynomials, which more rows for each column let less
# of in: with 3 the error beside a resonance was known to a quarter, with 6 to a fiftieth.
ROWS_PER_COLUMN = 6.0
# Sobol sequences, each with its own scrambling: how far they lead apart is the noise. Points taken
# one by one would be said to leave ten times more open than evenly spread points do.
GROUPS = 4
# Share of the largest degree in a correction with fewer polynomials. Beside a resonance that is
# another one where degrees are too few: a wave felt by a part in 1e5 must be held to that.
# A wave that is even, or odd, feels every other degree alone.
FEWER, PARITY = 0.9, 2.0
# A correction is known if it is so many times what is open of it. Three degrees of freedom tell the
# noise: by chance one of seventeen seems to be known. At a front, which polynomials do not hold,
# fewer degrees lead to another correction, and none is made.
KNOWN = 3.0


@dataclass(frozen=True)
class SmoothError:
    """A correction w of a solution u, and what its points leave open.

    Attributes:
        system: the problem, linearised about u, with polynomials as the unknown part.
        change: of its output weights, to u + w.
        size: |w| / |u|.
        noise: of w, relative to |u| as well: how far another choice of points would lead.
        tail: distance of w to a correction with fewer degrees, likewise.
    """

    system: Linearised
    change: Tensor
    size: float
    noise: float
    tail: float

    @property
    def open(self) -> float:
        """What is not known of the error after the correction."""
        return math.hypot(self.noise, self.tail)

    @property
    def is_known(self) -> bool:
        """Whether the correction is worth being made."""
        return self.size > KNOWN * self.open


def smooth_error(
    fit: Fit, trial: TrialSolution, coefficients: Mapping[str, float], columns: int, seed: int
) -> SmoothError | None:
    """The smooth part of the error of a refined solution; None where polynomials are too few.

    Neurons hold a solution, and not what its equation hardly feels: beside a resonance they miss
    one wave, with next to no residual, which all smooth functions together do not miss. The
    residual of thousands of neurons is still smooth for the most part where the solution is.

    Args:
        fit: the problem, and the points at which changes of the fields are measured.
        trial: refined; it is not changed.
        coefficients: unknown parameters, which join the columns.
        columns: at most.
        seed: of points that nothing was fitted to.

    Source: defect correction, Stetter 1978; least squares in polynomials, Cohen, Davenport,
        Leviatan 2013; noise from randomised quasi-Monte Carlo, Owen 1997.
    """
    problem, constraint = fit.problem, trial.constraint
    outputs = len(problem.fields) if constraint is None else constraint.outputs
    if not isinstance(problem.domain, Box) or columns < outputs:
        return None
    orders = orders_within(problem, columns // outputs)
    polynomials = Polynomials(problem, orders)
    output = torch.zeros(outputs, len(orders), dtype=torch.float64)
    layer = PolynomialLayer(trial.network, polynomials, output).to(trial.device)
    system = Linearised(problem, trial, layer, coefficients, fit.processes)
    count = round(ROWS_PER_COLUMN * system.columns / len(problem.residual) / GROUPS)
    equations = LeastSquaresByBlocks(system.columns, layer.output, fit.processes)
    blocks: list[int] = []
    rows: list[tuple[Tensor, Tensor]] = []
    for group in range(GROUPS):
        imposed = for_polynomials(problem, trial, count, seed + group, fit.fitted.weights)
        blocks.append(0)
        for block in system.blocks(imposed):
            rows.append((block.transposed_jacobian(), block.right))
            equations.add(*rows[-1])
            blocks[-1] += 1
    change = equations.solve().values
    moved = TrialSolution(layer, constraint, trial.values)
    before = fit.fields(moved)
    whole = float(before.norm())
    if not whole > 0:
        return None

    def size(step: Tensor) -> float:
        system.move(step)
        found = float((fit.fields(moved) - before).norm()) / whole
        system.move(-step)
        return found

    pulls = [size(pull) for pull in equations.pulls(change, blocks)]
    noise = math.hypot(*pulls) * math.sqrt(GROUPS / (GROUPS - 1))
    coarse = torch.zeros_like(change)
    kept = _of_low_degree(polynomials, outputs, system.columns).to(change.device)
    if len(kept):
        fewer = LeastSquaresByBlocks(len(kept), layer.output, fit.processes)
        for jacobian, right in rows:
            fewer.add(jacobian[kept], right)
        coarse[kept] = fewer.solve().values
    return SmoothError(system, change, size(change), noise, size(change - coarse))


def _of_low_degree(polynomials: Polynomials, outputs: int, columns: int) -> Tensor:
    """Positions of the columns without the highest degrees; those of coefficients count as low."""
    degrees = polynomials.degrees
    highest = float(degrees.max())
    is_low = (degrees <= min(FEWER * highest, highest - PARITY)).repeat(outputs)
    further = torch.ones(columns - len(is_low), dtype=torch.bool, device=is_low.device)
    return torch.cat([is_low, further]).nonzero()[:, 0]
