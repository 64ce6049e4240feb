"""Re-checks a certificate from the weights, the formula and the domain alone.

Shared with the certifier are the formula parser, the file format and the statement that is proven;
everything else is computed here by code that the certifier does not use. The blocks and bisection
trees of the file are hints: the blocks are proven to add up to the formula, the boxes to cover the
domain, and the error to stay within the bound on every one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sciformer.errors import CertificateError, DataError, SciformerError
from theory.universal.arrays import Array
from theory.universal.format import Certificate, EntryClaim, digest_of_trees, load
from theory.universal.formula.target import Target, read_target
from theory.universal.layer import LayerWeights
from theory.universal.verifier.bisection import Budget, Limits, Proof, Tree
from theory.universal.verifier.blocks import Block, Share, prove_sum, share_net
from theory.universal.verifier.defined import prove_defined
from theory.universal.verifier.domain import Domain
from theory.universal.verifier.errors import BlockError
from theory.universal.verifier.forward import ARITHMETICS, forward_errors
from theory.universal.verifier.network import Network
from theory.universal.verifier.require import require
from theory.universal.verifier.rounded import above, require_gradual_underflow

MOST_BOXES = 4_000_000
"""Boxes beyond those of the file after which a proof is given up, half of what the certifier allows
itself for a block."""

Report = Callable[[float], None]


@dataclass(frozen=True)
class Verification:
    """Result of a re-check.

    Args:
        bound: proven sup |layer - formula| of the computed forward pass; None unless all leaves
            were looked at, because less is no proof.
        claimed: the bound that the file claims.
        rounding: the part of the bound that is due to the arithmetic of the forward pass.
        leaves: accepted boxes of all trees.
        checked: leaves on which the error was bounded again.
        share: checked / leaves; 1.0 is a proof.
        arithmetic: that of the forward pass for which it holds, float64 or float32.
    """

    bound: float | None
    claimed: float
    rounding: float
    leaves: int
    checked: int
    share: float
    arithmetic: str


def verify(
    directory: Path | str,
    *,
    share: float = 1.0,
    most_boxes: int = MOST_BOXES,
    report: Report | None = None,
) -> Verification:
    """Re-checks the certificate in a directory.

    Args:
        directory: what `CompiledLayer.save` wrote (or its certificate.json).
        share: part of the leaves to be looked at, 0 < share <= 1. Less than 1 takes leaves at
            random, from fresh entropy, and is no proof.
        most_boxes: boxes, beyond those of the file, after which the proof is given up.
        report: called with the fraction done.

    Returns:
        What was checked.

    Raises:
        CertificateError: something that does not hold, or could not be proven.
        DomainError: a formula that is not proven to be real on the whole domain.
        DataError: files that cannot be read, or a share out of range.

    Accuracy: the bound holds if float64 rounds as IEEE 754 says, numpy's elementary functions are
        within 64 ulp, the layer's exp within 4 ulp, and sympy reads and expands rightly.

    Examples:
        >>> import tempfile, theory
        >>> folder = tempfile.mkdtemp()
        >>> _ = theory.compile("x1*x2; x1", tokens=2, epsilon=0.1).save(folder)
        >>> theory.verify(folder).share
        1.0
    """
    if not 0.0 < share <= 1.0:
        raise DataError(f"verify: the share must be above 0 and at most 1; got {share:g}.")
    certificate, stored = load(directory)
    try:
        budget = Budget(most_boxes + sum(len(tree) for tree in certificate.trees))
        check = _Check(certificate, _in_float64(stored), budget, share, report)
        with np.errstate(all="ignore"):  # what is not finite is refused where it is compared
            return check.run()
    except SciformerError:
        raise
    except (ArithmeticError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CertificateError(
            f"verify: the certificate in {directory} contradicts itself ({error}); compile again."
        ) from error


class _Check:
    """One certificate against weights, formula and domain."""

    def __init__(
        self,
        certificate: Certificate,
        weights: LayerWeights,
        budget: Budget,
        share: float,
        report: Report | None,
    ) -> None:
        self.certificate, self.weights, self.budget = certificate, weights, budget
        self.share, self.report = share, report
        self.generator = np.random.default_rng()
        self.trees = [Tree(codes) for codes in certificate.trees]
        self.leaves = sum(tree.leaves for tree in self.trees)
        self.passed = self.checked = 0
        self.summed: set[tuple[object, ...]] = set()
        self.known: dict[tuple[object, ...], tuple[float, float]] = {}

    def run(self) -> Verification:
        """Proves every entry and adds up."""
        certificate, weights = self.certificate, self.weights
        require_gradual_underflow()
        _require_digests(certificate, weights)
        shape = (weights.tokens, weights.width)
        require(
            shape == (certificate.tokens, certificate.width),
            f"the layer takes {shape} tokens and channels, the certificate is about others.",
        )
        target = read_target(
            certificate.formula, certificate.tokens, certificate.width, certificate.domain
        )
        require(weights.outputs == target.outputs, "layer and formula differ in their outputs.")
        require(
            certificate.arithmetic in ARITHMETICS,
            f"nothing is known of the arithmetic {certificate.arithmetic!r}.",
        )
        prove_defined(target)
        domain, network = Domain.of(target), Network(weights)
        rounding = forward_errors(weights, domain.limit, ARITHMETICS[certificate.arithmetic])
        bound = 0.0
        for claim, trees in self._entries(target):
            own = float(rounding[claim.token, claim.output])
            bound = max(bound, self._entry(claim, trees, target, network, domain, own))
        require(
            bound <= certificate.epsilon,
            f"the error is proven to be within {bound:.17g}, which is above the epsilon "
            f"{certificate.epsilon:.17g} of the certificate.",
        )
        require(
            certificate.boxes == sum(len(tree.codes) for tree in self.trees),
            "it counts other boxes than its bisection trees have.",
        )
        complete = self.checked == self.leaves
        return Verification(
            bound if complete else None,
            certificate.bound,
            float(rounding.max()),
            self.leaves,
            self.checked,
            self.checked / self.leaves,
            certificate.arithmetic,
        )

    def _entries(self, target: Target) -> list[tuple[EntryClaim, list[Tree]]]:
        """Every token and output once, in order, each with the trees of its blocks."""
        claims = self.certificate.entries
        places = [(c.token, c.output) for c in claims]
        wanted = [(i, k) for i in range(target.tokens) for k in range(target.outputs)]
        require(places == wanted, "it does not have one claim for each token and output.")
        require(
            len(self.trees) == sum(len(c.blocks) for c in claims),
            "it does not have one bisection tree for each block.",
        )
        found, at = [], 0
        for claim in claims:
            found.append((claim, self.trees[at : at + len(claim.blocks)]))
            at += len(claim.blocks)
        return found

    def _entry(
        self,
        claim: EntryClaim,
        trees: list[Tree],
        target: Target,
        network: Network,
        domain: Domain,
        rounding: float,
    ) -> float:
        """Proven bound of one entry."""
        where = f"token {claim.token + 1}, output {claim.output + 1}"
        require(len(claim.blocks) > 0, f"{where} has no blocks: nothing is proven of it.")
        blocks = [
            Block(block, tree, domain, where)
            for block, tree in zip(claim.blocks, trees, strict=True)
        ]
        entry = target.entries[claim.token][claim.output]
        question = (entry, *((b.expression, str(b.claim.rows)) for b in blocks))
        if question not in self.summed:
            prove_sum(blocks, entry, target, where)
            self.summed.add(question)
        shares, rest = share_net(blocks, network, claim.token, claim.output, domain, where)
        errors = [BlockError(share) for share in shares]
        certificate = self.certificate
        # Two analyses of rounding need not agree to the last bit; the bound returned is proven.
        own = float(above(np.asarray(rounding + rest + sum(e.slack for e in errors)), 8))
        aim = min(claim.bound, certificate.bound) + 2.0 * own
        allowed = min(certificate.epsilon, aim) * (1.0 - 2.0**-50) - rounding - rest
        require(allowed > 0, f"rounding alone may take {where} beyond its bound.")
        lower = upper = 0.0
        for share, error, limits in zip(shares, errors, _limits(claim, allowed), strict=True):
            low, high = self._block(share, error, limits, where)
            lower, upper = np.nextafter(lower + low, -np.inf), np.nextafter(upper + high, np.inf)
        require(lower <= upper, f"nothing was looked at for {where}.")
        total = np.asarray(max(-lower, upper, 0.0) + rounding + rest)
        return float(above(total, 4))

    def _block(
        self, share: Share, error: BlockError, limits: Limits, where: str
    ) -> tuple[float, float]:
        """Proven range of one block; equal questions are answered once."""
        tree, block = share.block.tree, share.block
        question = (block.expression, limits, *_numbers(share), tree.codes.tobytes())
        known = share.heads is None and question in self.known
        if known:
            self._done(tree.leaves, looked=self.share == 1.0)
            return self.known[question]
        proof = Proof(error, limits, where, self.budget, error.batch)
        for corners in tree.batches(block.lower, block.upper, where, error.batch):
            count = len(corners[0])
            chosen = np.arange(count)
            if self.share < 1.0:
                chosen = np.flatnonzero(self.generator.random(count) < self.share)
            self._done(count - len(chosen), looked=False)
            proof.run((corners[0][chosen], corners[1][chosen]), self._done)
        # Without a single leaf the range is empty, which is not a range: (inf, -inf) is refused.
        nothing = self.share < 1.0 and proof.lower > proof.upper
        self.known[question] = (0.0, 0.0) if nothing else (proof.lower, proof.upper)
        return self.known[question]

    def _done(self, leaves: int, looked: bool = True) -> None:
        self.passed += leaves
        self.checked += leaves if looked else 0
        if self.report is not None and leaves:
            self.report(self.passed / self.leaves)


def _numbers(share: Share) -> tuple[bytes, ...]:
    """Every number on which the error of a block depends, beside its expression."""
    units, block = share.units, share.block
    arrays = (units.slope, units.offset, units.weight, units.slack, share.linear)
    rest = (np.asarray(share.constant), block.lower, block.upper)
    return tuple(np.ascontiguousarray(a).tobytes() for a in (*arrays, *rest))


def _limits(claim: EntryClaim, allowed: float) -> list[Limits]:
    """Limits within which each block's error is to stay: hinted ranges, moved to fill the bound."""
    if len(claim.blocks) == 1:
        return [Limits(-allowed, allowed)]
    count = len(claim.blocks)
    above_ = (allowed - sum(b.upper for b in claim.blocks)) / count
    below = (allowed + sum(b.lower for b in claim.blocks)) / count
    return [Limits(b.lower - below, b.upper + above_) for b in claim.blocks]


def _in_float64(stored: LayerWeights) -> LayerWeights:
    """The weights in float64; every float32 is one."""
    arrays = {k: v.astype(np.float64) for k, v in stored.arrays().items()}
    return LayerWeights(heads=stored.heads, **arrays)


def _require_digests(certificate: Certificate, weights: LayerWeights) -> None:
    """The weights and trees are those that were written, bit for bit; no proof rests on it."""
    require(
        _weights_digest(weights) == certificate.weights_digest,
        "the weights are not those of the certificate; compile again.",
    )
    require(
        digest_of_trees(certificate.trees) == certificate.tree_digest,
        "the bisection trees are not those of the certificate; compile again.",
    )


def _weights_digest(weights: LayerWeights) -> str:
    """SHA-256 as `LayerWeights.digest` states it, written a second time on purpose."""
    names = (
        *("embedding", "positions", "query", "key", "value"),
        *("output", "hidden", "hidden_bias", "readout", "readout_bias"),
    )
    arrays: Mapping[str, Array] = {name: getattr(weights, name) for name in names}
    text = hashlib.sha256(f"heads={weights.heads}".encode())
    for name, array in arrays.items():
        text.update(f";{name}{array.shape}".encode() + array.astype("<f8").tobytes())
    return text.hexdigest()
