"""Flow files that lie or unpack to more than anybody asked for: a sentence, in little memory."""

from __future__ import annotations

import io
import os
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pinn.data import files
from pinn.data.files import load_flow
from sciformer.errors import DataError

P, N_T = 12, 5
ARRAYS = {
    "X_star": np.arange(2.0 * P).reshape(P, 2),
    "t": np.arange(float(N_T)),
    "U_star": np.ones((P, 2, N_T)),
}
MOST_KB = 60_000


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    described = {"shape": shape, "fortran_order": False, "descr": kind}
    np.lib.format.write_array_header_2_0(file, described)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_npz(path: Path, replaced: dict[str, bytes]) -> None:
    contents = {key: npy(array) for key, array in ARRAYS.items()} | replaced
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, content in contents.items():
            archive.writestr(f"{key}.npy", content)


def refused(path: Path, sentence: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=sentence):
        load_flow(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KB


@pytest.mark.parametrize(
    "shape", [(10**12,), (5 * 10**8,), (-1, 2, N_T), (2**32, 2**32, 2), (P, 2, N_T)]
)
def test_headers_are_not_believed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Kills: an array allocated by its header, a product that wraps, a negative length."""
    write_npz(tmp_path / "flow.npz", {"U_star": header(shape)})
    refused(tmp_path / "flow.npz", r"U_star claims to be .* which is not what its 0 bytes hold")


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    """Kills: pickles."""
    write_npz(tmp_path / "flow.npz", {"U_star": header((P, 2, N_T), "|O")})
    refused(tmp_path / "flow.npz", "U_star claims to be")


def test_nobody_unpacks_what_nobody_needs(tmp_path: Path) -> None:
    """Two GB of zeros under another name. Kills: every key read."""
    path = tmp_path / "flow.npz"
    write_npz(path, {})
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("junk.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(200):
            file.write(bytes(10_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert load_flow(path).samples == P * N_T
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KB


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".mat"])
def test_shapes_are_compared_before_a_number_is_read(tmp_path: Path, suffix: str) -> None:
    """240 MB that do not fit the other arrays. Kills: shapes looked at after reading."""
    path = tmp_path / f"flow{suffix}"
    if suffix == ".npz":
        write_npz(path, {"U_star": header((30_000_000,)) + bytes(240_000_000)})
    elif suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for key, array in ARRAYS.items():
                if key != "U_star":
                    file[key] = array
            file.create_dataset("U_star", data=np.zeros(30_000_000), compression="gzip")
    else:
        from scipy.io import savemat

        savemat(path, {**ARRAYS, "U_star": np.zeros(30_000_000)}, do_compression=True)
    refused(path, "U_star must have the shape|U_star claims")


@pytest.mark.parametrize("kind", ["unwritten", "external", "link", "group", "virtual"])
def test_hdf5_arrays_lie_in_the_file(tmp_path: Path, kind: str) -> None:
    """Kills: fill values of an array that was never written, bytes of another file read as data."""
    h5py = pytest.importorskip("h5py")
    (tmp_path / "secret").write_bytes(bytes(8 * P * 2 * N_T))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["U_star"] = ARRAYS["U_star"]
    with h5py.File(tmp_path / "flow.h5", "w") as file:
        for key in ("X_star", "t"):
            file[key] = ARRAYS[key]
        shape = (P, 2, N_T)
        if kind == "unwritten":
            file.create_dataset("U_star", (P * 10_000, 2, N_T), "f8", chunks=(P, 2, N_T))
        elif kind == "external":
            place = [(str(tmp_path / "secret"), 0, 8 * P * 2 * N_T)]
            file.create_dataset("U_star", shape, "f8", external=place)
        elif kind == "link":
            file["U_star"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "U_star")
        elif kind == "group":
            file.create_group("U_star")
        else:
            layout = h5py.VirtualLayout(shape, "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "U_star", shape)
            file.create_virtual_dataset("U_star", layout)
    wanted = "U_star claims" if kind == "unwritten" else "U_star must be an array in the file"
    refused(tmp_path / "flow.h5", wanted)


def test_more_samples_than_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: shapes that agree with one another taken for a promise of memory."""
    write_npz(tmp_path / "flow.npz", {})
    monkeypatch.setattr(files, "MOST_SAMPLES", P * N_T)
    assert load_flow(tmp_path / "flow.npz").samples == P * N_T
    monkeypatch.setattr(files, "MOST_SAMPLES", P * N_T - 1)
    with pytest.raises(DataError, match="12 points times 5 snapshots, more than the 59"):
        load_flow(tmp_path / "flow.npz")


@pytest.mark.skipif(os.name == "nt", reason="devices")
def test_devices_are_no_files(tmp_path: Path) -> None:
    """Kills: /dev/zero read for ever."""
    (tmp_path / "flow.npz").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="there is no file"):
        load_flow(tmp_path / "flow.npz")
