"""A family: one problem, and distributions of the functions and numbers that vary in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from pinn.families.distributions import BoundField, GaussianField, NumberDistribution
from pinn.families.members import Members
from pinn.geometry.box import Box
from pinn.problem.problem import Problem
from pinn.problem.reading import difference
from sciformer.errors import DataError, DomainError, UsageError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]
    FamilyReference = Callable[[Members, Array], Mapping[str, Array]]


class Family:
    """Problems that differ by functions and numbers, each with a distribution.

        family = pinn.Family(
            pinn.Problem(..., given=(start, nu)),
            draws={start: pinn.GaussianField(length=0.2), nu: pinn.LogUniform(0.005, 0.1)},
        )

    Every member is an ordinary problem: `pinn.solve(family.instance(seed=3))` is the check of what
    `pinn.learn` learns.

    Args:
        problem: whose `given` names functions of one coordinate, such as start(x), and symbols.
        draws: a distribution for each of them, by symbol or by name.
        reference: the fields of members at points (p, c), {name: (b, p)}; shares no code with what
            is learned.

    Raises:
        UsageError: something given has no distribution, or the other way round; a function of
            several coordinates; a distribution of numbers for a function.
        DomainError: a domain that is not a box.

    Examples:
        >>> import pinn, sympy
        >>> x, t = sympy.symbols("x t")
        >>> u, start = sympy.Function("u")(x, t), sympy.Function("start")(x)
        >>> problem = pinn.Problem(
        ...     name="cooling", coordinates=(x, t), fields=u,
        ...     equations=sympy.Eq(u.diff(t), u.diff(x, 2) / 10),
        ...     domain=pinn.Box(x=(0, 1), t=(0, 1)), periodic=("x",),
        ...     conditions=pinn.Condition(sympy.Eq(u, start), on="t=0"), given=start,
        ... )
        >>> family = pinn.Family(problem, draws={start: pinn.GaussianField(length=0.2)})
        >>> family.instance(seed=3).name  # a member, ready for pinn.solve
        'cooling'
    """

    def __init__(
        self,
        problem: Problem,
        draws: Mapping[Any, GaussianField | NumberDistribution],
        reference: FamilyReference | None = None,
    ) -> None:
        self.problem, self.reference = problem, reference
        if not isinstance(problem.domain, Box):
            raise DomainError(f"{problem.name}: a family needs a Box; got {problem.domain}.")
        if problem.functionals:
            raise UsageError(
                f"{problem.name}: a family has equations in fields at one point; "
                f"{problem.functionals[0]} is a value at another place."
            )
        named = {_name(given): given for given in problem.given}
        chosen = {_name(key): distribution for key, distribution in draws.items()}
        for name in chosen:
            if name not in named:
                raise unknown_name(problem.name, "given function or symbol", name, named)
        if missing := sorted(set(named) - set(chosen)):
            raise UsageError(
                f"{problem.name}: {', '.join(missing)} is given and has no distribution; add it to "
                "`draws`."
            )
        self.functions: dict[str, Any] = {}
        self.fields: dict[str, BoundField] = {}
        self.symbols: dict[str, Any] = {}
        self.distributions: dict[str, NumberDistribution] = {}
        for name, given in named.items():
            found = chosen[name]
            if given.is_Symbol != (not isinstance(found, GaussianField)):
                raise UsageError(
                    f"{problem.name}: {given} needs a "
                    f"{'distribution of numbers' if given.is_Symbol else 'GaussianField'}; got "
                    f"{type(found).__name__}."
                )
            if isinstance(found, GaussianField):
                self.functions[name] = given
                self.fields[name] = self._bound(given, found)
            else:
                self.symbols[name], self.distributions[name] = given, found
        self.moving = self._moving()

    @property
    def name(self) -> str:
        """The name of the problem."""
        return self.problem.name

    def __repr__(self) -> str:
        varied = ", ".join(str(given) for given in self.problem.given)
        return f"Family({self.name}: {', '.join(self.problem.field_names)} for any {varied})"

    def draw(self, count: int, seed: int) -> Members:
        """Random members; the same seed gives the same ones.

        Raises:
            DomainError: count < 1.
        """
        if count < 1:
            raise DomainError(f"{self.name}: draws at least one member; got {count}.")
        generator = torch.Generator().manual_seed(seed)
        return Members(
            self.fields,
            {name: field.draw(count, generator) for name, field in self.fields.items()},
            {name: one.draw(count, generator) for name, one in self.distributions.items()},
        )

    def instance(self, seed: int = 0, members: Members | None = None) -> Problem:
        """One member as an ordinary problem, its functions written out as series.

        Args:
            seed: of the draw.
            members: the member itself, in place of a seed; the first one is taken.
        """
        chosen = self.draw(1, seed) if members is None else members[:1]
        formulas: dict[Any, Any] = {}
        for name, given in self.functions.items():
            field, (coordinate,) = self.fields[name], given.args
            series = field.basis.formula(chosen.coefficients[name][0], coordinate)
            formulas[given] = series + (sympy.Float(field.mean, 17) if field.mean else 0)
        problem = self.problem
        values = {symbol: float(chosen.numbers[name][0]) for name, symbol in self.symbols.items()}
        write = partial(_written, formulas=formulas)
        reference: Any = None
        if self.reference is not None:
            reference = partial(_one, self.reference, chosen)
        return replace(
            problem,
            given=(),
            equations=tuple(map(write, problem.equations)),
            conditions=tuple(replace(c, equation=write(c.equation)) for c in problem.conditions),
            parameters={**problem.parameters, **values},
            reference=reference,
        )

    def standardised(self, members: Members) -> dict[str, Tensor]:
        """The parameters of members as a network reads them, (b,) each."""
        return {
            name: one.standardised(members.numbers[name])
            for name, one in self.distributions.items()
        }

    def exact(self, members: Members, points: Array) -> dict[str, Tensor]:
        """The reference of members at points (p, c): {field: (b, p)}.

        Raises:
            DataError: the family has none.
        """
        if self.reference is None:
            raise DataError(
                f"{self.name}: has no reference to compare with; give Family one, or solve members "
                "by pinn.solve(family.instance(seed=...))."
            )
        found = self.reference(members, points)
        return {name: torch.as_tensor(found[name]) for name in self.problem.field_names}

    def centred(self, members: Members) -> tuple[Members, Tensor]:
        """The members moved along the periodic coordinate to a common phase, and the shifts.

        Equations that hold alike at every place of a periodic coordinate give moved solutions for
        moved functions. With the first wave of the first function at phase 0, a network has one
        dimension less to learn. Members that cannot be moved come back as they are.

        Returns:
            The moved members, whose functions are f(x + shift), and shift (b,): the solution at x
            is theirs at x - shift.
        """
        if self.moving is None:
            zeros = torch.zeros(len(members), dtype=torch.float64, device=members.device)
            return members, zeros
        basis = self.fields[self.moving[0]].basis
        found = members.coefficients[self.moving[0]]
        sine = len(found[0]) - basis.count
        # a cos + b sin becomes a pure sine: the steep fronts of all members meet in the middle.
        angle = torch.atan2(-found[:, sine - basis.count], found[:, sine])
        shift = angle / float(basis.numbers[-basis.count])
        return members.moved(self.moving, shift), shift

    @property
    def moving_coordinate(self) -> str | None:
        """The coordinate along which `centred` moves members."""
        return None if self.moving is None else str(self.functions[self.moving[0]].args[0])

    def _moving(self) -> tuple[str, ...] | None:
        """Functions of a periodic coordinate that is nowhere else in the problem."""
        problem = self.problem
        forms = [
            difference(e) for e in (*problem.equations, *(c.equation for c in problem.conditions))
        ]
        hidden = {given: sympy.Symbol(f"_{name}") for name, given in self.functions.items()}
        for coordinate in problem.coordinates:
            names = tuple(n for n, g in self.functions.items() if g.args == (coordinate,))
            if str(coordinate) not in problem.periodic or not names:
                continue
            if not any(self._depends(form, coordinate, hidden) for form in forms):
                return names
        return None

    def _depends(self, form: Any, coordinate: Any, hidden: Mapping[Any, Any]) -> bool:
        """Whether a form holds a coordinate other than in fields and given functions."""
        fields = {field: sympy.Symbol(f"_{i}") for i, field in enumerate(self.problem.fields)}
        derivatives = {
            d: sympy.Symbol(f"_d{i}") for i, d in enumerate(form.atoms(sympy.Derivative))
        }
        plain = form.xreplace(derivatives).xreplace({**fields, **hidden})
        return coordinate in plain.free_symbols

    def _bound(self, given: Any, field: GaussianField) -> BoundField:
        if len(given.args) != 1 or given.args[0] not in self.problem.coordinates:
            raise UsageError(
                f"{self.name}: {given} must be a function of one coordinate; functions of several "
                "cannot be drawn so far."
            )
        name = str(given.args[0])
        low, high = self.problem.domain.intervals[name]
        return field.on(low, high, periodic=name in self.problem.periodic)


def _name(given: Any) -> str:
    if isinstance(given, str):
        return given
    return str(given if given.is_Symbol else given.func)


def _written(equation: Any, formulas: Mapping[Any, Any]) -> Any:
    """An equation with formulas in place of its given functions, derivatives carried out."""
    found = equation.subs(formulas)
    kept = {d for d in found.atoms(sympy.Derivative) if not d.has(sympy.core.function.AppliedUndef)}
    return found.xreplace({derivative: derivative.doit() for derivative in kept})


def _one(reference: FamilyReference, member: Members, points: Array) -> dict[str, Array]:
    """The reference of one member, in the form that a problem takes."""
    return {name: values[0] for name, values in reference(member, points).items()}
