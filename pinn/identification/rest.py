"""Decision when the estimates of a fit rest, so that more of it would be wasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.identification.uncertainty import Information
from pinn.training.verdict import EXPLAINED
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pinn.loss.least_squares import LeastSquares
    from pinn.training.noisy_data import NoisyData
    from pinn.training.progress import Progress

    Array = NDArray[np.float64]

# A hundredth of chi^2 changes intervals by half a per cent. Three steps without it are no accident
# of one damping.
FALL, STEPS = 0.01, 3
# Clean samples met to this share of a noise that is itself a thousandth of their spread: their
# fifth digit, with which unknowns have as many.
MET = 1e-2
# A tenth of a standard deviation, which intervals count, widens them by half a per cent.
SHARE = 0.1
# Other points of the equations move estimates by what the network cannot represent.
BETWEEN_POINTS = 0.25


class Rest:
    """Whether the estimates of a fit rest: to be asked after each step.

    On the present points chi^2 has fallen by less than a hundredth over three steps, the samples
    are explained, and one undamped step of Gauss and Newton, of network and unknowns together,
    would move no unknown by more than a tenth of its standard deviation. Then the next stage of the
    fit begins. In the last stage new points are drawn; if the estimates rest there too, and within
    a quarter of their standard deviations, the fit ends.

    Standard deviations are in units of the noise, or of what the fit leaves of it if that is less,
    as of clean samples. Samples that are not explained leave the fit its limits: it may not have
    found the shape of the solution.

    Args:
        objectives: of the fit.
        sizes: of the unknowns, by which they are trained.
    """

    def __init__(self, objectives: NoisyData, sizes: Mapping[str, float]) -> None:
        self._objectives = objectives
        self._sizes = np.array(list(sizes.values()))
        self._objective: LeastSquares | None = None
        self._squares: list[float] = []
        self._estimates: Array | None = None

    def __call__(self, progress: Progress) -> str | None:
        """Why the fit may end now, or None; a stage whose estimates rest ends early."""
        if self._objective is not self._objectives.present:
            self._objective, self._squares = self._objectives.present, []
        self._squares.append(progress.loss * self._objectives.noise_units() ** 2)
        if progress.accepted and not self._is_flat():
            return None
        self._squares = []  # a look costs as much as a step: the next comes after some
        deviations = self._deviations_at_rest()
        if deviations is None:
            return None
        estimates = np.array(list(self._objectives.values().values()))
        before, self._estimates = self._estimates, None
        if self._objectives.is_in_last_stage:
            if before is not None and (abs(estimates - before) < BETWEEN_POINTS * deviations).all():
                return "the estimates rest"
            self._estimates = estimates
        self._objectives.move_on()
        return None

    def _is_flat(self) -> bool:
        if len(self._squares) <= STEPS:
            return False
        before, now = self._squares[-1 - STEPS], self._squares[-1]
        is_met = now < MET**2 * int(self._objectives.is_sample().sum())
        return is_met or before - now < FALL * now

    def _deviations_at_rest(self) -> Array | None:
        """Standard deviations of the unknowns if they are at their minimum; None if not."""
        jacobian, rows = self._objectives.linearised()
        try:
            known = Information(jacobian, len(self._sizes))
        except DomainError:
            return None
        dispersion, freedom = known.dispersion(rows, self._objectives.is_sample())
        deviations = min(1.0, max(MET, dispersion)) * known.cramer_rao()
        is_told = freedom >= 1 and dispersion <= EXPLAINED
        shift = np.abs(known.influences(rows).sum(0))
        return deviations * self._sizes if is_told and (shift < SHARE * deviations).all() else None
