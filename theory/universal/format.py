"""Files of a compiled layer: a directory with its weights and the claim about them.

`layer.safetensors` holds the weights and the bisection trees, `certificate.json` everything else.
The certifier writes both and the verifier reads them: this module is all that they share beside
formula and layer, and it knows neither.

A claim is what `verify` proves again: formula, domain, arithmetic, epsilon and the bounds. Blocks
and trees are hints, which can only save time. Nothing else is written that a reader might believe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import CertificateError, DataError
from sciformer.runs.files import atomic
from theory.universal.arrays import Array
from theory.universal.layer import LayerWeights
from theory.universal.reading import damaged, read_as, read_json, read_tensors, read_weights

FORMAT = "sciformer-certificate-2"
CERTIFICATE, WEIGHTS = "certificate.json", "layer.safetensors"

Codes = NDArray[np.unsignedinteger]
"""A bisection tree, level by level: the largest number of the type is a leaf, any other one the
coordinate that is bisected."""


@dataclass(frozen=True)
class BlockClaim:
    """A hint: one block of the error, and its range.

    Args:
        rows: linear forms of the coordinates, as rational strings, one list a form.
        expression: the formula's part in y1, ..., yr.
        slope, constant: the block's share of the units that are active on the whole domain.
        lower, upper: range of the net's part minus the expression.
    """

    rows: list[list[str]]
    expression: str
    slope: list[float]
    constant: float
    lower: float
    upper: float


@dataclass(frozen=True)
class EntryClaim:
    """|layer - formula| <= bound for one output of one token, both counted from 0."""

    token: int
    output: int
    bound: float
    blocks: list[BlockClaim]


@dataclass(frozen=True)
class Record:
    """Content of certificate.json: sup |layer(x) - formula(x)| <= bound <= epsilon on the domain.

    Args:
        formula: rows separated by ";", entries by ",".
        tokens, width, domain, epsilon: what was asked for.
        arithmetic: of the forward pass for which the bound holds, float64 or float32.
        bound: proven sup of the error over all entries.
        boxes: nodes of all bisection trees.
        heads, weights_digest: the number of heads and the SHA-256 of the weights.
        tree_digest: SHA-256 of all trees, in the order of the entries and blocks.
        entries: one claim a token and output.
        construction: which attention, and why; a remark.
        assumptions: on the arithmetic of the platform; a remark.
        version: of the package that wrote it; a remark.
    """

    formula: str
    tokens: int
    width: int
    domain: tuple[float, float] | list[tuple[float, float]]
    epsilon: float
    arithmetic: str
    bound: float
    boxes: int
    heads: int
    weights_digest: str
    tree_digest: str
    entries: list[EntryClaim]
    construction: str
    assumptions: tuple[str, ...]
    version: str

    def payload(self) -> dict[str, Any]:
        """The record as JSON values."""
        content = {f.name: getattr(self, f.name) for f in fields(Record)}
        content["domain"], content["assumptions"] = list(self.domain), list(self.assumptions)
        content["entries"] = [asdict(entry) for entry in self.entries]
        return {"format": FORMAT, **content}


@dataclass(frozen=True)
class Certificate(Record):
    """A record and its bisection trees, one per block, in the order of the entries and blocks."""

    trees: tuple[Codes, ...]


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


def write(directory: Path | str, certificate: Certificate, state: Mapping[str, Array]) -> Path:
    """Writes weights and certificate into a directory and returns it.

    Args:
        directory: made if it is missing.
        certificate: what is claimed.
        state: the state dictionary of the layer.

    Raises:
        RunError: the disk refused.
    """
    from safetensors.numpy import save_file

    path = Path(directory)
    trees = {f"tree.{index}": tree for index, tree in enumerate(certificate.trees)}
    tensors = {name: np.ascontiguousarray(array) for name, array in {**state, **trees}.items()}
    with atomic(path / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"heads": str(certificate.heads)})
    payload = certificate.payload()
    record = {**payload, "sha256": digest_of_payload(payload)}
    with atomic(path / CERTIFICATE) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path


def load(directory: Path | str) -> tuple[Certificate, LayerWeights]:
    """A certificate and its weights: types, shapes and finiteness are checked, no claim is.

    Args:
        directory: what `write` wrote, or the certificate.json in it.

    Returns:
        The certificate, and the weights in the precision in which they are stored.

    Raises:
        DataError: files that are missing, malformed, not finite, too large, or that do not fit
            each other.
        CertificateError: a record that its own digest does not fit.
    """
    path = Path(directory)
    path = path.parent if path.suffix == ".json" else path
    record, tensors = read_json(path / CERTIFICATE), read_tensors(path / WEIGHTS)
    if record.get("format") != FORMAT:
        raise DataError(f"verify: {path / CERTIFICATE} is no {FORMAT}; compile again.")
    given = record.pop("sha256", None)
    if given != digest_of_payload(record):
        raise CertificateError(
            f"verify: {path / CERTIFICATE} was changed after it was written; compile again."
        )
    del record["format"]
    count = sum(name.startswith("tree.") for name in tensors)
    trees = tuple(tensors.pop(f"tree.{k}", np.zeros(0)) for k in range(count))
    if not all(t.ndim == 1 and t.size and t.dtype in (np.uint8, np.uint16) for t in trees):
        raise damaged(WEIGHTS, "a bisection tree is missing, empty or not of unsigned codes")
    claims = read_as(Record, record, CERTIFICATE)
    values = {f.name: getattr(claims, f.name) for f in fields(Record)}
    certificate = Certificate(**values, trees=trees)
    weights = read_weights(tensors, certificate.heads, WEIGHTS)
    if weights.embedding.dtype != certificate.arithmetic:
        raise damaged(WEIGHTS, f"its weights are not {certificate.arithmetic}")
    return certificate, weights
