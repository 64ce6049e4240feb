"""Flows from files: MATLAB, NumPy, HDF5 and NetCDF with the keys of Raissi's cylinder wake."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.flow import FlowData
from sciformer.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REQUIRED, OPTIONAL = ("X_star", "t", "U_star"), ("p_star",)
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
    if not path.is_file():
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
            "it may be damaged or of another form."
        ) from error
    return _flow(path.name, found)


def _flow(name: str, found: Mapping[str, Any]) -> FlowData:
    missing = [key for key in REQUIRED if key not in found]
    if missing:
        there = ", ".join(sorted(found)) or "nothing"
        raise DataError(
            f"{name}: {' and '.join(missing)} missing; wanted are {', '.join(REQUIRED)} and, if "
            f"known, p_star, and the file holds {there}."
        )
    arrays = {key: _numbers(name, key, found[key]) for key in REQUIRED}
    pressure = _numbers(name, "p_star", found["p_star"]) if "p_star" in found else None
    time = arrays["t"]
    if time.size != max(time.shape, default=0):
        raise DataError(
            f"{name}: t must have the shape (n_t,) or (n_t, 1), and has {time.shape}; "
            "give one time a snapshot."
        )
    shape = arrays["X_star"].shape
    if len(shape) != 2 or shape[1] != 2:
        hint = "it seems transposed" if shape[:1] == (2,) else "give x and y of each point"
        raise DataError(f"{name}: X_star must have the shape (p, 2), and has {shape}; {hint}.")
    return FlowData(name, arrays["X_star"], time.ravel(), arrays["U_star"], pressure)


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
            return {key: array.T for key, array in _read_hdf5(path).items()}
    from scipy.io import loadmat

    found: dict[str, Any] = loadmat(path)
    return {key: value for key, value in found.items() if not key.startswith("__")}


def _read_npz(path: Path) -> dict[str, Any]:
    # Opened here, because numpy leaves a damaged archive open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return dict(stored)


def _read_hdf5(path: Path) -> dict[str, Any]:
    h5py = _exchange("h5py", path)
    with h5py.File(path, "r") as file:
        return {key: file[key][()] for key in (*REQUIRED, *OPTIONAL) if key in file}


def _read_netcdf(path: Path) -> dict[str, Any]:
    xarray = _exchange("xarray", path)
    _exchange("h5netcdf", path)
    with xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        return {str(key): variable.values for key, variable in data.variables.items()}


def _exchange(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"flow data: reading {path.name} needs {module}; install it with "
            "pip install 'sciformer[exchange]'."
        ) from error


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".mat": _read_mat,
    ".npz": _read_npz,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".nc": _read_netcdf,
}
