"""Protocols of optimisers and of the objectives that they minimise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.sampling.schedule import Schedule
    from sciformer.runs.processes import Processes


class FlatParameters:
    """The parameters of modules seen as one vector.

    Args:
        parameters: in a fixed order; all of one dtype and device.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.tensors = list(parameters)

    def __len__(self) -> int:
        return sum(p.numel() for p in self.tensors)

    def read(self) -> Tensor:
        """A copy of the vector (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self.tensors])

    def write(self, vector: Tensor) -> None:
        """Puts a vector (P,) into the modules."""
        with torch.no_grad():
            parts = torch.split(vector, [p.numel() for p in self.tensors])
            for parameter, part in zip(self.tensors, parts, strict=True):
                parameter.copy_(part.view_as(parameter))


class Linearised(Protocol):
    """Rows r (R,) and their exact Jacobian J (R, P) at one point, whole or in parts.

    Attributes:
        is_whole: whether J is in memory; where it is not, its Gram matrix is there already.
    """

    @property
    def is_whole(self) -> bool: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def rows(self) -> Tensor: ...

    @property
    def jacobian(self) -> Tensor: ...

    @property
    def gram(self) -> Tensor:
        """J^T J."""
        ...

    @property
    def right(self) -> Tensor:
        """J^T r."""
        ...

    def times(self, vector: Tensor) -> Tensor:
        """J v."""
        ...

    def back(self, rows: Tensor) -> Tensor:
        """J^T r of other rows."""
        ...


@dataclass(frozen=True)
class Linearisation:
    """Rows r (R,) and their exact Jacobian J (R, P) at one point."""

    rows: Tensor
    jacobian: Tensor
    is_whole: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, int]:
        """(R, P)."""
        rows, parameters = self.jacobian.shape
        return rows, parameters

    @property
    def gram(self) -> Tensor:
        """J^T J."""
        return self.jacobian.T @ self.jacobian

    @property
    def right(self) -> Tensor:
        """J^T r."""
        return self.jacobian.T @ self.rows

    def times(self, vector: Tensor) -> Tensor:
        """J v."""
        return self.jacobian @ vector

    def back(self, rows: Tensor) -> Tensor:
        """J^T r of other rows."""
        return self.jacobian.T @ rows


class Objective(Protocol):
    """A sum of squares |r|^2 of weighted rows on fixed points, this process's share of them."""

    parameters: FlatParameters
    processes: Processes

    def rows(self) -> Tensor:
        """The rows (R,) at the present parameters, without gradients."""
        ...

    def linearise(self) -> Linearised:
        """The rows and their exact Jacobian at the present parameters."""
        ...

    def value_and_gradient(self) -> tuple[float, Tensor]:
        """|r|^2 over all processes and its gradient (P,) at the present parameters."""
        ...


@dataclass(frozen=True)
class StepReport:
    """Report of one step.

    Attributes:
        before: the objective before the step.
        after: the objective after it; equal to `before` when nothing was accepted.
        accepted: whether the parameters changed.
        evaluations: how often the rows were computed.
        metrics: further metrics worth logging, such as the damping.
        note: why the step failed, in words; empty otherwise.
    """

    before: float
    after: float
    accepted: bool
    evaluations: int
    metrics: Mapping[str, float]
    note: str = ""


class Optimiser(Protocol):
    """One step at a time; between steps the objective may change its points.

    Attributes:
        needs_jacobian: whether a step takes the Jacobian of all rows, and not only a gradient.
        schedule: how many points, drawn how often, suit the method.
    """

    needs_jacobian: ClassVar[bool]
    schedule: ClassVar[Schedule]

    def step(self, objective: Objective) -> StepReport:
        """Moves the parameters of the objective, never to a larger value of it if it can tell."""
        ...

    def points_changed(self) -> None:
        """Drops stale curvature; called when the objective has other points."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything the next step depends on, as tensors and plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        ...
