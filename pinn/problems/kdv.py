"""Korteweg-de Vries: a cosine breaks up into solitons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.spectral import Evolution, Spectral
from sciformer.errors import DomainError

Array = NDArray[Any]

TOLERANCE = 1e-6  # hundred times finer than the networks that are compared with the reference


def kdv(lambda_1: float = 1.0, lambda_2: float = 0.0025) -> Problem:
    """u_t + lambda_1 u u_x + lambda_2 u_xxx = 0 on x in [-1, 1], periodic, t in [0, 1].

    u(x, 0) = cos(pi x).

    Args:
        lambda_1: strength of steepening, dimensionless.
        lambda_2: dispersion >= 1e-3, dimensionless; solitons become narrower with it.

    Raises:
        DomainError: lambda_2 below 1e-3, or solitons that the reference does not resolve.

    Accuracy: the reference is right to 1e-6 of its largest value, for whatever parameters.

    Source: Zabusky, Kruskal 1965 (dispersion 0.022^2, here larger as in Raissi, Perdikaris,
        Karniadakis 2019, section 4.2.2).
    """
    if not lambda_2 >= 1e-3:
        raise DomainError(f"kdv: lambda_2 must be >= 1e-3; got {lambda_2:g}.")
    x, t, one, two = sympy.symbols("x t lambda_1 lambda_2")
    u = sympy.Function("u")(x, t)
    return Problem(
        name="kdv",
        title="Korteweg-de Vries equation",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + one * u * u.diff(x) + two * u.diff(x, 3), 0),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, sympy.cos(sympy.pi * x)), on="t=0"),),
        periodic=("x",),
        parameters={one: lambda_1, two: lambda_2},
        reference=_settled(lambda_1, lambda_2),
        advice={"network": MLP.Sizes(), "harmonics": 2},
        source="Raissi, Perdikaris, Karniadakis 2019, section 4.2.2; after Zabusky, Kruskal 1965",
    )


@cache
def _settled(lambda_1: float, lambda_2: float) -> Spectral:
    who = f"kdv with lambda_1 = {lambda_1:g} and lambda_2 = {lambda_2:g}"
    return kdv_reference(lambda_1, lambda_2).settled(who, TOLERANCE)


@dataclass(frozen=True)
class _Formulas:
    """The equation in Fourier space, as methods: functions inside of functions do not pickle."""

    lambda_1: float
    lambda_2: float

    def linear(self, k: Array) -> Array:
        return np.asarray(1j * self.lambda_2 * k**3)

    def nonlinear(self, v: Any, k: Array, values: Any, spectrum: Any) -> Any:
        return -0.5j * self.lambda_1 * k * spectrum(values(v) ** 2)

    def start(self, x: Array) -> Array:
        return np.cos(np.pi * x)


@cache
def kdv_reference(
    lambda_1: float, lambda_2: float, modes: int = 512, steps: int = 2000
) -> Spectral:
    """The solution by Fourier series, kept in memory once computed."""
    formulas = _Formulas(lambda_1, lambda_2)
    return Spectral(
        Evolution(
            interval=(-1, 1),
            linear=formulas.linear,
            nonlinear=formulas.nonlinear,
            start=formulas.start,
            modes=modes,
            kept=2 / 3,
            steps=steps,
        )
    )
