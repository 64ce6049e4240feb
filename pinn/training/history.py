"""The validation residuals of a training, thinned so that they stay few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST = 400  # enough to tell a fifth of a training from the rest, whatever its length
LATE = 0.2  # the share of the steps over which a residual is looked at for whether it falls


class History:
    """Validation residuals by step.

    Those on other points, as a new stage of a training brings them, cannot be compared with the
    ones before.

    Args:
        pairs: (step, mean square), in order.
        since: the step from which on they are comparable.
    """

    def __init__(self, pairs: Iterable[Sequence[float]] = (), since: int = 0) -> None:
        self._pairs = [(int(step), float(value)) for step, value in pairs]
        self._since = since

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> History:
        """A history from a state."""
        return cls(state["pairs"], int(state["since"]))

    @property
    def pairs(self) -> list[tuple[int, float]]:
        """(step, mean square) of all residuals that are kept, in order."""
        return list(self._pairs)

    @property
    def comparable(self) -> list[tuple[int, float]]:
        """The residuals on the present points."""
        return [pair for pair in self._pairs if pair[0] >= self._since]

    def add(self, step: int, value: float) -> None:
        """Appends a residual; of too many every second one is dropped."""
        if self._pairs and self._pairs[-1][0] == step:
            return
        self._pairs.append((step, value))
        if len(self._pairs) > MOST:
            self._pairs = self._pairs[::2]

    def points_changed(self, step: int) -> None:
        """Marks that residuals after a step are on other points than those before."""
        self._since = step + 1

    def fall(self) -> float:
        """The factor by which the smallest residual fell over the last fifth of the steps.

        1 where it did not fall, or where too few are known to tell.
        """
        pairs = self.comparable
        return self.fall_over(LATE * pairs[-1][0]) if pairs else 1.0

    def fall_over(self, steps: float) -> float:
        """The factor by which the smallest residual fell over the last steps; 1 if none is known
        from before them."""
        pairs = self.comparable
        if not pairs:
            return 1.0
        before = [value for step, value in pairs if step <= pairs[-1][0] - steps]
        now = min(value for _, value in pairs)
        return min(before) / now if before and now > 0 else 1.0

    def state(self) -> dict[str, Any]:
        """Plain values from which another one is made."""
        return {"pairs": [[step, value] for step, value in self._pairs], "since": self._since}
