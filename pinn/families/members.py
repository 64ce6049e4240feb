"""Members of a family: the functions and numbers that make each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.families.distributions import BoundField

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Members:
    """Several members of a family.

    Attributes:
        fields: the distribution of each function, by name.
        coefficients: of each function in the waves of its distribution, (b, k).
        numbers: each parameter, (b,).
    """

    fields: Mapping[str, BoundField]
    coefficients: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter({**self.coefficients, **self.numbers}.values())))

    @property
    def device(self) -> torch.device:
        """The device of all numbers."""
        return next(iter({**self.coefficients, **self.numbers}.values())).device

    def to(self, device: torch.device) -> Members:
        """The members on a device."""
        return replace(
            self,
            coefficients={name: found.to(device) for name, found in self.coefficients.items()},
            numbers={name: found.to(device) for name, found in self.numbers.items()},
        )

    def __getitem__(self, rows: slice | Tensor) -> Members:
        """Some of the members; rows are a slice or whole numbers."""
        return replace(
            self,
            coefficients={name: found[rows] for name, found in self.coefficients.items()},
            numbers={name: found[rows] for name, found in self.numbers.items()},
        )

    def values(self, name: str, places: Array, order: int = 0) -> Array:
        """A function of every member at places (m,), or one of its derivatives: (b, m)."""
        where = torch.as_tensor(places, dtype=torch.float64)
        found: Array = self.fields[name].values(self.coefficients[name], where, order).numpy()
        return found

    def parameters(self, name: str) -> Array:
        """A parameter of every member, (b,)."""
        found: Array = self.numbers[name].numpy()
        return found

    def moved(self, names: tuple[str, ...], shift: Tensor) -> Members:
        """The members whose functions of these names are f(x + shift), one shift (b,) each."""
        turned = {
            name: self.fields[name].basis.moved(found, shift) if name in names else found
            for name, found in self.coefficients.items()
        }
        return replace(self, coefficients=turned)

    def white(self, standardised: Mapping[str, Tensor]) -> Tensor:
        """All that is known of each member as one row (b, n) of numbers of unit size or less.

        Coefficients whose size is s of the largest one have the size sqrt(s): between white ones,
        among which a network would have to find out which matter, and raw ones, whose small waves
        it would not see.
        """
        functions = []
        for name, found in self.coefficients.items():
            sizes = self.fields[name].sizes.to(found.device)
            functions.append(found / (sizes * sizes.max()).sqrt())
        return torch.cat([*functions, *(column[:, None] for column in standardised.values())], -1)
