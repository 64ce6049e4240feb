"""Statements that follow from others or contradict them, seen as functions of the fields there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.problem.expressions import Expressions, FieldDerivative
from pinn.problem.functionals import functionals_in
from pinn.problem.kept import kept
from pinn.problem.reading import normal
from pinn.problem.scales import Scales

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pinn.problem.functionals import Functional
    from pinn.problem.problem import Problem

# Statements are one combination of each other up to this share of their size: they are evaluated
# in float64, from numbers of one size.
ROUNDING = 1e-9
# More draws than unknowns, so that independent statements do not look dependent.
SPARE_DRAWS = 8
SEED = 20


@dataclass(frozen=True)
class Relation:
    """A statement that is a combination of earlier ones, up to a known gap.

    Attributes:
        statement: which one, by number.
        others: those that it is made of.
        gap: what is left of it, a number that no field can change; 0 up to rounding.
    """

    statement: int
    others: tuple[int, ...]
    gap: float


class Statements:
    """Values of equations and conditions at points, for fields and derivatives drawn at random.

    Args:
        problem: gives fields, parameters and sizes.
        forms: left minus right sides, in the coordinates, normals, fields and derivatives.
        points: where, (p, c).
        normals: outward unit normals there, (p, c); zeros inside.

    Attributes:
        values: (statements, points, draws).
    """

    def __init__(
        self, problem: Problem, forms: Sequence[Any], points: Tensor, normals: Tensor
    ) -> None:
        compiled = [_compiled(problem, form) for form in forms]
        unknowns = dict.fromkeys(u for one in compiled for u in one.unknowns)
        functionals = dict.fromkeys(f for one in compiled for f in one.functionals)
        sizes = _Sizes(problem, problem.residual.letters)
        count = len(unknowns) + len(functionals) + SPARE_DRAWS
        random = torch.Generator().manual_seed(SEED)
        drawn = {
            # Positive, for roots and logarithms of fields.
            unknown: sizes(unknown) * (0.5 + torch.rand(count, generator=random).double())
            for unknown in unknowns
        }
        where = torch.cat([points, normals], dim=-1)
        columns = [c.repeat_interleave(count) for c in where.unbind(-1)]
        # What is elsewhere has nothing to do with the values here, and is drawn by itself.
        there = {
            functional: self._drawn(problem, functional, columns, sizes, random)
            for functional in functionals
        }
        rows = [
            row
            for one in compiled
            for row in one(
                columns,
                lambda unknown: drawn[unknown].repeat(len(points)),
                problem.parameter_values,
                there.__getitem__,
            )
        ]
        self.values = torch.stack([row.reshape(len(points), count) for row in rows])
        unknown = set(problem.unknown)
        self._is_open = [bool(unknown & _symbols_in(sympy.sympify(form))) for form in forms]

    def _drawn(
        self,
        problem: Problem,
        functional: Functional,
        columns: Sequence[Tensor],
        sizes: _Sizes,
        random: torch.Generator,
    ) -> Tensor:
        local = problem.compile([functional.here()])
        draws = {
            unknown: sizes(unknown) * (0.5 + torch.rand(len(columns[0]), generator=random).double())
            for unknown in local.unknowns
        }
        [value] = local(
            columns[: len(problem.coordinates)], draws.__getitem__, problem.parameter_values
        )
        return torch.as_tensor(value)

    def relations(self) -> list[Relation]:
        """Every statement that is a combination of earlier independent ones at all points."""
        found: list[Relation] = []
        independent: list[int] = []
        changes = self.values - self.values[..., :1]
        for number, change in enumerate(changes):
            size = change.abs().amax(-1, keepdim=True)  # (p, 1)
            if not self.values[number].isfinite().all() or not bool((size > 0).all()):
                continue
            made = self._made_of(changes, independent, change, size)
            if made is None:
                independent.append(number)
                continue
            others, weights = made
            gap = self._gap(number, weights)
            if gap and any(self._is_open[n] for n in (number, *others)):
                continue  # an unknown parameter is what makes them agree
            found.append(Relation(number, others, gap))
        return found

    def _made_of(
        self, changes: Tensor, independent: Sequence[int], change: Tensor, size: Tensor
    ) -> tuple[tuple[int, ...], Tensor] | None:
        """The statements that a change is made of and their coefficients (p, s), if it is."""
        if not independent:
            return None
        basis = changes[list(independent)].transpose(0, 1)  # (p, s, draws)
        sizes = basis.abs().amax(-1, keepdim=True)
        scaled, right = (basis / sizes).transpose(1, 2), (change / size)[..., None]
        factors = torch.linalg.lstsq(scaled, right, driver="gelsd").solution  # (p, s, 1)
        left = (scaled @ factors - right).abs().amax()
        if not left <= ROUNDING:
            return None
        used = factors[..., 0].abs().amax(0) > ROUNDING
        others = tuple(n for n, is_used in zip(independent, used.tolist(), strict=True) if is_used)
        weights = torch.zeros(len(self.values), change.shape[0]).double()
        weights[list(independent)] = (factors[..., 0] * size / sizes[..., 0]).T
        return others, weights

    def _gap(self, number: int, weights: Tensor) -> float:
        """Difference of a statement and its combination; 0 if it is rounding."""
        here, parts = self.values[number][:, 0], weights * self.values[..., 0].nan_to_num()
        left = (here - parts.sum(0)).abs()
        size = torch.maximum(here.abs() + parts.abs().sum(0), self._sizes(number))
        return float(torch.where(left > ROUNDING * size, left, 0.0).max())

    def _sizes(self, number: int) -> Tensor:
        """Sizes of the fields' effect on a statement, (p,)."""
        values = self.values[number]
        return (values - values[:, :1]).abs().amax(-1)


def _compiled(problem: Problem, form: Any) -> Expressions:
    """A form in the coordinates and normals; equations are looked at on every part anew."""

    def compile_() -> Expressions:
        symbols = (*problem.coordinates, *map(normal, problem.coordinates))
        return Expressions([form], symbols, problem.functions, problem.symbols, who=problem.name)

    return kept(problem, ("compiled", form), compile_)


def _symbols_in(form: Any) -> set[Any]:
    """Symbols of a form and of the integrals that it holds."""
    inside = (functional.form.free_symbols for functional in functionals_in(form))
    return set(form.free_symbols).union(*inside)


class _Sizes:
    """The size of a field or derivative, by dimensional analysis."""

    def __init__(self, problem: Problem, letters: Sequence[str]) -> None:
        scales = Scales.of(problem)
        self._fields = list(scales.fields.values())
        self._units = dict(zip(letters, scales.units.values(), strict=False))

    def __call__(self, unknown: FieldDerivative) -> float:
        # Functions that are given stand behind the fields, and are of size 1.
        size = self._fields[unknown.field] if unknown.field < len(self._fields) else 1.0
        for letter, times in Counter(unknown.operator.replace("1", "")).items():
            size /= self._units[letter] ** times
        return size
