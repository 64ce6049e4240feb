"""Inputs that let a smooth network have kinks where the equations change from case to case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sympy
import torch
from torch import nn

from pinn.problem.orders import order_of
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
    """(..., s) -> (..., w + n): d^(m - 1) |d| with d = z - place is appended for each of n planes.

    What a smooth network makes of them is continuous with its derivatives below the m-th, which may
    differ on the two sides. In an equation of order m across the plane that is what a jump of its
    known functions leaves: where two materials meet a temperature whose flux is a field of its own
    has another slope on each side (m = 1); under a load that ends somewhere a string has another
    curvature (m = 2). With a smaller m the equation would hold on both sides, and nothing would
    hold between them: points never lie on a plane.

    Args:
        columns: of the scaled coordinate z that each plane is across.
        places: the value of z there.
        orders: m >= 1 for each plane; 1 by default.
        before: features (..., w) that the distances are appended to; None for the scaled
            coordinates themselves.
    """

    places: torch.Tensor

    def __init__(
        self,
        columns: Sequence[int],
        places: Sequence[float],
        before: Features | None = None,
        orders: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self._columns, self._before = list(columns), before
        self._orders = list(orders) or [1] * len(self._columns)
        numbers = torch.tensor(list(places), dtype=torch.float64)
        self.register_buffer("places", numbers, persistent=False)

    def width(self, entering: int) -> int:
        """Number of inputs made from `entering` scaled coordinates."""
        own = entering if self._before is None else self._before.width(entering)
        return own + len(self._columns)

    def forward(self, scaled: Any) -> Any:
        first = scaled if self._before is None else self._before(scaled)
        columns = [
            _kink(scaled[..., column : column + 1] - place, order)
            for column, place, order in zip(
                self._columns, self.places.tolist(), self._orders, strict=True
            )
        ]
        return torch.cat([first, *columns], dim=-1)


def with_kinks(
    problem: Problem, scale: nn.Module, features: Features | None = None
) -> Features | None:
    """The features, and a kink at each plane inside the domain where equations change.

    Args:
        problem: its equations are looked at, such as a Piecewise coefficient.
        scale: points (p, c) to scaled coordinates, those that are not periodic first.
        features: what the kinks are appended to.
    """
    names = problem.domain.coordinates
    plain = [name for name in names if name not in problem.periodic]
    middle = [(low + high) / 2 for low, high in problem.domain.intervals.values()]
    values = {s: problem.parameter_values[str(s)] for s in problem.symbols}
    forms = sympy.Tuple(*(difference(equation).subs(values) for equation in problem.equations))
    columns, places, orders = [], [], []
    for coordinate, place in planes(forms, problem.coordinates):
        low, high = problem.domain.intervals[str(coordinate)]
        if str(coordinate) in plain and low < float(place) < high:
            point = list(middle)
            point[names.index(str(coordinate))] = float(place)
            columns.append(plain.index(str(coordinate)))
            scaled = scale(torch.tensor([point], dtype=torch.float64))
            places.append(float(scaled[0, columns[-1]]))
            highest = max(order_of(problem, field, coordinate) for field in problem.fields)
            orders.append(max(highest, 1))
    return Kinks(columns, places, features, orders) if places else features


def _kink(signed: Any, order: int) -> Any:
    """d^(m - 1) |d|, whose derivatives below the m-th are continuous."""
    power = signed**order if order > 1 else signed
    return torch.where(signed > 0, power, -power)
