"""Levenberg-Marquardt with geodesic acceleration on exact per-sample Jacobians."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from pinn.optimisers.device_equations import DeviceEquations
from pinn.optimisers.normal_equations import NormalEquations
from pinn.optimisers.protocol import StepReport
from pinn.sampling.schedule import LEAST_SQUARES, Schedule
from sciformer.hardware import hardware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.optimisers.protocol import Objective


# Below the rounding of a matrix whose mean diagonal is 1, damping does nothing.
LEAST = 1e-16


@dataclass
class _Damping:
    """Nielsen's rule of damping: shrink smoothly with the gain, grow ever faster on failure."""

    value: float
    growth: float = 2.0
    restarts: int = 0

    def accept(self, gain: float) -> None:
        # Beyond 1 all gains count alike; where rounding is all that is left they have no bound.
        shrunk = max(1 / 3, 1 - (2 * min(gain, 1.0) - 1) ** 3)
        self.value = max(self.value * shrunk, LEAST)
        self.growth = 2.0

    def reject(self) -> None:
        self.value *= self.growth
        self.growth *= 2.0

    def restart(self, value: float) -> None:
        """Begins anew: the failure of steps here says nothing of the next points."""
        self.value, self.growth, self.restarts = value, 2.0, self.restarts + 1


@dataclass(eq=False)
class LevenbergMarquardt:
    """The step s = -(J^T J + mu I)^-1 J^T r, mu = damping trace(J^T J) / P, with a second-order
    correction.

    Geodesic acceleration adds s2 = -1/2 (J^T J + mu I)^-1 J^T r_vv, where r_vv is the second
    derivative of the rows along s by a finite difference; it is used if 2 |s2| <= 0.75 |s|.
    With fewer rows than parameters the same step is found from J J^T + mu I. Rows multiplied by any
    number, as by a change of units, give the same steps. A step that is given up starts the damping
    anew, so that it never stays where all steps are tiny.

    Args:
        damping: > 0, in units of the mean diagonal of J^T J; the first step is between one of
            Gauss and Newton and one down the gradient with 1.
        trials: how many dampings are tried before the step is given up.
        probe: relative step h of the finite difference r_vv = 2/h ((r(h s) - r)/h - J s).

    Cost: one Jacobian, one Gram matrix, and for each trial a Cholesky factor and two row
        evaluations.
    Source: damping after Nielsen 1999; geodesic acceleration after Transtrum, Sethna 2012
        (arXiv 1201.5885).

    Examples:
        >>> import pinn
        >>> pinn.Settings(optimiser=pinn.LevenbergMarquardt(damping=0.1)).optimiser.damping
        0.1
    """

    damping: float = 1.0
    trials: int = 8
    probe: float = 0.1
    needs_jacobian: ClassVar[bool] = True
    schedule: ClassVar[Schedule] = LEAST_SQUARES

    def __post_init__(self) -> None:
        self._damping = _Damping(self.damping)

    def step(self, objective: Objective) -> StepReport:
        """One accepted step, or none after `trials` failures."""
        at = objective.linearise()
        start = objective.parameters.read()
        stays = hardware(at.rows.device).prefers_few_launches or not at.is_whole
        equations = DeviceEquations if stays else NormalEquations
        system = equations(at, objective.processes)
        evaluations = 1
        for _ in range(self.trials):
            if system.factorise(self._damping.value):
                step = system.step()
                linear = at.times(step)
                probe = self._second_derivative(objective, start, step, at.rows, linear)
                objective.parameters.write(start + self._accelerated(step, system.solve(probe)))
                rows = objective.rows()
                sums = objective.processes.total(
                    rows @ rows, -(2 * (at.rows @ linear) + linear @ linear)
                )
                # The only place of a trial where the host waits for the device.
                before, after, predicted = torch.stack([system.value, *sums]).tolist()
                evaluations += 2
                if after < before:
                    self._damping.accept((before - after) / max(predicted, 1e-300))
                    return self._report(before, after, True, evaluations)
            self._damping.reject()
        self._damping.restart(self.damping)
        objective.parameters.write(start)
        before = float(system.value)
        return self._report(before, before, False, evaluations)

    def points_changed(self) -> None:
        """Keeps the damping: the objective is the same integral on other points."""

    def state(self) -> dict[str, Any]:
        """The damping and its growth."""
        return asdict(self._damping)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._damping = _Damping(
            float(state["value"]), float(state["growth"]), int(state["restarts"])
        )

    def _second_derivative(
        self, objective: Objective, start: Tensor, step: Tensor, rows: Tensor, linear: Tensor
    ) -> Tensor:
        """r_vv along the step, by a finite difference that reuses J s."""
        h = self.probe
        objective.parameters.write(start + h * step)
        return 2 / h * ((objective.rows() - rows) / h - linear)

    @staticmethod
    def _accelerated(step: Tensor, second: Tensor) -> Tensor:
        """The step with its second-order correction, where that is small enough to be trusted."""
        is_trusted = second.norm() <= 0.75 * step.norm()
        return step + torch.where(is_trusted, second / 2, 0.0)

    def _report(self, before: float, after: float, accepted: bool, evaluations: int) -> StepReport:
        metrics = {"damping": self._damping.value, "restarts": float(self._damping.restarts)}
        note = "" if accepted else f"no descent in {self.trials} trials"
        return StepReport(before, after, accepted, evaluations, metrics, note)
