"""What a forger does: changes a certificate or its weights and recomputes every digest."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from theory.universal.arrays import Array
from theory.universal.format import BlockClaim, Certificate, EntryClaim, digest_of_payload, write
from theory.universal.formula.target import read_target
from theory.universal.layer import STATE_NAMES, LayerWeights, SingleLayer, apply

Tensor = NDArray[Any]


@dataclass
class Files:
    """Both files of a directory, open for changes."""

    record: dict[str, Any]
    tensors: dict[str, Tensor]
    trees: list[Tensor]

    @classmethod
    def of(cls, path: Path) -> Files:
        record = json.loads((path / "certificate.json").read_text())
        tensors = load_file(path / "layer.safetensors")
        count = sum(name.startswith("tree.") for name in tensors)
        return cls(record, tensors, [tensors.pop(f"tree.{k}") for k in range(count)])

    def copied(self) -> Files:
        return copy.deepcopy(self)

    def write(self, path: Path) -> Path:
        """Writes both files with digests that fit."""
        path.mkdir(exist_ok=True)
        trees = {f"tree.{k}": np.ascontiguousarray(t) for k, t in enumerate(self.trees)}
        tensors = {k: np.ascontiguousarray(v) for k, v in self.tensors.items()}
        save_file({**tensors, **trees}, path / "layer.safetensors")
        self.record["tree_digest"] = tree_digest(self.trees)
        self.record["weights_digest"] = weights_digest(self.tensors, self.record.get("heads"))
        self.record.pop("sha256", None)
        self.record["sha256"] = digest_of_payload(self.record)
        (path / "certificate.json").write_text(json.dumps(self.record))
        return path


def tree_digest(trees: list[Tensor]) -> str:
    """As the format says it, for any arrays."""
    hasher = hashlib.sha256()
    for tree in trees:
        hasher.update(len(tree.reshape(-1)).to_bytes(8, "little") + tree.tobytes())
    return hasher.hexdigest()


def weights_digest(tensors: dict[str, Tensor], heads: object) -> str:
    """As `LayerWeights.digest` says it, for whatever tensors are there."""
    text = hashlib.sha256(f"heads={heads}".encode())
    for short, name in STATE_NAMES.items():
        if name in tensors:
            array = tensors[name]
            text.update(f";{short}{array.shape}".encode() + array.astype("<f8").tobytes())
    return text.hexdigest()


def largest_error(files: Files, seed: int = 0) -> float:
    """Largest |layer - formula| found on the domain: corners, random points, then smaller steps."""
    record = files.record
    n, d = record["tokens"], record["width"]
    target = read_target(record["formula"], n, d, tuple(record["domain"]))
    weights = LayerWeights(
        heads=record["heads"],
        **{k: files.tensors[v].astype(np.float64) for k, v in STATE_NAMES.items()},
    )
    layer = SingleLayer(weights)
    generator = np.random.default_rng(seed)
    lower, upper = (np.broadcast_to(e, n * d) for e in (target.lower, target.upper))

    def errors(points: Array) -> Array:
        sequences = points.reshape(-1, n, d)
        gaps = np.abs(apply(layer, sequences) - target.values(sequences))
        return gaps.reshape(len(points), -1).max(1)

    part = generator.random((3000, n * d))
    part[:600] = np.round(2 * part[:600]) / 2
    points = np.clip(lower + part * (upper - lower), lower, upper)
    found = errors(points)
    step = (upper - lower) / 20
    for _ in range(25):
        best = points[np.argsort(-found)[:8]]
        moves = step * generator.normal(size=(8, 24, n * d))
        points = np.clip(
            np.concatenate([best, (best[:, None] + moves).reshape(-1, n * d)]), lower, upper
        )
        found = errors(points)
        step = step * 0.75
    return float(found.max())


def hand_made(
    path: Path,
    weights: LayerWeights,
    formula: str,
    *,
    bound: float,
    width: int = 1,
    domain: tuple[float, float] = (-1.0, 1.0),
    arithmetic: str = "float64",
    trees: list[Tensor] | None = None,
) -> Path:
    """A directory for a layer made elsewhere: one block of all coordinates for every entry.

    Nothing is proven here: the claim is whatever the caller says.
    """
    n, m = weights.tokens, weights.outputs
    target = read_target(formula, n, width, domain)
    size = n * width
    unit = [["1" if i == j else "0" for j in range(size)] for i in range(size)]
    names = {v: f"y{k + 1}" for k, v in enumerate(target.variables)}
    claims = []
    for token in range(n):
        for output in range(m):
            entry = target.entries[token][output]
            text = str(entry.xreplace({v: type(v)(name) for v, name in names.items()}))
            block = BlockClaim(unit, text, [0.0] * size, 0.0, -bound, bound)
            claims.append(EntryClaim(token, output, bound, [block]))
    leaf = np.array([255], dtype=np.uint8)
    codes = tuple(trees or [leaf] * len(claims))
    dtype = np.dtype(arithmetic)
    state = {name: getattr(weights, short).astype(dtype) for short, name in STATE_NAMES.items()}
    certificate = Certificate(
        formula=formula,
        tokens=n,
        width=width,
        domain=domain,
        epsilon=bound,
        arithmetic=arithmetic,
        bound=bound,
        boxes=sum(len(tree) for tree in codes),
        heads=weights.heads,
        weights_digest=weights.digest,
        tree_digest=tree_digest(list(codes)),
        entries=claims,
        construction="by hand",
        assumptions=(),
        version="0",
        trees=codes,
    )
    return write(path, certificate, state)


def token_wise(
    hidden: Array, bias: Array, readout: Array, readout_bias: float = 0.0, tokens: int = 1
) -> LayerWeights:
    """A layer of width 1 whose attention adds 0: y_i = readout relu(hidden x_i + bias) + c."""
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    return LayerWeights(
        heads=1,
        embedding=one,
        positions=np.zeros((tokens, 1)),
        query=zero,
        key=zero,
        value=zero,
        output=zero,
        hidden=np.asarray(hidden, dtype=np.float64).reshape(-1, 1),
        hidden_bias=np.asarray(bias, dtype=np.float64),
        readout=np.asarray(readout, dtype=np.float64).reshape(1, -1),
        readout_bias=np.array([readout_bias]),
    )


IDENTITY = token_wise(np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]))
"""The layer y = x."""
Change = Callable[[Files], None]


def identity(path: Path, change: Change = lambda files: None, **more: Any) -> Path:
    """A true claim about `IDENTITY`, changed."""
    files = Files.of(hand_made(path / "made", IDENTITY, "x1", **{"bound": 0.05, **more}))
    change(files)
    return files.write(path / "changed")
