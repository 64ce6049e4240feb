"""Kinks of initial values, spread as diffusion spreads them."""

from __future__ import annotations

from typing import Any

import sympy

# A kink that starts with a width of 0 cannot be evaluated at t = 0. With this time before the
# start, in units of t, it is 1e-10 diffusion lengths wide, which no residual sees.
BEFORE = sympy.Float(1e-20)


def diffused_kink(distance: Any, diffusivity: Any, time: Any) -> Any:
    """The addition to |s| by diffusion after a time: D with (|s| + D)_t = a (|s| + D)_ss.

    D(s, t) = 2 sqrt(a t / pi) e^(-s^2 / (4 a t)) - s erfc(s / sqrt(4 a t)),   s >= 0

    D is 0 at the start, and falls off within a few diffusion lengths; |s| + D is smooth for t > 0.

    Args:
        distance: s >= 0 on the whole domain, the distance to the kink, as a sympy expression.
        diffusivity: a > 0.
        time: since the start.
    """
    width = sympy.sqrt(4 * diffusivity * (time + BEFORE))
    scaled = distance / width
    gaussian = sympy.exp(-(scaled**2)) / sympy.sqrt(sympy.pi)
    return width * (gaussian - scaled * (1 - sympy.erf(scaled)))
