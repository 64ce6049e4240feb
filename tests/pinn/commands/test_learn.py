"""`sciformer learn`, and `sciformer solve --from` what it left, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pinn.families import refining
from pinn.families.registry import find_family
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
    """Without a reference nothing is invented. Kills: errors of a family that has none."""
    monkeypatch.chdir(tmp_path)
    Path("my_family.py").write_text(FAMILY)
    found = learn(
        capsys, "my_family.py", "--set", "steps=5", "--set", "width=16", "--set", "members=16",
        "--out", "run",
    )  # fmt: skip
    assert found["median"] is None
    assert found["start"] == "linear-flow"
    places = np.arange(20) / 20
    table = "\n".join(f"{x},{0.5 + 0.1 * np.sin(2 * np.pi * x)}" for x in places)
    Path("start.csv").write_text(f"x,start\n{table}\n")
    answer = ["solve", "my_family.py", "--from", "run", "--readings", "start.csv"]
    assert main([*answer, "--set", "rate=1.5", "--out", "answer"]) == 0
    assert main([*answer, "--set", "rate=9", "--out", "other"]) == 2
    assert "rate = 9 lies outside of [0.5, 2]" in capsys.readouterr().err
    Path("my_family.py").write_text(FAMILY.replace("0.02", "0.03"))
    assert main([*answer, "--set", "rate=1.5", "--out", "third"]) == 2
    assert "has changed" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,stat\n0,1\n", "first line must be x,start"),
        ("x,start\n0,one\n", "something else than numbers"),
        ("x,start\n0\n", "two columns"),
        ("x,start\n0,nan\n", "not finite"),
    ],
)
def test_readings_that_are_no_table_are_refused(
    text: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = str(tmp_path / "run")
    assert (
        main(["learn", "burgers-family", "--functions", "1", "--calibrate", "1", "--out", out]) == 0
    )
    (tmp_path / "start.csv").write_text(text)
    capsys.readouterr()
    words = ["solve", "burgers-family", "--from", out, "--readings", str(tmp_path / "start.csv")]
    assert main([*words, "--out", str(tmp_path / "answer")]) == 2
    assert said in capsys.readouterr().err
