"""Compiles a partial differential equation into a Transformer, with a proven error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import ConvergenceError, DomainError
from sciformer.statement import Statement
from theory.flows.budget import Budget, certify, solution_range
from theory.flows.design import Design, build
from theory.flows.ends import Line
from theory.flows.equation import ReactionDiffusion, recognise
from theory.flows.polynomial import Polynomial
from theory.flows.record import MOST_DEGREE, MOST_TOKENS, SPARE
from theory.flows.sizing import Sizing
from theory.flows.splitting import SplittingTransformer
from theory.flows.starts import Starts

Report = Callable[[str, float], None]

# A round aims lower by what the last bound was too large, within these limits: far above epsilon
# the bound grows much faster than its parts, and would send the next round too low.
_SHRINK, _LEAST_SHRINK, _ROUNDS = 0.93, 0.3, 10


@dataclass(frozen=True)
class FlowCertificate:
    """|module(u0(sensors)) - u(T, tokens)| <= budget.total for every start u0 of the class.

    Args:
        equation: what is solved.
        starts: the class.
        epsilon: what was asked for.
        design: the sizes.
        budget: the proven bound, taken apart.
    """

    equation: ReactionDiffusion
    starts: Starts
    epsilon: float
    design: Design
    budget: Budget

    @property
    def bound(self) -> float:
        """The proven bound of the error of the float64 forward pass, in the sup norm."""
        return self.budget.total * SPARE


@dataclass(frozen=True)
class CompiledFlow:
    """A Transformer that solves an equation, and the certificate of its error."""

    module: SplittingTransformer
    certificate: FlowCertificate

    def sensors(self) -> Tensor:
        """Places where the start is to be read, float64 (m,)."""
        return self._from_left(self.certificate.design.sensor_line(self.certificate.equation))

    def places(self) -> Tensor:
        """Places of the output, float64 (n,)."""
        return self._from_left(self.certificate.design.line(self.certificate.equation))

    def _from_left(self, line: Line) -> Tensor:
        return line.places() + float(self.certificate.equation.left)

    @torch.no_grad()
    def __call__(self, readings: Tensor) -> Tensor:
        """Starts (..., m) at the sensors to solutions (..., n) at the places, at time T."""
        solutions: Tensor = self.module(readings[..., None])[..., 0]
        return solutions


# What overflows is an infinite bound, which no round accepts.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def compile_flow(
    problem: Statement | ReactionDiffusion,
    *,
    epsilon: float,
    starts: Starts,
    tokens: int | None = None,
    report: Report | None = None,
) -> CompiledFlow:
    """Emits an ordinary Transformer that solves an equation, and proves its error.

    sup over starts and places of |module(u0) - u(T)| <= certificate.bound <= epsilon

    One layer is half a step of reaction (a ReLU block), a step of diffusion (a softmax head with
    relative positions), half a step of reaction; all layers share their weights. A first head reads
    the start at many sensors, unless the class bounds its waves.

    Args:
        problem: u_t = nu u_xx - c u_x + f(u) in one space dimension, f a polynomial or a formula of
            exp, log, sin, cos, tanh, atan, sqrt and powers; periodic, or with walls at u = 0 or
            u_x = 0.
        epsilon: > 0, in units of u.
        starts: the class of starts.
        tokens: least number of tokens; as many as epsilon needs by default.
        report: called with a phase and the fraction of it that is done.

    Raises:
        UsageError: an equation of another class.
        DomainError: epsilon <= 0, starts that are not of the walls' parity, or sizes out of reach.
        ConvergenceError: epsilon is out of reach; the sentence says what would be needed.

    Accuracy: the bound holds for the float64 forward pass, in outward-rounded arithmetic.
    Source: Strang 1968 for the method; the constants and the reading of it as a Transformer are
        our own.

    Examples:
        >>> import theory
        >>> from theory.flows.named import NAMED
        >>> equation, starts = NAMED["fisher-kpp"]
        >>> flow = theory.compile_flow(equation, epsilon=0.1, starts=starts)
        >>> flow.certificate.bound <= 0.1
        True
    """
    equation = problem if isinstance(problem, ReactionDiffusion) else recognise(problem)
    _check(equation, epsilon, starts, tokens)
    report = report or (lambda phase, done: None)
    reaction = solution_range(equation, starts)
    target, budget = epsilon, None
    for attempt in range(_ROUNDS):
        report("design", attempt / _ROUNDS)
        design = Sizing(equation, starts, reaction, target).design(tokens)
        module = build(equation, reaction, design)
        report("certify", attempt / _ROUNDS)
        budget = certify(equation, starts, reaction, design, module)
        if SPARE * budget.total <= epsilon:
            report("certify", 1.0)
            return CompiledFlow(module, FlowCertificate(equation, starts, epsilon, design, budget))
        target *= max(_LEAST_SHRINK, min(_SHRINK, epsilon / (SPARE * budget.total)))
    assert budget is not None, "at least one round"
    raise ConvergenceError(
        f"compile_flow: after {_ROUNDS} rounds the proven bound is {budget.total:.3g}, above "
        f"{epsilon:g}; raise epsilon, or narrow the class of starts."
    )


def _check(equation: ReactionDiffusion, epsilon: float, starts: Starts, tokens: int | None) -> None:
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise DomainError(f"compile_flow: epsilon must be a finite number > 0; got {epsilon:g}.")
    if equation.has_cold_wall and starts.lower != -starts.upper:
        raise DomainError(
            f"compile_flow: a wall at 0 has odd images, so starts lie between -a and a; got "
            f"{starts.lower:g} to {starts.upper:g}."
        )
    if tokens is not None and not 1 <= tokens <= MOST_TOKENS:
        raise DomainError(f"compile_flow: takes 1 to {MOST_TOKENS} tokens; got {tokens}.")
    degree = equation.reaction.degree if isinstance(equation.reaction, Polynomial) else 0
    if degree > MOST_DEGREE:
        raise DomainError(
            f"compile_flow: reactions of degree up to {MOST_DEGREE} are within reach; got {degree}."
        )
