"""Checkpoints come back bit for bit, and a damaged one is never taken for whole."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.errors import RunError
from sciformer.runs.checkpoints import DIGESTS, STATE, TENSORS, Checkpoint, load, save


def checkpoint(step: int, **tensors: torch.Tensor) -> Checkpoint:
    return Checkpoint(tensors or {"w": torch.full((3,), float(step))}, {"step": step}, 7 * step)


def test_tensors_of_any_layout_and_dtype_come_back_bit_for_bit(tmp_path: Path) -> None:
    """Kills: dropping contiguous or clone (shared memory is refused); converting dtypes."""
    base = torch.randn(4, 3, dtype=torch.float64)
    tensors = {
        "transposed": base.T,
        "shared": base,
        "part": base[1:, 2],
        "rows": base[1:],
        "half": torch.randn(2).bfloat16(),
        "empty": torch.empty(0, 5),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "random_state": torch.get_rng_state(),
        "trained": torch.nn.Parameter(torch.tensor([float("nan"), float("-inf")])),
    }
    save(tmp_path, checkpoint(1, **tensors))
    loaded = load(tmp_path)
    assert loaded is not None
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert loaded.tensors[name].shape == tensor.shape
        assert torch.equal(bits(loaded.tensors[name]), bits(tensor))


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of the entries, under which NaN equals itself."""
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8)


@given(st.floats(), st.integers(), st.text())
@settings(max_examples=25)
def test_the_state_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, number: float, whole: int, text: str
) -> None:
    """Kills: writing the state with non-finite numbers as null; rounding floats."""
    state: dict[str, Any] = {
        "number": number,
        "whole": whole,
        "text": text,
        "nested": {"n": [number]},
    }
    directory = tmp_path_factory.mktemp("checkpoint")
    save(directory, Checkpoint({}, state, 0))
    loaded = load(directory)
    assert loaded is not None
    assert repr(loaded.state) == repr(state)


def test_the_newest_wins_and_the_last_two_are_kept(tmp_path: Path) -> None:
    """Kills: keeping one or three; ordering by name so that 10 comes before 9."""
    for step in range(1, 12):
        save(tmp_path, checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000010", "000011"]
    loaded = load(tmp_path)
    assert loaded is not None
    assert (loaded.state, loaded.metrics_bytes) == ({"step": 11}, 77)
    assert loaded.tensors["w"].tolist() == [11.0] * 3


def test_nothing_written_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "checkpoint") is None


@pytest.mark.parametrize("name", [TENSORS, STATE, DIGESTS])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "empty"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_older(
    tmp_path: Path, name: str, damage: str
) -> None:
    """Kills: leaving a file out of the digests; trusting the newest; not comparing digests."""
    save(tmp_path, checkpoint(1))
    newest = save(tmp_path, checkpoint(2)) / name
    content = newest.read_bytes()
    middle = len(content) // 2
    if damage == "remove":
        newest.unlink()
    else:
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        newest.write_bytes({"flip": flipped, "cut": content[:middle], "empty": b""}[damage])
    loaded = load(tmp_path)
    assert loaded is not None
    assert loaded.state == {"step": 1}


def test_after_a_damaged_checkpoint_the_next_gets_a_number_of_its_own(tmp_path: Path) -> None:
    """Kills: numbering by the newest whole one, which would rename onto the damaged directory."""
    save(tmp_path, checkpoint(1))
    (save(tmp_path, checkpoint(2)) / STATE).unlink()
    assert save(tmp_path, checkpoint(3)).name == "000003"
    loaded = load(tmp_path)
    assert loaded is not None
    assert loaded.state == {"step": 3}


def test_when_all_are_damaged_it_says_so(tmp_path: Path) -> None:
    """Kills: returning None, after which a run would silently start from the beginning."""
    (save(tmp_path, checkpoint(1)) / TENSORS).write_bytes(b"")
    with pytest.raises(RunError, match=r"every checkpoint in .* is damaged; start a new run"):
        load(tmp_path)


def test_the_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    """Kills: another hash or file format than the one a person can check by hand."""
    path = save(tmp_path, checkpoint(5))
    subprocess.run(
        ["sha256sum", "-c", "--strict", DIGESTS], cwd=path, check=True, capture_output=True
    )
