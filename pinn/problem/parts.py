"""Parts of a problem: conditions, explicit forms of fields, unknown parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sciformer.errors import UsageError


@dataclass(frozen=True)
class Condition:
    """An equation that holds on a part of the boundary: initial, Dirichlet, Neumann, Robin.

    Args:
        equation: sympy `Eq` of the fields, their derivatives and the normal there; it may hold
            values at other places and integrals, such as u(0, t) - u(1, t) or
            Integral(u, (x, 0, 1)), which are taken for each point of the part.
        on: the part's name in the domain, for example "t=0".

    Examples:
        >>> import pinn, sympy
        >>> x, t = sympy.symbols("x t")
        >>> u = sympy.Function("u")(x, t)
        >>> pinn.Condition(sympy.Eq(u.diff(x), 0), on="x=1").on  # an insulated end
        'x=1'
        >>> mass = sympy.Integral(u, (x, 0, 1))
        >>> pinn.Condition(sympy.Eq(mass, 2), on="x=1").equation  # at each time
        Eq(Integral(u(x, t), (x, 0, 1)), 2)
    """

    equation: Any
    on: str


@dataclass(frozen=True)
class Ansatz:
    """field = offset + factor * network, both expressions of the coordinates and parameters.

    Examples:
        >>> import pinn, sympy
        >>> x = sympy.symbols("x")
        >>> pinn.Ansatz(offset=1 - x, factor=x * (1 - x)).factor
        x*(1 - x)
    """

    offset: Any = 0
    factor: Any = 1


@dataclass(frozen=True)
class Unknown:
    """A parameter that is to be found from data.

    Args:
        size: a typical size > 0: the optimiser trains parameter / size, damping all numbers alike.
        start: where the parameter starts.

    Raises:
        UsageError: size <= 0.

    Examples:
        >>> import pinn
        >>> pinn.Unknown(size=0.1, start=0.05).start
        0.05
    """

    size: float
    start: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.size < float("inf"):
            raise UsageError(
                f"Unknown: the size of an unknown parameter must be > 0; got {self.size:g}."
            )
