"""A problem written once, as mathematics: equations, domain, conditions, parameters, reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy

from pinn.equations import Expressions
from sciformer.errors import DomainError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pinn.domain import Box

    Reference = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class Condition:
    """An equation that holds on a part of the boundary: initial, Dirichlet, Neumann, Robin.

    Args:
        equation: sympy `Eq` of the fields and their first derivatives there.
        on: the part's name in the domain, for example "t=0".
    """

    equation: Any
    on: str


@dataclass(frozen=True)
class Problem:
    """A boundary value problem for fields on a domain.

    Args:
        name: what the command line calls it.
        coordinates: sympy symbols, in the domain's order.
        fields: sympy functions of all coordinates, such as u(x, t).
        equations: one `Eq` (or expression that vanishes) for each equation.
        domain: where the equations hold.
        conditions: what holds on the boundary.
        parameters: a value for each symbol in the equations that is neither coordinate nor field.
        reference: maps points (p, c) to the fields {name: (p,)}; shares no code with the solver.
        title: one line for people.
        source: where the problem was stated.

    Raises:
        UsageError: names of coordinates and domain differ, an equation holds an unknown symbol, or
            a condition is on a part that the domain does not have.
    """

    name: str
    coordinates: tuple[Any, ...]
    fields: tuple[Any, ...]
    equations: tuple[Any, ...]
    domain: Box
    conditions: tuple[Condition, ...] = ()
    parameters: Mapping[Any, float] = field(default_factory=dict)
    reference: Reference | None = None
    title: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        names = tuple(str(c) for c in self.coordinates)
        if names != self.domain.coordinates:
            raise DomainError(
                f"{self.name}: the domain has coordinates {self.domain.coordinates}, the problem "
                f"{names}; give both the same names in the same order."
            )
        if not self.equations:
            raise UsageError(f"{self.name}: needs at least one equation.")
        for condition in self.conditions:
            self.domain.part(condition.on)
        self.residual  # noqa: B018  compiled here, so that mistakes show at once

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(str(f.func) for f in self.fields)

    @property
    def time(self) -> str | None:
        """The coordinate called "t", if there is one; causal weights march along it."""
        return "t" if "t" in self.domain.coordinates else None

    @property
    def parameter_values(self) -> dict[str, float]:
        """Values of the parameters by name."""
        return {str(symbol): float(value) for symbol, value in self.parameters.items()}

    @cached_property
    def residual(self) -> Expressions:
        """Left side minus right side of every equation."""
        return self.compile([_difference(e) for e in self.equations])

    def compile(self, expressions: list[Any]) -> Expressions:
        """Compiles expressions in this problem's coordinates, fields and parameters."""
        return Expressions(
            expressions, self.coordinates, self.fields, tuple(self.parameters), who=self.name
        )

    def condition_residual(self, condition: Condition) -> Expressions:
        """Left side minus right side of a condition."""
        return self.compile([_difference(condition.equation)])

    def latex(self) -> str:
        """The equations and conditions in LaTeX, one line each."""
        lines = [sympy.latex(e) for e in self.equations]
        lines += [f"{sympy.latex(c.equation)} \\quad ({c.on})" for c in self.conditions]
        return " \\\\\n".join(lines)

    def _repr_latex_(self) -> str:
        return f"$$\\begin{{gathered}}\n{self.latex()}\n\\end{{gathered}}$$"


def _difference(equation: Any) -> Any:
    if equation is sympy.true or equation is sympy.false:
        raise UsageError(
            f"an equation is identically {equation}; write Eq(left, right) of a field."
        )
    return equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation
