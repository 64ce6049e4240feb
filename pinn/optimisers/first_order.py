"""First-order optimisers from torch behind the step protocol."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from pinn.optimisers.protocol import StepReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.optimisers.protocol import Objective


class Adam:
    """Adam with a linear warm-up over 50 steps and cosine decay to a hundredth.

    Args:
        learning_rate: the largest rate.
        horizon: steps over which the rate decays.

    Source: Kingma, Ba 2015, by `torch.optim.Adam`.
    """

    def __init__(self, learning_rate: float = 3e-3, horizon: int = 10_000) -> None:
        self._vector = torch.nn.Parameter(torch.zeros(0))
        self._learning_rate, self._horizon = learning_rate, horizon
        self._steps = 0
        self._optimiser: torch.optim.Adam | None = None
        self._saved: dict[str, Any] | None = None

    def step(self, objective: Objective) -> StepReport:
        """One update from one gradient; the value may rise."""
        value, gradient = objective.value_and_gradient()
        self._vector.data = objective.parameters.read()
        self._vector.grad = gradient
        optimiser = self._prepared()
        rate = self._rate()
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        objective.parameters.write(self._vector.detach())
        self._steps += 1
        return StepReport(value, value, True, 1, {"learning_rate": rate})

    def points_changed(self) -> None:
        """Nothing to do: the moments are averages over samples anyhow."""

    def state(self) -> dict[str, Any]:
        """Number of steps and both moments."""
        moments = self._optimiser.state_dict()["state"].get(0, {}) if self._optimiser else {}
        return {"steps": self._steps, "moments": {k: v.clone() for k, v in moments.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._steps, self._optimiser = int(state["steps"]), None
        self._saved = {key: value.clone() for key, value in state["moments"].items()}

    def _prepared(self) -> torch.optim.Adam:
        if self._optimiser is None:
            self._optimiser = torch.optim.Adam([self._vector], lr=self._learning_rate)
            if self._saved:
                groups = self._optimiser.state_dict()["param_groups"]
                self._optimiser.load_state_dict({"state": {0: self._saved}, "param_groups": groups})
        return self._optimiser

    def _rate(self) -> float:
        warm = min(1.0, (self._steps + 1) / 50)
        done = min(1.0, self._steps / self._horizon)
        return self._learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
