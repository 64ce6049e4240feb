"""What is to be identified, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinn.problem.expressions import Expressions
from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.problem.problem import Problem


@dataclass(frozen=True)
class InverseProblem:
    """A problem some of whose parameters are told by samples of some quantities.

    Args:
        problem: its parameters hold the values that errors are against.
        sizes: a typical size > 0 of each unknown parameter, by name.
        quantities: what may be observed, as expressions of the fields; the fields by default.
        start: where unknown parameters start; 0 by default.
        offsets, factors: a field is offset + factor * network, expressions of the coordinates by
            the field's name; 0 and 1 by default.
        scales: a length for each coordinate over which the fields vary by their own size.
        gauge: quantities that are known up to a function of time.

    Raises:
        UnknownNameError: a name that the problem does not have.
        UsageError: a size is not positive, or scales of other coordinates.
    """

    problem: Problem
    sizes: Mapping[str, float]
    scales: Mapping[str, float]
    quantities: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, Any] = field(default_factory=dict)
    factors: Mapping[str, Any] = field(default_factory=dict)
    gauge: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name, problem = self.problem.name, self.problem
        _known(name, "parameter", self.sizes, problem.parameter_values)
        _known(name, "unknown parameter", self.start, self.sizes)
        _known(name, "field", {**self.offsets, **self.factors}, problem.field_names)
        _known(name, "quantity", self.gauge, self.quantities)
        for size in self.sizes.values():
            if not size > 0:
                raise UsageError(f"{name}: sizes of unknown parameters must be > 0; got {size:g}.")
        if set(self.scales) != set(problem.domain.coordinates):
            raise UsageError(
                f"{name}: scales of {', '.join(self.scales)} do not match the coordinates "
                f"{', '.join(problem.domain.coordinates)}; give one length for each."
            )

    @property
    def expressions(self) -> dict[str, Any]:
        """The quantities, by name."""
        return dict(self.quantities) or dict(
            zip(self.problem.field_names, self.problem.fields, strict=True)
        )

    def measured(self, names: tuple[str, ...]) -> Expressions:
        """The quantities of these names as torch functions."""
        known = self.expressions
        _known(self.problem.name, "quantity", names, known)
        return self.problem.compile([known[name] for name in names])

    def ansatz(self) -> Expressions | None:
        """The offsets of all fields and then their factors; None if the network stands alone."""
        if not (self.offsets or self.factors):
            return None
        names = self.problem.field_names
        forms = [self.offsets.get(n, 0) for n in names] + [self.factors.get(n, 1) for n in names]
        return Expressions(forms, self.problem.coordinates, (), (), who=self.problem.name)


def _known(who: str, kind: str, given: Any, known: Any) -> None:
    for name in given:
        if name not in known:
            raise unknown_name(who, kind, name, known)
