"""`sciformer learn`, and `sciformer solve --from` what it left, end to end."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinn import names
from pinn.commands.answer import _band, _table
from pinn.families import refining
from pinn.families.registry import find_family
from pinn.families.saved import load
from sciformer.cli.main import main

FAMILY = '''
"""A family in ten lines."""
import pinn
import sympy

x, t, rate = sympy.symbols("x t rate")
u, start = sympy.Function("u")(x, t), sympy.Function("start")(x)
problem = pinn.Problem(
    name="growth", coordinates=(x, t), fields=(u,), periodic=("x",), given=(start, rate),
    equations=(sympy.Eq(u.diff(t), 0.02 * u.diff(x, 2) + rate * u * (1 - u)),),
    domain=pinn.Box(x=(0, 1), t=(0, 1)), conditions=(pinn.Condition(sympy.Eq(u, start), on="t=0"),),
)
family = pinn.Family(
    problem,
    draws={start: pinn.GaussianField(length=0.3, std=0.1, mean=0.5, smoothness=3.0, waves=4),
           rate: pinn.Uniform(0.5, 2)},
)
'''
KEYS = {
    "family", "network", "seed", "parameters", "median", "mean", "q95", "worst", "functions",
    "milliseconds", "wall_seconds", "run",
}  # fmt: skip


def learn(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["learn", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_learn_and_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a run that cannot be read back, readings of another column, an idle --refine."""
    out = str(tmp_path / "run")
    found = learn(
        capsys, "burgers-family", "--network", "spectral", "--set", "steps=60", "--functions", "5",
        "--calibrate", "20", "--set", "width=16", "--set", "members=16", "--seed", "3",
        "--out", out,
    )  # fmt: skip
    assert found.keys() >= KEYS
    assert (found["network"], found["seed"], found["functions"]) == ("spectral", 3, 5)
    assert 0 < found["median"] <= found["worst"] < 1  # type: ignore[operator]
    assert main(["show", out]) == 0
    member = find_family("burgers-family").draw(1, 5)
    places = np.arange(40) / 40
    lines = [f"{x},{y}" for x, y in zip(places, member.values("start", places)[0], strict=True)]
    csv = tmp_path / "start.csv"
    csv.write_text("x,start\n" + "\n".join(lines) + "\n")
    capsys.readouterr()
    answer = ["solve", "burgers-family", "--from", out, "--readings", str(csv), "--json"]
    assert main([*answer, "--out", str(tmp_path / "answer")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["doubts"] == []
    assert summary["band"]["u"] > 0
    saved = np.load(tmp_path / "answer" / "solution.npz")
    mesh = np.stack(np.meshgrid(saved["x"], saved["t"], indexing="ij"), -1).reshape(-1, 2)
    exact = find_family("burgers-family").exact(member, mesh)["u"][0].numpy()
    gap = np.linalg.norm(saved["u"].ravel() - exact) / np.linalg.norm(exact)
    assert gap < 0.5
    assert (tmp_path / "answer" / "figure.png").stat().st_size > 10_000
    monkeypatch.setattr(refining, "NEURONS", 120)
    assert main([*answer, "--refine", "--out", str(tmp_path / "refined")]) == 0
    refined = json.loads(capsys.readouterr().out)["refined"]
    assert refined["residual_after"] < refined["residual_before"]
    better = np.load(tmp_path / "refined" / "solution.npz")["u"].ravel()
    assert np.linalg.norm(better - exact) < 0.5 * gap * np.linalg.norm(exact)


def test_a_solved_family_is_offered_without_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["learn", "heat-family", "--functions", "5", "--calibrate", "1"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "sciformer compile --pde heat" in said.err
    assert "compiled" in said.out
    found = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert found["parameters"] == 0
    assert found["median"] < 1e-9


def test_a_family_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a reference errors are bounded, not invented. Kills: errors of a family that has
    none, an answer without any statement of its error."""
    monkeypatch.chdir(tmp_path)
    Path("my_family.py").write_text(FAMILY)
    found = learn(
        capsys, "my_family.py", "--set", "steps=5", "--set", "width=16", "--set", "members=16",
        "--functions", "1", "--out", "run",
    )  # fmt: skip
    assert found["median"] is None
    assert found["error_bounds"]["worst"] > 0  # type: ignore[index]
    assert found["start"] == "linear-flow"
    places = np.arange(20) / 20
    table = "\n".join(f"{x},{0.5 + 0.1 * np.sin(2 * np.pi * x)}" for x in places)
    Path("start.csv").write_text(f"x,start\n{table}\n")
    answer = ["solve", "my_family.py", "--from", "run", "--readings", "start.csv"]
    assert main([*answer, "--set", "rate=1.5", "--out", "answer"]) == 0
    summary = json.loads((tmp_path / "answer" / "summary.json").read_text())
    assert summary["band"] is None
    assert summary["error_bound"]["bound"] > 0
    assert main([*answer, "--set", "rate=9", "--out", "other"]) == 2
    assert "rate = 9 lies outside of [0.5, 2]" in capsys.readouterr().err
    Path("my_family.py").write_text(FAMILY.replace("0.02", "0.03"))
    assert main([*answer, "--set", "rate=1.5", "--out", "third"]) == 2
    assert "has changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "networks",
    [
        ["spectral"],
        pytest.param(["deeponet", "former", "pooled", "spectral"], marks=pytest.mark.slow),
    ],
)
def test_an_ablation_has_a_line_for_every_network_and_start(
    networks: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a comparison that ends at its first network, one start for all."""
    every = names.known("family network")
    assert set(networks) <= set(every)
    monkeypatch.setattr(names, "known", lambda kind: {name: every[name] for name in networks})
    found = learn(
        capsys, "diffusion-reaction-family", "--set", "steps=1", "--set", "members=4",
        "--set", "points=16", "--functions", "1", "--calibrate", "1", "--ablation",
        "--out", str(tmp_path / "run"),
    )  # fmt: skip
    rows: Any = found["ablation"]
    wanted = {(network, start) for network in networks for start in ("linear-flow", "faded")}
    assert {(row["network"], row["start"]) for row in rows} == wanted
    assert all(row["median"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["learn", "burger-family"], "Did you mean 'burgers-family'"),
        (["learn", "heat-family", "--network", "spectra"], "Did you mean 'spectral'"),
        (["learn", "heat-family", "--set", "wdth=3"], "Did you mean 'width'"),
        (["learn", "advection-family", "--start", "cole-hopf"], "has no start 'cole-hopf'"),
        (["solve", "burgers-family", "--readings", "a.csv"], "--readings needs --from RUN"),
        (["solve", "heat", "--refine"], "--refine needs --from RUN"),
        (["solve", "burgers-family", "--from", "nowhere"], "not a run directory"),
    ],
)
def test_mistakes_are_sentences(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


SINE = [(f"{n / 40:.3f}", f"{0.3 * np.sin(2 * np.pi * n / 40):.9f}") for n in range(40)]


def table(header: str, mark: str = ",", rows: list[tuple[str, str]] = SINE) -> str:
    return "\n".join([header, *(mark.join(row) for row in rows)]) + "\n"


COMMAS = [(x.replace(".", ","), y.replace(".", ",")) for x, y in SINE]
TABLES = {
    "plain": table("x,start").encode(),
    "utf-8 of a spreadsheet": table("x,start").encode("utf-8-sig"),
    "utf-16": table("x,start").encode("utf-16"),
    "decimal commas": table("x;start", ";", COMMAS).encode(),
    "tabs": table("x\tstart", "\t").encode(),
    "units": table("x [m],start [m/s]").encode(),
    "other order": table("start,x", rows=[(y, x) for x, y in SINE]).encode(),
    "remark": ("# of Monday\n" + table("x,start")).encode(),
    "noise": table("x,start,noise", rows=[(x, f"{y},1e-9") for x, y in SINE]).encode(),  # type: ignore[misc]
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of a family whose start is its solution."""
    out = str(tmp_path_factory.mktemp("learned") / "run")
    words = ["learn", "heat-family", "--functions", "1", "--calibrate", "20", "--out", out]
    assert main(words) == 0
    return out


@pytest.mark.parametrize("name", TABLES)
def test_readings_are_read_however_a_table_is_written(name: str, compiled: str) -> None:
    """Kills: columns by their place, a byte order mark in a name, a decimal comma as two cells."""
    found = _table(load(compiled), Path("start.csv"), TABLES[name])["start"]
    wanted = np.array(SINE, dtype=float).T
    np.testing.assert_array_equal(found[:2], wanted)
    assert len(found) == (3 if name == "noise" else 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,stat\n0,1\n", "the header must be x,start"),
        ("y,start\n0,1\n", "the header must be x,start"),
        ("x,start,start\n0,1,2\n", "each once"),
        ("x,start,remark\n0,1,2\n", "each once"),
        ("0,1\n0.5,2\n", "holds numbers; begin with a header such as"),
        ("x,start\n0,one\n", "line 2: start is 'one'"),
        ("x,start\n0,1\n0.5,\n", "line 3: start is empty"),
        ("x,start\n0\n", "has 1 columns where the header has 2"),
        ("x,start\n0,nan\n", "line 2: start is 'nan'"),
        ("x,start\n", "has a header and no samples"),
        ("", "is empty"),
        ("x,start,noise\n0,1,-1\n", "standard deviation >= 0"),
    ],
)
def test_readings_that_are_no_table_are_refused(
    text: str, said: str, compiled: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "start.csv").write_text(text)
    words = ["solve", "heat-family", "--set", "a=0.01", "--from", compiled, "--readings"]
    words += [str(tmp_path / "start.csv"), "--out", str(tmp_path / "answer")]
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_function_read_twice_is_refused(
    compiled: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Kills: a second file that silently takes the place of the first."""
    files = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    for file in files:
        Path(file).write_bytes(TABLES["plain"])
    words = ["solve", "heat-family", "--set", "a=0.01", "--from", compiled, "--readings", files[0]]
    words += ["--readings", files[1]]
    assert main([*words, "--out", str(tmp_path / "answer")]) == 2
    assert "from another file already" in capsys.readouterr().err


def test_a_band_is_of_the_sensors_or_there_is_none(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: the band of members that were known exactly beside readings that leave half open, and
    a band for a member unlike all that were drawn."""
    learned, rows = load(compiled), np.array(SINE, dtype=float)
    bands, said = {}, {}
    for name, places, values in (
        ("many", rows[:, 0], rows[:, 1]),
        ("few", rows[::10, 0], rows[::10, 1]),
        ("strange", rows[:, 0], 90 * rows[:, 1]),
    ):
        given = {"start": (places, values), "a": 0.01}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the doubts, which the command says itself
            bands[name] = _band(learned, learned(**given), given)
        said[name] = capsys.readouterr().err
    assert bands["few"]["u"] > 1e3 * bands["many"]["u"]
    assert "band calibrated on 100 members read at these places" in said["few"]
    assert bands["strange"] is None
    assert "has no band; start lies outside of what was drawn: fewer than one in" in said["strange"]
