"""Trial solutions that satisfy initial and boundary conditions exactly, whatever the network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor, nn

from pinn.problem.reading import difference, normal
from pinn.problem.weak_form import missed_across
from pinn.references.exact import largest, substitute
from pinn.trial.face_conditions import FaceCondition, exact_number, read_condition
from pinn.trial.formulas import Formulas
from pinn.trial.hermite import AxisForm
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.problem.problem import Condition, Problem
    from pinn.trial.parameters import Parameters

PROBES = 64
# The blended form doubles with every face where a field is given and not 0.
MOST_FACES = 5
# Near a face the network must give a difference over a factor that is small there: several times
# the size of the field. On the wave equation 1/2, 1, 4 gave errors of 5e-3, 2e-4, 5e-5.
HEADROOM = 4.0
# Conditions agree at an edge up to this share of their size: rounding of the formulas there.
ROUNDING = 1e-10
# Share of its size by which an unknown parameter is moved, at which no formula happens to vanish.
GENERIC = 0.618


@dataclass(frozen=True)
class _Form:
    """field = offset + factor N + sum_k edges[k] B_k, with B_k free of the edge coordinate."""

    offset: Any
    factor: Any
    edges: tuple[Any, ...] = ()


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
    ) -> None:
        super().__init__()
        self._fade: Any = sympy.Float(fade)
        self._problem = problem
        self.soft: dict[Condition, str] = {}
        wanted = problem.conditions if conditions is None else conditions
        self.soft.update(
            (c, "it is left to the loss") for c in problem.conditions if c not in wanted
        )
        readable = self._readable()
        self._edge_axis = self._most_open_axis(readable)
        forms = []
        for field in problem.fields:
            if field in problem.ansatz:
                explicit = problem.ansatz[field]
                form = _Form(sympy.sympify(explicit.offset), sympy.sympify(explicit.factor))
            else:
                own = [c for c in readable if c.field == field]
                form = self._form(own)
                is_known = not own and any(str(field.func) in c.values for c in problem.data)
                headroom = 1.0 if is_known else HEADROOM
                size = exact_number(headroom * sizes[field]) if sizes else sympy.Integer(1)
                form = _Form(form.offset, size * form.factor, tuple(size * e for e in form.edges))
            forms.append(form)
        self.offset, self.factor = [f.offset for f in forms], [f.factor for f in forms]
        self._edges = [len(form.edges) for form in forms]
        self.outputs = len(forms) + sum(self._edges)
        self.conditions = tuple(c for c in problem.conditions if c not in self.soft)
        self._check_explicit()
        every = [*self.offset, *self.factor, *(edge for form in forms for edge in form.edges)]
        self._formulas = Formulas(every, problem)
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
            if condition in self.soft or self._is_explicit(condition):
                continue
            read = read_condition(self._problem, condition)
            if isinstance(read, str):
                self.soft[condition] = read
            else:
                found.append(read)
        return found

    def _is_explicit(self, condition: Condition) -> bool:
        return any(condition.equation.has(field) for field in self._problem.ansatz)

    def _most_open_axis(self, conditions: Sequence[FaceCondition]) -> int | None:
        """The coordinate with most conditions that leave lower derivatives free at their face."""
        open_ = [c.face.axis for c in conditions if c not in _without_gaps(conditions)]
        return max(sorted(set(open_)), key=open_.count) if open_ else None

    def _form(self, conditions: Sequence[FaceCondition]) -> _Form:
        """The form of a field that meets as many of its conditions as possible."""
        closed = _without_gaps(conditions)
        chosen = [c for c in conditions if c.face.axis == self._edge_axis or c in closed]
        for condition in conditions:
            if condition not in chosen:
                self._give_up(
                    [condition],
                    "lower derivatives are free there, and on faces of another coordinate",
                )
        chosen = sorted(chosen, key=lambda c: (-c.face.axis, c.face.outward, c.order))
        found = self._try(chosen)
        if isinstance(found, _Form):
            return found
        kept: list[FaceCondition] = []
        form = self._try(kept)
        for face in dict.fromkeys(c.face for c in chosen):
            more = [c for c in chosen if c.face == face]
            found = self._try([*kept, *more])
            if isinstance(found, _Form):
                kept, form = [*kept, *more], found
            else:
                self._give_up(more, found)
        assert isinstance(form, _Form), "nothing is asked of the first"
        return form

    def _give_up(self, conditions: Sequence[FaceCondition], why: str) -> None:
        self.soft.update({one.condition: why for one in conditions})

    def _try(self, conditions: Sequence[FaceCondition]) -> _Form | str:
        """A form that meets all conditions, or why there is none."""
        uneven = {c.face.name for c in conditions if c.value != 0}
        if len(uneven) > MOST_FACES:
            return f"a form for more than {MOST_FACES} faces is too long"
        problem, axes = self._problem, {}
        for axis in dict.fromkeys(c.face.axis for c in conditions):
            here = [c for c in conditions if c.face.axis == axis]
            try:
                axes[axis] = AxisForm(
                    problem.coordinates[axis],
                    problem.domain.low[axis],
                    problem.domain.high[axis],
                    here,
                )
            except ValueError as error:
                return str(error)
        offset: Any = sympy.Integer(0)
        for axis, form in axes.items():
            here = [c for c in conditions if c.face.axis == axis]
            missing = [one.value - one.of(offset, problem.coordinates[axis]) for one in here]
            for one, gap, given in zip(here, missing, form.given, strict=True):
                if self._size(gap, one, offset):
                    blend = self._remaining(one) if self._fades(one, here) else given
                    offset += blend * gap.subs(problem.coordinates[axis], one.end)
        for one in conditions:
            gap = one.of(offset, problem.coordinates[one.face.axis]) - one.value
            if worst := self._size(gap, one, offset):
                return f"conditions do not meet at the edges of {one.face.name} (by {worst:.3g})"
        return self._around(offset, axes, conditions)

    def _around(
        self, offset: Any, axes: Mapping[int, AxisForm], conditions: Sequence[FaceCondition]
    ) -> _Form:
        """The factors that keep what the offset gives, those of several coordinates multiplied."""
        total: Any = sympy.Integer(1)
        for axis in sorted(axes):
            here = [c for c in conditions if c.face.axis == axis]
            if len(here) == 1 and self._fades(here[0], here):
                factor = (1 - self._remaining(here[0])) / (1 - sympy.exp(-self._fade))
            else:
                factor = axes[axis].factor
            if axis != self._edge_axis:
                total *= factor
        edge = axes.get(self._edge_axis) if self._edge_axis is not None else None
        if edge is None:
            return _Form(offset, _tidy(total, axes))
        free = tuple(total * polynomial for polynomial in edge.free)
        return _Form(offset, _tidy(total * edge.factor, axes), free)

    def _fades(self, one: FaceCondition, here: Sequence[FaceCondition]) -> bool:
        is_start = one.face.coordinate == self._problem.time and one.is_low
        return bool(self._fade) and is_start and len(here) == 1 and one.order == 0

    def _remaining(self, one: FaceCondition) -> Any:
        """The share of the initial values that is left, from 1 at the start."""
        low, high = self._problem.domain.intervals[one.face.coordinate]
        time = self._problem.coordinates[one.face.axis]
        return sympy.exp(-self._fade * (time - one.end) / (exact_number(high) - exact_number(low)))

    def _size(self, expression: Any, one: FaceCondition, beside: Any) -> float:
        """The largest size of an expression on a face, 0 if that is no more than rounding of the
        values given there and of what is beside them."""
        coordinate = self._problem.coordinates[one.face.axis]
        gap = expression.subs(coordinate, one.end)
        if gap == 0:
            return 0.0
        points = one.face.sample(PROBES)
        parts = [gap, one.value.subs(coordinate, one.end), one.of(beside, coordinate)]
        sizes = [
            float(values.abs().max())
            for values in Formulas(parts, self._problem)(points, self._generic_numbers())
        ]
        return sizes[0] if sizes[0] > ROUNDING * max(sizes[1:]) else 0.0

    def _generic_numbers(self) -> dict[str, float]:
        """Parameters, unknown ones away from their start, at which what they give may be 0."""
        found = self._problem.parameter_values
        for symbol, unknown in self._problem.unknown.items():
            found[str(symbol)] = unknown.start + GENERIC * unknown.size
        return found

    def _check_explicit(self) -> None:
        """Refuses an explicit ansatz that misses a condition, or an equation across its own kinks.

        A smooth function stands for the network.
        """
        problem = self._problem
        phase = sum((1 + sympy.Rational(i, 3)) * c for i, c in enumerate(problem.coordinates, 1))
        trial = {
            field: offset + factor * sympy.cos(phase + i)
            for i, (field, offset, factor) in enumerate(
                zip(problem.fields, self.offset, self.factor, strict=True)
            )
        }
        symbols = (*problem.coordinates, *map(normal, problem.coordinates))
        values = {symbol: problem.parameter_values[str(symbol)] for symbol in problem.symbols}
        missed = missed_across(problem, trial, values) if problem.ansatz else ""
        if missed:
            raise DomainError(
                f"{problem.name}: with any smooth network the ansatz misses {missed}; mend the "
                f"ansatz, or leave it out to have one made from the conditions."
            )
        for condition in problem.conditions:
            if not any(condition.equation.has(field) for field in problem.ansatz):
                continue
            part = problem.domain.part(condition.on)
            points = part.sample(PROBES)
            gap = substitute(difference(condition.equation), trial, values)
            where = torch.cat([points, part.normal(points)], dim=-1).numpy()
            worst, scale = largest(gap, symbols, where)
            if not worst <= 1e-9 * max(scale, 1.0):
                raise DomainError(
                    f"{problem.name}: the ansatz does not meet {condition.equation} on "
                    f"{condition.on}: it is off by up to {worst:.3g}; correct the ansatz, or leave "
                    "it out to have one made from the conditions."
                )


class TrialSolution(nn.Module):
    """A network with the hard conditions around it, if there are any: points (p, c) to (p, f).

    Args:
        network: points or jets (p, c) to (p, f), or (p, constraint.outputs).
        constraint: the conditions.
        values: the parameters of the problem, which the conditions may hold; unknown ones are
            trained with the network. Without them the conditions take the problem's own.
    """

    def __init__(
        self,
        network: nn.Module,
        constraint: HardConstraint | None = None,
        values: Parameters | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.constraint = constraint
        self.values = values
        self.coefficients = None if values is None else values.unknown
        if constraint is not None and values is not None:
            constraint.numbers = values

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        fields = self.network(points)
        if self.constraint is None:
            return fields
        has_edges = self.constraint.outputs > len(self.constraint.offset)
        edges = self.network(self.constraint.projected(points)) if has_edges else None
        return self.constraint(points, fields, edges)

    @property
    def device(self) -> torch.device:
        """The device of its numbers; the CPU if it has none."""
        first = next(itertools.chain(self.parameters(), self.buffers()), None)
        return torch.device("cpu") if first is None else first.device

    def at(self, points: Tensor) -> Tensor:
        """Fields without any gradient, on the device of the points."""
        with torch.no_grad():
            values: Tensor = self(points.to(self.device))
        return values.to(points.device)


def _without_gaps(conditions: Sequence[FaceCondition]) -> list[FaceCondition]:
    """Conditions that together give value, slope, ... at their face up to some order, none left
    out.
    """
    kept: list[FaceCondition] = []
    for face, field in dict.fromkeys((c.face, c.field) for c in conditions):
        here = [c for c in conditions if c.face == face and c.field == field]
        for order in range(len(here)):
            kept += [c for c in here if c.order == order and len(here) > order][:1]
            if not any(c.order == order for c in here):
                break
    return kept


def _tidy(factor: Any, axes: Mapping[int, AxisForm]) -> Any:
    """The expression with low powers multiplied out; high ones would lose digits near the upper
    end.
    """
    degrees = [sympy.degree(f.factor, next(iter(f.factor.free_symbols))) for f in axes.values()]
    return sympy.expand(factor) if max(degrees, default=0) <= 2 else factor
