"""Ridge functions for every entry of a target, with the points that a certifier brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sciformer.errors import ConvergenceError
from theory.universal.arrays import Array
from theory.universal.construction.heads import Heads
from theory.universal.enclosure.range import reach_of
from theory.universal.fitting.fit import fit, fit_function, sample_cube, symmetry_for
from theory.universal.fitting.ridge import Ridges, merge
from theory.universal.fitting.symmetry import Orbits
from theory.universal.formula.decompose import Block, decompose
from theory.universal.formula.program import evaluate
from theory.universal.formula.target import Target, sequences_in

Key = tuple[object, ...]


@dataclass
class EntryFits:
    """Fits entries block by block, and remembers what it has fitted.

    Args:
        target: the formula.
        heads: the attention whose features the hidden layer works on.
        follows: whether the features are the sequence itself; else the fit is on the features.
    """

    target: Target
    heads: Heads
    follows: bool
    known: dict[Key, Ridges] = field(default_factory=dict)
    latest: dict[Key, Ridges] = field(default_factory=dict)

    def fit(self, token: int, output: int, tolerance: float, extra: Sequence[Array]) -> Ridges:
        """Ridge functions of the features of one token, within `tolerance` at sample points.

        Args:
            token, output: the entry.
            tolerance: allowed error, > 0.
            extra: further points (D,) of the domain to be met.

        Raises:
            ConvergenceError: the largest number of units does not suffice.
        """
        if not self.follows:
            return self._fit_features(token, output, tolerance, extra)
        target = self.target
        blocks = decompose(target.entries[token][output], target.variables)
        left, parts = tolerance, []
        for done, block in enumerate(sorted(blocks, key=lambda b: b.dimension)):
            share = left / (len(blocks) - done)
            part, error = self._fit_block(block, share, extra)
            left -= min(error, share)
            parts.append(part)
        return merge(parts, target.dimension)

    def _fit_block(
        self, block: Block, tolerance: float, extra: Sequence[Array]
    ) -> tuple[Ridges, float]:
        lower, upper = reach_of(block, self.target)
        middle, half = (upper + lower) / 2, (upper - lower) / 2
        half = np.where(half > 0, half, 1.0)
        met = (np.array(extra) @ block.matrix.T - middle) / half if extra else None

        def function(points: Array) -> Array:
            return evaluate(block.program, middle + half * points)

        place: Key = (block.expression, tuple(lower), tuple(upper))
        key: Key = (*place, tolerance, len(extra))
        symmetry = symmetry_for(function, block.dimension)
        if key not in self.known:
            # A refused fit is moved first, with the witness among its points.
            found = fit_function(
                function, symmetry, tolerance, extra=met, start=self.latest.get(place)
            )
            self.known[key] = _found(found, block.dimension)
        self.latest[place] = self.known[key]
        ridges = symmetry.unfold(self.known[key])
        cube = sample_cube(block.dimension)
        error = float(np.abs(ridges(cube) - function(cube)).max())
        return ridges.composed(block.matrix / half[:, None], -middle / half), error

    def _fit_features(
        self, token: int, output: int, tolerance: float, extra: Sequence[Array]
    ) -> Ridges:
        target = self.target
        sequences = sequences_in(target, sample_cube(target.dimension))
        if extra:
            shape = (-1, target.tokens, target.width)
            sequences = np.concatenate([sequences, np.array(extra).reshape(shape)])
        features = self.heads.features(sequences, token)
        lower, upper = features.min(0), features.max(0)
        half = np.where(upper > lower, (upper - lower) / 2, 1.0)
        middle = (upper + lower) / 2
        values = target.values(sequences)[:, token, output]
        place: Key = (token, output)
        cube = (features - middle) / half
        start = self.latest.get(place)
        found = self.latest[place] = _found(
            fit(Orbits.of(cube), values, tolerance, start), cube.shape[1]
        )
        return found.composed(np.diag(1.0 / half), -middle / half)


def _found(ridges: Ridges | None, coordinates: int) -> Ridges:
    if ridges is None:
        raise ConvergenceError(
            "compile: no sum of ridge functions that is near enough was found for a part of "
            f"{coordinates} coordinates; raise epsilon or take a smaller domain."
        )
    return ridges
