"""The package's own wake as data, sampled as Raissi's file is."""

from __future__ import annotations

import numpy as np

from pinn.data.flow import FlowGrid
from pinn.references.wake import embedded_wake

POINTS, SNAPSHOTS, STEP = (100, 50), 200, 0.1


def embedded_wake_grid() -> FlowGrid:
    """u and v on 100 x 50 points of [1, 8] x [-2, 2] and 200 snapshots 0.1 apart."""
    wake = embedded_wake()
    x_min, x_max, y_min, y_max = wake.window
    x = np.linspace(x_min, x_max, POINTS[0])
    y = np.linspace(y_min, y_max, POINTS[1])
    t = np.linspace(0.0, STEP * (SNAPSHOTS - 1), SNAPSHOTS)
    fields = wake.grid(x, y, t)
    return FlowGrid("the embedded wake", x, y, t, fields["u"], fields["v"])
