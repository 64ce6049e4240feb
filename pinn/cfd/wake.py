"""The periodic wake behind a cylinder, from rest to the recording of some periods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.cfd.meshes import WakeMesh
from pinn.cfd.shedding import Shedding, shedding
from pinn.cfd.unsteady import Scheme, UnsteadyFlow
from pinn.references.chebyshev import lobatto_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class WakeSettings:
    """All settings of a wake computation; the defaults make the wake of the package in six CPU
    minutes.

    Args:
        mesh: of the cylinder in its stream.
        reynolds: U D / viscosity.
        step: of time, in D / U, as all times here.
        coarse_order: degree of the velocity while the wake develops.
        fine_order: degree while it settles and is recorded.
        develop: time from the Stokes flow with a kick.
        settle: time at the fine order before the recording.
        record: time recorded; at least two periods (12).
        sample_steps: steps from one recorded snapshot to the next.
        window: x_min, x_max, y_min, y_max of what is recorded.
        nodes: Chebyshev-Lobatto nodes in x and y at which it is recorded.
    """

    mesh: WakeMesh = field(default_factory=WakeMesh)
    reynolds: float = 100.0
    step: float = 0.008
    coarse_order: int = 3
    fine_order: int = 5
    develop: float = 45.0
    settle: float = 60.0
    record: float = 12.0
    sample_steps: int = 13
    window: tuple[float, float, float, float] = (1.0, 8.0, -2.0, 2.0)
    nodes: tuple[int, int] = (104, 64)

    @property
    def steps(self) -> tuple[int, int, int]:
        """Steps after which the fine order, the recording and the end come."""
        ends = np.cumsum([self.develop, self.settle, self.record])
        first, second, third = np.rint(ends / self.step).astype(int).tolist()
        return first, second, third


@dataclass(frozen=True)
class Recording:
    """Snapshots of a settled wake.

    Args:
        time: (n_t,), equally spaced.
        values: u, v, p as (n_t, n_x, n_y, 3) at the Chebyshev-Lobatto nodes of the window.
        shedding: Strouhal number and coefficients while it was recorded.
    """

    time: Array
    values: Array
    shedding: Shedding


class WakeMaker:
    """Develops, settles and records a wake, step by step, so that it can stop and go on.

    Args:
        settings: of the wake.
    """

    def __init__(self, settings: WakeSettings) -> None:
        self.settings, self.taken = settings, 0
        self._mesh = settings.mesh.build(settings.fine_order)
        self._flow = self._new_flow(settings.coarse_order)
        self._forces: list[tuple[float, float, float]] = []
        self._times: list[float] = []
        self._snapshots: list[Array] = []
        x_min, x_max, y_min, y_max = settings.window
        x = lobatto_nodes(settings.nodes[0], x_min, x_max)
        y = lobatto_nodes(settings.nodes[1], y_min, y_max)
        self._points = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)

    @property
    def is_done(self) -> bool:
        """Whether the recording is complete."""
        return self.taken >= self.settings.steps[-1]

    @property
    def unknowns(self) -> int:
        """Degrees of freedom at the present order."""
        return self._flow.unknowns

    def advance(self) -> tuple[float, float]:
        """Takes one step of time; returns the drag and lift coefficients after it."""
        to_fine, to_record, _ = self.settings.steps
        if self.taken == 0:
            self._flow.start()
        if self.taken == to_fine:
            fine = self._new_flow(self.settings.fine_order)
            fine.start_from(self._flow)
            self._flow = fine
        drag, lift = self._flow.advance()
        self.taken += 1
        self._forces.append((self._flow.time, drag, lift))
        if self.taken > to_record and self.taken % self.settings.sample_steps == 0:
            self._times.append(self._flow.time)
            self._snapshots.append(self._flow.values(self._points))
        return drag, lift

    def shedding(self) -> Shedding:
        """Forces and frequency of the last period; `ConvergenceError` while there are too few."""
        since = self.settings.steps[0] // 2
        time, drag, lift = np.array(self._forces[since:]).reshape(-1, 3).T
        return shedding(time, drag, lift)

    def recording(self) -> Recording:
        """The recording so far."""
        shape = (len(self._times), *self.settings.nodes, 3)
        values = np.array(self._snapshots).reshape(shape)
        return Recording(np.array(self._times), values, self.shedding())

    def state(self) -> dict[str, Array]:
        """All that the next step needs, as arrays."""
        return {
            **self._flow.state(),
            "forces": np.array(self._forces).reshape(-1, 3),
            "times": np.array(self._times),
            "snapshots": np.array(self._snapshots).reshape(-1, len(self._points), 3),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continues from a `state` with the same settings."""
        self._forces = [tuple(row) for row in state["forces"].tolist()]
        self._times, self._snapshots = state["times"].tolist(), list(state["snapshots"])
        self.taken = len(self._forces)
        if self.taken > self.settings.steps[0]:
            self._flow = self._new_flow(self.settings.fine_order)
        self._flow.restore(state)

    def _new_flow(self, order: int) -> UnsteadyFlow:
        scheme = Scheme(order, 1 / self.settings.reynolds, self.settings.step)
        return UnsteadyFlow(self._mesh, scheme)


def make_wake(
    maker: WakeMaker, observe: Callable[[WakeMaker, float, float], Any], enough: Callable[[], bool]
) -> bool:
    """Advances until the recording is complete or `enough()`.

    Args:
        maker: where it stands; it is changed.
        observe: called after each step with the maker, drag and lift.
        enough: asked after each step.

    Returns:
        Whether the recording is complete.
    """
    from pinn.cfd.engine import finite_elements

    ngsolve, _ = finite_elements()
    with ngsolve.TaskManager():
        while not maker.is_done:
            observe(maker, *maker.advance())
            if enough():
                break
    return maker.is_done
