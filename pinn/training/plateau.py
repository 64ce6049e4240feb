"""Decision when a training has come to rest, so that more of it would be wasted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinn.training.history import History


@dataclass(frozen=True)
class Plateau:
    """Whether the validation residual has stopped falling.

    The window is long beside the pauses that a training makes and leaves again; half of all steps
    so far, so that a training that has fallen for long is given as long to fall again. A training
    that has not found the shape of the solution goes on: Allen-Cahn rests for 300 steps at an error
    of one half, and leaves.

    Attributes:
        steps: of the window, or half of all steps so far if that is more. Steps of first-order
            methods are small: they need some ten times as many.
        fall: factor by which the least mean square must fall within the window; a twentieth of the
            residual is nothing that anybody would wait as long again for.
        shape: share of the first mean square below which the shape is found, as for `Ripeness`.
    """

    steps: int = 100
    fall: float = 1.1
    shape: float = 1e-5

    def reason(self, history: History) -> str | None:
        """Why the training may end, or None."""
        pairs = history.comparable
        if not pairs:
            return None
        (first, _), (last, _) = pairs[0], pairs[-1]
        window = max(self.steps, last // 2)
        if last - first < window or not history.fall_over(window) < self.fall:
            return None
        if min(value for _, value in pairs) > self.shape * history.pairs[0][1]:
            return None
        return f"the validation residual no longer falls: by less than {self.fall:g} in " + (
            f"{window} steps"
        )
