"""What an evolution in windows has come to: its running totals, and the result at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.settings import Settings
    from pinn.training.verdict import Evidence
    from pinn.trial.windows import Windows


@dataclass
class Totals:
    """Sums over the windows that are solved, and the largest of their values; checkpoints keep it.

    Attributes:
        elapsed: seconds.
        iterations: steps of all windows, those that were divided included.
        rejected: windows that were divided.
        neurons: of all wide layers together.
        validation: the largest mean squared residual of a window.
        residuals: the relative residual of each equation, in the window where it is largest.
        sizes: by which the residual of each equation was divided at most.
    """

    elapsed: float = 0.0
    iterations: int = 0
    rejected: int = 0
    neurons: int = 0
    validation: float = 0.0
    residuals: dict[str, float] = field(default_factory=dict)
    sizes: list[float] = field(default_factory=list)

    def add(
        self,
        residuals: Mapping[str, float],
        sizes: Sequence[float],
        validation: float,
        neurons: int,
    ) -> None:
        """Adds a window that is solved."""
        self.sizes = [*map(max, self.sizes or sizes, sizes)]
        self.neurons += neurons
        self.validation = max(self.validation, validation)
        for name, size in residuals.items():
            self.residuals[name] = max(size, self.residuals.get(name, 0.0))


@dataclass
class Marched:
    """Windows of an evolution, and how they were found.

    Attributes:
        trial: fields over the whole of time.
        settings: of each window.
        iterations: steps of all windows.
        validation: the largest mean squared residual of a window.
        ends: of the windows.
        rejected: windows that were divided.
        neurons: of all wide layers together.
        stopped: why it ended.
        elapsed: CPU seconds.
        evidence: for a verdict.
    """

    trial: Windows
    settings: Settings
    iterations: int
    validation: float
    ends: list[float]
    rejected: int
    neurons: int
    stopped: str
    elapsed: float
    evidence: Evidence

    def report(self) -> dict[str, Any]:
        """Report for the summary, as JSON values."""
        return {
            "windows": {
                "number": len(self.ends),
                "divided": self.rejected,
                "shortest": min(b - a for a, b in zip(self.ends, self.ends[1:], strict=False))
                if len(self.ends) > 1
                else self.ends[0],
                "neurons": self.neurons,
            }
        }
