"""Sizes of a compiled flow, and the module that has them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sciformer.blocks import FeedForward
from theory.flows.block import build_block
from theory.flows.ends import Line
from theory.flows.equation import ReactionDiffusion
from theory.flows.linear_flow import heat_head
from theory.flows.reading import ReadingHead
from theory.flows.smoothness import Reaction
from theory.flows.splitting import SplittingTransformer


@dataclass(frozen=True)
class Design:
    """Sizes of a compiled flow.

    Args:
        depth: layers N.
        tokens: n.
        sensors: places where the start is read; equal to `tokens` if there is no reading head.
        units: hidden units of the block.
    """

    depth: int
    tokens: int
    sensors: int
    units: int

    def line(self, equation: ReactionDiffusion) -> Line:
        """The tokens."""
        return Line(self.tokens, float(equation.length), equation.ends)

    def sensor_line(self, equation: ReactionDiffusion) -> Line:
        """The sensors."""
        return Line(self.sensors, float(equation.length), equation.ends)

    @property
    def has_reading_head(self) -> bool:
        """Whether the first layer attends to more sensors than there are tokens."""
        return self.sensors != self.tokens


def step_of(equation: ReactionDiffusion, depth: int) -> Fraction:
    """The exact step T / N."""
    return equation.time / depth


def half_step(equation: ReactionDiffusion, depth: int) -> float:
    """Half a step as the float that blocks are made for and certified against."""
    return float(step_of(equation, depth) / 2)


def build(equation: ReactionDiffusion, reaction: Reaction, design: Design) -> SplittingTransformer:
    """Writes down the weights.

    Args:
        equation: what is solved.
        reaction: with the range that tokens stay in.
        design: the sizes.
    """
    step = float(step_of(equation, design.depth))
    nu, drift = float(equation.diffusivity), float(equation.drift)
    line, sensors = design.line(equation), design.sensor_line(equation)
    block: FeedForward = build_block(
        equation.reaction,
        reaction.lower,
        reaction.upper,
        half_step(equation, design.depth),
        design.units,
    )
    reading = None
    if design.has_reading_head:
        reading = ReadingHead(line, sensors, 2 * nu * step, drift * step)
    head = heat_head(line, nu, step, drift=drift)
    return SplittingTransformer(block, head, design.depth, reading)
