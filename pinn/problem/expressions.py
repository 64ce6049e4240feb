"""Translation from sympy to torch: expressions of coordinates, fields, derivatives, parameters."""

from __future__ import annotations

import copy
import copyreg
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from pinn.jets.jacobian.recorder import followed
from pinn.problem.functionals import Functional, functionals_in
from pinn.problem.functions import compiled
from pinn.problem.places import refuse_elsewhere
from pinn.references.exact import evaluate
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class FieldDerivative:
    """A field or one of its derivatives: which field, and the coordinates differentiated by.

    `operator` is "1" for the field itself, else one letter a differentiation in the order of
    the problem's coordinates, such as "xx" or "xt", or a sum of such words, as in "t-0.01xx".
    """

    field: int
    operator: str


class Expressions:
    """Several sympy expressions compiled into one torch function.

    Args:
        expressions: functions of the coordinates, the fields, their derivatives and parameters.
        coordinates: the coordinate symbols, in order.
        fields: the unknown functions applied to all coordinates, such as u(x, t), in order.
        parameters: the symbols that are given values when the function is called.
        who: the name that error messages begin with.

    Raises:
        UsageError: a symbol or function that is none of these.
    """

    def __init__(
        self,
        expressions: Sequence[Any],
        coordinates: Sequence[Any],
        fields: Sequence[Any],
        parameters: Sequence[Any],
        *,
        who: str,
    ) -> None:
        self._coordinates = tuple(coordinates)
        self._fields = tuple(fields)
        self._who = who
        given = [sympy.sympify(e) for e in expressions]
        for expression in given:
            refuse_elsewhere(who, expression, _heads(self._fields), self._arguments)
        whole = [evaluate(e) for e in given]
        named = {f: sympy.Dummy(f"elsewhere_{n}") for n, f in enumerate(functionals_in(*whole))}
        self.functionals: dict[Functional, Any] = named
        plain, unknowns = self._name_unknowns([e.xreplace(named) for e in whole], who)
        self.parameter_symbols: tuple[Any, ...] = tuple(parameters)
        self.parameters: tuple[str, ...] = tuple(p.name for p in parameters)
        known = {*self._coordinates, *parameters, *unknowns.values(), *named.values()}
        _refuse_strangers(plain, known, who)
        self._compile(plain, unknowns)

    def _compile(self, forms: Sequence[Any], symbols: Mapping[FieldDerivative, Any]) -> None:
        """Sets what the expressions are made of; forms hold a symbol for each unknown."""
        self.forms, self.symbols = tuple(forms), dict(symbols)
        self.unknowns: tuple[FieldDerivative, ...] = tuple(symbols)
        arguments = [*self._coordinates, *self.parameter_symbols, *symbols.values()]
        arguments += self.functionals.values()
        meanings = {symbol: self._spelled(unknown) for unknown, symbol in symbols.items()}
        meanings |= {symbol: str(functional) for functional, symbol in self.functionals.items()}
        self._function = compiled(arguments, forms, meanings, self._who)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled function, which no file can hold."""
        return {key: value for key, value in vars(self).items() if key != "_function"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._compile(self.forms, self.symbols)

    def _spelled(self, unknown: FieldDerivative) -> str:
        return f"{self._fields[unknown.field]}" if self._fields else str(unknown)

    def rewritten(
        self, forms: Sequence[Any], symbols: Mapping[FieldDerivative, Any]
    ) -> Expressions:
        """Other forms of the same coordinates, parameters and fields.

        Args:
            forms: expressions in the coordinates, the parameters and the symbols.
            symbols: the symbol that stands for each unknown.
        """
        other = copy.copy(self)
        other._compile(forms, symbols)
        return other

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates, in order."""
        return tuple(map(str, self._coordinates))

    @property
    def letters(self) -> tuple[str, ...]:
        """One letter for each argument of the fields, by which operators are spelled."""
        return letters([str(c) for c in self._arguments])

    @property
    def _arguments(self) -> tuple[Any, ...]:
        """The coordinates of the fields; columns of normals may follow them."""
        return tuple(self._fields[0].args) if self._fields else self._coordinates

    def __len__(self) -> int:
        return len(self.forms)

    def __call__(
        self,
        columns: Sequence[Any],
        unknown: Callable[[FieldDerivative], Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        elsewhere: Callable[[Functional], Any] | None = None,
    ) -> list[Any]:
        """The values of the expressions, one tensor (or jet) each, of the columns' shape.

        Args:
            columns: one tensor or jet for each coordinate.
            unknown: gives the tensor of a field or derivative; may be left out when none occurs.
            parameters: a number or tensor for each parameter name.
            elsewhere: gives the tensor of a functional; may be left out when none occurs.

        Raises:
            UsageError: functionals that nothing is given for.
        """
        given = parameters or {}
        numbers = [_tensor(given[name]) for name in self.parameters]
        if any(getattr(number, "requires_grad", False) for number in numbers):
            columns = [followed(column) for column in columns]
        if self.functionals and elsewhere is None:
            raise UsageError(
                f"{self._who}: {next(iter(self.functionals))} is a value at another place than the "
                f"point, which this does not go with."
            )
        values = self._function(
            *columns,
            *numbers,
            *(unknown(u) for u in self.unknowns if unknown is not None),
            *(elsewhere(f) for f in self.functionals if elsewhere is not None),
        )
        return [_like(value, columns[0]) for value in values]

    def _name_unknowns(
        self, expressions: list[Any], who: str
    ) -> tuple[list[Any], dict[FieldDerivative, Any]]:
        """Replaces fields and derivatives by plain symbols."""
        unknowns: dict[FieldDerivative, Any] = {}
        names: dict[Any, Any] = {}
        atoms = {a for e in expressions for a in e.atoms(sympy.Derivative, *_heads(self._fields))}
        # Highest derivatives first, so that u(x, t) is not replaced inside its own derivatives.
        for atom in sorted(atoms, key=lambda a: (-a.count(sympy.Derivative), sympy.srepr(a))):
            unknown = self._unknown(atom, who)
            symbol = sympy.Symbol(f"_{self._fields[unknown.field].func}_{unknown.operator}")
            unknowns[unknown] = names[atom] = symbol
        derivatives = {a: s for a, s in names.items() if isinstance(a, sympy.Derivative)}
        plain = [e.xreplace(derivatives).xreplace(names) for e in expressions]
        # A field found only inside its own derivatives is not needed by itself.
        used = set().union(*(e.free_symbols for e in plain)) if plain else set()
        return plain, {u: s for u, s in unknowns.items() if s in used}

    def _unknown(self, atom: Any, who: str) -> FieldDerivative:
        base = atom.expr if isinstance(atom, sympy.Derivative) else atom
        if not base.has(sympy.core.function.AppliedUndef):
            raise UsageError(
                f"{who}: sympy has no derivative of {base}; if it is a coefficient that jumps, "
                f"make the flux a field of its own, q = coefficient * slope."
            )
        if base not in self._fields:
            arguments = ", ".join(map(str, self._coordinates))
            raise UsageError(
                f"{who}: {atom} is not a derivative of a field at ({arguments}); "
                f"write fields as functions of all coordinates in this order."
            )
        counts = dict(atom.variable_count) if isinstance(atom, sympy.Derivative) else {}
        spelled = zip(self.letters, self._arguments, strict=True)
        operator = "".join(letter * int(counts.get(c, 0)) for letter, c in spelled)
        return FieldDerivative(self._fields.index(base), operator or "1")


def _heads(fields: Sequence[Any]) -> list[Any]:
    return [field.func for field in fields]


def _refuse_strangers(expressions: Sequence[Any], known: set[Any], who: str) -> None:
    for expression in expressions:
        strangers = (expression.free_symbols - known) | expression.atoms(
            sympy.core.function.AppliedUndef
        )
        if strangers:
            names = ", ".join(sorted(map(str, strangers)))
            allowed = ", ".join(sorted(str(k) for k in known if not str(k).startswith("_")))
            raise UsageError(
                f"{who}: unknown symbol {names} in {expression}; "
                f"known are {allowed} (give a value to others in `parameters`)."
            )


def letters(names: Sequence[str]) -> tuple[str, ...]:
    """The names themselves where all are single letters of the alphabet, else a, b, c, ..."""
    if all(len(name) == 1 and name.isascii() and name.isalpha() for name in names):
        return tuple(names)
    return tuple(string.ascii_lowercase[: len(names)])


def _tensor(value: Any) -> Any:
    """Numbers as tensors without axes, which keep the precision of what they meet."""
    is_number = isinstance(value, (int, float))
    return torch.tensor(float(value), dtype=torch.float64) if is_number else value


def _like(value: Any, column: Any) -> Any:
    """Constants become tensors of the columns' shape and device, so that results can be stacked."""
    if isinstance(value, (int, float)):
        return column * 0 + float(value)
    if isinstance(value, Tensor) and isinstance(column, Tensor) and value.requires_grad:
        value = value + column * 0  # where a parameter that stands alone meets the points
    if isinstance(value, Tensor) and isinstance(column, Tensor) and value.shape != column.shape:
        return torch.broadcast_to(value.to(column.device), column.shape)
    return value


def _function(name: str, assumptions: dict[str, Any]) -> Any:
    return sympy.Function(name, **assumptions)


def _reduced(function: Any) -> tuple[Any, ...]:
    return _function, (function.__name__, dict(function._kwargs))


# Sympy's undefined functions are classes of no module, which pickle cannot find by name.
copyreg.pickle(sympy.core.function.UndefinedFunction, _reduced)
