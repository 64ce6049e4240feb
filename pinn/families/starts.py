"""Starts of the answer of a family, before anything is learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pinn.families.conditions import BuiltIn
from pinn.families.where import Formula
from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members
    from pinn.families.where import Where


class Start(Protocol):
    """u = offset + factor N: the offset meets the conditions, and N is what is learned.

    Attributes:
        name: of the kind of start.
        leaves_out: of the equation; empty where the offset is the solution itself.
    """

    name: str
    leaves_out: str

    def __call__(self, members: Members, where: Where) -> tuple[list[Any], list[Any]]:
        """Offset and factor of each field, (q, b) and (q, 1) or (q, b)."""
        ...


class Faded:
    """The initial value, faded out: offset = e^{-4 tau} g + boundary values.

    Args:
        family: whose conditions are built in.

    Raises:
        UsageError: a condition that cannot be built in.
    """

    name = "faded"

    def __init__(self, family: Family) -> None:
        built = BuiltIn(family)
        self._count = len(built.offset)
        self._formula = Formula([*built.offset, *built.factor], family)
        self.leaves_out = "the whole equation"

    def __call__(self, members: Members, where: Where) -> tuple[list[Any], list[Any]]:
        values = self._formula(members, where)
        return values[: self._count], values[self._count :]


def find_start(name: str, family: Family) -> Start:
    """The start of a given name: faded, linear-flow, cole-hopf or cole-hopf-layers.

    Raises:
        UnknownNameError: no such name.
        UsageError: the family's equation has no such start.
    """
    if name not in STARTS:
        raise unknown_name("learn", "start", name, STARTS)
    found = STARTS[name](family)
    if found is None:
        raise UsageError(
            f"learn: {family.name} has no start {name!r}; its equation is another one."
        )
    return found


def start_for(family: Family, *, solved: bool = True) -> Start:
    """The best start that is known for a family.

    Args:
        family: whose members start so.
        solved: whether it may be the solution itself.
    """
    for name in ("cole-hopf", "cole-hopf-layers", "linear-flow"):
        found = STARTS[name](family)
        if found is not None and (solved or found.leaves_out):
            return found
    return Faded(family)


def _cole_hopf(family: Family) -> Start | None:
    from pinn.families.cole_hopf import ColeHopf

    return ColeHopf.of(family)


def _cole_hopf_layers(family: Family) -> Start | None:
    from pinn.families.cole_hopf_layers import ColeHopfLayers

    return ColeHopfLayers.of(family)


def _linear_flow(family: Family) -> Start | None:
    from pinn.families.linear_flow import LinearFlow

    return LinearFlow.of(family)


STARTS: dict[str, Callable[[Family], Start | None]] = {
    "faded": Faded,
    "linear-flow": _linear_flow,
    "cole-hopf": _cole_hopf,
    "cole-hopf-layers": _cole_hopf_layers,
}
