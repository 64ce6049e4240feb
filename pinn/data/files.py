"""Flows from files: MATLAB, NumPy, HDF5 and NetCDF with the keys of Raissi's cylinder wake."""

from __future__ import annotations

import importlib
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.flow import FlowData, check_field_shapes
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REQUIRED, OPTIONAL = ("X_star", "t", "U_star"), ("p_star",)
KEYS = (*REQUIRED, *OPTIONAL)
# Points times snapshots: u, v, p in float64 take 1.2 GB. Raissi's wake has a million.
MOST_SAMPLES = 50_000_000
# gzip packs a constant array to a thousandth; above that nothing was written.
MOST_PACKING = 2000
NPY_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
MATLAB_HDF5 = b"MATLAB 7.3"


def load_flow(path: Path | str) -> FlowData:
    """Snapshots of a plane flow.

    The file holds X_star (p, 2), t (n_t,) or (n_t, 1), U_star (p, 2, n_t) and, if known, p_star
    (p, n_t), in units of a length D and a speed U. Its suffix says its form: .mat (also the HDF5
    form of MATLAB 7.3), .npz, .h5 or .hdf5, .nc.

    Raises:
        DataError: the file is missing, damaged, or not a flow; one sentence says what is wrong.
        UsageError: HDF5 and NetCDF need the extra `exchange`.
    """
    path = Path(path)
    if not path.is_file():  # nor a device or a pipe
        raise DataError(f"flow data: there is no file {path}; check the path.")
    if path.suffix.lower() not in READERS:
        known = ", ".join(READERS)
        raise DataError(f"flow data: {path.name} has none of the known suffixes {known}.")
    try:
        found = READERS[path.suffix.lower()](path)
    except (DataError, UsageError):
        raise
    except Exception as error:  # the readers of four libraries raise as they please
        first = str(error).partition("\n")[0]
        raise DataError(
            f"flow data: {path.name} cannot be read as {path.suffix[1:]} ({first}); "
            "it may be damaged or of another format."
        ) from error
    return _flow(path.name, found)


def _flow(name: str, found: Mapping[str, Any]) -> FlowData:
    arrays = {key: _numbers(name, key, value) for key, value in found.items()}
    return FlowData(
        name, arrays["X_star"], arrays["t"].ravel(), arrays["U_star"], arrays.get("p_star")
    )


def check_shapes(name: str, shapes: Mapping[str, tuple[int, ...]], there: Iterable[str]) -> None:
    """Refuses arrays that are not a flow, or too large, by their shapes, before one is read.

    Args:
        name: what messages call the file.
        shapes: of the arrays whose names are known, as their headers tell.
        there: names of all that the file holds.

    Raises:
        DataError: one sentence says what is wrong.
    """
    missing = [key for key in REQUIRED if key not in shapes]
    if missing:
        raise DataError(
            f"{name}: {' and '.join(missing)} missing; expected are {', '.join(REQUIRED)} and, if "
            f"known, p_star, and the file holds {', '.join(sorted(there)[:20]) or 'nothing'}."
        )
    time, points = shapes["t"], shapes["X_star"]
    if math.prod(time) != max(time, default=0):
        raise DataError(
            f"{name}: t must have the shape (n_t,) or (n_t, 1), and has {time}; "
            "give one time per snapshot."
        )
    if len(points) != 2 or points[1] != 2:
        hint = "it seems transposed" if points[:1] == (2,) else "give x and y of each point"
        raise DataError(f"{name}: X_star must have the shape (p, 2), and has {points}; {hint}.")
    p, n_t = points[0], max(time)
    check_field_shapes(name, p, n_t, {**shapes, "t": (n_t,)})
    if p * n_t > MOST_SAMPLES:
        raise DataError(
            f"{name}: holds {p} points times {n_t} snapshots, more than the {MOST_SAMPLES} samples "
            "that fit into memory beside their derivatives; take a part of them."
        )


def _numbers(name: str, key: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise DataError(
            f"{name}: {key} must hold real numbers and holds {array.dtype}; convert it."
        )
    return array.astype(np.float64)


def _read_mat(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        if file.read(len(MATLAB_HDF5)) == MATLAB_HDF5:
            # MATLAB stores columns first, so HDF5 shows every array with its axes reversed.
            return {key: array.T for key, array in _read_hdf5(path, reverse=True).items()}
    from scipy.io import loadmat, whosmat

    listed = {key: (tuple(shape), kind) for key, shape, kind in whosmat(path)}
    shapes = {key: shape for key, (shape, _) in listed.items() if key in KEYS}
    check_shapes(path.name, shapes, listed)
    for key in shapes:
        # Cells, structs and objects nest; a flow has none of them.
        if listed[key][1] in ("cell", "struct", "object", "opaque", "function", "unknown"):
            raise DataError(
                f"{path.name}: {key} must hold real numbers and holds a MATLAB {listed[key][1]}; "
                "convert it."
            )
    found: dict[str, Any] = loadmat(path, variable_names=list(shapes))
    return {key: found[key] for key in shapes}


def _read_npz(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        held = {name.removesuffix(".npy"): name for name in archive.namelist()}
        shapes = {}
        for key in KEYS:
            if key in held:
                shapes[key] = _npy_shape(path.name, key, archive, held[key])
        check_shapes(path.name, shapes, held)
        found = {}
        for key in shapes:
            with archive.open(held[key]) as file:
                found[key] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _npy_shape(name: str, key: str, archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    """The shape in the header of an array, if the array has the size that follows from it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in NPY_HEADERS:
            raise DataError(f"{name}: {key} has the unknown npy version {version}; save it again.")
        shape, _, dtype = NPY_HEADERS[version](file)
        size = archive.getinfo(member).file_size - file.tell()
    if dtype.hasobject or min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != size:
        raise DataError(
            f"{name}: {key} claims to be {shape} of {dtype}, which is not what its {size} bytes "
            "hold; save it again."
        )
    return tuple(shape)


def _read_hdf5(path: Path, *, reverse: bool = False) -> dict[str, Any]:
    h5py = exchange_library("h5py", path)
    with h5py.File(path, "r") as file:
        sets = {key: checked_dataset(h5py, path.name, key, file) for key in KEYS if key in file}
        order = -1 if reverse else 1
        check_shapes(path.name, {key: s.shape[::order] for key, s in sets.items()}, file)
        return {key: dataset[()] for key, dataset in sets.items()}


def checked_dataset(h5py: Any, name: str, key: str, file: Any) -> Any:
    """The array of a key, which lies in this file and occupies as many bytes there as it claims."""
    link = file.get(key, getlink=True)
    dataset = None if isinstance(link, h5py.ExternalLink) else file.get(key)
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise DataError(
            f"{name}: {key} must be an array in the file itself, and is a group, a link or an "
            "array of another file; copy the numbers into it."
        )
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if dataset.dtype.hasobject or size > MOST_PACKING * (dataset.id.get_storage_size() + 1):
        raise DataError(
            f"{name}: {key} claims {size} bytes, and {dataset.id.get_storage_size()} are stored; "
            "write the numbers into it."
        )
    return dataset


def _read_netcdf(path: Path) -> dict[str, Any]:
    xarray = exchange_library("xarray", path)
    exchange_library("h5netcdf", path)
    h5py = exchange_library("h5py", path)
    with h5py.File(path, "r") as file:
        for key in KEYS:
            if key in file:
                checked_dataset(h5py, path.name, key, file)
    with xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        held = {str(key): variable for key, variable in data.variables.items()}
        shapes = {key: held[key].shape for key in KEYS if key in held}
        check_shapes(path.name, shapes, held)
        return {key: held[key].values for key in shapes}


def exchange_library(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"reading {path.name} needs {module}; install it with "
            "pip install 'sciformer[exchange]'."
        ) from error


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".mat": _read_mat,
    ".npz": _read_npz,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".nc": _read_netcdf,
}
