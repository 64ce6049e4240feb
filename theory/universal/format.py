"""What lies on the disk: a directory with the weights of a layer and what is claimed of it.

`layer.safetensors` holds the weights and the bisection trees, `certificate.json` everything that is
claimed. The certifier writes both and the verifier reads them: this module is all that they share
beside formula and layer, and it knows neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer import __version__
from sciformer.errors import DataError
from sciformer.runs.files import atomic
from theory.universal.arrays import Array

FORMAT = "sciformer-certificate-1"
CERTIFICATE, WEIGHTS = "certificate.json", "layer.safetensors"

Codes = NDArray[np.uint8]
"""A bisection tree, level by level: 255 is a leaf, any other code the bisected coordinate."""


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
    assumptions: tuple[str, ...]
    version: str = __version__

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
