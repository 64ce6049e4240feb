"""A package of somebody else: equation, optimiser, sampler, network and a jet rule, from outside.

`install` puts it into a directory as an installer would; no file of this repository knows it.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = '''
"""Sinks, steepest descent, stratified points and a network with a bump activation."""
from dataclasses import dataclass
from typing import ClassVar

import sympy
import torch
from torch import nn

from pinn import Box, Condition, Problem
from pinn.jets import rule
from pinn.optimisers import StepReport
from pinn.sampling.samplers import Sample
from pinn.sampling.schedule import GRADIENT


def sink(strength: float = 2.0) -> Problem:
    """A sink along a rod: u'' = k u."""
    x, k = sympy.symbols("x k")
    u = sympy.Function("u")(x)
    exact = sympy.exp(-sympy.sqrt(k) * x)
    return Problem(
        name="sink",
        coordinates=(x,),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2), k * u),),
        domain=Box(x=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, 1), on="x=0"),
            Condition(sympy.Eq(u, sympy.exp(-sympy.sqrt(strength))), on="x=1"),
        ),
        parameters={k: strength},
        exact={u: exact},
    )


@dataclass(eq=False)
class Descent:
    """Steepest descent whose length doubles after success and halves after failure."""

    length: float = 1e-2
    needs_jacobian: ClassVar[bool] = False
    schedule: ClassVar[object] = GRADIENT

    def __post_init__(self):
        self._length = self.length

    def step(self, objective):
        start = objective.parameters.read()
        before, gradient = objective.value_and_gradient()
        objective.parameters.write(start - self._length * gradient)
        after, _ = objective.value_and_gradient()
        if after < before:
            self._length *= 2
            return StepReport(before, after, True, 2, {"length": self._length})
        objective.parameters.write(start)
        self._length /= 2
        return StepReport(before, before, False, 2, {"length": self._length}, "uphill")

    def points_changed(self):
        pass

    def state(self):
        return {"length": self._length}

    def restore(self, state):
        self._length = float(state["length"])


class Stratified:
    """One uniform point in each of as many equal cells along the first coordinate."""

    def __init__(self, uniform, seed=0, *, jitter=1.0):
        self._uniform, self._jitter = uniform, jitter

    def draw(self, count, current):
        unit = self._uniform.unit(count)
        cell = torch.arange(count, dtype=unit.dtype)
        unit[:, 0] = (cell + 0.5 + self._jitter * (unit[:, 0] - 0.5)) / count
        return Sample(self._uniform.region.from_unit(unit), torch.ones(count, dtype=unit.dtype))

    def state(self):
        return self._uniform.state()

    def restore(self, state):
        self._uniform.restore(state)


def bump(x):
    """exp(-x^2) as a torch function of this package, so that a jet needs a rule of its own."""
    if torch.overrides.has_torch_function_unary(x):
        return torch.overrides.handle_torch_function(bump, (x,), x)
    return torch.exp(-x * x)


@rule(bump)
def _bump(x):
    return torch.exp(-(x * x))


class Bumps(nn.Module):
    """A layer of bumps and a linear layer."""

    @dataclass(frozen=True)
    class Sizes:
        """How many bumps."""

        bumps: int = 12

        def build(self, inputs, fields):
            return Bumps(inputs, fields, self.bumps)

    def __init__(self, inputs, fields, bumps):
        super().__init__()
        self.inputs = inputs
        self.first, self.last = nn.Linear(inputs.width, bumps), nn.Linear(bumps, fields)

    def forward(self, points):
        return self.last(bump(self.first(self.inputs(points))))
'''

ENTRY_POINTS = """
[sciformer.problems]
sink = toy_physics:sink
[pinn.optimisers]
descent = toy_physics:Descent
[pinn.samplers]
stratified = toy_physics:Stratified
[pinn.networks]
bumps = toy_physics:Bumps.Sizes
"""


def install(target: Path) -> None:
    """Writes the package and what an installer would write beside it."""
    information = target / "toy_physics-0.1.dist-info"
    information.mkdir(parents=True)
    (target / "toy_physics.py").write_text(SOURCE)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-physics\nVersion: 0.1\n"
    )
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
