"""The cavity's tables: extrema, walls, Ghia's figures; the regularised lid: equations, orders."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.references.cavity import GHIA_U, GHIA_V, GHIA_X, GHIA_Y, embedded_cavity
from pinn.references.regularised_cavity import RegularisedCavity, solved
from sciformer.errors import DomainError


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("u_min", 0.4581, -0.2140424), ("v_max", 0.2370, 0.1795728), ("v_min", 0.8104, -0.2538030)],
)
def test_extrema(name: str, place: float, value: float) -> None:
    """Kills: u and v exchanged, x and y exchanged, a lid that moves the other way."""
    found_place, found = embedded_cavity().extrema()[name]
    assert found == pytest.approx(value, abs=1e-5)
    assert found_place == pytest.approx(place, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("u_min", 0.1717, -0.3885698), ("v_max", 0.1578, 0.3769447), ("v_min", 0.9092, -0.5270771)],
)
def test_extrema_at_reynolds_1000(name: str, place: float, value: float) -> None:
    """Against the spectral method of Botella and Peyret 1998, tables 9 and 10.

    Kills: a table of another Reynolds number, an interval that ends before the extremum.
    """
    found_place, found = embedded_cavity(1000).extrema()[name]
    assert found == pytest.approx(value, abs=2e-5)
    assert found_place == pytest.approx(place, abs=1e-4)


def test_the_vortex_sinks_as_reynolds_rises() -> None:
    """Kills: tables exchanged."""
    places = [embedded_cavity(re).extrema()["u_min"][0] for re in (100, 400, 1000)]
    assert places == sorted(places, reverse=True)
    with pytest.raises(DomainError, match="tables are there for Re = 100, 400, 1000; got 250"):
        embedded_cavity(250)


@pytest.mark.parametrize("reynolds", [70.0, 230.0])
def test_the_regularised_flow_satisfies_momentum(reynolds: float) -> None:
    """By differences of its numbers.

    Kills: a sign or factor of convection, viscosity or pressure, axes exchanged.
    """
    flow, h = solved(reynolds, 22), 1e-3
    points = np.random.default_rng(4).uniform(0.2, 0.8, (60, 2))
    here = flow(points)
    ahead, behind = (
        [flow(points + side * h * np.eye(2)[axis]) for axis in (0, 1)] for side in (1, -1)
    )

    def slope(name: str, axis: int) -> np.ndarray:
        return np.asarray((ahead[axis][name] - behind[axis][name]) / (2 * h))

    def laplacian(name: str) -> np.ndarray:
        return np.asarray(
            sum(ahead[a][name] - 2 * here[name] + behind[a][name] for a in (0, 1)) / h**2
        )

    for axis, name in enumerate("uv"):
        convection = here["u"] * slope(name, 0) + here["v"] * slope(name, 1)
        gap = convection + slope("p", axis) - laplacian(name) / reynolds
        assert np.abs(gap).max() < 2e-3 * np.abs(convection).max()
    assert np.abs(slope("u", 0) + slope("v", 1)).max() < 1e-4


def test_the_regularised_flow_converges_and_keeps_its_walls() -> None:
    """Kills: quadrature of too few points, a wall function of another order."""
    points = np.random.default_rng(5).uniform(size=(100, 2))
    coarse, fine, finest = (solved(100.0, n)(points)["u"] for n in (14, 20, 30))
    assert np.abs(fine - finest).max() < 0.3 * np.abs(coarse - finest).max() < 1e-3
    s = np.linspace(0, 1, 9)
    lid = solved(100.0, 20)(np.stack([s, np.ones_like(s)], 1))
    assert lid["u"] == pytest.approx(16 * s**2 * (1 - s) ** 2, abs=1e-12)
    assert lid["v"] == pytest.approx(0 * s, abs=1e-12)
    with pytest.raises(DomainError, match=r"reynolds must lie in \(0, 1000\]; got 1200"):
        RegularisedCavity(1200.0)


@pytest.mark.slow
def test_the_regularised_flow_is_that_of_finite_elements() -> None:
    """At Re = 400. Kills: any error that both differences and terms agree on."""
    ngsolve = pytest.importorskip("ngsolve")
    from pinn.cfd.meshes import CavityMesh
    from pinn.cfd.steady import SteadyFlow

    mesh = CavityMesh(corner=0.03).build()
    flow = SteadyFlow(mesh, 4, 1 / 400, "wall|lid", pin=1e-9)
    lid = ngsolve.CF((16 * ngsolve.x**2 * (1 - ngsolve.x) ** 2, 0))
    flow.field.components[0].Set(lid, definedon=mesh.Boundaries("lid"))
    flow.solve()
    points = np.random.default_rng(6).uniform(0.01, 0.99, (200, 2))
    found = np.asarray(flow.field.components[0](mesh(points[:, 0], points[:, 1])))
    ours = RegularisedCavity(400.0)(points)
    assert np.abs(found - np.stack([ours["u"], ours["v"]], -1)).max() < 2e-5


def test_walls_hold_and_the_lid_moves() -> None:
    """Kills: an axis of the table reversed."""
    s = np.linspace(0.05, 0.95, 19)
    zero, one = np.zeros_like(s), np.ones_like(s)
    cavity = embedded_cavity()
    for x, y in ((s, zero), (zero, s), (one, s)):
        fields = cavity(np.stack([x, y], 1))
        assert max(np.abs(fields["u"]).max(), np.abs(fields["v"]).max()) < 1e-6
    lid = cavity(np.stack([s, one], 1))
    # The jump at a lid's end, 14 nodes away, is forgotten by 0.27 a node: 1e-8.
    assert np.abs(lid["u"] - 1).max() < 1e-6
    assert np.abs(lid["v"]).max() < 1e-6


def test_ghia_is_near_and_not_nearer() -> None:
    """Kills: a table of Ghia's with columns exchanged."""
    cavity = embedded_cavity()
    y, x = np.array(GHIA_Y), np.array(GHIA_X)
    u = cavity(np.stack([np.full_like(y, 0.5), y], 1))["u"]
    v = cavity(np.stack([x, np.full_like(x, 0.5)], 1))["v"]
    assert 0.004 < np.abs(u - GHIA_U).max() < 0.006
    assert 0.008 < np.abs(v - GHIA_V).max() < 0.010


def test_points_outside_are_refused() -> None:
    with pytest.raises(DomainError, match=r"unit square; got x from 0\.5 to 1\.2"):
        embedded_cavity()(np.array([[0.5, 0.5], [1.2, 0.5]]))
