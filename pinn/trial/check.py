"""Report before any training of how a problem will be solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.scales import Scales
from pinn.problem.wellposed import check_conditions
from pinn.trial.hard_constraint import HardConstraint
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Condition, Problem


@dataclass(frozen=True)
class Check:
    """Findings about a problem; `str` gives them as lines.

    Attributes:
        orders: highest derivative of each field by coordinate.
        needed: conditions that the equations ask for at both ends of each coordinate, None where
            they cannot be counted.
        hard: conditions that any network satisfies exactly.
        soft: the others, with the reason.
        sizes: size of each field.
        missing: what stands against a solution; empty if nothing was found.
    """

    orders: dict[str, dict[str, int]]
    needed: dict[str, int | None]
    hard: tuple[str, ...]
    soft: dict[str, str]
    sizes: dict[str, float]
    missing: str = ""

    def __str__(self) -> str:
        orders = "; ".join(
            f"{field}: {', '.join(f'{n} in {c}' for c, n in found.items())}"
            for field, found in self.orders.items()
        )
        needed = ", ".join(f"{c}: {'?' if n is None else n}" for c, n in self.needed.items())
        lines = [f"order         {orders}", f"conditions    needed at both ends of {needed}"]
        lines += [f"exact         {text}" for text in self.hard]
        lines += [f"in the loss   {text}: {why}" for text, why in self.soft.items()]
        lines += [f"size          {field}: {size:.3g}" for field, size in self.sizes.items()]
        return "\n".join([*lines, self.missing or "nothing is missing that could be counted"])


def check(problem: Problem) -> Check:
    """Findings before any training: what is built in, what is a term, orders, sizes, and what is
    missing.
    """
    names = problem.domain.coordinates
    pairs = list(zip(problem.coordinates, names, strict=True))
    constraint = HardConstraint(problem)
    try:
        check_conditions(problem)
        missing = ""
    except UsageError as error:
        missing = str(error)

    def spelled(condition: Condition) -> str:
        return f"{condition.equation} on {condition.on}"

    return Check(
        orders={
            str(f.func): {name: order_of(problem, f, c) for c, name in pairs}
            for f in problem.fields
        },
        needed={
            name: 0 if name in problem.periodic else conditions_needed(problem, c)
            for c, name in pairs
        },
        hard=tuple(map(spelled, constraint.conditions)),
        soft={spelled(c): why for c, why in constraint.soft.items()},
        sizes={str(f.func): size for f, size in Scales.of(problem).fields.items()},
        missing=missing,
    )
