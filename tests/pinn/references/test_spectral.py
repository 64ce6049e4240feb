"""ETDRK4 converges in time at order four, in space to what the start allows, and to known waves."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.problem.registry import find_problem
from pinn.problems.allen_cahn import allen_cahn_reference
from pinn.problems.kdv import kdv_reference
from pinn.references import spectral
from pinn.references.spectral import Evolution, Spectral
from sciformer.errors import DomainError, UsageError

x, t = np.meshgrid(np.linspace(-1, 1, 65), np.linspace(0, 1, 21), indexing="ij")
POINTS = np.stack([x.ravel(), t.ravel()], axis=-1)


def distance(one: Spectral, other: Spectral) -> float:
    a, b = one(POINTS)["u"], other(POINTS)["u"]
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_a_soliton_keeps_its_shape() -> None:
    """u = 3 c sech^2(sqrt(c / (4 l)) (x - c t)) solves u_t + u u_x + l u_xxx = 0.

    Kills: a wrong coefficient of a stage, a half circle of contour points, no dealiasing.
    """
    c, dispersion = 0.4, 5e-4

    def soliton(x: np.ndarray) -> np.ndarray:
        return 3 * c / np.cosh(np.sqrt(c / (4 * dispersion)) * x) ** 2

    made = Spectral(
        Evolution(
            interval=(-1, 1),
            linear=lambda k: 1j * dispersion * k**3,
            nonlinear=lambda v, k, values, spectrum: -0.5j * k * spectrum(values(v) ** 2),
            start=soliton,
            modes=256,
            kept=2 / 3,
            steps=1000,
        )
    )
    here = POINTS[np.abs(POINTS[:, 0]) < 0.9]
    # The tails of the soliton at the ends of the period are 12 e^(-28) of its height.
    assert np.abs(made(here)["u"] - soliton(here[:, 0] - c * here[:, 1])).max() < 1e-6


@pytest.mark.parametrize(
    ("make", "parameters", "modes"),
    [(kdv_reference, (1.0, 0.0025), 256), (allen_cahn_reference, (1e-4, 5.0), 512)],
)
def test_halving_the_step_divides_the_error_by_sixteen(
    make: object, parameters: tuple[float, float], modes: int
) -> None:
    coarse, middle, fine = (
        make(*parameters, modes=modes, steps=steps)  # type: ignore[operator]
        for steps in (125, 250, 1000)
    )
    ratio = distance(coarse, fine) / distance(middle, fine)
    assert 11 < ratio < 24


def test_more_modes_change_nothing_for_a_smooth_start() -> None:
    coarse, fine = (kdv_reference(1.0, 0.0025, modes=modes, steps=1000) for modes in (256, 512))
    assert distance(coarse, fine) < 1e-9


def test_a_kink_in_closed_form_leaves_nothing_for_more_modes() -> None:
    """Kills: a kink of another size, sign or decay than the start's, images that are missing."""
    for diffusivity in (1e-4, 0.05):
        coarse, fine = (
            allen_cahn_reference(diffusivity, 5.0, modes=modes, steps=500) for modes in (1024, 4096)
        )
        assert distance(coarse, fine) < 5e-7


def test_a_kink_in_closed_form_gives_the_same_solution_as_plain_series() -> None:
    """Kills: a term of the equation of the rest with the wrong factor: it would converge as well.

    Away from the kink, where a plain series is good to 1e-6.
    """
    plain = Spectral(
        Evolution(
            interval=(-1, 1),
            linear=lambda k: 5.0 - 1e-4 * k**2,
            nonlinear=lambda v, k, values, spectrum: -5.0 * spectrum(values(v) ** 3),
            start=lambda x: x**2 * np.cos(np.pi * x),
            modes=4096,
            kept=1 / 2,
            steps=250,
        )
    )
    here = POINTS[np.abs(POINTS[:, 0]) < 0.9]
    gap = plain(here)["u"] - allen_cahn_reference(1e-4, 5.0)(here)["u"]
    assert np.abs(gap).max() < 3e-6


def fourth_order(
    linear: np.ndarray, nonlinear: object, start: np.ndarray, steps: int
) -> np.ndarray:
    """u(x, 1) by an integrating factor and the classical Runge-Kutta method: no code is shared."""
    v, h = np.fft.rfft(start), 1 / steps
    half = np.exp(linear * h / 2)
    for _ in range(steps):
        a = h * nonlinear(v)  # type: ignore[operator]
        b = h * nonlinear(half * (v + a / 2))  # type: ignore[operator]
        c = h * nonlinear(half * v + b / 2)  # type: ignore[operator]
        d = h * nonlinear(half**2 * v + half * c)  # type: ignore[operator]
        v = half**2 * v + (half**2 * a + 2 * half * (b + c) + d) / 6
    return np.fft.irfft(v, len(start))


def test_references_refine_themselves_until_they_are_right() -> None:
    """At lambda_1 = 2, lambda_2 = 0.001 the steps for the default are off by 1e-4.

    Kills: no look at the steps, or one that compares a solution with itself.
    """
    x = -1 + 2 * np.arange(512) / 512
    k = np.pi * np.arange(257)
    kept = k < np.pi * 512 / 3

    def nonlinear(v: np.ndarray) -> np.ndarray:
        return -1j * k * kept * np.fft.rfft(np.fft.irfft(v, 512) ** 2)

    own = fourth_order(1j * 0.001 * k**3, nonlinear, np.cos(np.pi * x), 12_000)
    points = np.stack([x, np.ones_like(x)], -1)
    rough = kdv_reference(2.0, 0.001)(points)["u"]
    assert np.abs(rough - own).max() > 1e-5
    problem = find_problem("kdv", {"lambda_1": 2.0, "lambda_2": 0.001})
    assert problem.reference is not None
    assert np.abs(problem.reference(points)["u"] - own).max() < 2e-6


def burst(rate: float, modes: int, steps: int) -> Spectral:
    """u_t = -rate u^2 from 1 + cos/2, without coupling in x: u = s / (1 + rate s t)."""
    return Spectral(
        Evolution(
            interval=(-1, 1),
            linear=lambda k: 0 * k,
            nonlinear=lambda v, k, values, spectrum: -rate * spectrum(values(v) ** 2),
            start=lambda x: 1 + np.cos(np.pi * x) / 2,
            modes=modes,
            kept=2 / 3,
            steps=steps,
        )
    )


@pytest.mark.parametrize("rate", [0.5, 5.0, 40.0])
def test_whatever_is_called_settled_is_exact_to_its_tolerance(rate: float) -> None:
    """Kills: a gap in time or space that is not looked at, one that is not relative."""
    found = burst(rate, 16, 16).settled("a burst", 1e-6)
    x = np.linspace(-1, 1, 50)
    start = 1 + np.cos(np.pi * x) / 2
    for t in (0.31, 0.5, 0.77, 1.0):
        wanted = start / (1 + rate * start * t)
        got = found(np.stack([x, np.full_like(x, t)], -1))["u"]
        assert np.abs(got - wanted).max() < 2e-6 * np.abs(start / (1 + rate * start / 4)).max()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("kdv", {"lambda_1": 10.0, "lambda_2": 0.001}),
        ("kdv", {"lambda_2": 2e-5}),
        ("kdv", {"lambda_1": 1000.0}),
        ("kdv", {"lambda_2": float("nan")}),
        ("allen-cahn", {"rate": 500.0}),
        ("allen-cahn", {"rate": 5000.0}),
        ("allen-cahn", {"diffusivity": float("nan")}),
    ],
)
def test_what_is_not_resolved_is_refused(
    name: str, parameters: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a reference that is wrong without a word, ValueError of infinities in a spline."""
    monkeypatch.setattr(spectral, "MOST_WORK", 1 << 21)  # for the sake of time
    monkeypatch.setattr(spectral, "MOST_MODES", 4096)
    with pytest.raises((DomainError, UsageError), match=f"^{name}"):
        find_problem(name, parameters)


def test_squares_leave_nothing_beyond_the_kept_waves() -> None:
    """(cos k x)^2 has the wave 2k, which the grid folds to modes - 2k where 2k > modes / 2.

    Kills: a kept share of 1.
    """
    evolution = kdv_reference(1.0, 0.0025).equation
    assert evolution.kept == 2 / 3
    made = Spectral(evolution)
    k = made._wavenumbers
    wave = np.zeros(len(k), complex)
    wave[-1] = evolution.modes / 2
    square = np.fft.rfft(np.fft.irfft(wave, evolution.modes) ** 2)[: len(k)]
    assert np.abs(square[1:]).max() < 1e-9
