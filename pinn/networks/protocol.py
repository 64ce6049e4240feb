"""Protocol of the layers before the first one of a network."""

from __future__ import annotations

from typing import Any, Protocol


class NetworkInputs(Protocol):
    """Layers between the coordinates and a network, such as `pinn.trial.inputs.Inputs`.

    Attributes:
        coordinates: number of coordinates c.
        width: number of inputs that the first layer of the network receives.
        along: the scaled coordinate that a pseudo-sequence steps along.
    """

    coordinates: int
    width: int
    along: int

    def __call__(self, points: Any) -> Any:
        """Inputs (p, width) at points (p, c): `features(scaled(points))`."""
        ...

    def scaled(self, points: Any) -> Any:
        """Scaled coordinates (p, s) at points (p, c); a pseudo-sequence consists of copies."""
        ...

    def features(self, scaled: Any) -> Any:
        """Inputs (..., width) of scaled coordinates (..., s)."""
        ...
