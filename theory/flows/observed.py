"""Systems of several fields, sized until observed errors are small: measured, and not proven."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sciformer.errors import ConvergenceError, DomainError
from theory.flows.splitting import SplittingTransformer
from theory.flows.systems import System, split_system
from theory.universal.arrays import Array

# The reference: hills at least 1/20 of the period wide and fronts of the fields' diffusion are
# smooth on so many points; RK4 with h |f'| <= 1/8 is exact to about 1e-8 of the fields.
_POINTS, _LONGEST = 1024, 0.125
# The closest that the reference itself can be trusted.
LEAST_EPSILON = 1e-6
_FIRST_DEPTH, _MOST_TOKENS, _MOST_LAYERS, _MOST_STEPS = 8, 4096, 4096, 20_000
# Fresh starts may be worse than those that the size was found with.
_MARGIN = 0.7


@dataclass(frozen=True)
class ObservedFlow:
    """A Transformer of a system, and the largest error seen; there is no certificate.

    Args:
        module: maps tokens (..., n, fields) at time 0 to the same at T.
        system: what is solved.
        tokens: n.
        observed: sup error over starts that had no part in finding the size.
        starts: how many of them.
    """

    module: SplittingTransformer
    system: System
    tokens: int
    observed: float
    starts: int


def size_by_observation(
    system: System, epsilon: float, rest: Array, raised: Array, starts: int = 6
) -> ObservedFlow:
    """Doubles the depth until no error above epsilon is seen, and measures on fresh starts.

    Starts are rest + (raised - rest) hill(x): states of the fields joined by random hills.

    Args:
        system: periodic.
        epsilon: >= 1e-6, in units of the fields.
        rest: a state of the fields, shape (fields,).
        raised: the state on top of the hills.
        starts: how many random starts are looked at, twice.

    Raises:
        DomainError: walls, or an epsilon below what the reference resolves.
        ConvergenceError: epsilon is out of reach.
    """
    if not (math.isfinite(epsilon) and epsilon >= LEAST_EPSILON):
        raise DomainError(
            f"compile: errors of systems are observed against a reference that is exact to about "
            f"{LEAST_EPSILON:g}; raise epsilon, got {epsilon:g}."
        )
    hills = _hills(np.random.default_rng(0), 2 * starts)
    starting = _Starts(hills, rest, raised)
    exact = solve_system(system, starting.at(np.arange(_POINTS) / _POINTS))
    depth = _FIRST_DEPTH
    while depth <= _MOST_LAYERS:
        tokens = _tokens(system, depth)
        if tokens > _MOST_TOKENS:
            break
        module = split_system(system, tokens, depth)
        found = module(torch.from_numpy(starting.at(np.arange(tokens) / tokens))).numpy()
        errors = np.abs(found - _resampled(exact, tokens)).max((1, 2))
        if errors[:starts].max() <= _MARGIN * epsilon and errors.max() <= epsilon:
            return ObservedFlow(module, system, tokens, float(errors[starts:].max()), starts)
        depth *= 2
    raise ConvergenceError(
        f"compile: an error of {epsilon:g} was not seen up to {_MOST_LAYERS} layers and "
        f"{_MOST_TOKENS} tokens; raise epsilon or shorten the time."
    )


def solve_system(system: System, values: Array) -> Array:
    """The solution at T by Fourier series, an exact factor for diffusion, and RK4.

    Args:
        system: periodic.
        values: starts on an even grid, shape (b, points, fields).

    Raises:
        DomainError: a system between walls.
        ConvergenceError: a time that would take too many steps.
    """
    import sympy

    if system.ends.copies() != 1:
        raise DomainError("compile: the reference of a system is for periodic ends only.")
    points = values.shape[1]
    rates = sympy.lambdify(system.fields, system.rates, modules="numpy")
    jacobian = sympy.Matrix(system.rates).jacobian(system.fields)
    slopes = sympy.lambdify(system.fields, list(jacobian), modules="numpy")
    largest = max(float(np.abs(s).max()) for s in slopes(*np.moveaxis(values, -1, 0)))
    # Slopes grow with the fields; twice those of the start, and a unit where they vanish.
    steps = math.ceil(system.time * max(2 * largest, 1.0) / _LONGEST)
    if steps > _MOST_STEPS:
        raise ConvergenceError(
            f"compile: the reference would take {steps:,} steps of time, more than "
            f"{_MOST_STEPS:,}; shorten the time."
        )
    h = system.time / steps
    k = 2 * math.pi * np.fft.rfftfreq(points, system.length / points)
    half = np.exp(-np.multiply.outer(k**2, np.array(system.diffusivities)) * h / 2)

    def forcing(spectrum: Any) -> Any:
        fields = np.moveaxis(np.fft.irfft(spectrum, points, axis=1), -1, 0)
        reacted = np.stack([rate + 0 * fields[0] for rate in rates(*fields)], -1)
        return np.fft.rfft(reacted, axis=1)

    w = np.fft.rfft(values, axis=1)
    for _ in range(steps):
        a = forcing(w)
        b = forcing(half * (w + h / 2 * a))
        c = forcing(half * w + h / 2 * b)
        d = forcing(half**2 * w + h * half * c)
        w = half**2 * w + h / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return np.asarray(np.fft.irfft(w, points, axis=1))


@dataclass(frozen=True)
class _Starts:
    """rest + (raised - rest) exp(sharpness (cos(2 pi (x - centre)) - 1)), x in periods."""

    hills: tuple[Array, Array]
    rest: Array
    raised: Array

    def at(self, x: Array) -> Array:
        centre, sharpness = self.hills
        hill = np.exp(sharpness[:, None] * (np.cos(2 * math.pi * (x - centre[:, None])) - 1))
        return np.asarray(self.rest + hill[..., None] * (self.raised - self.rest))


def _hills(generator: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Centres, and sharpness such that widths are 1/20 to 1/5 of a period."""
    widths = generator.uniform(0.05, 0.2, count)
    return generator.random(count), (2 * math.pi * widths) ** -2


def _tokens(system: System, depth: int) -> int:
    """As many as make the narrowest head 1.2 spacings wide: an error of e^{-28} a layer."""
    narrowest = math.sqrt(2 * min(system.diffusivities) * system.time / depth)
    return max(64, math.ceil(1.2 * system.length / narrowest))


def _resampled(values: Array, points: int) -> Array:
    """The Fourier series of fields (b, many, fields) at fewer or more even places."""
    spectrum = np.fft.rfft(values, axis=1) / values.shape[1]
    spectrum[:, 1:] *= 2
    k, x = np.arange(spectrum.shape[1]), np.arange(points) / points
    waves = np.exp(2j * math.pi * np.outer(k, x))
    return np.asarray(np.einsum("bkf,kx->bxf", spectrum, waves).real)
