"""The validation residuals of a training, thinned so that they stay few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST = 400  # enough to tell a fifth of a training from the rest, whatever its length
LATE = 0.2  # the share of the steps over which a residual is looked at for whether it falls


class History:
    """Validation residuals by step, all of them comparable.

    Args:
        pairs: (step, mean square), in order.
    """

    def __init__(self, pairs: Iterable[Sequence[float]] = ()) -> None:
        self._pairs = [(int(step), float(value)) for step, value in pairs]

    def add(self, step: int, value: float) -> None:
        """Appends a residual; of too many every second one is dropped."""
        if self._pairs and self._pairs[-1][0] == step:
            return
        self._pairs.append((step, value))
        if len(self._pairs) > MOST:
            self._pairs = self._pairs[::2]

    def fall(self) -> float:
        """The factor by which the least residual fell over the last fifth of the steps.

        1 where it did not fall, or where too few are known to tell.
        """
        if not self._pairs:
            return 1.0
        last = self._pairs[-1][0]
        before = [value for step, value in self._pairs if step <= (1 - LATE) * last]
        now = min(value for _, value in self._pairs)
        return min(before) / now if before and now > 0 else 1.0

    def state(self) -> list[list[float]]:
        """Plain values from which another one is made."""
        return [[step, value] for step, value in self._pairs]
