"""Compiles a formula into the weights of one Transformer layer, with a certificate of its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sciformer.errors import ConvergenceError, DomainError
from theory.universal.arrays import Array
from theory.universal.certificate import CompiledLayer, certificate_of
from theory.universal.certifier.arithmetic import FLOAT64, Arithmetic, arithmetic_of
from theory.universal.certifier.certify import Entry, certify
from theory.universal.construction.assemble import assemble
from theory.universal.construction.choose import Construction, Hybrid, Tilted, choose
from theory.universal.construction.entry_fits import EntryFits
from theory.universal.enclosure.defined import check_defined
from theory.universal.fitting.ridge import Ridges
from theory.universal.formula.domain import Domain
from theory.universal.formula.target import Formula, Target, read_target
from theory.universal.layer import LayerWeights, SingleLayer
from theory.universal.preconditions import check_continuous, check_cost

# Share of epsilon that a fit aims at; the rest is for what the proof loses. A refused entry aims
# lower by a twenty-fifth each time, at most twelve times.
_FIRST_SHARE = 0.92
_SHRINK = 0.96
_ROUNDS = 12

Report = Callable[[str, float], None]


def compile(  # noqa: A001 (the verb of this room)
    formula: Formula,
    tokens: int,
    width: int = 1,
    epsilon: float = 0.05,
    *,
    domain: Domain = (-1.0, 1.0),
    dtype: str = "float64",
    construction: Construction | str = "auto",
    force: bool = False,
    simplify: bool = False,
    report: Report | None = None,
) -> CompiledLayer:
    """Emits one self-attention layer with one hidden ReLU layer, and proves its error.

    sup over [a, b]^(n x d) of |layer(x) - formula(x)| <= certificate.bound <= epsilon

    Args:
        formula: rows (tokens) separated by ";", entries (outputs) by ","; or lists of sympy
            expressions. One row is the output of every token.
        tokens: n >= 1.
        width: d >= 1, channels of an input token.
        epsilon: > 0, in units of the outputs.
        domain: ends (a, b) of every coordinate; or one pair a coordinate, in order or by name.
        dtype: float64 or float32, the precision of the layer, for whose forward pass the bound is.
        construction: "auto", a name, or an object of `theory.universal.construction.choose`.
        force: compile even if the estimated cost is out of reach.
        simplify: compile what sympy simplifies the formula to, such as x1 for sqrt(x1)**2.
        report: called with a phase and the fraction of it that is done.

    Returns:
        The module and its certificate.

    Raises:
        DataError, UnknownNameError, ShapeError: a formula that cannot be read.
        DomainError: epsilon <= 0, a pole in the domain, a discontinuous target, too high a cost.
        ConvergenceError: no layer was found within the caps.

    Accuracy: the bound holds for the forward pass in `dtype`; see `Certificate.assumptions`.
    Source: theorems T1-T3 of docs/theory/single-layer-theorem.md.
    Deviates: the ridge functions are found by fitting, not by the explicit formula of theorem T0,
        which needs 100 to 10000 times as many units; the certificate does not care.

    Examples:
        >>> import theory
        >>> compiled = theory.compile("x1*x2; sin(2*x1+x2)", tokens=2, epsilon=0.1)
        >>> compiled.certificate.bound <= 0.1
        True
    """
    target = read_target(formula, tokens, width, domain, simplify=simplify)
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise DomainError(f"compile: epsilon must be a finite number > 0; got {epsilon:g}.")
    check_defined(target)
    check_continuous(target)
    if not force:
        check_cost(target, epsilon)
    chosen, reason = choose(construction, target, epsilon)
    arithmetic = arithmetic_of(dtype)
    quiet = report or (lambda phase, done: None)
    weights, entries = _Emission(target, epsilon, chosen, arithmetic, quiet).run()
    certificate = certificate_of(target, epsilon, weights, entries, reason, arithmetic.name)
    return CompiledLayer(SingleLayer(weights, dtype), certificate)


@dataclass
class _Emission:
    """Fit, certify, add the counterexamples, fit again."""

    target: Target
    epsilon: float
    construction: Construction
    arithmetic: Arithmetic
    report: Report

    def run(self) -> tuple[LayerWeights, list[Entry]]:
        target = self.target
        heads = self.construction.heads(target)
        on_features = isinstance(self.construction, Hybrid | Tilted)
        fits = EntryFits(target, heads, follows=not on_features)
        shared = target.is_shared or heads.gate is None
        tokens = range(1 if shared else target.tokens)
        share = np.full((len(tokens), target.outputs), _FIRST_SHARE)
        extra: dict[tuple[int, int], list[Array]] = {}
        todo = [(i, k) for i in tokens for k in range(target.outputs)]
        parts = [[_nothing(heads.decode.shape[1])] * target.outputs for _ in tokens]
        for _ in range(_ROUNDS):
            for done, (i, k) in enumerate(todo):
                self.report("fit", done / len(todo))
                tolerance = float(share[i, k]) * self.epsilon
                parts[i][k] = fits.fit(i, k, tolerance, extra.get((i, k), []))
            limit = max(float(target.limit.max()), FLOAT64.tiny)
            weights = assemble(heads, parts, limit).rounded(self.arithmetic.name)
            entries = certify(
                weights,
                target,
                self.epsilon,
                arithmetic=self.arithmetic,
                report=self._certified,
            )
            refused = [e for e in entries if not e.accepted]
            if not refused:
                return weights, entries
            todo = sorted({(0 if shared else e.token, e.output) for e in refused})
            for e in refused:
                share[0 if shared else e.token, e.output] *= _SHRINK
                if e.witness is not None:
                    place = extra.setdefault((0 if shared else e.token, e.output), [])
                    place.append(e.witness.point)
        rounding = max(e.rounding for e in refused)
        if rounding > 0.5 * self.epsilon:
            raise ConvergenceError(
                f"compile: the {self.arithmetic.name} forward pass alone may be off by "
                f"{rounding:.2g}, of an epsilon of {self.epsilon:g}; raise epsilon or use float64."
            )
        raise ConvergenceError(
            f"compile: after {_ROUNDS} rounds {len(refused)} entries are still not proven within "
            f"{self.epsilon:g}; raise epsilon, or take another construction than "
            f"{self.construction.name!r}."
        )

    def _certified(self, done: int, of: int) -> None:
        self.report("certify", done / of)


def _nothing(features: int) -> Ridges:
    zero = np.zeros(features)
    return Ridges(np.zeros((0, features)), np.zeros(0), np.zeros(0), zero, 0.0)
