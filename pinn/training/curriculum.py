"""Planned changes during a training: a parameter that grows, a time span that opens."""

from __future__ import annotations

from dataclasses import dataclass

from sciformer.errors import UsageError


@dataclass(frozen=True)
class Ramp:
    """A ramp from `start` to `end` in equal steps over `iterations`, then `end`."""

    start: float
    end: float
    iterations: int

    def at(self, iteration: int) -> float:
        """The value at an iteration."""
        done = min(1.0, iteration / self.iterations)
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True)
class Curriculum:
    """A parameter of the problem that starts where the problem is easy.

    Args:
        parameter: its name.
        ramp: its values; the last is that of the problem.

    Source: Krishnapriyan et al. 2021 (arXiv 2109.01050), section 4.1.
    """

    parameter: str
    ramp: Ramp

    @classmethod
    def parse(cls, text: str, values: dict[str, float]) -> Curriculum:
        """A curriculum from "name:start:iterations", such as "beta:1:200".

        Args:
            text: what the user wrote.
            values: the parameters of the problem.

        Raises:
            UsageError: not of this form, or no parameter of the problem.
        """
        name, _, rest = text.partition(":")
        start, _, iterations = rest.partition(":")
        try:
            first, steps = float(start), int(iterations)
        except ValueError:
            first, steps = 0.0, 0
        if name not in values or steps < 1:
            raise UsageError(
                f"solve: a curriculum is written parameter:start:iterations, such as beta:1:200, "
                f"with a parameter of {', '.join(values) or 'the problem, which has none'}; "
                f"got {text!r}."
            )
        return cls(name, Ramp(first, values[name], steps))
