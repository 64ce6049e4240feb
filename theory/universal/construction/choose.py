"""Choice of the attention to which a formula is compiled: the constructions, and the cheapest of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy

from sciformer.errors import DomainError, unknown_name
from theory.universal.construction.copy import copy_heads, tilted_copy_heads
from theory.universal.construction.heads import Heads
from theory.universal.construction.linear import linear_heads
from theory.universal.construction.relative import relative_heads
from theory.universal.construction.tilted import tilted_heads
from theory.universal.fitting.fit import affine_fit, sample_cube
from theory.universal.fitting.symmetry import Orbits
from theory.universal.formula.target import Target, sequences_in

# Soft maxima from blunt to sharp, each twice as sharp as the one before.
_TILTS = (4.0, 8.0, 16.0, 32.0)
# Share of epsilon that an affine map of the heads may take; the fit and the proof need the rest.
_MARGIN = 0.85


class Construction(Protocol):
    """A way to bring the sequence to every token."""

    @property
    def name(self) -> str: ...

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        ...


@dataclass(frozen=True)
class Copy:
    """n copy heads with exact un-mixing (T2)."""

    beta: float = 1.0
    name: str = "copy"

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        return copy_heads(target.tokens, target.width, self.beta)


@dataclass(frozen=True)
class Relative:
    """n - 1 heads that look at the tokens at fixed distances (T2b i)."""

    beta: float = 1.0
    name: str = "relative"

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        return relative_heads(target.tokens, target.width, self.beta)


@dataclass(frozen=True)
class Linear:
    """d heads, softmax in its linear range, decoded to first order (T2b ii)."""

    gamma: float = 1e-3
    name: str = "linear"

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        return linear_heads(target.tokens, target.width, self.gamma)


@dataclass(frozen=True)
class Hybrid:
    """Copy heads and tilted means, which are soft maxima and minima (T3)."""

    tilts: tuple[float, ...] = (-8.0, 8.0)
    name: str = "hybrid"

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        return tilted_copy_heads(target.tokens, target.width, self.tilts)


@dataclass(frozen=True)
class Tilted:
    """Tilted means without positions, for permutation-equivariant targets of width 1 (T1)."""

    tilts: tuple[float, ...] = (0.0, -3.0, 3.0)
    name: str = "tilted"

    def heads(self, target: Target) -> Heads:
        """The attention for one target."""
        if target.width != 1:
            raise DomainError(
                "compile: the construction 'tilted' is for tokens of width 1; got width "
                f"{target.width}, take 'copy'."
            )
        return tilted_heads(target.tokens, self.tilts)


CONSTRUCTIONS: dict[str, Construction] = {
    c.name: c for c in (Copy(), Relative(), Linear(), Hybrid(), Tilted())
}


def choose(
    construction: Construction | str, target: Target, epsilon: float
) -> tuple[Construction, str]:
    """The construction to use and the reason, in words.

    "auto" takes tilted means if the target has a maximum or minimum of three or more arguments and
    an affine read-out of the means is within epsilon at sample points: a single hidden layer needs
    hundreds of units for that (docs, N7). Otherwise it takes copy heads, whose hidden layer works
    on the exact sequence.
    """
    if not isinstance(construction, str):
        return construction, f"{construction.name}: as asked"
    if construction in CONSTRUCTIONS:
        return CONSTRUCTIONS[construction], f"{construction}: as asked"
    if construction != "auto":
        raise unknown_name("compile", "construction", construction, ["auto", *CONSTRUCTIONS])
    if not _has_wide_maximum(target):
        return Copy(), "copy: the formula has no maximum or minimum of three or more arguments"
    errors = {t: affine_error(Hybrid((-t, t)), target) for t in _TILTS}
    for tilt, error in errors.items():
        if error <= _MARGIN * epsilon:
            return (
                Hybrid((-tilt, tilt)),
                f"hybrid: tilted means at +-{tilt:g} read out affinely are within {error:.3g} at "
                "sample points, no hinge is needed",
            )
    least = min(errors.values())
    return Copy(), f"copy: tilted means read out affinely leave {least:.3g} at sample points"


def _has_wide_maximum(target: Target) -> bool:
    return any(
        len(node.args) > 2
        for row in target.entries
        for entry in row
        for node in entry.atoms(sympy.Max, sympy.Min)
    )


def affine_error(construction: Construction, target: Target) -> float:
    """Largest error, at sample points, of the best affine read-out of a construction's features."""
    heads = construction.heads(target)
    sequences = sequences_in(target, sample_cube(target.dimension))
    values = target.values(sequences)
    worst = 0.0
    for token in range(target.tokens):
        features = heads.features(sequences, token)
        for output in range(target.outputs):
            column = values[:, token, output]
            found = affine_fit(Orbits.of(features), column)
            worst = max(worst, float(np.abs(found(features) - column).max()))
    return worst
