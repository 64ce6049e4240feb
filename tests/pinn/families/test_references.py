"""References against methods that share nothing with them."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.families.registry import find_family
from pinn.references import families as references


class One:
    """Two members with known functions."""

    def __init__(self, functions: dict[str, object], **numbers: list[float]) -> None:
        self._functions, self._numbers = functions, numbers

    def values(self, name: str, places: np.ndarray, order: int = 0) -> np.ndarray:
        found = self._functions[name]
        return np.stack([found(s, places) for s in (1.0, 0.5)])  # type: ignore[operator]

    def parameters(self, name: str) -> np.ndarray:
        return np.array(self._numbers[name])


def sine(size: float, x: np.ndarray) -> np.ndarray:
    return size * np.sin(2 * np.pi * x)


def nothing(size: float, x: np.ndarray) -> np.ndarray:
    return 0 * x


POINTS = np.random.default_rng(0).uniform(size=(40, 2))


def test_heat_is_exact() -> None:
    x, t = POINTS.T
    found = references.heat(One({"start": sine}, a=[0.03, 0.2]), POINTS)["u"]
    for row, size, a in zip(found, (1, 0.5), (0.03, 0.2), strict=True):
        wanted = size * np.sin(2 * np.pi * x) * np.exp(-a * 4 * np.pi**2 * t)
        np.testing.assert_allclose(row, wanted, atol=1e-13)


def test_advection_at_constant_speed_is_exact() -> None:
    """Kills: speed and slowness exchanged, the wrong direction."""
    x, t = POINTS.T
    members = One({"v": lambda s, places: 0 * places + np.log(1.3 * s)})
    found = references.advection(members, POINTS)["u"]
    np.testing.assert_allclose(found[0], np.sin(2 * np.pi * (x - 1.3 * t)), atol=1e-12)
    np.testing.assert_allclose(found[1], np.sin(2 * np.pi * (x - 0.65 * t)), atol=1e-12)


def test_forced_burgers_without_force_is_cole_hopf() -> None:
    """Two methods that share nothing. Kills: a factor of the nonlinear term or of the viscosity."""
    members = One({"start": sine, "force": nothing}, nu=[0.02, 0.02])
    found = references.forced_burgers(members, POINTS)["u"]
    wanted = references.burgers(members, POINTS, 0.02)["u"]
    np.testing.assert_allclose(found, wanted, atol=2e-7)


def test_cole_hopf_agrees_with_quadrature() -> None:
    """The package's own Gauss-Hermite sums for -sin(pi x), period 2, in other units."""
    from pinn.references.cole_hopf import ColeHopf

    members = One({"start": lambda s, x: -s * np.sin(2 * np.pi * x)})
    # y = 2 x - 1: u_t + u u_x = nu u_xx becomes w = 2 u, viscosity 4 nu, -sin(pi y) moved by 1.
    exact = ColeHopf(0.08)(np.stack([2 * POINTS[:, 0], POINTS[:, 1]], -1))["u"]
    found = references.burgers(_halved(members), POINTS, 0.02)["u"][0]
    np.testing.assert_allclose(2 * found, exact, atol=1e-10)


def _halved(members: One) -> One:
    return One({"start": lambda s, x: 0.5 * members.values("start", x)[0 if s == 1 else 1]})


def test_diffusion_reaction_agrees_with_finite_differences() -> None:
    """Crank-Nicolson on 201 nodes. Kills: a sign of the square, a factor of the diffusion."""
    members = One({"source": lambda s, x: s * (1 + np.cos(3 * x))})
    x = np.linspace(0, 1, 201)
    source = members.values("source", x[1:-1])
    n, dt, h = 199, 1 / 400, x[1]
    laplace = (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n)) * 0.01 / h**2
    inverse = np.linalg.inv(np.eye(n) - dt / 2 * laplace)
    u = np.zeros_like(source)
    for _ in range(400):
        right, new = u + dt / 2 * u @ laplace, u
        for _ in range(3):
            new = (right + dt * (source - 0.005 * (u**2 + new**2))) @ inverse
        u = new
    points = np.stack([x[1:-1], np.ones(n)], -1)
    found = references.diffusion_reaction(members, points)["u"]
    np.testing.assert_allclose(found, u, atol=2e-4)


@pytest.mark.parametrize("name", ["forced-burgers-family", "diffusion-reaction-family"])
def test_references_in_steps_have_converged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the steps change nothing that errors of learned answers could notice."""
    family = find_family(name)
    members = family.draw(3, 8)
    fine = family.exact(members, POINTS)["u"].numpy()
    monkeypatch.setattr(references, "STEPS", references.STEPS // 2)
    monkeypatch.setattr(references, "KEPT", references.KEPT // 2)
    monkeypatch.setattr(references, "WALL_STEPS", references.WALL_STEPS // 2)
    coarse = family.exact(members, POINTS)["u"].numpy()
    # Where a point is close to a corner of the walls, cubics in time know the least.
    assert np.median(np.abs(fine - coarse)) < 1e-9
    assert np.abs(fine - coarse).max() < 5e-5
