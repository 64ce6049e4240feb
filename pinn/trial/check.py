"""Report before any training of how a problem will be solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinn.problem.corners import jumps_at_corners
from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.reference_check import check_reference
from pinn.problem.scales import Scales
from pinn.problem.wellposed import check_conditions
from pinn.trial.hard_constraint import HardConstraint
from pinn.trial.seams import noticed
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem


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
        doubts: what makes its solution, or what is said of it, doubtful: jumps of what is given,
            and a reference that misses the equations.
    """

    orders: dict[str, dict[str, int]]
    needed: dict[str, int | None]
    hard: tuple[str, ...]
    soft: dict[str, str]
    sizes: dict[str, float]
    missing: str = ""
    doubts: tuple[str, ...] = ()

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
        lines += [f"doubtful      {text}" for text in self.doubts]
        return "\n".join([*lines, self.missing or "nothing is missing that could be counted"])


def check(problem: Problem) -> Check:
    """Findings before any training: what is built in, what is a term, orders, sizes, what is
    missing and what is doubtful.

    Warns of a reference that misses equations or conditions, as a solve does.
    """
    names = problem.domain.coordinates
    pairs = list(zip(problem.coordinates, names, strict=True))
    constraint = HardConstraint(problem)
    doubts: list[str] = []

    def look_for_doubts() -> None:
        jumps = jumps_at_corners(problem)
        doubts.extend(map(str, jumps))
        doubts.extend(dict.fromkeys(jump.remedy for jump in jumps))
        doubts.extend(map(str, noticed(problem)))
        doubts.extend(check_reference(problem))

    refused = map(_refusal, (lambda: check_conditions(problem), look_for_doubts))

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
        missing="\n".join(filter(None, refused)),
        doubts=tuple(doubts),
    )


def _refusal(look: Callable[[], None]) -> str:
    """The sentence by which a check refuses a problem; empty if it does not."""
    try:
        look()
    except UsageError as error:
        return str(error)
    return ""
