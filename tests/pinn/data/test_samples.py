"""Samples from files: what is read, and a sentence with the line for whatever is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from pinn.data.noise import noise_of_samples
from pinn.data.samples import load_samples
from sciformer.errors import DataError

NAMES = ("x", "t"), ("u", "v")


def written(path: Path, text: str, name: str = "samples.csv") -> Path:
    (path / name).write_text(text, encoding="utf-8")
    return path / name


@pytest.mark.parametrize(
    "text",
    [
        "t,x,u,sigma\n2,1,3,0.5\n5,4,6,0.25\n",
        "\ufeff# t, x, u, sigma_u\r\n2, 1, 3, 0.5\r\n\r\n5,4,6,2.5e-1\r\n",
        "t;x;u;sigma\n2;1;3;0.5\n5;4;6;0.25",
        "t x u sigma\n 2 1 3 0.5\n5  4 6 0.25",
        "sep=;\r\nt;x;u;sigma\r\n2;1;3;0,5\r\n5;4;6;2,5e-1\r\n",
        "t\tx\tu\tsigma\n2,0\t1,0\t3,0\t0,5\n5\t4\t6\t,25\n",
        '"t [s]";"x (m, along)";"u(x, t)";\'sigma\'\n2;1;3;0.5\n5;4;6;0.25\n',
        "# measured in May\n# t,x,u,sigma\n2,1,3,0.5\n# a pause\n5,4,6,0.25\n",
        "# measured in May\nt,x,u,sigma\n2,1,3,0.5\n5,4,6,0.25\n",
        ",t,x,u,sigma\n0,2,1,3,0.5\n7,5,4,6,0.25\n",
    ],
)
def test_a_table_is_read_by_its_header(tmp_path: Path, text: str) -> None:
    """Kills: columns by position, a mark of bytes read as a name, a noise of another line, the
    numbers of rows that pandas writes refused or read as a field."""
    cloud = load_samples(written(tmp_path, text), *NAMES)
    order = np.argsort(cloud.points[:, 0])
    assert cloud.points[order].tolist() == [[1, 2], [4, 5]]
    assert cloud.values["u"][order].tolist() == [3, 6]
    assert np.asarray(cloud.noise["u"])[order].tolist() == [0.5, 0.25]
    assert set(cloud.values) == {"u"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("x,t,u\n", "a header and no samples"),
        ("1,2,3\n4,5,6\n", "line 1: the first line holds numbers; begin with .* x,t,u"),
        ("x,u\n1,2\n", "line 1: holds no t, but x, u"),
        ("x,t,w\n1,2,3\n", "line 1: holds none of u, v"),
        ("x,t,u,w\n1,2,3,4\n", "column 4 is called 'w', and nobody knows it"),
        ("x,t,u,u\n1,2,3,4\n", "column 4 is called 'u', twice"),
        ("x,t,u\n1,2,3\n\n4,5\n", "line 4: has 2 columns where the header has 3"),
        ("x,t,u\n1,2,3\n4,5,six\n", "line 3: u is 'six', which is not a finite number"),
        ("x,t,u\n1,2,3\n4,,6\n", "line 3: t is empty, which is not a finite number"),
        ("x,t,u\n1,2,nan\n", "line 2: u is 'nan', which is not a finite number"),
        ("x;t;u\n1;2;3,5\n1;2;3.5\n", "line 2: u is '3,5', which is not a finite number"),
        ("x;t;u\n1;2;1.234,5\n", "line 2: u is '1.234,5', which is not a finite number"),
        ("x;t;u\n1;2;3,500\n", "line 2: '3,500' may have a decimal comma or be in thousands"),
        ("x,t,u\n0,5,1,5,3,5\n", "line 2: has 6 columns where the header has 3"),
        ("x,t,u\nm,s,K\n1,2,3\n", "line 2: x is 'm', which is not a finite number"),
        ("x,t,u\n1,2,1_5\n", "line 2: u is '1_5', which is not a finite number"),
        ("sep=;\n", "is empty"),
        ("x,t,u\n1,2,\x003\n", "line 2"),
        ("x,t,u,sigma\n1,2,3,1\n1,2,3,0\n", "line 3: sigma is 0; a standard deviation must be"),
        (",x,t,u\n0.5,1,2,3\n1,1,2,4\n", "column 1 has no name and does not number the rows"),
        (",x,t,u\n1,1,2,3\n1,1,2,4\n", "column 1 has no name and does not number the rows"),
        ("x,,t,u\n1,2,3,4\n", "column 2 is called '', and nobody knows it"),
        ("x,t,u,v,sigma_u\n1,2,3,4,5\n", "noise of some quantities is missing; add sigma_v"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """Kills: a check left out, a line counted without blank lines or from 0."""
    with pytest.raises(DataError, match=sentence):
        load_samples(written(tmp_path, text), *NAMES)


def test_a_table_of_a_spreadsheet_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_bytes("t\tx\tu\n2\t1\t3,5\n".encode("utf-16"))
    cloud = load_samples(tmp_path / "wide.txt", *NAMES)
    assert (cloud.points.tolist(), cloud.values["u"].tolist()) == ([[1, 2]], [3.5])


def test_what_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"x,t,u\n1,2,\xff\n")
    with pytest.raises(DataError, match="not text in UTF-8"):
        load_samples(tmp_path / "latin.csv", *NAMES)
    with pytest.raises(DataError, match="cannot be read"):
        load_samples(tmp_path / "none.csv", *NAMES)
    with pytest.raises(DataError, match="no file"):
        load_samples(tmp_path / "none.npz", *NAMES)
    with pytest.raises(DataError, match=r"cannot be read as npz"):
        load_samples(written(tmp_path, "x", "broken.npz"), *NAMES)
    with pytest.raises(DataError, match="none of the known suffixes"):
        load_samples(written(tmp_path, "x", "data.xls"), *NAMES)


def test_an_archive_holds_the_same_names(tmp_path: Path) -> None:
    """Kills: one sigma for all read as one sample; arrays of other lengths; pickles."""
    columns = {"x": np.arange(5.0), "t": np.ones((5, 1)), "u": np.arange(5) * 2}
    np.savez(tmp_path / "a.npz", **columns, sigma=0.5)
    cloud = load_samples(tmp_path / "a.npz", *NAMES, count=3)
    assert len(cloud) == 3
    assert cloud.values["u"] == pytest.approx(2 * cloud.points[:, 0])
    assert np.asarray(cloud.noise["u"]).tolist() == [0.5] * 3
    np.savez(tmp_path / "b.npz", **{**columns, "t": np.ones(4)})
    with pytest.raises(DataError, match="t has 4 numbers and x 5"):
        load_samples(tmp_path / "b.npz", *NAMES)
    np.savez(tmp_path / "c.npz", **{**columns, "u": np.array([None] * 5)})
    with pytest.raises(DataError, match="cannot be read as npz"):
        load_samples(tmp_path / "c.npz", *NAMES)


def test_a_grid_as_raissi_wrote_it(tmp_path: Path) -> None:
    """Kills: x and t exchanged, a transposed grid believed."""
    x, t = np.linspace(-1, 1, 7)[:, None], np.linspace(0, 1, 5)[:, None]
    savemat(tmp_path / "shock.mat", {"x": x, "t": t, "usol": x + 10 * t.T})
    cloud = load_samples(tmp_path / "shock.mat", ("x", "t"), ("u",))
    assert len(cloud) == 35
    assert cloud.values["u"] == pytest.approx(cloud.points @ [1, 10])
    savemat(tmp_path / "other.mat", {"x": x, "t": t, "usol": (x + 10 * t.T).T})
    with pytest.raises(DataError, match=r"must have the shape \(7, 5\).*seems transposed"):
        load_samples(tmp_path / "other.mat", ("x", "t"), ("u",))
    savemat(tmp_path / "none.mat", {"x": x})
    with pytest.raises(DataError, match="read from arrays t, x and u or usol"):
        load_samples(tmp_path / "none.mat", ("t", "x"), ("u",))


@pytest.mark.parametrize("noise", [0.2, 0.02, 1e-3])
@pytest.mark.parametrize("unit", [1.0, 1e-7])
def test_noise_is_found_in_scattered_samples(noise: float, unit: float) -> None:
    """Of 250 samples a deviation is known to 5 %; smooth signals are not noise, in any unit.

    Kills: a variance for a deviation, the size of the process not given back.
    """
    generator = np.random.default_rng(4)
    points = generator.uniform(0, 1, (250, 2))
    field = np.sin(3 * points[:, 0]) * np.exp(-points[:, 1])
    values = unit * (field + noise * generator.standard_normal(250))
    found = noise_of_samples(points * [1e3, 1e-4], values)
    assert found == pytest.approx(noise * unit, rel=0.25)


def test_clean_samples_have_next_to_no_noise() -> None:
    points = np.random.default_rng(4).uniform(0, 1, (200, 1))
    assert noise_of_samples(points, np.sin(3 * points[:, 0])) < 1e-4
    assert noise_of_samples(points, np.full(200, 2.0)) < 1e-4


def test_a_table_that_numpy_wrote(tmp_path: Path) -> None:
    file = io.StringIO()
    np.savetxt(file, [[1, 2, 3], [4, 5, 6]], delimiter=",", header="x,t,u")
    assert len(load_samples(written(tmp_path, file.getvalue()), *NAMES)) == 2
