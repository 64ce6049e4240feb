"""A problem written once, as mathematics: equations, domain, conditions, parameters, reference."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.agreement import check_formulas, check_kinds, check_names, check_sizes
from pinn.problem.exact_check import check_exact
from pinn.problem.expressions import Expressions
from pinn.problem.functionals import functionals_in, with_functionals
from pinn.problem.parts import Ansatz, Condition, Unknown
from pinn.problem.places import carried_out, on_face
from pinn.problem.reading import (
    as_tuple,
    by_field,
    difference,
    equations_of,
    fields_of,
    in_order,
    normal,
    one_symbol_a_name,
    refuse_no_number,
    refuse_program,
    symbols_of,
)
from pinn.references.exact import ClosedForm, substitute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pinn.data.cloud import Cloud
    from pinn.geometry.base import Domain
    from pinn.problem.functionals import Functional

    Reference = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]


# Attributes that are sequences and may be given as one item without a tuple.
SEQUENCES = (
    *("coordinates", "fields", "equations", "conditions"),
    *("periodic", "gauge", "data", "given"),
)


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
        periodic: names of coordinates whose two ends are the same place.
        frequency: in radians per unit of time, a little above that of the fastest oscillation one
            expects, such as speed times wavenumber; 0 if the fields do not oscillate in time.
        data: measured values that the fields should take, for problems without enough conditions.
        gauge: names of quantities that are determined only up to a constant at each time, such as
            a pressure; errors are taken after the mean over space is subtracted.
        quantities: what is measured, compared and drawn, as expressions of the fields by name, such
            as velocities of a streamfunction; the fields themselves by default.
        ansatz: an explicit form for a field, by field; other fields get theirs from the conditions.
            It has to meet every condition on its field.
        unknown: parameters that are to be found from `data`; their values in `parameters`, if
            given, are what errors are taken against.
        scales: a characteristic length or time of each coordinate, such as a wavelength / 2 pi, by
            which inputs of the network are divided; by default half the extent, and the whole of
            time.
        residual_sizes: a size > 0 for each equation, by which its residual is divided; by default
            the sum of the sizes of its terms.
        levels: by name a value that a field stays near to, such as 300 for a temperature in
            kelvins; sizes of fields and terms, and the verdict, then count its distance from there.
            Found from the conditions where none is given.
        given: functions of some coordinates, such as start(x), and symbols that equations and
            conditions hold and that differ from member to member of a `pinn.Family`; a problem that
            has any cannot be solved itself.
        exact: a formula for each field; it is checked against the equations.
        reference: maps points (p, c) to the quantities {name: (p,)}, NaN where it knows none;
            shares no code with the solver. Made from `exact` where that is given.
        advice: settings used as defaults for this problem; see `pinn.Settings`.
        title: one line for people.
        source: where the problem was stated.

    Raises:
        UsageError: names of coordinates and domain differ, an equation holds an unknown symbol, or
            a condition is on a part that the domain does not have.
        DataError: the exact solution does not satisfy an equation or a condition.

    Examples:
        >>> import pinn, sympy
        >>> x, t = sympy.symbols("x t")
        >>> u = sympy.Function("u")(x, t)
        >>> rod = pinn.Problem(
        ...     name="rod", coordinates=(x, t), fields=u,
        ...     equations=sympy.Eq(u.diff(t), 0.1 * u.diff(x, 2)),
        ...     domain=pinn.Box(x=(0, 1), t=(0, 1)),
        ...     conditions=[
        ...         pinn.Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
        ...         pinn.Condition(sympy.Eq(u, 0), on="x=0"),
        ...         pinn.Condition(sympy.Eq(u, 0), on="x=1"),
        ...     ],
        ... )
        >>> rod.time
        't'
    """

    name: str
    coordinates: tuple[Any, ...]
    fields: tuple[Any, ...]
    equations: tuple[Any, ...]
    domain: Domain
    conditions: tuple[Condition, ...] = ()
    parameters: Mapping[Any, float] = field(default_factory=dict)
    periodic: tuple[str, ...] = ()
    gauge: tuple[str, ...] = ()
    frequency: float = 0.0
    data: tuple[Cloud, ...] = ()
    exact: Mapping[Any, Any] = field(default_factory=dict)
    reference: Reference | None = None
    advice: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    quantities: Mapping[str, Any] = field(default_factory=dict)
    ansatz: Mapping[Any, Ansatz] = field(default_factory=dict)
    unknown: Mapping[Any, Unknown] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)
    residual_sizes: tuple[float, ...] = ()
    levels: Mapping[str, float] = field(default_factory=dict)
    given: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self._read()
        check_names(self)
        check_sizes(self)
        check_formulas(self)
        for condition in self.conditions:
            self.condition_residual(condition)
        self.compile(list(self.expressions.values()))  # so that mistakes show at once
        self.residual  # noqa: B018  the same
        if self.exact:
            check_exact(self)
            formulas = {
                name: substitute(expression, self.exact, self.parameters)
                for name, expression in self.expressions.items()
            }
            object.__setattr__(self, "reference", ClosedForm(self.coordinates, formulas))

    def _read(self) -> None:
        """Brings what was given into the form that the attributes promise."""
        for name in SEQUENCES:
            self._set(name, as_tuple(getattr(self, name)))
        plain = (sympy.Symbol(c) if isinstance(c, str) else c for c in self.coordinates)
        self._set("coordinates", tuple(plain))
        check_kinds(self, Condition)
        self._set("equations", self._equations(self.equations))
        self._set(
            "conditions",
            tuple(Condition(e, c.on) for c in self.conditions for e in self._equations(c.equation)),
        )
        for formula in self.exact.values():
            refuse_program(self.name, formula, "an exact solution")
        forms = [e for e in self.equations if not isinstance(e, bool)]
        self._set("parameters", symbols_of(self.name, self.parameters, forms))
        self._set("unknown", symbols_of(self.name, self.unknown, forms))
        refuse_no_number(self.name, self.parameters)
        same = one_symbol_a_name([*self.coordinates, *self.symbols])
        written = tuple(map(same, self.fields))
        self._set("fields", fields_of(self.name, written, self.coordinates))
        ordered = in_order(written, self.coordinates)
        carry_out = carried_out(self.name, self.coordinates)

        def renamed(form: Any) -> Any:
            return carry_out(ordered(same(form)))

        whole = with_functionals(self.name, self.fields, self.coordinates)
        self._set("given", tuple(map(renamed, self.given)))
        self._set("equations", tuple(whole(renamed(e)) for e in self.equations))
        self._set("conditions", tuple(self._placed(c, renamed) for c in self.conditions))
        for name in ("exact", "ansatz"):
            given = {
                renamed(k) if isinstance(k, sympy.Basic) else k: v
                for k, v in getattr(self, name).items()
            }
            self._set(name, by_field(self.name, given, self.fields))
        self._set("exact", {field: renamed(formula) for field, formula in self.exact.items()})
        self._set("quantities", {key: renamed(form) for key, form in self.quantities.items()})

    def _placed(self, condition: Condition, renamed: Callable[[Any], Any]) -> Condition:
        """A condition in fields at the point, also where it was written at its face's value."""
        face, form = self.domain.part(condition.on), renamed(condition.equation)
        if isinstance(face, Face):
            form = on_face(form, self.fields, self.coordinates, face)
        whole = with_functionals(self.name, self.fields, self.coordinates)
        return replace(condition, equation=whole(form))

    def _equations(self, given: Any) -> tuple[Any, ...]:
        return tuple(e for one in as_tuple(given) for e in equations_of(self.name, one))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def check(self) -> Any:
        """Says before any training what is built in, what is a term, orders, sizes, and problems.

        Returns:
            A `pinn.trial.check.Check`, which prints as a few lines.
        """
        # By name: the trial solution is built on problems and may not be imported from here.
        return importlib.import_module("pinn.trial.check").check(self)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(str(f.func) for f in self.fields)

    @cached_property
    def time(self) -> str | None:
        """The coordinate called "t" or "time", if there is one; causal weights march along it.

        One with conditions at both of its ends, as the retarded time of a pulse in a fibre, is a
        direction like others.
        """
        names = self.domain.coordinates
        found = next((name for name in ("t", "time") if name in names), None)
        faces = [self.domain.part(c.on) for c in self.conditions]
        ends = {f.outward for f in faces if isinstance(f, Face) and f.coordinate == found}
        return found if len(ends) < 2 else None

    @property
    def functionals(self) -> list[Functional]:
        """Values at other places and integrals that equations and conditions hold."""
        return functionals_in(*self.equations, *(c.equation for c in self.conditions))

    @property
    def order(self) -> int:
        """The highest derivative in the equations."""
        derivatives = set().union(
            *(sympy.sympify(e).atoms(sympy.Derivative) for e in self.equations)
        )
        return max((int(d.derivative_count) for d in derivatives), default=0)

    @property
    def parameter_values(self) -> dict[str, float]:
        """Values of the parameters by name; an unknown one without a value has its start."""
        values = {symbol: given.start for symbol, given in self.unknown.items()}
        return {str(s): float(value) for s, value in {**values, **self.parameters}.items()}

    @property
    def symbols(self) -> tuple[Any, ...]:
        """Symbols of all parameters, known, unknown and given."""
        drawn = dict.fromkeys(given for given in self.given if given.is_Symbol)
        return tuple({**self.parameters, **self.unknown, **drawn})

    @property
    def functions(self) -> tuple[Any, ...]:
        """The fields, and after them the functions that are given."""
        return (*self.fields, *(given for given in self.given if not given.is_Symbol))

    @property
    def expressions(self) -> dict[str, Any]:
        """The quantities by name, as expressions of the fields."""
        return dict(self.quantities) or dict(zip(self.field_names, self.fields, strict=True))

    @cached_property
    def residual(self) -> Expressions:
        """Left side minus right side of every equation."""
        return self.compile([difference(e) for e in self.equations])

    def compile(self, expressions: list[Any]) -> Expressions:
        """Compiles expressions in this problem's coordinates, fields and parameters."""
        return self.compile_at(expressions)

    def compile_at(self, expressions: list[Any], more: Iterable[Any] = ()) -> Expressions:
        """The compiled expressions with columns of further symbols, such as normals, after the
        coordinates.
        """
        coordinates = (*self.coordinates, *more)
        return Expressions(expressions, coordinates, self.functions, self.symbols, who=self.name)

    def condition_residual(self, condition: Condition) -> Expressions:
        """Left side minus right side of a condition; columns of the normal follow the points'."""
        return self.compile_at([difference(condition.equation)], map(normal, self.coordinates))

    def latex(self) -> str:
        """The equations and conditions in LaTeX, one line each."""
        lines = [sympy.latex(e) for e in self.equations]
        lines += [f"{sympy.latex(c.equation)} \\quad ({c.on})" for c in self.conditions]
        return " \\\\\n".join(lines)

    def _repr_latex_(self) -> str:
        return f"$$\\begin{{gathered}}\n{self.latex()}\n\\end{{gathered}}$$"
