"""Re-checks a certificate with independent arithmetic: nothing of the certifier is used.

Shared with the certifier are the formula parser, the file format and the statement that is claimed.
Read anew are the weights, the blocks (sympy proves that they add up), the bisection tree (its
leaves cover the domain), and on every leaf that is looked at the range of net - formula, in exact
balls with the mean value form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sciformer.errors import CertificateError, SciformerError
from theory.universal.format import digest_of_payload, load
from theory.universal.formula.target import Target, read_target
from theory.universal.verifier.defined import prove_defined
from theory.universal.verifier.dual import require
from theory.universal.verifier.entry import EntryCheck
from theory.universal.verifier.numbers import Numbers, best_numbers

AFFORDABLE_LEAVES = 3000
"""Leaves up to which all are checked by default."""

Report = Callable[[float], None]


@dataclass(frozen=True)
class Verification:
    """What was re-checked.

    Args:
        bound: the certified bound, confirmed as far as `share` says.
        leaves: accepted boxes of all trees.
        checked: leaves whose bound was recomputed.
        share: checked / leaves; 1.0 is a complete re-check.
        points: points at which the float64 forward pass was compared with exact numbers.
        arithmetic: the library that computed.
    """

    bound: float
    leaves: int
    checked: int
    share: float
    points: int
    arithmetic: str


def verify(
    directory: Path | str,
    *,
    most_leaves: int = AFFORDABLE_LEAVES,
    numbers: Numbers | None = None,
    generator: np.random.Generator | None = None,
    report: Report | None = None,
) -> Verification:
    """Re-checks the certificate in a directory.

    Args:
        directory: what `CompiledLayer.save` wrote (or its certificate.json).
        most_leaves: with more leaves than this, a random share of that many is checked.
        numbers: the arithmetic; python-flint if installed, else mpmath.
        generator: chooses the share; a fixed seed by default.
        report: called with the fraction done.

    Returns:
        What was checked.

    Raises:
        CertificateError: a digest, a block, a tree or a bound that does not hold.
        DomainError: a formula that is not proven to be real on the whole domain.
        DataError: files that cannot be read.

    Cost: about a millisecond a leaf and sub-box with python-flint, a hundred times that in mpmath.
    """
    record, state, trees = load(directory)
    try:
        check = _Check(record, state, trees, numbers or best_numbers())
        check.digests()
        return check.run(most_leaves, generator or np.random.default_rng(0), report)
    except SciformerError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CertificateError(
            f"verify: the certificate in {directory} contradicts itself ({error}); compile again."
        ) from error


@dataclass
class _Check:
    record: dict[str, Any]
    state: dict[str, Any]
    trees: list[Any]
    numbers: Numbers

    def digests(self) -> None:
        """The files are those that were written, bit for bit."""
        payload = {k: v for k, v in self.record.items() if k != "sha256"}
        require(
            digest_of_payload(payload) == self.record.get("sha256"),
            "certificate.json was changed after it was written; compile again.",
        )
        require(
            _weights_digest(self.state, self.record["heads"]) == self.record["weights_digest"],
            "the weights are not those of the certificate; compile again.",
        )
        hasher = hashlib.sha256()
        for tree in self.trees:
            hasher.update(len(tree).to_bytes(8, "little") + tree.tobytes())
        require(
            hasher.hexdigest() == self.record["tree_digest"],
            "the bisection trees are not those of the certificate; compile again.",
        )

    def run(
        self, most_leaves: int, generator: np.random.Generator, report: Report | None
    ) -> Verification:
        record = self.record
        target = read_target(
            record["formula"], record["tokens"], record["width"], tuple(record["domain"])
        )
        prove_defined(target)
        weights = {**self.state, "heads": record["heads"]}
        checks = self._entries(target, weights)
        leaves = sum(c.leaves for c in checks)
        share = min(1.0, most_leaves / max(leaves, 1))
        checked = 0
        for done, check in enumerate(checks):
            checked += check.ranges(share, generator)
            if report is not None:
                report((done + 1) / len(checks))
        points = sum(check.forward_pass(generator) for check in checks)
        bound = max(check.bound for check in checks)
        require(
            bound <= record["bound"] * (1 + 1e-12) and record["bound"] <= record["epsilon"],
            f"the entries add up to {bound:.17g}, not to the certified {record['bound']:.17g}.",
        )
        return Verification(
            record["bound"], leaves, checked, checked / leaves, points, self.numbers.name
        )

    def _entries(self, target: Target, weights: dict[str, Any]) -> list[EntryCheck]:
        claims = self.record["entries"]
        places = [(c["token"], c["output"]) for c in claims]
        wanted = [(i, k) for i in range(target.tokens) for k in range(target.outputs)]
        require(places == wanted, "it does not have one claim for each token and output.")
        checks, at = [], 0
        for claim in claims:
            trees = self.trees[at : at + len(claim["blocks"])]
            at += len(claim["blocks"])
            checks.append(EntryCheck(claim, target, weights, trees, self.numbers))
        return checks


def _weights_digest(state: dict[str, Any], heads: int) -> str:
    """SHA-256 as `LayerWeights.digest` states it, written a second time."""
    names = {
        "embedding": "embedding.weight",
        "positions": "positions",
        "query": "attention.query.weight",
        "key": "attention.key.weight",
        "value": "attention.value.weight",
        "output": "attention.output.weight",
        "hidden": "hidden.weight",
        "hidden_bias": "hidden.bias",
        "readout": "readout.weight",
        "readout_bias": "readout.bias",
    }
    text = hashlib.sha256(f"heads={heads}".encode())
    for short, name in names.items():
        array = state[name]
        text.update(f";{short}{array.shape}".encode() + array.astype("<f8").tobytes())
    return text.hexdigest()
