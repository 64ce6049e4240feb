"""Bounds in one norm from bounds in another, by Hoelder's inequality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.bounds.error_bound import Norm, Theorem
from pinn.bounds.theorem import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.bounds.samples import Samples

# ||e||_p <= |domain|^(1/p - 1/q) ||e||_q for p < q; beside it the power of |domain| in words.
STEPS = {
    (Norm.L1, Norm.L2): "|domain|^(1/2)",
    (Norm.L1, Norm.MAX): "|domain|",
    (Norm.L2, Norm.MAX): "|domain|^(1/2)",
}


def by_hoelder(found: Mapping[Norm, Statement], samples: Samples) -> dict[Norm, Statement]:
    """Statements in each norm, replaced where one in a greater norm says more.

    A theorem in L1 counts no decay, which in L2 the least eigenvalue of diffusion is.

    Args:
        found: statements of the theorems themselves.
        samples: on which they were made; their weights add up to |domain|, space alone.
    """
    volume = float(samples.weights.sum())
    better = dict(found)
    for (norm, greater), words in STEPS.items():
        if greater not in found:
            continue
        factor = volume ** (1 / norm.power - 1 / greater.power)
        said = found[greater]
        if norm in better and better[norm].bound <= factor * said.bound:
            continue
        name = "max|e|" if greater is Norm.MAX else f"||e||_{greater.power:g}"
        inequality = f"||e||_{norm.power:g} <= {words} {name} and {said.theorem.inequality}"
        better[norm] = Statement(
            factor * said.bound,
            Theorem(said.theorem.name, inequality),
            {**said.constants, "|domain|": volume},
            said.assumptions,
            None if said.growth is None else factor * said.growth,
        )
    return better
