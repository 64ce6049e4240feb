"""Files of strangers: whatever they hold, one sentence, soon, and in little memory."""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.runs.reading import (
    MOST_DEPTH,
    digest_of_tensors,
    parse_json,
    read_bytes,
    read_json,
    read_tensors,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="devices, pipes and links")


def made(path: Path, kind: str) -> Path:
    """Something that is not a regular file of moderate size."""
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    return path


@posix
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("device", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("directory", "is not a regular file|cannot be read"),
        ("sparse", "has 1099511627776 bytes, more than the 1000 that such a file may have"),
        ("nothing", "cannot be read"),
    ],
)
def test_only_regular_files_of_moderate_size_are_read(
    tmp_path: Path, kind: str, sentence: str
) -> None:
    """Kills: /dev/zero read for ever, a pipe waited for, a size believed after reading."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=sentence):
        read_bytes(made(tmp_path / "file", kind), 1000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@posix
def test_links_stay_inside(tmp_path: Path) -> None:
    """Kills: a link that leads to a secret, one inside the directory refused."""
    run, secret = tmp_path / "run", tmp_path / "secret.json"
    run.mkdir()
    secret.write_text("{}")
    (run / "own.json").write_text("[1]")
    (run / "inner.json").symlink_to("own.json")
    (run / "outer.json").symlink_to(secret)
    assert read_json(run / "inner.json", inside=run) == [1]
    with pytest.raises(DataError, match="leads out of"):
        read_json(run / "outer.json", inside=run)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 100"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested deeper than 100"),
        ("[1e999]", "1e999 is not finite"),
        ("NaN", "NaN is not finite"),
        ("-Infinity", "-Infinity is not finite"),
        ('{"a": 1, "a": 2}', "a key occurs twice"),
        ("[" + "9" * 5000 + "]", "digits"),
        ("{", "Expecting"),
        ("", "Expecting"),
        ("\ufeff{}", "BOM|Expecting"),
    ],
)
def test_json_is_strict(text: str, reason: str) -> None:
    """Kills: RecursionError, infinities that later comparisons let pass, the last of two keys."""
    with pytest.raises(DataError, match=f"a file: is not the JSON.*{reason}"):
        parse_json("a file", text.encode())


def test_what_is_not_utf8_is_no_json() -> None:
    with pytest.raises(DataError, match="is not the JSON"):
        parse_json("a file", b'"\xff"')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(VALUES)
def test_json_of_this_program_comes_back(value: Any) -> None:
    """Kills: a strict reader that refuses what `encode` writes."""
    assert parse_json("a file", json.dumps(value).encode()) == value


def test_depth_is_counted_exactly() -> None:
    """Kills: one level too many or too few."""
    deep = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    parse_json("a file", deep.encode())
    with pytest.raises(DataError):
        parse_json("a file", f"[{deep}]".encode())


TENSORS = {"a": torch.ones(2, 3), "b": torch.arange(4)}


def test_tensors_are_those_wanted(tmp_path: Path) -> None:
    """Kills: a check of names alone, of shapes without dtypes."""
    path = tmp_path / "t.safetensors"
    save_file(TENSORS, path, {"note": "hello"})
    found, texts = read_tensors(path, TENSORS)
    assert texts == {"note": "hello"}
    assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items())
    wrong: list[tuple[dict[str, torch.Tensor], str]] = [
        ({"a": torch.ones(2, 3)}, "holds the unknown tensor b"),
        ({**TENSORS, "c": torch.ones(1)}, "lacks c"),
        ({**TENSORS, "a": torch.ones(3, 2)}, r"a is torch.float32 of shape \(2, 3\) where"),
        ({**TENSORS, "a": torch.ones(2, 3).double()}, "where the network has torch.float64"),
    ]
    for like, sentence in wrong:
        with pytest.raises(DataError, match=sentence):
            read_tensors(path, like)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_tensors_are_finite(tmp_path: Path, value: float) -> None:
    """Kills: NaN weights that compute on."""
    save_file({"a": torch.tensor([1.0, value])}, tmp_path / "t")
    with pytest.raises(DataError, match="a holds numbers that are not finite"):
        read_tensors(tmp_path / "t")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 10) + b"[" * 10,
        save(TENSORS)[:-1],
        save(TENSORS) + b"\0",
        struct.pack("<Q", 64)
        + b'{"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8]}}'[:64].ljust(64),
    ],
)
def test_lying_headers_are_refused(tmp_path: Path, content: bytes) -> None:
    """Kills: an array allocated by its header."""
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(DataError, match="is not a whole safetensors file"):
        read_tensors(tmp_path / "t")


def test_the_digest_of_tensors_tells_all_apart() -> None:
    """Kills: a digest of bytes alone, one that depends on the order or the layout."""
    digest = digest_of_tensors(TENSORS)
    assert digest == digest_of_tensors(dict(reversed(TENSORS.items())))
    assert digest == digest_of_tensors({**TENSORS, "a": torch.ones(3, 2).T})
    others: list[dict[str, torch.Tensor]] = [
        {**TENSORS, "a": torch.ones(3, 2)},
        {**TENSORS, "a": torch.ones(2, 3).int()},
        {"a": TENSORS["b"], "b": TENSORS["a"]},
        {"aa": TENSORS["a"], "b": TENSORS["b"]},
        {**TENSORS, "a": TENSORS["a"] * (1 + 2**-23)},
    ]
    assert digest not in {digest_of_tensors(other) for other in others}


@posix
@pytest.mark.parametrize("name", ["config.json", "summary.json", "metrics.jsonl"])
def test_a_run_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """Kills: a reader of its own that follows links or reads devices."""
    run = Run.create(tmp_path / "run", "burgers", {})
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to("/dev/zero")
    readers = {
        "config.json": lambda: Run.open(run.path),
        "summary.json": lambda: run.read_json("summary.json"),
        "metrics.jsonl": run.metrics,
    }
    with pytest.raises(DataError, match="leads out of"):
        readers[name]()
