"""Functions of sympy as functions of torch, with an error message for what cannot be one."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch
from sympy.core.function import AppliedUndef
from sympy.printing.pytorch import TorchPrinter

from pinn.references.exact import real
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

# Written by functions that sympy prints for torch.
_REWRITTEN: dict[Any, Callable[..., Any]] = {
    sympy.sech: lambda x: 1 / sympy.cosh(x),
    sympy.csch: lambda x: 1 / sympy.sinh(x),
    sympy.coth: lambda x: 1 / sympy.tanh(x),
    sympy.sec: lambda x: 1 / sympy.cos(x),
    sympy.csc: lambda x: 1 / sympy.sin(x),
    sympy.cot: lambda x: 1 / sympy.tan(x),
    sympy.asech: lambda x: sympy.acosh(1 / x),
    sympy.acsch: lambda x: sympy.asinh(1 / x),
    sympy.acoth: lambda x: sympy.atanh(1 / x),
    sympy.asec: lambda x: sympy.acos(1 / x),
    sympy.acsc: lambda x: sympy.asin(1 / x),
    sympy.acot: lambda x: sympy.atan(1 / x),
    sympy.frac: lambda x: x - sympy.floor(x),
}
_PRINTED = (
    sympy.sin,
    sympy.cos,
    sympy.tan,
    sympy.asin,
    sympy.acos,
    sympy.atan,
    sympy.sinh,
    sympy.cosh,
    sympy.tanh,
    sympy.asinh,
    sympy.acosh,
    sympy.atanh,
    sympy.exp,
    sympy.log,
    sympy.Abs,
    sympy.sign,
    sympy.floor,
    sympy.ceiling,
    sympy.erf,
    sympy.loggamma,
    sympy.digamma,
    sympy.Mod,
    sympy.Piecewise,
)
_DIGITS = 17
_ARITHMETIC = (
    sympy.Add,
    sympy.Mul,
    sympy.Pow,
    sympy.Atom,
    sympy.Function,
    sympy.Tuple,
    sympy.logic.boolalg.Boolean,
)


def _sinc(x: Any) -> Any:
    return torch.sinc(x / torch.pi)


def _heaviside(x: Any, at_zero: Any = 0.5) -> Any:
    return torch.where(x == 0, torch.as_tensor(at_zero).to(x), (x > 0).to(x))


def _gamma(x: Any) -> Any:
    """exp(log |gamma|) with its sign, which changes at every negative whole number."""
    sign = torch.where((x < 0) & (torch.floor(x) % 2 != 0), -1.0, 1.0)
    return sign * torch.exp(torch.lgamma(x))


def _lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors that takes numbers beside them."""

    def call(*values: Any) -> Any:
        like = next(v for v in values if isinstance(v, torch.Tensor))
        given = [v if isinstance(v, torch.Tensor) else like.new_tensor(float(v)) for v in values]
        return functools.reduce(function, given)

    return call


# Under names of their own, which no function of a problem has.
_OWN: dict[Any, tuple[str, Callable[..., Any]]] = {
    sympy.erfc: ("torch_erfc", torch.special.erfc),
    sympy.sinc: ("torch_sinc", _sinc),
    sympy.gamma: ("torch_gamma", _gamma),
    sympy.Heaviside: ("torch_heaviside", _heaviside),
    sympy.Min: ("torch_minimum", _lifted(torch.minimum)),
    sympy.Max: ("torch_maximum", _lifted(torch.maximum)),
    sympy.atan2: ("torch_atan2", _lifted(torch.atan2)),
}


def compiled(
    arguments: Sequence[Any], forms: Sequence[Any], unknown: Mapping[Any, Any], who: str
) -> Callable[..., list[Any]]:
    """Expressions as one torch function.

    Functions that torch does not have are evaluated by scipy where they hold no field: what is
    known in advance needs no derivative by torch.

    Args:
        arguments: symbols, in the order of the function's arguments.
        forms: expressions in them.
        unknown: the symbols of fields and derivatives, with what they stand for.
        who: the name that error messages begin with.

    Raises:
        UsageError: a function that neither has.
    """
    return _compiled(tuple(arguments), tuple(forms), tuple(unknown.items()), who)


# The checks of one problem, its scales and its conditions built in ask for the same functions
# several times, and sympy takes a tenth of a second for each; a problem has some tens of them.
@functools.lru_cache(maxsize=1024)
def _compiled(
    arguments: tuple[Any, ...], forms: tuple[Any, ...], named: tuple[Any, ...], who: str
) -> Callable[..., list[Any]]:
    unknown = dict(named)
    table: dict[str, Callable[..., Any]] = dict(_OWN.values())
    # Constants become numbers: torch's functions refuse plain numbers such as pi. That is done on
    # both sides of the translation, because erfc(1) is a constant and its translation is not.
    ready = [_translated(_numeric(form), unknown, table, who) for form in forms]
    numeric = [_numeric(form) for form in ready]
    printer = _Printer({"fully_qualified_modules": False, "inline": True, "user_functions": {}})
    try:
        function: Callable[..., list[Any]] = sympy.lambdify(
            list(arguments), numeric, modules=[table, "torch"], printer=printer, cse=True
        )
    except (NotImplementedError, TypeError, ValueError, AttributeError, SyntaxError) as error:
        strange = next((part for form in forms if (part := _without_value(form))), forms[0])
        raise UsageError(
            f"{who}: {type(strange).__name__} in {strange} has no value at a point; write it by "
            f"functions of coordinates, fields and parameters."
        ) from error
    return function


def _without_value(form: Any) -> Any | None:
    """The first part of a form that is not a sum, product, power, number or function."""
    for part in sympy.preorder_traversal(form):
        if not isinstance(part, _ARITHMETIC):
            return part
    return None


class _Printer(TorchPrinter):  # type: ignore[misc]  # untyped in sympy
    """Torch code that calls the functions of the table by their names."""

    def _print_Integer(self, expr: Any) -> str:
        # torch takes whole numbers as 64 bits, and units such as 1e-10 m make larger ones.
        is_small = abs(int(expr)) < 2**63
        return str(int(expr)) if is_small else repr(float(expr))

    def _print_Function(self, expr: Any) -> str:
        if isinstance(expr, AppliedUndef):
            return f"{expr.func}({', '.join(map(self._print, expr.args))})"
        printed: str = super()._print_Function(expr)
        return printed


def _translated(
    form: Any, unknown: Mapping[Any, Any], table: dict[str, Callable[..., Any]], who: str
) -> Any:
    refuse_strange(form, who)
    kinds = {part.func for part in sympy.preorder_traversal(form)}
    for kind in kinds & _REWRITTEN.keys():
        form = form.replace(kind, _REWRITTEN[kind])
    for kind in kinds & _OWN.keys():
        form = form.replace(kind, sympy.Function(_OWN[kind][0]))
    own = {name for name, _ in _OWN.values()}
    left = [
        f
        for f in form.atoms(sympy.Function)
        if not isinstance(f, _PRINTED) and str(f.func) not in own and not f.is_number
    ]
    for function in sorted(left, key=lambda f: -f.count_ops()):
        fields = sorted(str(unknown[s]) for s in function.free_symbols & set(unknown))
        if fields:
            raise UsageError(
                f"{who}: {function.func} of {', '.join(fields)} is not supported: torch has no "
                f"such function with a derivative; write it by others, or by a Piecewise."
            )
        name = f"scipy_{len(table)}"
        symbols = sorted(function.free_symbols, key=str)
        table[name] = _by_scipy(symbols, function, who)
        form = form.xreplace({function: sympy.Function(name)(*symbols)})
    return form


def _by_scipy(symbols: Sequence[Any], function: Any, who: str) -> Callable[..., Any]:
    made = sympy.lambdify(list(symbols), function, modules=["scipy", "numpy"])

    def plain(*numbers: Any) -> NDArray[Any]:
        with np.errstate(all="ignore"):  # said by the result
            return real(made(*numbers))

    try:
        plain(*[0.5 for _ in symbols])
    except (NameError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{who}: {function.func} is a function that neither torch nor scipy has; write it by "
            f"others, or by a Piecewise."
        ) from error

    def call(*values: Any) -> Any:
        like = next(v for v in values if isinstance(v, torch.Tensor) and v.ndim)
        numbers = [v.detach().cpu().numpy() if isinstance(v, torch.Tensor) else v for v in values]
        return torch.as_tensor(plain(*numbers)).to(like)

    return call


def refuse_strange(form: Any, who: str) -> None:
    """Refuses what has no value at a point.

    Raises:
        UsageError: a complex number, a point load, or an integral that sympy cannot take.
    """
    if form.has(sympy.I):
        raise UsageError(
            f"{who}: {form} is complex; write the real and the imaginary part as two real fields."
        )
    if form.has(sympy.DiracDelta):
        raise UsageError(
            f"{who}: a DiracDelta has no value at a point; smear it, as by "
            f"exp(-(x - a)**2 / (2*s**2)) / sqrt(2*pi*s**2), or split the domain there and state "
            f"the jump as a condition. If it is the derivative of a coefficient that jumps, make "
            f"the flux a field of its own, q = coefficient * slope."
        )
    for whole in form.atoms(sympy.Sum, sympy.Product):
        if any(end.is_infinite for _, *ends in whole.limits for end in ends):
            raise UsageError(
                f"{who}: {whole} has no end; write as many terms as matter, such as up to 50."
            )
    for number in form.atoms(sympy.Integer, sympy.Float):
        if abs(number) > sys.float_info.max:
            raise UsageError(
                f"{who}: the number {sympy.N(number, 3)} is larger than any of float64; measure in "
                f"other units."
            )
    if form.has(sympy.Lambda):
        raise UsageError(f"{who}: {form} is a function, not an equation; write what it returns.")
    for integral in form.atoms(sympy.Integral):
        raise UsageError(
            f"{who}: sympy finds no closed form of {integral}; give its values by an "
            f"interpolating_spline of the coordinates."
        )


def _numeric(form: Any) -> Any:
    return sympy.sympify(form).replace(_is_constant, lambda constant: constant.evalf(_DIGITS))


def _is_constant(expression: Any) -> bool:
    return bool(expression.is_number and not expression.is_Rational)
