"""Flows with known coefficients: the cavity from its equations, the wake from sparse velocities."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.embedded import embedded_wake_data
from pinn.identification.fit import Fit, FitReport
from pinn.identification.flow_network import field_errors
from pinn.identification.flows import flow_problem, sample_flow
from pinn.identification.inverse_problem import InverseProblem
from pinn.identification.network import Fields, FitSettings, fitted
from pinn.identification.result import FieldError
from pinn.identification.schedule import Schedule, Stage
from pinn.networks import MLP
from pinn.problems.cavity import cavity
from pinn.problems.navier_stokes import FORMS
from pinn.references.wake import embedded_wake
from pinn.trial.inputs import TravellingWave

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pinn.data.flow import FlowData
    from sciformer.runs import Run

    Array = NDArray[np.float64]
    Observers = Sequence[Callable[[FitReport], None]]

CAVITY = FitSettings(
    network=partial(MLP, width=24, layers=3),
    schedule=Schedule(
        (Stage(0, 400, 0, 1.0), Stage(20, 1000, 0, 1.0), Stage(40, 2000, 0, 1.0)), final_points=4000
    ),
    budget=120.0,
)
WAKE = FitSettings(wave=TravellingWave, budget=150.0)
CORNERS = 0.02  # centre lines are compared outside this distance from the lid's corners
LINE = 401  # points on a centre line
INSIDE = 60  # points along each axis of the grid for relative errors
SAMPLES = 5000


@dataclass(frozen=True)
class FlowSolved:
    """A flow and how far it is from its reference.

    Attributes:
        fields: callable at points.
        reference: what figures compare with, callable too; None for data of the user.
        errors: of u, v and p; of p after its mean, in each snapshot, is removed.
        centre_lines: largest |u - u*| on x = 0.5 and |v - v*| on y = 0.5; cavity only.
    """

    problem: str
    form: str
    seed: int
    parameters: int
    iterations: int
    loss: float
    stopped: str
    wall_seconds: float
    fields: Fields
    reference: Callable[[Any], Any] | None
    errors: dict[str, FieldError]
    centre_lines: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """All figures as JSON values."""
        values = {
            name: getattr(self, name)
            for name in ("problem", "form", "seed", "parameters", "iterations", "loss", "stopped")
        }
        for name, error in self.errors.items():
            values |= {f"{kind}_{name}": value for kind, value in asdict(error).items()}
        values |= {f"centre_line_{name}": value for name, value in self.centre_lines.items()}
        return {**values, "wall_seconds": self.wall_seconds}


def solve_cavity(
    form: str = "streamfunction",
    settings: FitSettings = CAVITY,
    observers: Observers = (),
    run: Run | None = None,
) -> FlowSolved:
    """The lid-driven cavity at Re = 100 from its equations and walls alone.

    Args:
        form: a key of `FORMS`.
        settings: of the fit.
        observers: called after every step.
        run: where checkpoints are kept, and whose newest is continued.
    """
    began = time.perf_counter()
    made = cavity(form=form)
    inverse = InverseProblem(
        made.problem,
        sizes={},
        scales={"x": 0.3, "y": 0.3},
        quantities=made.quantities,
        factors=made.factors,
        gauge=("p",),
    )
    fit, fields, stopped = fitted(inverse, None, settings, observers, run)
    reference = made.problem.reference
    assert reference is not None, "Re = 100 has one"
    line = np.linspace(0, 1, LINE)[1:-1]
    lines = {
        "u": np.column_stack([np.full_like(line, 0.5), line]),
        "v": np.column_stack([line, np.full_like(line, 0.5)]),
    }
    axis = np.linspace(CORNERS, 1 - CORNERS, INSIDE)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    mine, truth = centred(fields(grid)), centred(dict(reference(grid)))
    return _solved(
        "cavity",
        form,
        settings,
        fit,
        stopped=stopped,
        wall_seconds=time.perf_counter() - began,
        fields=fields,
        reference=reference,
        errors={name: FieldError.between(mine[name], truth[name]) for name in "uvp"},
        centre_lines={
            name: float(np.abs(fields(points)[name] - reference(points)[name]).max())
            for name, points in lines.items()
        },
    )


def reconstruct_wake(
    form: str = "streamfunction",
    settings: FitSettings = WAKE,
    observers: Observers = (),
    run: Run | None = None,
    *,
    data: FlowData | None = None,
    samples: int = SAMPLES,
) -> FlowSolved:
    """u, v and p of a wake at Re = 100 from velocities at random places and times.

    Args:
        form: a key of `FORMS`.
        settings: of the fit; its seed is also that of the samples.
        observers: called after every step.
        run: where checkpoints are kept, and whose newest is continued.
        data: a flow; the wake of the package by default. Its pressure is only compared with.
        samples: velocities that are seen.
    """
    began = time.perf_counter()
    reference = embedded_wake() if data is None else None
    data = embedded_wake_data() if data is None else data
    inverse = replace(flow_problem(FORMS[form](), data), sizes={})
    observations = sample_flow(data, samples, 0.0, settings.seed)
    fit, fields, stopped = fitted(inverse, observations, settings, observers, run)
    return _solved(
        "cylinder-wake",
        form,
        settings,
        fit,
        stopped=stopped,
        wall_seconds=time.perf_counter() - began,
        fields=fields,
        reference=reference,
        errors=field_errors(data, fields, gauge=("p",)),
        centre_lines={},
    )


def centred(values: dict[str, Array]) -> dict[str, Array]:
    """With the mean of p removed."""
    return {**values, "p": values["p"] - values["p"].mean()}


def _solved(problem: str, form: str, settings: FitSettings, fit: Fit, **found: Any) -> FlowSolved:
    """With the figures of the fit."""
    return FlowSolved(
        problem=problem,
        form=form,
        seed=settings.seed,
        parameters=len(fit.parameters),
        iterations=fit.iteration,
        loss=fit.loss,
        **found,
    )
