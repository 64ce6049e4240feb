"""Identification of lambda_1 and lambda_2 by the weak form, with intervals that count the noise."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinn.data.flow import FlowData, FlowGrid
from pinn.data.noise import noise_on_grid, signal_under
from pinn.identification.estimate import Estimate, Truth
from pinn.identification.weak.denoising import without_noise_modes
from pinn.identification.weak.weak_form import (
    LOWER_DEGREE,
    Terms,
    WeakForm,
    Windows,
    check_above_noise,
    check_identifiable,
)
from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST_SAMPLES = 100
REALISATIONS = 24
SCALES = (0.85, 1.15)  # of the windows, to see how far their choice matters
CONFIDENCE = 0.95
# Between two degrees of splines integrals change by more than the better of them is wrong; on the
# coarsest grids, of four samples a wave, by half of that.
MARGIN = 2.0


@dataclass(frozen=True, kw_only=True)
class WeakEstimate(Estimate):
    """An estimate by the weak form; samples are points times snapshots.

    Attributes:
        interval_1, interval_2: from the spread over noise realisations and over windows, and the
            error of the integrals.
        noise_found: noise estimated from the data, as shares of u and v.
        floor_1, floor_2: standard deviation over windows alone, in percent of the truth: no data
            of this grid can give less, however clean.
    """

    noise_found: tuple[float, float]
    floor_1: float
    floor_2: float


def identify_weak(
    grid: FlowGrid, *, noise: float = 0.0, seed: int = 0, truth: Truth | None = None
) -> WeakEstimate:
    """lambda_1 and lambda_2 of u_t + l1 (u.grad) u + grad p - l2 lap u = 0 from gridded velocity.

    The noise of the data is estimated from them, modes of the snapshots that are no more than noise
    are taken out, and to what stays fresh noise is added 24 times, to be treated in the same way.
    Twice the estimate minus the mean over these realisations has no bias of first order in the
    noise variance; their spread is the standard error of noise. The spread over narrower and wider
    windows is added in squares, so that clean data get an interval too. What splines of a lower
    degree through the samples change is added to both sides, for the error of the integrals.

    Args:
        grid: velocity on a grid of equal steps.
        noise: of this share of each component's standard deviation, added first; >= 0.
        seed: of all noise.
        truth: what the errors are against; None takes lambda_1 = 1, lambda_2 = 0.01 (Re = 100).

    Raises:
        DataError: fewer than 100 samples, a flow that does not identify both coefficients on this
            grid and under its noise, or noise larger than the signal.

    Source: parametric bootstrap and simulation extrapolation (Cook, Stefanski 1994).
    """
    start = time.perf_counter()
    truth = truth or Truth()
    if grid.samples < FEWEST_SAMPLES:
        raise DataError(
            f"{grid.name}: {grid.samples} samples are too few to identify two coefficients; "
            f"give at least {FEWEST_SAMPLES}."
        )
    if not 0 <= noise < math.inf:
        raise DataError(f"{grid.name}: the noise to add must be a share >= 0; got {noise:g}.")
    windows = Windows()
    check_identifiable(grid, windows)
    generator = np.random.default_rng(seed)
    level = noise * np.array([grid.u.std(), grid.v.std()])
    u, v = _noisy(grid.u, grid.v, level, generator)
    found = np.array([noise_on_grid(u), noise_on_grid(v)])
    share_u, share_v = (
        size / max(signal_under(grid.name, label, size, float(field.std())), 1e-300)
        for label, field, size in zip("uv", (u, v), found.tolist(), strict=True)
    )
    estimate, spread, floor, integrals = _estimate(grid, windows, (u, v), found, generator)
    half = _quantile() * np.hypot(spread, floor) + integrals
    first, second = estimate.tolist()
    ends = np.stack([estimate - half, estimate + half], axis=1).tolist()
    floor_1, floor_2 = (100 * floor / np.abs([truth.lambda_1, truth.lambda_2])).tolist()
    return WeakEstimate(
        method="weak",
        samples=grid.samples,
        noise=noise,
        noise_found=(share_u, share_v),
        seed=seed,
        **truth.compare((first, second), [(low, high) for low, high in ends]),
        floor_1=floor_1,
        floor_2=floor_2,
        wall_seconds=time.perf_counter() - start,
    )


def _estimate(
    grid: FlowGrid,
    windows: Windows,
    velocity: tuple[Array, Array],
    level: Array,
    generator: np.random.Generator,
) -> tuple[Array, Array, Array, Array]:
    """The estimate, its standard error of noise, its standard deviation over windows, and the
    error of its integrals."""
    u, v = without_noise_modes(velocity, level)
    terms, noisy = _realisations(WeakForm(grid, windows), (u, v), level, generator)
    check_above_noise(grid.name, terms, noisy)
    plain, realisations = terms.solve(), [other.solve() for other in noisy]
    supports = [windows, *(windows.scaled(s) for s in SCALES)]
    found = [plain, *(WeakForm(grid, w).terms(u, v).solve() for w in supports[1:])]
    floor = np.std(found, axis=0, ddof=1)
    lower = [WeakForm(grid, w, LOWER_DEGREE).terms(u, v).solve() for w in supports]
    integrals = MARGIN * np.abs(np.subtract(lower, found)).max(0)
    spread = np.std(realisations, 0, ddof=1)
    return 2 * plain - np.mean(realisations, 0), spread, floor, integrals


def _realisations(
    form: WeakForm, velocity: tuple[Array, Array], level: Array, generator: np.random.Generator
) -> tuple[Terms, list[Terms]]:
    """The terms of a velocity, and of the velocity with as much noise again."""
    noisy = [
        form.terms(*without_noise_modes(_noisy(*velocity, level, generator), level))
        for _ in range(REALISATIONS)
    ]
    return form.terms(*velocity), noisy


def check_flow(data: FlowData) -> None:
    """Refuses a flow in which a coefficient leaves no trace, whatever the method.

    Points that are not a grid, or one too coarse for test functions, are not looked at.

    Raises:
        DataError: the flow is constant or steady, or its convection is balanced by pressure.
    """
    try:
        grid = data.grid()
        form = WeakForm(grid, Windows())
    except DataError:
        return
    check_identifiable(grid, Windows())
    level = np.array([noise_on_grid(grid.u), noise_on_grid(grid.v)])
    u, v = without_noise_modes((grid.u, grid.v), level)
    check_above_noise(grid.name, *_realisations(form, (u, v), level, np.random.default_rng(0)))


def _noisy(u: Array, v: Array, level: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    first, second = (generator.standard_normal(u.shape) for _ in range(2))
    return u + level[0] * first, v + level[1] * second


def _quantile() -> float:
    """Quantile of Student's distribution for the spread of so many realisations."""
    from scipy.stats import t

    return float(t.ppf(0.5 + CONFIDENCE / 2, REALISATIONS - 1))
