"""ETDRK4 converges in time at order four, in space to what the start allows, and to known waves."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.problems.allen_cahn import allen_cahn_reference
from pinn.problems.kdv import kdv_reference
from pinn.references.spectral import Evolution, Spectral

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
