"""The certificate of a compiled layer, made of the results of the certifier.

`theory.universal.format` says how the two lie on the disk, and
`theory.universal.verifier.verify` re-checks them with other arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from sciformer import __version__
from theory.universal.certifier.blocks import Piece
from theory.universal.certifier.certify import Entry
from theory.universal.enclosure.branch_and_bound import Outcome
from theory.universal.enclosure.intervals import LIBM_ULPS
from theory.universal.format import (
    BlockClaim,
    Certificate,
    EntryClaim,
    digest_of_trees,
    load,
    write,
)
from theory.universal.formula.target import Target, printed
from theory.universal.layer import LayerWeights, SingleLayer


def assumptions(arithmetic: str) -> tuple[str, ...]:
    """Assumptions of a proof, for a forward pass in this arithmetic."""
    return (
        f"IEEE 754 {arithmetic}, rounding to nearest, for + - * / and sqrt; sums in any order, "
        "with or without FMA; numbers below the normal range may be taken for 0",
        f"exp, log, sin, cos, tanh and arctan of the platform are within {LIBM_ULPS} ulp",
        f"ends of the domain are the float64 numbers they are, weights and inputs {arithmetic}",
    )


def block_claim(piece: Piece, outcome: Outcome) -> BlockClaim:
    """The claim that a search has proven."""
    return BlockClaim(
        rows=[[str(v) for v in row] for row in piece.block.rows],
        expression=printed(piece.block.expression),
        slope=piece.error.units.linear.tolist(),
        constant=piece.error.units.constant,
        lower=outcome.lower,
        upper=outcome.upper,
    )


def certificate_of(
    target: Target,
    epsilon: float,
    weights: LayerWeights,
    entries: list[Entry],
    construction: str,
    arithmetic: str = "float64",
) -> Certificate:
    """The certificate of accepted entries."""
    assert all(e.accepted for e in entries), "only a proof becomes a certificate"
    trees = tuple(outcome.tree for e in entries for _, outcome in e.blocks)
    claims = [
        EntryClaim(
            e.token,
            e.output,
            e.bound,
            [block_claim(piece, outcome) for piece, outcome in e.blocks],
        )
        for e in entries
    ]
    return Certificate(
        formula=target.text,
        tokens=target.tokens,
        width=target.width,
        domain=target.domain,
        epsilon=epsilon,
        arithmetic=arithmetic,
        bound=max(e.bound for e in entries),
        boxes=sum(len(tree) for tree in trees),
        heads=weights.heads,
        weights_digest=weights.digest,
        tree_digest=digest_of_trees(trees),
        entries=claims,
        construction=construction,
        assumptions=assumptions(arithmetic),
        version=__version__,
        trees=trees,
    )


@dataclass(frozen=True)
class CompiledLayer:
    """A layer and the certificate of its error; `layer(x)` runs it on a float64 tensor."""

    module: SingleLayer
    certificate: Certificate

    def __call__(self, sequences: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.module(sequences)
        return output

    def save(self, directory: Path | str) -> Path:
        """Writes weights and certificate into a directory and returns it.

        Raises:
            RunError: the disk refused.
        """
        state = {k: v.detach().cpu().numpy() for k, v in self.module.state_dict().items()}
        return write(directory, self.certificate, state)


def load_layer(directory: Path | str) -> SingleLayer:
    """The layer of a directory, to be used; call `verify` to know that its certificate holds."""
    return SingleLayer(load(directory)[1])
