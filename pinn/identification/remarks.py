"""Remarks on a fit that belong beside its values: how sure they are, and what to look at."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pinn.identification.outliers import outliers
from pinn.identification.significance import far_below_size, significance
from pinn.identification.symmetries import symmetries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Problem
    from pinn.solution import Solution

WORSE = 2.0  # misfit in units of the noise, above which something is wrong


def remarks_on_samples(solution: Solution, dispersion: float) -> list[str]:
    """Remarks on samples that are missed.

    Args:
        solution: fitted to the samples of its problem.
        dispersion: their misfit in units of their noise.
    """
    said = []
    if dispersion > WORSE:
        said.append(
            f"The samples are missed by {dispersion:.1f} times their noise: the fit is not done, "
            "the noise is larger than stated, or the equations are not those of the data; train "
            "longer (--budget), or check noise, units and equations."
        )
    for cloud in solution.problem.data:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # samples of faces may be rounded
            fitted = solution(cloud.points)
        said += outliers(cloud, fitted)
    return said


def remarks_on_unknowns(
    problem: Problem, values: Mapping[str, float], halves: Mapping[str, float]
) -> list[str]:
    """Remarks on values that are as good as 0, undetermined, or of another sign or size than said.

    Args:
        problem: with the samples.
        values: of the unknowns.
        halves: half-widths of their intervals.
    """
    said = []
    for symbol, given in problem.unknown.items():
        name = str(symbol)
        said.append(significance(problem, values, name, halves[name]))
        said.append(far_below_size(name, values[name], halves[name], given.size))
        if symbol.is_positive and not values[name] > 0:
            said.append(
                f"{name} is declared positive and was found as {values[name]:.3g}: check the signs "
                "in the equations and in the data."
            )
    return [*filter(None, said), *symmetries(problem)]
