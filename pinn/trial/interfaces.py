"""Inputs that let a smooth network have kinks where the equations change from case to case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sympy
import torch
from torch import nn

from pinn.problem.reading import difference
from pinn.problem.smoothness import planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem


class Features(Protocol):
    """Scaled coordinates (..., s) to inputs (..., width(s))."""

    def __call__(self, scaled: Any) -> Any:
        """The inputs."""
        ...

    def width(self, entering: int) -> int:
        """Number of inputs made from `entering` scaled coordinates."""
        ...


class Kinks(nn.Module):
    """(..., s) -> (..., w + n): distances |z - place| to n planes are appended.

    What a smooth network makes of them is continuous and may have another slope on each side, as a
    temperature has where two materials meet. Jets have the slope -1 or 1 of the side of a point.

    Args:
        columns: of the scaled coordinate z that each plane is across.
        places: the value of z there.
        before: features (..., w) that the distances are appended to; None for the scaled
            coordinates themselves.
    """

    places: torch.Tensor

    def __init__(
        self,
        columns: Sequence[int],
        places: Sequence[float],
        before: Features | None = None,
    ) -> None:
        super().__init__()
        self._columns, self._before = list(columns), before
        numbers = torch.tensor(list(places), dtype=torch.float64)
        self.register_buffer("places", numbers, persistent=False)

    def width(self, entering: int) -> int:
        """Number of inputs made from `entering` scaled coordinates."""
        own = entering if self._before is None else self._before.width(entering)
        return own + len(self._columns)

    def forward(self, scaled: Any) -> Any:
        first = scaled if self._before is None else self._before(scaled)
        columns = [
            _distance(scaled[..., column : column + 1] - place)
            for column, place in zip(self._columns, self.places.tolist(), strict=True)
        ]
        return torch.cat([first, *columns], dim=-1)


def with_kinks(
    problem: Problem, scale: nn.Module, features: Features | None = None
) -> Features | None:
    """The features, and distances to the planes inside the domain where equations change.

    Args:
        problem: its equations are looked at, such as a Piecewise coefficient.
        scale: points (p, c) to scaled coordinates, those that are not periodic first.
        features: what the distances are appended to.
    """
    names = problem.domain.coordinates
    plain = [name for name in names if name not in problem.periodic]
    middle = [(low + high) / 2 for low, high in problem.domain.intervals.values()]
    values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
    forms = sympy.Tuple(*(difference(equation).subs(values) for equation in problem.equations))
    columns, places = [], []
    for coordinate, place in planes(forms, problem.coordinates):
        low, high = problem.domain.intervals[str(coordinate)]
        if str(coordinate) in plain and low < float(place) < high:
            point = list(middle)
            point[names.index(str(coordinate))] = float(place)
            columns.append(plain.index(str(coordinate)))
            scaled = scale(torch.tensor([point], dtype=torch.float64))
            places.append(float(scaled[0, columns[-1]]))
    return Kinks(columns, places, features) if places else features


def _distance(signed: Any) -> Any:
    return torch.where(signed > 0, signed, -signed)
