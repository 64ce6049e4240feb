"""Flows from files: every form gives the same arrays, every mistake a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.data.files import load_flow
from sciformer.errors import DataError

P, N_T = 12, 5


def flow() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    x, y = np.meshgrid(np.linspace(1, 2, 4), np.linspace(-1, 1, 3))
    return {
        "X_star": np.stack([x.ravel(), y.ravel()], 1),
        "t": np.linspace(0, 0.4, N_T)[:, None],
        "U_star": generator.normal(size=(P, 2, N_T)),
        "p_star": generator.normal(size=(P, N_T)),
    }


def write(path, arrays) -> None:
    if path.suffix == ".mat":
        from scipy.io import savemat

        savemat(path, arrays)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".nc":
        xarray = pytest.importorskip("xarray")
        pytest.importorskip("h5netcdf")
        variables = {
            key: ([f"{key}_{i}" for i in range(array.ndim)], array) for key, array in arrays.items()
        }
        xarray.Dataset(variables).to_netcdf(path, engine="h5netcdf")
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[key] = array


@pytest.mark.parametrize("suffix", [".mat", ".npz", ".h5", ".nc"])
def test_every_form_gives_the_same_flow(tmp_path, suffix: str) -> None:
    """Kills: a reader that turns or drops an array."""
    path, wanted = tmp_path / f"flow{suffix}", flow()
    write(path, wanted)
    data = load_flow(path)
    assert np.array_equal(data.points, wanted["X_star"])
    assert np.array_equal(data.time, wanted["t"].ravel())
    assert np.array_equal(data.velocity, wanted["U_star"])
    assert np.array_equal(data.pressure, wanted["p_star"])
    assert data.samples == P * N_T


def test_matlab_7_3_is_turned_back(tmp_path) -> None:
    """Kills: forgetting that MATLAB stores columns first."""
    h5py = pytest.importorskip("h5py")
    path, wanted = tmp_path / "flow.mat", flow()
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in wanted.items():
            file[key] = array.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    assert np.array_equal(load_flow(path).velocity, wanted["U_star"])


def test_pressure_may_be_missing(tmp_path) -> None:
    arrays = flow()
    del arrays["p_star"]
    write(tmp_path / "flow.npz", arrays)
    assert load_flow(tmp_path / "flow.npz").pressure is None


def test_grid_does_not_depend_on_the_order_of_points(tmp_path) -> None:
    """Kills: x and y exchanged, an order taken for granted."""
    arrays, order = flow(), np.random.default_rng(1).permutation(P)
    shuffled = {**arrays, **{k: arrays[k][order] for k in ("X_star", "U_star", "p_star")}}
    write(tmp_path / "flow.npz", shuffled)
    grid = load_flow(tmp_path / "flow.npz").grid()
    assert grid.u.shape == (4, 3, N_T)
    assert grid.x == pytest.approx(np.linspace(1, 2, 4))
    assert grid.spacing == pytest.approx((1 / 3, 1.0, 0.1))
    u = arrays["U_star"][:, 0].reshape(3, 4, N_T).transpose(1, 0, 2)
    v = arrays["U_star"][:, 1].reshape(3, 4, N_T).transpose(1, 0, 2)
    assert np.array_equal(grid.u, u)
    assert np.array_equal(grid.v, v)


def broken(**changes):
    arrays = {**flow(), **changes}
    return {key: array for key, array in arrays.items() if array is not None}


def holed() -> np.ndarray:
    velocity = flow()["U_star"]
    velocity[3, 1, 2] = np.nan
    return velocity


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"U_star": None}, r"U_star missing; expected are X_star, t, U_star"),
        ({"X_star": None, "t": None}, r"X_star and t missing"),
        ({"U_star": holed()}, r"U_star has 1 of 120 numbers that are not finite"),
        ({"U_star": flow()["U_star"].transpose(2, 1, 0)}, r"U_star must .*it seems transposed"),
        ({"X_star": flow()["X_star"].T}, r"X_star must .*it seems transposed"),
        ({"p_star": flow()["p_star"].T}, r"p_star must .*it seems transposed"),
        ({"U_star": flow()["U_star"][:, :, 1:]}, r"U_star must .*must agree"),
        ({"t": flow()["t"][::-1]}, r"t must rise .* from 0\.4 to 0\.3"),
        ({"t": np.ones((2, 3))}, r"t must have the shape \(n_t,\)"),
        ({"X_star": np.ones(P)}, r"X_star must have the shape \(p, 2\)"),
        ({"U_star": 3e5 * flow()["U_star"]}, r"does not look dimensionless"),
        ({"U_star": flow()["U_star"] + 1j}, r"must hold real numbers and holds complex"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, changes, sentence: str) -> None:
    path = tmp_path / "flow.npz"
    write(path, broken(**changes))
    with pytest.raises(DataError, match=sentence) as caught:
        load_flow(path)
    assert str(caught.value).startswith("flow.npz: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_flows(tmp_path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        load_flow(tmp_path / "none.mat")
    (tmp_path / "flow.txt").write_text("u v")
    with pytest.raises(DataError, match=r"none of the known suffixes \.mat, \.npz"):
        load_flow(tmp_path / "flow.txt")
    (tmp_path / "flow.mat").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(DataError, match=r"flow\.mat cannot be read as mat"):
        load_flow(tmp_path / "flow.mat")


def test_scattered_points_and_unequal_steps_are_no_grid(tmp_path) -> None:
    arrays = flow()
    arrays["X_star"][5, 0] += 0.01
    write(tmp_path / "flow.npz", arrays)
    with pytest.raises(DataError, match="not a full grid"):
        load_flow(tmp_path / "flow.npz").grid()
    arrays = flow()
    arrays["t"][2] += 0.03
    write(tmp_path / "flow.npz", arrays)
    with pytest.raises(DataError, match="t must have at least two equally spaced values"):
        load_flow(tmp_path / "flow.npz").grid()
