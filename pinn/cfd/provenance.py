"""Provenance and accuracy of a shipped reference."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.cfd.compression import Size
from pinn.cfd.engine import finite_elements
from pinn.cfd.steady import SteadyFlow
from pinn.cfd.wake import Recording, WakeSettings
from pinn.references.cavity import Cavity
from pinn.references.chebyshev import lobatto_nodes
from pinn.references.wake import Wake, load_wake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LICENCE = (
    "The data are the package's own and under its licence (MIT); they were computed with NGSolve "
    "(LGPL-2.1), which is not part of the package."
)


def describe_wake(
    path: Path, recording: Recording, settings: WakeSettings, size: Size
) -> dict[str, Any]:
    """Settings, results and licence of a stored wake, as JSON values."""
    wake = load_wake(path)
    return {
        **_origin(path, "sciformer wake generate"),
        "settings": asdict(settings),
        "size": asdict(size),
        "shedding": asdict(recording.shedding),
        "accuracy": {**_distances(wake, recording, settings), **momentum_residual(wake)},
    }


def describe_cavity(path: Path, flow: SteadyFlow, cavity: Cavity) -> dict[str, Any]:
    """Results and licence of a stored cavity, as JSON values."""
    return {
        **_origin(path, f"sciformer cavity --reynolds {cavity.reynolds:g} --generate"),
        "reynolds": cavity.reynolds,
        "unknowns": flow.unknowns,
        "nodes": len(cavity.axis),
        "extrema": cavity.extrema(),
    }


def _origin(path: Path, command: str) -> dict[str, Any]:
    ngsolve, _ = finite_elements()
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "made_by": f"{command}, NGSolve {ngsolve.__version__}",
        "licence": LICENCE,
    }


def _distances(wake: Wake, recording: Recording, settings: WakeSettings) -> dict[str, float]:
    """Relative L2 distance of each field from what was recorded; p after removing its mean."""
    x_min, x_max, y_min, y_max = settings.window
    x = lobatto_nodes(settings.nodes[0], x_min, x_max)
    y = lobatto_nodes(settings.nodes[1], y_min, y_max)
    fields = wake.grid(x, y, recording.time - recording.time[0])
    result = {}
    for column, name in enumerate("uvp"):
        wanted = recording.values[..., column].transpose(1, 2, 0)
        centre = wanted.mean() if name == "p" else 0.0
        gap = np.linalg.norm(fields[name] - wanted) / np.linalg.norm(wanted - centre)
        result[f"relative_l2_{name}"] = float(gap)
    return result


def momentum_residual(wake: Wake, seed: int = 0) -> dict[str, float]:
    """Residual of the equations in a wake at 2,000 random points inside its window.

    The divergence is that of the streamfunction form, so it is rounding. The residual of momentum
    is compared with the convective and with the viscous term, all as root mean squares.
    """
    points = _inside(wake, seed)
    f, f_t, f_x, f_y, f_xx, f_yy = (
        wake.derivative(points, *orders)
        for orders in ((0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0), (2, 0, 0), (0, 2, 0))
    )
    residual, convection, viscous = [], [], []
    for name, pressure in (("u", f_x["p"]), ("v", f_y["p"])):
        convection.append(f["u"] * f_x[name] + f["v"] * f_y[name])
        viscous.append((f_xx[name] + f_yy[name]) / wake.reynolds)
        residual.append(f_t[name] + convection[-1] + pressure - viscous[-1])
    size = _rms(residual)
    return {
        "divergence_rms": _rms([f_x["u"] + f_y["v"]]),
        "momentum_residual_rms": size,
        "momentum_residual_over_convection": size / _rms(convection),
        "momentum_residual_over_viscous": size / _rms(viscous),
    }


def _inside(wake: Wake, seed: int) -> Array:
    x_min, x_max, y_min, y_max = wake.window
    low = np.array([x_min, y_min, 0.0])
    high = np.array([x_max, y_max, wake.period])
    return np.asarray(low + (high - low) * np.random.default_rng(seed).uniform(size=(2000, 3)))


def _rms(columns: list[Array]) -> float:
    return float(np.sqrt(np.mean(np.square(columns))))
