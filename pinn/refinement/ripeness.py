"""Decision when a network is trained far enough for a wide layer to take over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# A training shorter than this has not seen its fine points yet; see the schedules.
FEWEST_STEPS = 50


@dataclass(frozen=True)
class Ripeness:
    """Whether more training would be wasted, from the validation residuals so far.

    A wide layer gains three to five digits on a network that has found the shape of a solution,
    whether its error is 1e-3 or 1e-5, and hardly any on one that has not. So a training ends
    where the shape is found and progress is slow, or where the residual is small already.

    Attributes:
        shape: share of the first validation residual (a mean square) below which the shape is
            found: errors are 1e-2 to 1e-4 there (Burgers, convection, wave, KdV, Allen-Cahn).
        done: share below which the training ends at once; errors are 1e-4 to 1e-6.
        fall: the residual must fall by this factor within `window` steps, or progress is slow: a
            wide layer takes as long as some fifty steps.
        window: steps, or a tenth of all steps so far if that is more.
    """

    shape: float = 1e-5
    done: float = 3e-8
    fall: float = 4.0
    window: int = 10

    def reason(self, validations: Sequence[tuple[int, float]]) -> str | None:
        """Why the training may end, or None.

        Args:
            validations: (step, validation residual) from the first step on, in order.
        """
        if not validations:
            return None
        (_, first), (step, now) = validations[0], validations[-1]
        if now <= self.done * first:
            return f"validation residual {self.done:g} of the first"
        window = max(self.window, step // 10)
        before = [value for at, value in validations if at <= step - window]
        is_slow = bool(before) and now > before[-1] / self.fall
        if step >= FEWEST_STEPS and now <= self.shape * first and is_slow:
            return f"validation residual falls by less than {self.fall:g} in {window} steps"
        return None
