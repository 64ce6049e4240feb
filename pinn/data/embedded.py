"""The package's own wake as data, sampled as Raissi's file is."""

from __future__ import annotations

import numpy as np

from pinn.data.flow import FlowData, FlowGrid
from pinn.references.wake import embedded_wake

POINTS, SNAPSHOTS, STEP = (100, 50), 200, 0.1

# Measured by test functions of those widths on a fine grid.
SMALL_SCALES = (
    "The embedded wake is computed, and not exactly: test functions 0.6 to 2 diameters wide find "
    "lambda_2 within 0.02 % of its value. That is the floor of these data, and no interval "
    "accounts for it. It is the wake of one cylinder in a row of them 16 diameters "
    "apart (Strouhal number "
    "0.1703; a free stream has 0.164 to 0.167)."
)


def embedded_wake_grid() -> FlowGrid:
    """u and v on 100 x 50 points of [1, 8] x [-2, 2] and 200 snapshots 0.1 apart."""
    wake = embedded_wake()
    x_min, x_max, y_min, y_max = wake.window
    x = np.linspace(x_min, x_max, POINTS[0])
    y = np.linspace(y_min, y_max, POINTS[1])
    t = np.linspace(0.0, STEP * (SNAPSHOTS - 1), SNAPSHOTS)
    fields = wake.grid(x, y, t)
    return FlowGrid("the embedded wake", x, y, t, fields["u"], fields["v"])


def embedded_wake_data() -> FlowData:
    """The package's own wake with its pressure, as points and snapshots."""
    grid = embedded_wake_grid()
    fields = embedded_wake().grid(grid.x, grid.y, grid.t)
    points = np.stack(np.meshgrid(grid.x, grid.y, indexing="ij"), -1).reshape(-1, 2)
    u, v, p = (fields[name].reshape(len(points), -1) for name in ("u", "v", "p"))
    return FlowData(grid.name, points, grid.t, np.stack([u, v], axis=1), p)
