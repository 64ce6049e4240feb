"""Arrays of strangers: what numpy writes is read, everything else is a sentence."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sciformer.errors import DataError
from sciformer.runs import arrays
from sciformer.runs.arrays import read_array, read_arrays

DTYPES = [np.float64, np.float32, np.int16, np.uint8, np.dtype(">i4"), np.dtype("<U3"), np.bool_]


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@given(array=st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0))))
def test_what_numpy_writes_is_read(
    array: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Kills: another byte order, transposed arrays, a scalar taken for nothing."""
    path = tmp_path_factory.mktemp("a") / "a"
    path.write_bytes(npy(np.asfortranarray(array)))
    np.testing.assert_array_equal(read_array(path), array)
    with path.open("wb") as file:
        np.savez_compressed(file, first=array, second=array[..., None])
    found = read_arrays(path)
    assert {*found} == {"first", "second"}
    np.testing.assert_array_equal(found["first"], array)
    assert found["second"].shape == (*array.shape, 1)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy(np.zeros(9))[:-1], "bytes, and"),
        (npy(np.zeros(9)).replace(b"(9,)", b"(8,)"), "bytes, and"),
        (npy(np.zeros((3, 1))).replace(b"(3, 1), ", b"(-3, 1),"), "bytes, and"),
        (npy(np.zeros((3, 1))).replace(b"(3, 1), }  ", b"(3**9,1)}  "), "is not an array of numpy"),
        (npy(np.array([{}], dtype=object)), "holds Python objects"),
        (b"\x93NUMPY", "is not an array of numpy"),
        (b"", "is not an array of numpy"),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    """Kills: numbers allocated before the bytes were counted, a pickle that is loaded."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_array(tmp_path / "x")


def test_packed_sizes_are_added_up_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a limit for each member alone; a limit on the packed bytes only."""
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.zeros(4000), b=np.zeros(4000))
    assert path.stat().st_size < 2000
    monkeypatch.setattr(arrays, "MOST_TENSOR_BYTES", 40_000)
    with pytest.raises(DataError, match=r"would unpack to 64\d\d\d bytes"):
        read_arrays(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="is not a whole npz file"):
        read_arrays(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"text")
    with pytest.raises(DataError, match=r"x\.npz: a: is not an array of numpy"):
        read_arrays(path)
