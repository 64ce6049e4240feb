"""Allen-Cahn: two phases separate into plateaus with thin fronts between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.kinks import diffused_kink
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.references.spectral import Evolution, Spectral
from sciformer.errors import DomainError

Array = NDArray[np.float64]

TOLERANCE = 1e-6  # hundred times finer than the networks that are compared with the reference


def allen_cahn(diffusivity: float = 1e-4, rate: float = 5.0) -> Problem:
    """u_t - a u_xx + r (u^3 - u) = 0 on x in [-1, 1], periodic, t in [0, 1].

    u(x, 0) = x^2 cos(pi x).

    Args:
        diffusivity: a >= 1e-5, dimensionless; thinner fronts are below the reference's grid.
        rate: r, dimensionless.

    Raises:
        DomainError: diffusivity below 1e-5, or fronts that the reference does not resolve.

    The start, continued periodically, has a kink at x = +-1 that diffusion smooths at once. The
    hard form smooths it alike: offset = e^(-2 r t) (u_0 + 2 sum D (-cos pi x)), with D from
    `diffused_kink` at the distances to +-1 and their images. Without it the kink stays in the
    solution for all times, unseen by the residual inside: an error of 2e-4.

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
        reference=_settled(diffusivity, rate),
        ansatz={u: _smoothed_start(x, t, diffusivity, rate)},
        # A field that is wrong early satisfies the equation later, and training rests there at an
        # error of one half. So a time waits while residuals before it exceed 3 % of their terms.
        advice={"network": MLP.Sizes(), "harmonics": 3, "causal": 1e3},
        source="Raissi, Perdikaris, Karniadakis 2019, section 3.2.1",
    )


def _smoothed_start(x: Any, t: Any, diffusivity: float, rate: float) -> Ansatz:
    """An offset that is u_0 at t = 0, and smooth and periodic afterwards.

    Near x = +-1, at the distance s, u_0 = -(1 + s^2) cos(pi s) + 2 |s| cos(pi s). Deviations from
    the plateau u = -1 there fade at the rate 2 r, and so does the offset.
    """
    pairs = images(diffusivity)
    distances = [e for n in range(pairs) for e in (2 * n + 1 - x, 2 * n + 1 + x)]
    spread = sum(diffused_kink(distance, diffusivity, t) for distance in distances)
    cosine = sympy.cos(sympy.pi * x)
    fading = sympy.exp(-2 * rate * t)
    return Ansatz(
        offset=fading * (x**2 * cosine - 2 * spread * cosine),
        factor=(1 - fading) / (1 - math.exp(-2 * rate)),
    )


def images(diffusivity: float) -> int:
    """Pairs of kinks at +-1, +-3, ... that are felt on [-1, 1] up to t = 1.

    That at 2 n + 1 is at least 2 n away, and erfc(6) = 2e-17.
    """
    return 1 + math.floor(3 * math.sqrt(4 * diffusivity))


@cache
def _settled(diffusivity: float, rate: float) -> Spectral:
    who = f"allen-cahn with diffusivity = {diffusivity:g} and rate = {rate:g}"
    return allen_cahn_reference(diffusivity, rate).settled(who, TOLERANCE)


@dataclass(frozen=True)
class _Terms:
    """The parts of the evolution, by parameters alone, so that a reference can be pickled."""

    diffusivity: float
    rate: float

    def linear(self, k: Array) -> Array:
        return np.asarray(self.rate - self.diffusivity * k**2)

    def nonlinear(self, v: Any, k: Array, values: Any, spectrum: Any, known: Any) -> Any:
        return spectrum(self.rate * (3 * known - values(v) ** 3))

    def start(self, x: Array) -> Array:
        return np.asarray(x**2 * np.cos(np.pi * x))

    def kink(self, x: Array, t: Any) -> Array:
        from scipy.special import erfc

        width = np.sqrt(4 * self.diffusivity * np.maximum(t, 1e-300))
        heat = x**2 + 2 * self.diffusivity * t
        for n in range(images(self.diffusivity)):
            for distance in (2 * n + 1 - x, 2 * n + 1 + x):
                s = distance / width
                heat = heat - 2 * width * (np.exp(-(s**2)) / math.sqrt(math.pi) - s * erfc(s))
        return np.asarray(-np.exp(-2 * self.rate * t) * heat)


@cache
def allen_cahn_reference(
    diffusivity: float, rate: float, modes: int = 2048, steps: int = 1000
) -> Spectral:
    """The solution by Fourier series, kept in memory once computed.

    The kink is carried by S_t = a S_xx - 2 r S from -x^2, continued periodically, in closed form;
    near it, r u - r u^3 has the same kink as -2 r S, so that it leaves the rest.

    Accuracy: 1e-9, by doubling modes and steps.
    """
    terms = _Terms(diffusivity, rate)
    return Spectral(
        Evolution(
            interval=(-1, 1),
            linear=terms.linear,
            nonlinear=terms.nonlinear,
            start=terms.start,
            modes=modes,
            kept=1 / 2,
            steps=steps,
            known=terms.kink,
        )
    )
