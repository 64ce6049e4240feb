"""The wake of a cylinder at Re = 100, reconstructed from velocities at random places and times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinn.data.embedded import embedded_wake_data
from pinn.networks import MLP
from pinn.problem.problem import Problem
from pinn.problems.measured_flow import measured_flow, sample_flow
from pinn.problems.navier_stokes import FORMS
from pinn.references.wake import embedded_wake
from pinn.trial.inputs import TravellingWave
from sciformer.errors import DomainError, unknown_name

if TYPE_CHECKING:
    from pinn.data.flow import FlowData

# Found by trials on this wake.
ADVICE = {"network": MLP.Sizes(), "wave": TravellingWave, "spread": True, "budget": 150.0}


def cylinder_wake(
    samples: int = 5000,
    noise: float = 0.0,
    draw: int = 0,
    form: str = "streamfunction",
    data: FlowData | None = None,
) -> Problem:
    """u_t + (u.grad) u + grad p = lap u / 100, div u = 0, in the wake of a cylinder.

    u and v are measured at random points of [1, 8] x [-2, 2] and random times in [0, 19.9], in
    diameters and D / U; no condition is given, and the pressure is never measured. The wake of the
    package is that of one cylinder in a row of them, 16 diameters apart: its Strouhal number is
    0.1703, where a free stream has 0.164 to 0.167.

    Args:
        samples: how many velocities, >= 1.
        noise: added, as a share of each component's standard deviation, >= 0.
        draw: seed of the choice of points and of the noise.
        form: "streamfunction" (psi, p) or "velocity" (u, v, p with continuity).
        data: another wake at Re = 100, in the same units; the package's by default. A first
            snapshot whose time cannot be right (`FlowData.has_late_start`) is left out, as in that
            of the source.

    Raises:
        DataError: more samples than the data have, or a constant flow.
        DomainError: no samples, or noise < 0.
        UnknownNameError: another form.

    Source: the reconstruction of Raissi, Perdikaris, Karniadakis 2019, section 4.1; the wake is
        the package's own, in the same row of cylinders.
    """
    if samples < 1 or not noise >= 0:
        raise DomainError(
            f"cylinder-wake: samples must be >= 1 and noise >= 0; got {samples} and {noise:g}."
        )
    if form not in FORMS:
        raise unknown_name("cylinder-wake", "form", form, FORMS)
    reference = embedded_wake() if data is None else None
    data = embedded_wake_data() if data is None else data.from_snapshot(int(data.has_late_start))
    problem = measured_flow(FORMS[form](), data, sample_flow(data, samples, noise, draw))
    return replace(
        problem,
        name="cylinder-wake",
        title="Wake of a cylinder at Re = 100",
        unknown={},
        reference=reference,
        advice=ADVICE,
        source="Raissi, Perdikaris, Karniadakis 2019, section 4.1",
    )
