"""Derivatives through any network: a Jet carries a value and its derivatives, and dispatches."""

from __future__ import annotations

from pinn.jets.algebra import Operators as Operators
from pinn.jets.jacobian.jacobian import fallback_jacobian as fallback_jacobian
from pinn.jets.jacobian.jacobian import residual_jacobian as residual_jacobian
from pinn.jets.jet import Jet as Jet
from pinn.jets.kernels.wavelet import wavelet as wavelet
from pinn.jets.registry import MissingRuleError as MissingRuleError
from pinn.jets.registry import rule as rule
from pinn.jets.rules.arithmetic import compose as compose
from pinn.jets.smooth import Smooth as Smooth

__all__ = [
    "Jet",
    "MissingRuleError",
    "Operators",
    "Smooth",
    "compose",
    "fallback_jacobian",
    "residual_jacobian",
    "rule",
    "wavelet",
]
