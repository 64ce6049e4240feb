"""Attacks on the two files of a certificate: names, literals, types, headers, trees, domains."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sciformer.errors import CertificateError, SciformerError
from theory.universal.verifier import bisection
from theory.universal.verifier.verify import verify

from .forging import IDENTITY, Files, hand_made, identity, token_wise


def text_of(path: Path, old: str, new: str) -> Path:
    """The record with its text changed, digests left as they are."""
    file = path / "certificate.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"epsilon":', '"epsilon": 1e-9, "epsilon":'),
        ('"lower":', '"lower": 0.0, "lower":'),
        ('"sha256":', '"sha256": "", "sha256":'),
    ],
)
def test_a_name_that_is_given_twice(old: str, new: str, tmp_path: Path) -> None:
    """A reader who takes the first sees another claim. Kills: the last of two that wins."""
    with pytest.raises(SciformerError, match=r"one name twice"):
        verify(text_of(identity(tmp_path), old, new))


@pytest.mark.parametrize("literal", ["1e309", "-1e309", "NaN", "Infinity", "1" * 5000, "1e-9e9"])
def test_literals_that_are_no_finite_numbers(literal: str, tmp_path: Path) -> None:
    """Kills: a JSON reader that turns 1e309 into infinity unseen."""
    path = text_of(identity(tmp_path), '"epsilon": 0.05', f'"epsilon": {literal}')
    with pytest.raises(SciformerError, match=r"damaged|changed"):
        verify(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 1.0),
        ("tokens", "1"),
        ("heads", 1.0),
        ("boxes", True),
        ("epsilon", True),
        ("bound", None),
        ("arithmetic", ["float64"]),
        ("formula", ["x1"]),
    ],
)
def test_numbers_of_another_type(name: str, value: object, tmp_path: Path) -> None:
    """Kills: True for 1, 1.0 for a count, text for a number."""
    path = identity(tmp_path, lambda files: files.record.__setitem__(name, value))
    with pytest.raises(SciformerError, match=rf"certificate.json: {name} is damaged"):
        verify(path)


@pytest.mark.parametrize("epsilon", [0.0, -0.0, -1.0, 5e-324, 1e-300])
def test_epsilons_that_no_layer_meets(epsilon: float, tmp_path: Path) -> None:
    path = identity(tmp_path, lambda files: files.record.__setitem__("epsilon", epsilon))
    with pytest.raises(CertificateError, match=r"rounding alone"):
        verify(path)


@pytest.mark.parametrize(
    "domain",
    [
        [0.5, 0.5],
        [1.0, -1.0],
        [-0.0, 0.0],
        [[1.0, -1.0]],
        [[0.0, 1.0], [0.0, 1.0]],
        [[]],
        [],
        [-1.0, True],
        [0.0, "1"],
        [-1.7e308, 1.7e308],
        {"x1": [0.0, 1.0]},
    ],
    ids=str,
)
def test_domains_that_are_none(domain: object, tmp_path: Path) -> None:
    """Reversed, of one point, of other lengths, too long. Kills: each check of a box."""
    path = identity(tmp_path, lambda files: files.record.__setitem__("domain", domain))
    with pytest.raises(SciformerError, match=r"domain|rounding alone"):
        verify(path)


def test_one_interval_a_coordinate_is_not_exchanged(tmp_path: Path) -> None:
    """y_1 = x_1 is x_1 / (1 + ...) nowhere else: a swapped pair of sides is another claim.

    Kills: one side of the box taken for all of them.
    """
    weights = token_wise(np.array([1.0]), np.zeros(1), np.array([1.0]), tokens=2)
    sides = [(0.0, 1.0), (-1.0, 1.0)]
    path = hand_made(tmp_path / "a", weights, "x1; |x2|/2 + x2/2", bound=0.05, domain=sides)  # type: ignore[arg-type]
    assert verify(path).bound is not None
    files = Files.of(path)
    files.record["domain"].reverse()
    with pytest.raises(CertificateError, match=r"token 1, output 1 leaves its certified range"):
        verify(files.write(tmp_path / "b"))


def raw_tensors(path: Path, header: object, body: bytes) -> Path:
    """A safetensors file written by hand beside a certificate."""
    path = identity(path)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (path / "layer.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def entry(kind: str, shape: list[int], start: int, stop: int) -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ({"a": entry("F64", [1], 0, 8), "b": entry("F64", [1], 0, 8)}, 8),
        ({"a": entry("F64", [1], 0, 8), "b": entry("F64", [1], 4, 12)}, 12),
        ({"a": entry("F64", [1], 8, 16)}, 16),
        ({"a": entry("F64", [2**61], 0, 8)}, 8),
        ({"a": entry("F64", [2**32, 2**32], 0, 8)}, 8),
        ({"a": entry("F64", [-1], 0, 8)}, 8),
        ({"a": entry("F8_E4M3", [4], 0, 4)}, 4),
        ({"a": entry("F4", [4], 0, 2)}, 2),
        ({"a": entry("BF16", [4], 0, 8)}, 8),
        (b"\xff" * 16, 0),
        (b"[" * 9999, 0),
    ],
)
def test_headers_of_tensors_that_lie(header: object, size: int, tmp_path: Path) -> None:
    """Overlapping, with holes, of impossible sizes, of types that numpy lacks.

    Kills: an AttributeError of the library that passes for a bug of ours.
    """
    with pytest.raises(SciformerError, match=r"layer.safetensors is damaged"):
        verify(raw_tensors(tmp_path, header, b"\0" * size))


@pytest.mark.parametrize("bits", [0x7FF4000000000001, 0xFFF8DEADBEEF0000, 0x7FF0000000000000])
def test_nan_payloads_and_infinities_in_weights(bits: int, tmp_path: Path) -> None:
    """Kills: a finiteness check that looks for one NaN only."""
    odd = np.frombuffer(struct.pack("<Q", bits), dtype="f8").reshape(1, 1)
    path = identity(tmp_path, lambda files: files.tensors.update(positions=odd))
    with pytest.raises(SciformerError, match=r"a weight is not finite"):
        verify(path)


@pytest.mark.parametrize("kind", ["?", "i8", "f2", ">f8"])
def test_weights_of_another_type(kind: str, tmp_path: Path) -> None:
    def change(files: Files) -> None:
        files.tensors.update({k: v.astype(kind) for k, v in files.tensors.items()})

    path = identity(tmp_path, change)
    if kind == ">f8":
        assert verify(path).bound is not None  # the format knows one order of bytes
        return
    with pytest.raises(SciformerError, match=r"not all float64 or all float32"):
        verify(path)


@pytest.mark.parametrize(("stored", "claimed"), [("float32", "float64"), ("float64", "float32")])
def test_the_flag_of_the_precision_swapped(stored: str, claimed: str, tmp_path: Path) -> None:
    """Kills: an arithmetic that is believed."""
    path = identity(
        tmp_path, lambda files: files.record.__setitem__("arithmetic", claimed), arithmetic=stored
    )
    with pytest.raises(SciformerError, match=rf"its weights are not {claimed}"):
        verify(path)


@pytest.mark.parametrize("name", ["tree.01", "tree.1", "tree.-0", "tree.x", "tree."])
def test_trees_of_other_names(name: str, tmp_path: Path) -> None:
    """Kills: a count of trees that a name outside the count enters."""

    def change(files: Files) -> None:
        files.tensors[name] = np.array([255], np.uint8)

    with pytest.raises(SciformerError, match=r"^verify: "):
        verify(identity(tmp_path, change))


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ([0, 255, 255, 255], np.uint8),
        ([1, 255, 255], np.uint8),
        ([0, 255], np.uint8),
        ([0], np.uint8),
        ([254], np.uint8),
        ([255], np.uint16),
        ([65535, 65535], np.uint16),
        ([2**32 - 1], np.uint32),
        ([-1], np.int8),
    ],
)
def test_trees_that_are_no_trees(codes: list[int], kind: Any, tmp_path: Path) -> None:
    """Leaves left over, coordinates out of range, ends cut off, codes of another width."""
    with pytest.raises(SciformerError, match=r"bisection tree"):
        verify(identity(tmp_path, trees=[np.array(codes, dtype=kind)]))


def test_a_tree_of_one_path_to_the_smallest_float(tmp_path: Path) -> None:
    """1200 bisections towards -1, most of them of a box that cannot be bisected. True all the same.

    Kills: a box without width that counts as nothing to be proven.
    """
    tree = np.array([0] + [0, 255] * 1200 + [255, 255], dtype=np.uint8)
    result = verify(identity(tmp_path, trees=[tree]))
    assert result.bound is not None
    assert result.bound < 1e-12
    with pytest.raises(CertificateError, match=r"leaves its certified range"):
        verify(hand_made(tmp_path / "b", IDENTITY, "x1 + 1", bound=0.05, trees=[tree]))


def test_a_level_of_a_tree_beyond_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte of codes stands for a box of 256 numbers. Kills: corners made of whatever is named."""
    monkeypatch.setattr(bisection, "_LARGEST_LEVEL", 2**10)
    weights = dataclasses.replace(IDENTITY, embedding=np.eye(16)[:1])
    for depth, reached in ((6, True), (7, False)):
        codes = np.zeros(2 ** (depth + 1) - 1, dtype=np.uint8)
        codes[2**depth - 1 :] = 255
        path = hand_made(
            tmp_path / str(depth), weights, "x1_1", width=16, bound=0.05, trees=[codes]
        )
        if reached:
            assert verify(path).leaves == 64
        else:
            with pytest.raises(CertificateError, match=r"128 boxes of 16 coordinates, .* reach"):
                verify(path)


@pytest.mark.parametrize("tokens", [0, -1, 2, 256, 2**31, 2**63])
def test_counts_of_tokens_that_would_broadcast(tokens: int, tmp_path: Path) -> None:
    """One row of positions fits any number of tokens. Kills: shapes that numpy makes equal."""
    path = identity(tmp_path, lambda files: files.record.__setitem__("tokens", tokens))
    with pytest.raises(CertificateError, match=r"takes \(1, 1\) tokens and channels"):
        verify(path)
