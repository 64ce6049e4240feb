"""Observed errors: random and adversarial starts against a Fourier integrator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from theory.flows.burgers import CompiledBurgers
from theory.flows.compile_flow import CompiledFlow
from theory.flows.ends import PERIODIC
from theory.flows.equation import ReactionDiffusion
from theory.flows.starts import Start, random_start
from theory.universal.arrays import Array

# Points of the reference on its ring, and steps a unit of the reaction's fastest rate: RK4 is then
# exact to 1e-7 and kinks to (period / points)^2.
_POINTS, _STEPS_PER_RATE, _LEAST_STEPS = 2048, 16, 200


def solve(
    equation: ReactionDiffusion, values: Array, steps_per_rate: int = _STEPS_PER_RATE
) -> Array:
    """The solution at T by Fourier series, an exact factor for diffusion and drift, and RK4.

    Args:
        equation: what is solved.
        values: starts on an even grid of one period of the ring, shape (..., points).
        steps_per_rate: steps of RK4 a unit of sup |f'| T.

    Accuracy: about steps_per_rate^-4 / 100 of the solution.
    """
    points = values.shape[-1]
    period = float(equation.length * equation.ends.copies())
    k = 2 * math.pi * np.fft.rfftfreq(points, period / points)
    symbol = -float(equation.diffusivity) * k**2 - 1j * float(equation.drift) * k
    affine = equation.reaction.affine
    if affine is not None:
        return _linear(affine, float(equation.time), values, symbol)
    lower, upper = float(values.min()), float(values.max())
    rate = equation.reaction.derivative().largest(lower, upper)
    time = float(equation.time)
    steps = max(_LEAST_STEPS, math.ceil(steps_per_rate * rate * time))
    h = time / steps
    half = np.exp(symbol * h / 2)
    v = np.fft.rfft(values)

    def forcing(w: Any) -> Any:
        return np.fft.rfft(equation.reaction.values(np.fft.irfft(w, points)))

    for _ in range(steps):
        a = forcing(v)
        b = forcing(half * (v + h / 2 * a))
        c = forcing(half * v + h / 2 * b)
        d = forcing(half**2 * v + h * half * c)
        v = half**2 * v + h / 6 * (half**2 * a + 2 * half * (b + c) + d)
    return np.asarray(np.fft.irfft(v, points))


def _linear(affine: tuple[float, float], time: float, values: Array, symbol: Any) -> Array:
    """The exact solution wave by wave for f(u) = source + rate u."""
    (source, rate), points = affine, values.shape[-1]
    v = np.fft.rfft(values) * np.exp((symbol + rate) * time)
    v[..., 0] += points * source * (math.expm1(rate * time) / rate if rate else time)
    return np.asarray(np.fft.irfft(v, points))


# Products of a forward pass that take some six seconds of one core.
_PRODUCTS = 6e9


@dataclass(frozen=True)
class Observer:
    """Measures the error of a compiled flow on starts given as functions of place.

    Args:
        flow: what is measured.
        points: of the reference.
    """

    flow: CompiledFlow
    points: int = _POINTS

    def errors(self, starts: list[Start]) -> Array:
        """Sup errors over the tokens, one for each start."""
        equation = self.flow.certificate.equation
        period = float(equation.length * equation.ends.copies())
        grid = np.arange(self.points) * period / self.points
        exact = solve(equation, np.stack([start(grid) for start in starts]))
        left = float(equation.left)
        sensors, places = (p.numpy() - left for p in (self.flow.sensors(), self.flow.places()))
        readings = torch.from_numpy(np.stack([start(sensors) for start in starts]))
        found = self.flow(readings).numpy()
        wanted = self._at(exact, places, period)
        return np.asarray(np.abs(found - wanted).max(-1))

    def random(self, count: int, seed: int = 0) -> Array:
        """Errors on random starts of the certificate's class, pressed against its bounds."""
        generator = np.random.default_rng(seed)
        return self.errors([self.draw(generator) for _ in range(count)])

    def draw(self, generator: np.random.Generator) -> Start:
        """A random start of the class."""
        certificate = self.flow.certificate
        equation = certificate.equation
        period = float(equation.length * equation.ends.copies())
        return random_start(certificate.starts, period, equation.ends, generator)

    def _at(self, values: Array, places: Array, period: float) -> Array:
        """The Fourier series of values at places."""
        spectrum = np.fft.rfft(values) / self.points
        spectrum[..., 1:] *= 2
        k = np.arange(spectrum.shape[-1])
        # Solutions at T are smooth: waves below rounding of the largest one are dropped.
        sizes = np.abs(spectrum).max(0)
        kept = int(np.nonzero(sizes > 1e-17 * sizes.max())[0].max(initial=0)) + 1
        waves = np.exp(2j * math.pi * k[:kept, None] * places / period)
        return np.asarray((spectrum[..., :kept] @ waves).real)


def affordable_starts(flow: CompiledFlow, most: int) -> int:
    """As many starts, up to `most`, as take some six seconds of one core; at least one."""
    design = flow.certificate.design
    ring = design.tokens * flow.certificate.equation.ends.copies()
    return max(1, min(most, int(_PRODUCTS / (design.depth * design.tokens * ring))))


def observed_error(flow: CompiledFlow, count: int = 16, seed: int = 0) -> float:
    """The largest error on random starts of the class."""
    return float(Observer(flow).random(count, seed).max())


def burgers(values: Array, viscosity: float, times: Array, every: int) -> Array:
    """Burgers' equation with period 1 by quadrature of Cole's and Hopf's integrals.

    The heat equation of the potential by Fourier series would lose the digits that its solution
    varies by, e^{range of P / (2 nu)}; sums relative to their largest term do not.

    Args:
        values: a start on an even grid with finitely many waves, shape (points,).
        viscosity: nu.
        times: shape (t,), > 0.
        every: the solution is wanted at every so many-th place.

    Returns:
        Shape (t, points / every).
    """
    points = len(values)
    k = 2 * math.pi * np.fft.rfftfreq(points, 1 / points)
    spectrum = np.fft.rfft(values - values.mean())
    spectrum[1:] /= 1j * k[1:]
    reach = math.ceil(2 + np.abs(values).max() * times.max())
    x = np.arange(points) / points
    y = np.concatenate([x + s for s in range(-reach, reach + 1)])
    potential = np.tile(np.fft.irfft(spectrum, points), 2 * reach + 1) + values.mean() * y
    found = []
    for t in times:
        gap = x[::every, None] - y
        exponent = -(gap**2) / (4 * viscosity * t) - potential / (2 * viscosity)
        weights = np.exp(exponent - exponent.max(1, keepdims=True))
        found.append((weights * gap).sum(1) / weights.sum(1) / t)
    return np.array(found)


def burgers_error(flow: CompiledBurgers, count: int = 8, seed: int = 0) -> float:
    """The largest error of a compiled Burgers head on random starts of its class."""
    generator, worst = np.random.default_rng(seed), 0.0
    # A start of few waves; 512 places resolve kernels of width sqrt(2 nu t) >= .003.
    grid, instant = np.arange(512) / 512, flow.instant
    times = np.linspace(instant.earliest, instant.latest, 5)
    seen = len(grid) // 64
    t, x = np.meshgrid(times, grid[::seen], indexing="ij")
    points = torch.from_numpy(np.stack([x.ravel(), t.ravel()], -1))
    sensors = np.arange(flow.module.sensors) / flow.module.sensors
    nu = torch.tensor(instant.viscosity, dtype=torch.float64)
    for _ in range(count):
        start = random_start(flow.starts, 1.0, PERIODIC, generator)
        exact = burgers(start(grid), instant.viscosity, times, seen)
        found = flow.module(torch.from_numpy(start(sensors)), nu, points).numpy()
        worst = max(worst, float(np.abs(found - exact.ravel()).max()))
    return worst
