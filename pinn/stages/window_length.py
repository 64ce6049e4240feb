"""The length of the next window of an evolution, from how the windows before it went."""

from __future__ import annotations

from dataclasses import dataclass

# Relative residual of a window. Errors of all windows add up and grow with the evolution, and the
# wide layer reaches 1e-9 to 1e-13 wherever the window is short enough.
ACCEPTED = 1e-7
# The same where a shorter window is less than ten times as good: the network is at the end of what
# it represents, and ever shorter windows would not reach the end of time. Windows after it are held
# to three times what was accepted.
LOOSELY_ACCEPTED, GAIN, FLOOR = 1e-5, 10.0, 3.0
# A window that fails is divided, one that succeeds is followed by a longer one.
SHRINK, GROW = 5.0, 2.0
# A window that leaves so much is far too long, and divided twice at once.
HOPELESS = 0.1


@dataclass
class WindowLength:
    """Length of the next window: a fifth after a failure, twice as long after a success.

    A length that fails by far is divided by 25. Lengths that have just failed are tried again after
    two shorter windows only.

    Attributes:
        next: length to try.
        failed: the last length that failed.
        successes: since then.
        worst: relative residual of the failure before this attempt; None after a success.
        floor: relative residual below which the network is known not to come.
    """

    next: float
    failed: float | None = None
    successes: int = 0
    worst: float | None = None
    floor: float = 0.0

    def accepts(self, worst: float) -> bool:
        """Whether a window with such a relative residual is good enough."""
        if worst <= max(ACCEPTED, self.floor):
            return True
        gains_little = self.worst is not None and worst > self.worst / GAIN
        return gains_little and worst <= LOOSELY_ACCEPTED

    def succeeds(self, worst: float = 0.0) -> None:
        if worst > ACCEPTED:
            self.floor = max(self.floor, min(FLOOR * worst, LOOSELY_ACCEPTED))
        self.successes += 1
        self.worst = None
        longer = GROW * self.next
        is_refuted = self.failed is not None and longer >= self.failed and self.successes < 2
        self.next = self.next if is_refuted else longer

    def fails(self, length: float, worst: float) -> None:
        shrink = SHRINK**2 if worst > HOPELESS else SHRINK
        self.failed, self.successes, self.next = length, 0, length / shrink
        self.worst = worst
