"""Products of the fields of a solution, as features beside random neurons."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem
    from pinn.trial.hard_constraint import HardConstraint
    from pinn.trial.trial_solution import TrialSolution

# Products may take this share of the columns of a layer: in a system of dozens of fields that all
# meet, neurons are worth more.
LARGEST_SHARE = 0.25


class Products(nn.Module):
    """The fields of a trial solution, then N_i N_j for each pair: features (p, f + q).

    Where equations multiply fields, other fields vary as products: the pressure of a flow is
    -|u|^2 / 2 along a streamline (Bernoulli), and oscillates twice as fast as the velocity. Tanh
    neurons that hold the velocity to 1e-6 hold such a pressure to 1e-4 in four coordinates.

    Args:
        constraint: that turns the outputs of a network into fields; None where they are the fields.
        pairs: positions i <= j of the fields that are multiplied.

    Source: ours.
    """

    pairs: torch.Tensor

    def __init__(self, constraint: HardConstraint | None, pairs: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        # In a tuple, because it is a module of the trial solution and is saved with that.
        self._constraint = (constraint,)
        self.register_buffer("pairs", torch.tensor(list(pairs), dtype=torch.int64).reshape(-1, 2))

    def width(self, fields: int) -> int:
        """Number of features of so many fields."""
        return fields + len(self.pairs)

    def forward(self, points: Any, outputs: Any) -> Any:
        """Features at points (p, c), where a network has given `outputs` (p, f)."""
        [constraint] = self._constraint
        fields = outputs if constraint is None else constraint(points, outputs)
        products = [fields[..., i] * fields[..., j] for i, j in self.pairs.tolist()]
        return torch.cat([fields, torch.stack(products, dim=-1)], dim=-1)


def products_for(problem: Problem, trial: TrialSolution, neurons: int) -> Products | None:
    """The products that help a layer of so many neurons; None for a scalar or linear problem."""
    fields, constraint = len(problem.fields), trial.constraint
    if fields == 1 or (constraint is not None and constraint.outputs > fields):
        return None
    pairs = multiplied(problem)
    if not pairs or fields + len(pairs) > LARGEST_SHARE * neurons:
        return None
    return Products(constraint, pairs)


def multiplied(problem: Problem) -> list[tuple[int, int]]:
    """Positions i <= j of fields that some equation multiplies, themselves or by derivatives."""
    position = {field.func: i for i, field in enumerate(problem.fields)}

    def inside(expression: Any) -> set[int]:
        return {position[f.func] for f in expression.atoms(AppliedUndef) if f.func in position}

    found: set[tuple[int, int]] = set()
    for node in itertools.chain.from_iterable(map(sympy.preorder_traversal, problem.equations)):
        factors: list[set[int]] = []
        if node.is_Mul:
            factors = [inside(factor) for factor in node.args]
        elif node.is_Pow and node.exp.is_number and node.exp != 1:
            factors = [inside(node.base)] * 2
        for one, other in itertools.combinations(factors, 2):
            found.update((min(i, j), max(i, j)) for i in one for j in other)
    return sorted(found)
