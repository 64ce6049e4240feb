"""Regions of space and time, their boundaries, and how they combine.

`whole - hole`, `one | other` (union), `one & other` (intersection), and `space * time`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pinn.geometry.base import Domain
from pinn.geometry.regions import Difference, Product
from pinn.geometry.unions import intersection, union
from sciformer.errors import DomainError


def _combined(
    sign: str, make: Callable[[Domain, Domain], Domain], *, share: bool = True
) -> Callable[[Domain, Any], Domain]:
    """An operator of domains, with a sentence for operands that it does not take."""

    def operator(first: Domain, second: Any) -> Domain:
        if not isinstance(second, Domain):
            raise DomainError(f"{first} {sign} {second!r}: both must be domains, such as a Box.")
        if share and first.coordinates != second.coordinates:
            raise DomainError(
                f"{first} {sign} {second}: both domains need the same coordinates in the same "
                f"order; got {first.coordinates} and {second.coordinates}."
            )
        return make(first, second)

    return operator


def _no_sum(first: Domain, second: Any) -> Domain:
    """Sums of domains are read differently by different people."""
    raise DomainError(f"{first} + {second}: write one | other for all points of both.")


for name, operator in {
    "__sub__": _combined("-", Difference),
    "__mul__": _combined("*", Product, share=False),
    "__or__": _combined("|", union),
    "__and__": _combined("&", intersection),
    "__add__": _no_sum,
}.items():
    setattr(Domain, name, operator)
