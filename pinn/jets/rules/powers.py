"""Rules for powers, of bases of any sign and with exponents of any kind."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pinn.jets import smooth
from pinn.jets.jet import Jet
from pinn.jets.layout import first_jet, lifted
from pinn.jets.registry import MissingRuleError, rule
from pinn.jets.rules.arithmetic import compose, exp, log, mul, where

MOST_EXPONENTS = 64  # each costs a pass over the jet


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
