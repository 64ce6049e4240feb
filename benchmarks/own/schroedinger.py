"""i h_t + h_xx / 2 + |h|^2 h = 0 from 2 sech x as two real fields; reference by split steps."""

import functools

import numpy as np
import sympy
from scipy.interpolate import RegularGridInterpolator

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u, v = (sympy.Function(name)(x, t) for name in "uv")
END, WAVES, STEPS, KEPT = float(np.pi / 2), 512, 8000, 20


@functools.cache
def split_steps():
    places = -5 + 10 * np.arange(WAVES) / WAVES
    dt, k = END / STEPS, 2 * np.pi * np.fft.fftfreq(WAVES, 10 / WAVES)
    h = (2 / np.cosh(places)).astype(complex)
    kept = [h]
    for step in range(STEPS):
        h = h * np.exp(0.5j * dt * abs(h) ** 2)
        h = np.fft.ifft(np.exp(-0.5j * dt * k**2) * np.fft.fft(h))
        h = h * np.exp(0.5j * dt * abs(h) ** 2)
        if (step + 1) % KEPT == 0:
            kept.append(h)
    field = np.array(kept).T
    field = np.concatenate([field, field[:1]])  # periodic
    axes = np.append(places, 5), np.linspace(0, END, STEPS // KEPT + 1)
    return [RegularGridInterpolator(axes, part, "cubic") for part in (field.real, field.imag)]


def reference(points):
    return {name: part(np.asarray(points)) for name, part in zip("uv", split_steps(), strict=True)}


square = u**2 + v**2
schroedinger = Problem(
    name="schroedinger",
    coordinates=(x, t),
    fields=(u, v),
    equations=(
        sympy.Eq(u.diff(t), -v.diff(x, 2) / 2 - square * v),
        sympy.Eq(v.diff(t), u.diff(x, 2) / 2 + square * u),
    ),
    domain=Box(x=(-5, 5), t=(0, END)),
    periodic=("x",),
    conditions=(
        Condition(sympy.Eq(u, 2 / sympy.cosh(x)), on="t=0"),
        Condition(sympy.Eq(v, 0), on="t=0"),
    ),
    reference=reference,
)
