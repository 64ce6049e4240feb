"""Equations in the normal form of the theorems on errors, read from their sympy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.reading import difference
from pinn.problem.smoothness import is_smooth
from pinn.references.exact import evaluate
from pinn.trial.face_conditions import exact_number
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Problem

VALUE = sympy.Symbol("_value", real=True)
"""Stands for the field in coefficients."""
LONG = 50
"""Operations beyond which a coefficient is not simplified: sympy takes minutes for 20 waves."""


@dataclass(frozen=True)
class NormalForm:
    """m u_tt + c u_t = sum_j a_j u_jj - sum_j b_j u_j + g, scaled so that the first factor is 1.

    Attributes:
        inertia: 1 with a second derivative in time, else 0.
        rate: coefficient of the first derivative in time: 1 without inertia, 0 if static.
        diffusion: a_j of the coordinates, by coordinate of space; 0 where it does not occur.
        drift: b_j of the coordinates and `VALUE`.
        reaction: g of the coordinates and `VALUE`.
        factor: what the equation's left minus right side is multiplied by to become the residual
            m v_tt + c v_t - (...) of this form.
        time: symbol of time, None in static problems.
    """

    inertia: int
    rate: Any
    diffusion: Mapping[Any, Any]
    drift: Mapping[Any, Any]
    reaction: Any
    factor: Any
    time: Any

    @property
    def is_linear(self) -> bool:
        """Whether no coefficient depends on the field."""
        slope = self.reaction.diff(VALUE)
        return not any(e.has(VALUE) for e in (slope, *self.drift.values()))

    @property
    def has_space(self) -> bool:
        """Whether derivatives along coordinates of space occur."""
        return any(e != 0 for e in (*self.diffusion.values(), *self.drift.values()))


def normal_form(problem: Problem) -> NormalForm:
    """The normal form of a problem with one equation for one field.

    Raises:
        UsageError: the equation is of no class that is known; the sentence says what stands in the
            way.
    """
    if problem.functionals:
        raise _unknown(problem, f"it holds {problem.functionals[0]}, a value at another place")
    if len(problem.equations) != 1 or len(problem.fields) != 1:
        raise _unknown(
            problem,
            f"it has {len(problem.equations)} equations for {len(problem.fields)} fields, and "
            "the theorems are about one equation for one field",
        )
    time = next((c for c in problem.coordinates if str(c) == problem.time), None)
    space = [c for c in problem.coordinates if c != time]
    form, names = _plain(problem)
    coefficients = {name: sympy.expand(form.diff(name)) for name in names.values()}
    for coefficient in coefficients.values():
        if coefficient.has(*names.values()):
            raise _unknown(problem, "it is not linear in its derivatives")
    rest = form.xreplace(dict.fromkeys(names.values(), sympy.Integer(0)))
    found = {words: coefficients[name] for words, name in names.items()}
    second = found.pop(((time, 2),), sympy.Integer(0))
    first = found.pop(((time, 1),), sympy.Integer(0))
    factor = _factor(problem, (second, first), [found.get(((c, 2),), 0) for c in space])
    diffusion = {c: -factor * found.pop(((c, 2),), sympy.Integer(0)) for c in space}
    drift = {c: factor * found.pop(((c, 1),), sympy.Integer(0)) for c in space}
    for words in found:
        spelled = "".join(f"{c}" * n for c, n in words)
        raise _unknown(problem, f"it holds the derivative {problem.field_names[0]}_{spelled}")
    for coefficient in diffusion.values():
        if coefficient.has(VALUE):
            raise _unknown(problem, "its diffusion depends on the field")
    reaction = -factor * rest
    _refuse_kinks(problem, diffusion, drift)
    return NormalForm(
        inertia=int(second != 0),
        rate=_simplified(factor * first),
        diffusion={c: _simplified(a) for c, a in diffusion.items()},
        drift={c: _simplified(b) for c, b in drift.items()},
        reaction=reaction,
        factor=factor,
        time=time,
    )


def _simplified(coefficient: Any) -> Any:
    """A shorter form where that is found soon; the series of a drawn function stays as it is."""
    found = sympy.sympify(coefficient)
    return sympy.simplify(found) if sympy.count_ops(found) <= LONG else found


def _plain(problem: Problem) -> tuple[Any, dict[tuple[tuple[Any, int], ...], Any]]:
    """The equation in `VALUE` and a symbol for each derivative, with numbers for parameters."""
    values = {s: exact_number(problem.parameter_values[str(s)]) for s in problem.symbols}
    form = evaluate(difference(problem.equations[0]).subs(values))
    derivatives = form.atoms(sympy.Derivative)
    named = {d: sympy.Dummy() for d in derivatives}
    plain = sympy.expand(form.xreplace(named).xreplace({problem.fields[0]: VALUE}))
    words: dict[tuple[tuple[Any, int], ...], Any] = {}
    for derivative, name in named.items():
        counts = tuple(sorted(((c, int(n)) for c, n in derivative.variable_count), key=str))
        words[counts] = name
    return plain, words


def _factor(problem: Problem, in_time: tuple[Any, Any], in_space: list[Any]) -> Any:
    """The factor that makes the leading coefficient 1, or those of the second derivatives
    negative.
    """
    second, first = in_time
    lead = second if second != 0 else first
    if lead == 0:
        lead = -next((sympy.sympify(a) for a in in_space if a != 0), sympy.Integer(0))
        if lead == 0:
            raise _unknown(problem, "it holds no derivative that a theorem begins with")
        if lead.is_number:
            return sympy.Integer(1) if lead > 0 else sympy.Integer(-1)
        return sympy.Integer(1)
    if not lead.is_number:
        raise _unknown(problem, f"the factor {lead} of its derivative in time is not a number")
    return 1 / lead


def _refuse_kinks(problem: Problem, diffusion: Mapping[Any, Any], drift: Mapping[Any, Any]) -> None:
    """Refuses coefficients with jumps, because their derivatives are needed."""
    for kind, given, order in (("diffusion", diffusion, 3), ("drift", drift, 2)):
        for coefficient in given.values():
            if not is_smooth(coefficient, problem.coordinates, order):
                raise _unknown(problem, f"its {kind} {coefficient} is not smooth")


def _unknown(problem: Problem, why: str) -> UsageError:
    return UsageError(
        f"{problem.name}: no error bound is known for its equation: {why}; take an estimate "
        "(--estimate-error), or a reference."
    )
