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
    inner = mul(add(x, mul(compose(x, smooth.Power(3.0)), 0.044715)), math.sqrt(2 / math.pi))
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
