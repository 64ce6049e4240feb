"""The certificate of a compiled layer, and how the two lie on the disk.

A directory holds `layer.safetensors` (weights and bisection trees) and `certificate.json`
(everything that is claimed). `theory.universal.verifier.verify` re-checks it with other arithmetic.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sciformer import __version__
from sciformer.errors import DataError
from sciformer.runs.files import atomic
from theory.universal.certifier.blocks import Piece
from theory.universal.certifier.certify import Entry
from theory.universal.enclosure.branch_and_bound import Codes, Outcome
from theory.universal.enclosure.intervals import LIBM_ULPS, Array
from theory.universal.formula.target import Target, printed
from theory.universal.layer import LayerWeights, SingleLayer

FORMAT = "sciformer-certificate-1"
CERTIFICATE, WEIGHTS = "certificate.json", "layer.safetensors"

ASSUMPTIONS = (
    "IEEE 754 float64, rounding to nearest, for + - * / and sqrt; sums in any order, with or "
    "without FMA",
    f"exp, log, sin, cos, tanh and arctan of the platform are within {LIBM_ULPS} ulp",
    "ends of the domain and weights are taken as the float64 numbers they are",
)


@dataclass(frozen=True)
class BlockClaim:
    """Proven range of one block of the error on the box around its coordinates.

    Args:
        rows: linear forms of the coordinates, as rational strings, one list a coordinate.
        expression: the formula's part in y1, ..., yr.
        start, stop: corners of the box that holds every (y1, ..., yr) of the domain.
        slope, constant: the block's share of the units that are active on the whole domain.
        lower, upper: proven range of the net's part minus the expression.
        boxes: nodes of the bisection tree.
    """

    rows: list[list[str]]
    expression: str
    start: list[float]
    stop: list[float]
    slope: list[float]
    constant: float
    lower: float
    upper: float
    boxes: int

    @classmethod
    def of(cls, piece: Piece, outcome: Outcome) -> BlockClaim:
        """The claim that a search has proven."""
        return cls(
            rows=[[str(v) for v in row] for row in piece.block.rows],
            expression=printed(piece.block.expression),
            start=piece.lower.tolist(),
            stop=piece.upper.tolist(),
            slope=piece.error.units.linear.tolist(),
            constant=piece.error.units.constant,
            lower=outcome.lower,
            upper=outcome.upper,
            boxes=len(outcome.tree),
        )


@dataclass(frozen=True)
class EntryClaim:
    """What is claimed of one output of one token, both counted from 0."""

    token: int
    output: int
    lower: float
    upper: float
    rounding: float
    bound: float
    blocks: list[BlockClaim]


@dataclass(frozen=True)
class Certificate:
    """sup |layer(x) - formula(x)| <= bound on the whole domain, and what the proof rests on.

    Args:
        formula: rows separated by ";", entries by ",".
        tokens, width, domain, epsilon: what was asked for.
        bound: proven sup of the error of the float64 forward pass, over all entries.
        boxes: nodes of all bisection trees.
        heads, weights_digest: the number of heads and the SHA-256 of the weights.
        tree_digest: SHA-256 of all trees, in the order of the entries and blocks.
        entries: one claim a token and output.
        construction: which attention, and why.
        assumptions: on the arithmetic of the platform.
        trees: bisection trees, codes level by level; a replay recipe of the boxes.
    """

    formula: str
    tokens: int
    width: int
    domain: tuple[float, float]
    epsilon: float
    bound: float
    boxes: int
    heads: int
    weights_digest: str
    tree_digest: str
    entries: list[EntryClaim]
    construction: str
    trees: tuple[Codes, ...]
    assumptions: tuple[str, ...] = ASSUMPTIONS
    version: str = __version__

    @classmethod
    def of(
        cls,
        target: Target,
        epsilon: float,
        weights: LayerWeights,
        entries: list[Entry],
        construction: str,
    ) -> Certificate:
        """The certificate of accepted entries."""
        assert all(e.accepted for e in entries), "only a proof becomes a certificate"
        trees = tuple(outcome.tree for e in entries for _, outcome in e.blocks)
        claims = [
            EntryClaim(
                e.token,
                e.output,
                e.lower,
                e.upper,
                e.rounding,
                e.bound,
                [BlockClaim.of(piece, outcome) for piece, outcome in e.blocks],
            )
            for e in entries
        ]
        return cls(
            formula=target.text,
            tokens=target.tokens,
            width=target.width,
            domain=(target.lower, target.upper),
            epsilon=epsilon,
            bound=max(e.bound for e in entries),
            boxes=sum(len(tree) for tree in trees),
            heads=weights.heads,
            weights_digest=weights.digest,
            tree_digest=digest_of_trees(trees),
            entries=claims,
            construction=construction,
            trees=trees,
        )

    def payload(self) -> dict[str, Any]:
        """Everything but the trees, as JSON values."""
        content = asdict(self)
        del content["trees"]
        content["domain"], content["assumptions"] = list(self.domain), list(self.assumptions)
        return {"format": FORMAT, **content}


def digest_of_trees(trees: tuple[Codes, ...]) -> str:
    """SHA-256 of the lengths and codes of all trees, in order."""
    hasher = hashlib.sha256()
    for tree in trees:
        hasher.update(len(tree).to_bytes(8, "little") + tree.tobytes())
    return hasher.hexdigest()


def digest_of_payload(payload: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON text of a payload."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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
        from safetensors.torch import save_file

        path = Path(directory)
        tensors = {k: v.detach().contiguous() for k, v in self.module.state_dict().items()}
        for index, tree in enumerate(self.certificate.trees):
            tensors[f"tree.{index}"] = torch.from_numpy(tree.copy())
        with atomic(path / WEIGHTS) as temporary:
            save_file(tensors, temporary, metadata={"heads": str(self.certificate.heads)})
        payload = self.certificate.payload()
        record = {**payload, "sha256": digest_of_payload(payload)}
        with atomic(path / CERTIFICATE) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        return path


def load(directory: Path | str) -> tuple[dict[str, Any], dict[str, Array], list[Codes]]:
    """The record of a certificate, the state of its layer, and its trees; nothing is checked.

    Raises:
        DataError: files that are missing or cannot be read.
    """
    from safetensors.numpy import load_file

    path = Path(directory)
    path = path.parent if path.suffix == ".json" else path
    try:
        record = json.loads((path / CERTIFICATE).read_text(encoding="utf-8"))
        tensors = load_file(path / WEIGHTS)
    except OSError as error:
        raise DataError(
            f"verify: {path} holds no certificate that can be read ({error.strerror}); "
            "name a directory that compile has written."
        ) from error
    except Exception as error:
        raise DataError(
            f"verify: {CERTIFICATE} or {WEIGHTS} in {path} is damaged ({error}); compile again."
        ) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError(f"verify: {path / CERTIFICATE} is no {FORMAT}; compile again.")
    count = sum(name.startswith("tree.") for name in tensors)
    trees = [np.asarray(tensors.pop(f"tree.{index}")) for index in range(count)]
    return record, tensors, trees


def load_layer(directory: Path | str) -> SingleLayer:
    """The layer of a directory, to be used; call `verify` to know that its certificate holds."""
    from theory.universal.layer import weights_from_state

    record, state, _ = load(directory)
    return SingleLayer(weights_from_state(state, int(record["heads"])))
