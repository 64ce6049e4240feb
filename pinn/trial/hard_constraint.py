"""Trial solutions that satisfy initial and boundary conditions exactly, whatever the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import nn

from pinn.trial.explicit_ansatz import check_explicit, is_on_explicit
from pinn.trial.face_conditions import FaceCondition, exact_number, read_condition
from pinn.trial.formulas import Formulas
from pinn.trial.interpolation import FieldForm, Interpolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sympy import Expr

    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Near a face the network must give a difference over a factor that is small there: several times
# the size of the field. On the wave equation 1/2, 1, 4 gave errors of 5e-3, 2e-4, 5e-5.
HEADROOM = 4.0


class HardConstraint(nn.Module):
    """field = offset(x) + factor(x) N(x) + sum_k edge_k(x) B_k(x), conditions built in one by one.

    The factor vanishes where a field is given, to second order where its slope across the face is
    given too, and the offset takes these values: the transfinite interpolation of the conditions.
    A slope, a Robin condition or a second derivative without all lower ones leaves values at the
    face free: along one coordinate of the problem they become functions B_k of the others, which
    are further outputs of the network at the middle of that coordinate. Conditions that have no
    such form are left to the loss, each by itself.

    Args:
        problem: conditions that are linear in one field and its derivatives across a face of a box
            can be built in, such as Dirichlet, Neumann and Robin conditions with numbers as
            coefficients, where they agree on the edges.
        fade: initial values leave the offset as exp(-fade (t - start) / span), and the factor
            rises as 1 - exp(-fade (t - start) / span); 0 keeps them, with a straight factor.
        sizes: size of each field, four times of which the network's outputs are multiplied by, or
            the size alone where it is that of samples and no condition is built in; left as they
            are by default.
        conditions: those to build in if they have a form; by default all of the problem's.
        levels: a value of each field where no condition is near; 0 by default.

    Attributes:
        conditions: those that are met exactly.
        soft: why each other condition is not.
        outputs: outputs that the network must have.

    Raises:
        DomainError: an explicit ansatz does not meet a condition on its field.

    Source: Lagaris, Likas, Fotiadis 1998 (the form); Gordon, Hall 1973 (the blending); Mortari 2017
        (conditions on derivatives).
    """

    def __init__(
        self,
        problem: Problem,
        fade: float = 0.0,
        sizes: Mapping[Any, float] | None = None,
        conditions: Sequence[Condition] | None = None,
        levels: Mapping[Any, float] | None = None,
    ) -> None:
        super().__init__()
        self._problem = problem
        wanted = problem.conditions if conditions is None else conditions
        self.soft: dict[Condition, str] = {
            c: "it is left to the loss" for c in problem.conditions if c not in wanted
        }
        readable = self._readable()
        interpolation = Interpolation(problem, readable, fade, levels)
        forms = {
            field: _explicit_form(problem, field)
            if field in problem.ansatz
            else interpolation.form(field).scaled(_size_of(problem, field, readable, sizes))
            for field in problem.fields
        }
        self._edge_axis = interpolation.edge_axis
        self.soft.update(interpolation.unmet)
        self.conditions = tuple(c for c in problem.conditions if c not in self.soft)
        check_explicit(problem, {field: (f.offset, f.factor) for field, f in forms.items()})
        self.offset = [form.offset for form in forms.values()]
        self.factor = [form.factor for form in forms.values()]
        edges = [form.edges for form in forms.values()]
        self._edges = list(map(len, edges))
        self.outputs = len(forms) + sum(self._edges)
        self._formulas = Formulas([*self.offset, *self.factor, *sum(edges, ())], problem)
        self.numbers: Mapping[str, Any] = problem.parameter_values

    def forward(self, points: Any, fields: Any, edges: Any = None) -> Any:
        """Applies the form to network outputs (p, f) at points (p, c); jets go through as well.

        Args:
            points: where.
            fields: outputs of the network there.
            edges: outputs (p, outputs) of the network at `projected` points, where there are more
                outputs than fields.
        """
        count = len(self.offset)
        values = self._formulas(points, self.numbers)
        trial = [values[i] + values[count + i] * fields[..., i] for i in range(count)]
        at = count
        for i, more in enumerate(self._edges):
            for _ in range(more):
                trial[i] = trial[i] + values[count + at] * edges[..., at]
                at += 1
        return torch.stack(trial, dim=-1)

    def projected(self, points: Any) -> Any:
        """The points (p, c) moved to the middle of the coordinate whose ends have free values."""
        domain, axis = self._problem.domain, self._edge_axis
        assert axis is not None, "asked for only where a form has edges"
        first = points.value if hasattr(points, "operators") else points
        keep = torch.ones(domain.dimension, dtype=first.dtype, device=first.device)
        keep[axis] = 0
        middle = torch.zeros_like(keep)
        middle[axis] = (domain.low[axis] + domain.high[axis]) / 2
        return points * keep + middle

    def _readable(self) -> list[FaceCondition]:
        """Conditions that a form may meet; the others are put down as soft."""
        found: list[FaceCondition] = []
        for condition in self._problem.conditions:
            if condition in self.soft or is_on_explicit(self._problem, condition):
                continue
            read = read_condition(self._problem, condition)
            if isinstance(read, str):
                self.soft[condition] = read
            else:
                found.append(read)
        return found


def _explicit_form(problem: Problem, field: Expr) -> FieldForm:
    explicit = problem.ansatz[field]
    return FieldForm(sympy.sympify(explicit.offset), sympy.sympify(explicit.factor))


def _size_of(
    problem: Problem,
    field: Expr,
    conditions: Sequence[FaceCondition],
    sizes: Mapping[Any, float] | None,
) -> Expr:
    """What the outputs of a network are multiplied by to give a field."""
    if not sizes:
        return sympy.Integer(1)
    is_sampled = any(str(field.func) in cloud.values for cloud in problem.data)
    is_known = is_sampled and not any(c.field == field for c in conditions)
    return exact_number((1.0 if is_known else HEADROOM) * sizes[field])
