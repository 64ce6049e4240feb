"""Ways to impose conditions: built into the trial solution, or as terms of the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.problem.scales import Scales
from pinn.trial.explicit_ansatz import is_on_explicit
from pinn.trial.hard_constraint import HardConstraint
from pinn.trial.seams import fade_of
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem


def auto(problem: Problem, fade: float = 0.0) -> HardConstraint:
    """Exact forms where they exist, condition by condition; the others become terms.

    Initial values that have a kink where a periodic coordinate closes fade out, whatever `fade`.
    """
    scales = Scales.of(problem)
    return HardConstraint(
        problem, fade or fade_of(problem), scales.fields, problem.conditions, scales.levels
    )


def hard(problem: Problem, fade: float = 0.0) -> HardConstraint:
    """Exact forms for all conditions.

    Raises:
        DomainError: a condition has no such form.
    """
    constraint = auto(problem, fade)
    for condition, why in constraint.soft.items():
        raise DomainError(
            f"{problem.name}: no hard form for {condition.equation} on {condition.on}: {why}; "
            f"solve with soft conditions."
        )
    return constraint


def soft(problem: Problem, fade: float = 0.0) -> HardConstraint:
    """Terms of the loss for all conditions but those that an explicit ansatz meets."""
    met = [c for c in problem.conditions if is_on_explicit(problem, c)]
    scales = Scales.of(problem)
    return HardConstraint(problem, fade, scales.fields, met, scales.levels)
