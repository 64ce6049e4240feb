"""Allen-Cahn: two phases separate into plateaus with thin fronts between them."""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy

from pinn.geometry.box import Box
from pinn.problem.problem import Condition, Problem
from pinn.references.spectral import Evolution, Spectral
from sciformer.errors import DomainError


def allen_cahn(diffusivity: float = 1e-4, rate: float = 5.0) -> Problem:
    """u_t - a u_xx + r (u^3 - u) = 0 on x in [-1, 1], periodic, t in [0, 1].

    u(x, 0) = x^2 cos(pi x).

    Args:
        diffusivity: a >= 1e-5, dimensionless; thinner fronts are below the reference's grid.
        rate: r, dimensionless.

    Raises:
        DomainError: diffusivity below 1e-5.

    Accuracy: the start has a kink at x = +-1, which limits the reference to about 1e-5.
    Source: Raissi, Perdikaris, Karniadakis 2019, section 3.2.1.
    """
    if not diffusivity >= 1e-5:
        raise DomainError(f"allen-cahn: diffusivity must be >= 1e-5; got {diffusivity:g}.")
    x, t, a, r = sympy.symbols("x t a r")
    u = sympy.Function("u")(x, t)
    return Problem(
        name="allen-cahn",
        title="Allen-Cahn equation",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) - a * u.diff(x, 2) + r * (u**3 - u), 0),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, x**2 * sympy.cos(sympy.pi * x)), on="t=0"),),
        periodic=("x",),
        parameters={a: diffusivity, r: rate},
        reference=allen_cahn_reference(diffusivity, rate),
        # The kink of the start, where u = -1, fades at the rate of deviations from that plateau.
        advice={"model": "mlp", "harmonics": 3, "fade": 2 * rate},
        source="Raissi, Perdikaris, Karniadakis 2019, section 3.2.1",
    )


@cache
def allen_cahn_reference(
    diffusivity: float, rate: float, modes: int = 2048, steps: int = 1000
) -> Spectral:
    """The solution by Fourier series, kept in memory once computed."""
    return Spectral(
        Evolution(
            interval=(-1, 1),
            linear=lambda k: rate - diffusivity * k**2,
            nonlinear=lambda v, k, values, spectrum: -rate * spectrum(values(v) ** 3),
            start=lambda x: x**2 * np.cos(np.pi * x),
            modes=modes,
            kept=1 / 2,
            steps=steps,
        )
    )
