"""Rules for + - * / **, comparisons and smooth functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinn.jets import smooth
from pinn.jets.jet import Jet
from pinn.jets.kernels.affine import Shift
from pinn.jets.kernels.bilinear import Bilinear, Times
from pinn.jets.kernels.composition import Compose
from pinn.jets.kernels.kernel import apply
from pinn.jets.layout import aligned, first_jet, lifted
from pinn.jets.registry import MissingRuleError, rule
from pinn.jets.smooth import Smooth

_TIMES = Times()
MOST_EXPONENTS = 64  # each costs a pass over the jet


def compose(x: Jet, function: Smooth) -> Jet:
    """f(x) for a smooth function of one variable; the way to add an activation of one's own.

    Examples:
        >>> import torch
        >>> from pinn.jets import Jet, Operators, compose
        >>> from pinn.jets.smooth import Sine
        >>> jet = Jet.coordinates(torch.zeros(1, 1), Operators("x", ["x"]))
        >>> compose(jet, Sine()).derivative("x")
        tensor([[1.]])
    """
    return Jet(apply(Compose, x.channels, function, x.operators), x.operators)


@rule("add", "__add__", "__radd__", "__iadd__")
def add(x: Any, y: Any, *, alpha: float = 1) -> Jet:
    """x + alpha y."""
    jet = first_jet(x, y)
    if isinstance(x, Jet) and isinstance(y, Jet):
        other = lifted(y, x, "add")
        return Jet(torch.add(x.channels, other.channels, alpha=alpha), x.operators)
    if not isinstance(x, Jet):
        return _add_value(mul(jet, alpha), x)
    return _add_value(x, y * alpha if alpha != 1 else y)


def _add_value(x: Jet, value: Tensor | float) -> Jet:
    """A value without derivatives."""
    if isinstance(value, Tensor):
        value = aligned(value, x, "add")
    else:
        value = torch.tensor(value, dtype=x.dtype, device=x.device)
    return Jet(apply(Shift, x.channels, value), x.operators)


@rule("sub", "subtract", "__sub__", "__isub__")
def sub(x: Any, y: Any, *, alpha: float = 1) -> Jet:
    """x - alpha y."""
    return add(x, y, alpha=-alpha)


@rule("rsub", "__rsub__")
def rsub(x: Any, y: Any, *, alpha: float = 1) -> Jet:
    """y - alpha x."""
    return add(y, x, alpha=-alpha)


@rule("mul", "multiply", "__mul__", "__rmul__", "__imul__")
def mul(x: Any, y: Any) -> Jet:
    """The product rule; a factor without derivatives scales every channel."""
    jet = first_jet(x, y)
    if isinstance(x, Jet) and isinstance(y, Jet):
        other = lifted(y, x, "mul")
        return Jet(apply(Bilinear, x.channels, other.channels, _TIMES, x.operators), x.operators)
    factor = y if jet is x else x
    if isinstance(factor, Tensor):
        factor = aligned(factor, jet, "mul")
    return Jet(jet.channels * factor, jet.operators)


@rule("div", "divide", "true_divide", "__div__", "__truediv__", "__itruediv__")
def div(x: Any, y: Any, *, rounding_mode: str | None = None) -> Jet:
    """x / y.

    Raises:
        MissingRuleError: a quotient that is rounded, whose derivatives are 0 or do not exist.
    """
    if rounding_mode is not None:
        raise MissingRuleError(
            f"div: a quotient of Jets has no rule for rounding_mode={rounding_mode!r}; divide "
            "without it, or compute with jet.value."
        )
    if isinstance(y, Jet):
        return mul(x, reciprocal(y))
    return mul(x, 1 / y)


@rule("__rdiv__", "__rtruediv__")
def _rdiv(x: Jet, y: Any) -> Jet:
    return div(y, x)


@rule("reciprocal")
def reciprocal(x: Jet) -> Jet:
    """1 / x."""
    return compose(x, smooth.Power(-1.0))


@rule("neg", "negative", "__neg__")
def _neg(x: Jet) -> Jet:
    return Jet(-x.channels, x.operators)


@rule("pow", "__pow__", "__ipow__", "float_power")
def power(x: Any, exponent: Any) -> Jet:
    """x ** exponent, with the values of torch for bases of any sign.

    Whole exponents have every derivative at every base. A base below 0 under an exponent that
    moves has a value only where the exponent is whole, and no derivative: it is NaN, as in torch.

    Raises:
        MissingRuleError: an exponent that is trained over a base below 0, or more than
            `MOST_EXPONENTS` different ones over bases that are not positive.
    """
    if isinstance(x, Jet) and not isinstance(exponent, (Jet, Tensor)):
        return compose(x, smooth.Power(float(exponent)))
    if isinstance(x, Jet) and isinstance(exponent, Tensor) and not _is_trained(exponent):
        if exponent.numel() == 1 and exponent.ndim <= 1:
            return compose(x, smooth.Power(float(exponent)))
        if len(_distinct(exponent)) <= MOST_EXPONENTS:
            return _powers(x, torch.as_tensor(exponent, dtype=x.dtype, device=x.device))
    jet = first_jet(x, exponent)
    base = lifted(x, jet, "pow")
    positive = base.value.detach() > 0
    logarithm = log(where(positive, base, 1.0))
    regular = exp(mul(logarithm, exponent))
    if bool(positive.all()):
        return regular
    return where(positive, regular, _power_of_nonpositive(base, exponent, positive))


def _is_trained(exponent: Any) -> bool:
    return isinstance(exponent, Tensor) and exponent.requires_grad


def _distinct(exponents: Tensor) -> list[float]:
    found: list[float] = torch.unique(exponents.detach()).tolist()
    return found


def _powers(base: Jet, exponents: Tensor) -> Jet:
    """Element by element, for constant exponents of which few are different."""
    found: Any = 0.0
    for exponent in _distinct(exponents):
        chosen = exponents == exponent
        # Elsewhere the base is 1: an infinite slope times a gradient of 0 would be NaN.
        part = compose(where(chosen, base, 1.0), smooth.Power(exponent))
        found = where(chosen, part, found)
    result: Jet = found
    return result


def _power_of_nonpositive(base: Jet, exponent: Any, positive: Tensor) -> Jet:
    """The power at bases of 0 and below; entries with a positive base are of no account."""
    if not isinstance(exponent, Jet):
        if _is_trained(exponent) and bool((base.value.detach() < 0).any()):
            raise MissingRuleError(
                "Jet: pow has no derivative by a trained exponent at a base below 0; keep the base "
                "positive, or the exponent constant."
            )
        exponent = lifted(exponent, base, "pow")
    moves = (exponent.channels[1:] != 0).any(0).movedim(-1, 0)
    vanishes = (base.channels == 0).all(0).movedim(-1, 0) & (exponent.value > 0)
    values = exponent.value.detach().masked_fill(positive, 1.0)
    has_no_value = (values != values.round()) & (base.value.detach() < 0)
    values = values.masked_fill(has_no_value, 1.0)
    if len(_distinct(values)) > MOST_EXPONENTS:
        raise MissingRuleError(
            f"Jet: pow of bases that are not positive takes at most {MOST_EXPONENTS} different "
            "exponents; keep the base positive, or compose a rule with @pinn.jets.rule(function)."
        )
    found = where(vanishes, 0.0, _powers(base, values))
    nothing = Jet(torch.full_like(found.channels, math.nan), found.operators)
    value_alone = nothing.channels.clone()
    value_alone[0] = found.channels[0].detach()
    found = where(moves & ~vanishes, Jet(value_alone, found.operators), found)
    return where(has_no_value, nothing, found)


@rule("__rpow__")
def _rpow(exponent: Jet, x: Any) -> Jet:
    return power(x, exponent)


@rule("square")
def _square(x: Jet) -> Jet:
    return compose(x, smooth.Power(2.0))


@rule("sqrt")
def _sqrt(x: Jet) -> Jet:
    return compose(x, smooth.Power(0.5))


@rule("rsqrt")
def rsqrt(x: Jet) -> Jet:
    """x ** -1/2."""
    return compose(x, smooth.Power(-0.5))


@rule("exp")
def exp(x: Jet) -> Jet:
    """The exponential."""
    return compose(x, smooth.Exponential())


@rule("log")
def log(x: Jet) -> Jet:
    """The natural logarithm."""
    return compose(x, smooth.Logarithm())


@rule("sin")
def _sin(x: Jet) -> Jet:
    return compose(x, smooth.Sine())


@rule("cos")
def _cos(x: Jet) -> Jet:
    return compose(x, smooth.Cosine())


@rule("tanh")
def tanh(x: Jet) -> Jet:
    """The hyperbolic tangent."""
    return compose(x, smooth.TANH)


@rule("sigmoid", "expit")
def sigmoid(x: Jet) -> Jet:
    """The logistic function."""
    return compose(x, smooth.SIGMOID)


@rule("erf")
def erf(x: Jet) -> Jet:
    """The error function."""
    return compose(x, smooth.Erf())


@rule("softplus")
def _softplus(x: Jet, beta: float = 1.0, threshold: float = 20.0) -> Jet:
    return compose(x, smooth.Softplus(float(beta), float(threshold)))


@rule("silu")
def _silu(x: Jet, inplace: bool = False) -> Jet:
    return mul(x, sigmoid(x))


@rule("gelu")
def _gelu(x: Jet, approximate: str = "none") -> Jet:
    if approximate == "none":
        return mul(x, add(mul(erf(mul(x, math.sqrt(0.5))), 0.5), 0.5))
    inner = mul(add(x, mul(power(x, 3), 0.044715)), math.sqrt(2 / math.pi))
    return mul(x, add(mul(tanh(inner), 0.5), 0.5))


@rule("relu")
def _relu(x: Jet, inplace: bool = False) -> Jet:
    if x.operators.order > 1:
        raise MissingRuleError(
            "Jet: relu has a corner, where no second derivative exists, and a network of it solves "
            "no equation of second order; ask for first derivatives only, or take a smooth "
            "activation such as softplus."
        )
    return where(x.value.detach() > 0, x, torch.zeros_like(x.value))


@rule("where")
def where(condition: Tensor, x: Any, y: Any) -> Jet:
    """Choose by a condition that is constant near each point."""
    jet = first_jet(x, y)
    chosen = aligned(condition, jet, "where")
    left, right = lifted(x, jet, "where"), lifted(y, jet, "where")
    return Jet(torch.where(chosen, left.channels, right.channels), jet.operators)


@rule("masked_fill")
def _masked_fill(x: Jet, mask: Tensor, value: Any) -> Jet:
    return where(mask, value, x)


def _compare(name: str) -> Callable[[Any, Any], Tensor]:
    function = getattr(torch, name)

    def comparison(x: Any, y: Any) -> Tensor:
        """Compare values; the answer has no derivatives."""
        plain = [v.value.detach() if isinstance(v, Jet) else v for v in (x, y)]
        result: Tensor = function(*plain)
        return result

    return comparison


for _name in ("gt", "ge", "lt", "le", "eq", "ne"):
    rule(_name, f"__{_name}__")(_compare(_name))
