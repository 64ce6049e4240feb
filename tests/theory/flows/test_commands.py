"""`sciformer compile --pde` and `sciformer verify` end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sciformer.cli.main import main

KEYS = {
    "epsilon",
    "certified_bound",
    "observed_error",
    "layers",
    "heads",
    "tokens",
    "hidden_units",
    "parameters",
    "seconds",
    "path",
}


def compiled(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["compile", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    assert set(found) >= KEYS
    return found


def test_an_equation_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Compiled, drawn, and verified from the files alone."""
    out = tmp_path / "run"
    words = ("--pde", "fisher-kpp", "--epsilon", "1e-2", "--time", ".5", "--out", str(out))
    found = compiled(capsys, *words)
    assert found["observed_error"] < found["certified_bound"] <= 1e-2  # type: ignore[operator]
    assert (out / "figure.png").stat().st_size > 10_000
    assert main(["verify", str(out), "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["derived"] <= checked["bound"] == found["certified_bound"]


def test_burgers_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--pde", "burgers-periodic", "--epsilon", "1e-6", "--out", str(tmp_path / "run"))
    found = compiled(capsys, *words, "--starts", "slope<=5; waves<=4")
    assert found["observed_error"] < found["certified_bound"] <= 1e-6  # type: ignore[operator]
    assert main(["verify", str(tmp_path / "run"), "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["derived"] <= checked["bound"] == found["certified_bound"]


@pytest.mark.parametrize(
    "words",
    [
        ["x1", "--tokens", "1", "--epsilon", ".5"],
        ["--pde", "heat", "--epsilon", ".5", "--time", ".1"],
        ["--pde", "burgers-periodic", "--epsilon", ".1", "--starts", "slope<=5; waves<=2"],
    ],
    ids=["formula", "layers", "burgers"],
)
def test_a_full_disk_leaves_a_directory_that_can_be_used_again(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full from the second file on. Kills: a configuration without its certificate."""
    from sciformer.runs import files

    written, out, sync = [], tmp_path / "run", files._sync

    def full(path: Path) -> None:
        written.append(path)
        if len(written) > 1:
            raise OSError(28, "No space left on device")
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", full)
        assert main(["compile", *words, "--out", str(out)]) == 1
    assert list(out.iterdir()) == []
    assert main(["compile", *words, "--out", str(out)]) == 0
    assert main(["verify", str(out)]) == 0


def test_a_system_is_observed_and_says_that_nothing_is_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 3 and no bound. Kills: an observed error that is called certified."""
    words = ["--pde", "gray-scott", "--epsilon", "1e-3", "--time", "4"]
    assert main(["compile", *words, "--out", str(tmp_path / "run"), "--json"]) == 3
    written = capsys.readouterr()
    found = json.loads(written.out)
    assert set(found) >= KEYS
    assert found["certified_bound"] is None
    assert 0 < found["observed_error"] <= 1e-3
    assert "no certificate: observed error only" in written.err
    assert main(["verify", str(tmp_path / "run")]) != 0
    assert main(["compile", *words, "--time", "1e9", "--out", str(tmp_path / "long")]) == 1
    assert "8,000,000,000 steps of time" in capsys.readouterr().err


MINE = """
import sympy
from pinn.geometry.box import Box
from pinn.problem.problem import Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
equation = sympy.Eq(u.diff(t) + u.diff(x) / 2, u.diff(x, 2) / 20 - u)
mine = Problem("mine", (x, t), (u,), (equation,), Box(x=(0, 1), t=(0, 1)), periodic=("x",))
"""


def test_an_equation_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my_pde.py"
    file.write_text(MINE)
    words = ("--pde", str(file), "--epsilon", "1e-8", "--starts", "waves<=5")
    found = compiled(capsys, *words, "--out", str(tmp_path / "run"))
    assert found["layers"] == 1
    assert found["certified_bound"] <= 1e-8  # type: ignore[operator]


def test_a_formula_of_ones_own_with_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names beyond ASCII, an exact pi, and a start that the reaction carries beyond its range.

    Kills: a parameter that must be a float, a range that the verifier finds a digit larger.
    """
    file = tmp_path / "my_pde.py"
    equation = "u.diff(x, 2) / 30 + sympy.sqrt(2) * u - γ * sympy.sin(u)"
    more = ', periodic=("x",), parameters={γ: sympy.pi / 4})'
    text = MINE.replace("u.diff(x, 2) / 20 - u)", f"{equation})").replace(
        ', periodic=("x",))', more
    )
    file.write_text(text.replace("x, t =", 'γ = sympy.Symbol("γ")\nx, t ='), encoding="utf-8")
    words = (
        "--pde",
        str(file),
        "--epsilon",
        "0.2",
        "--starts",
        "slope<=2; waves<=2",
        "--time",
        ".5",
    )
    found = compiled(capsys, *words, "--out", str(tmp_path / "run"))
    assert found["observed_error"] < found["certified_bound"] <= 0.2  # type: ignore[operator]
    assert main(["verify", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (
            "u.diff(x, 2) / 9 - u * u.diff(x)",
            r"-u\(x, t\)\*Derivative\(u\(x, t\), x\) rules out",
        ),
        ("u.diff(x, 3)", r"Derivative\(u\(x, t\), \(x, 3\)\) rules out"),
        ("1 / 0", r"my_pde.py cannot be run \(ZeroDivisionError"),
        ("exit(5)", r"my_pde.py cannot be run \(SystemExit: 5"),
        ("u.diff(x, 2) / 9 + u.subs(t, t - 1)", r"u\(x, t - 1\) rules out .*neither the field"),
        ("u.diff(x, 2) / 9 + sympy.sin(t * u)", r"sin\(t\*u\(x, t\)\) rules out .*vary in space"),
        ("u.diff(x, 2) / 9 + sympy.gamma(u)", "unknown function 'gamma'"),
        ("u.diff(x, 2) / 9 + 1 / (1 + u)", "not proven to be finite for u from -1 to 1; narrow"),
    ],
)
def test_an_equation_outside_the_class_is_refused_by_its_term(
    rate: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my_pde.py"
    file.write_text(MINE.replace("u.diff(x, 2) / 20 - u)", f"{rate})"))
    assert main(["compile", "--pde", str(file), "--epsilon", "1e-3"]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pde", "gray-scott", "--starts", "slope<=5"], "leave out --starts and --tokens"),
        (["--pde", "gray-scott", "--time", "nan"], "a diffusivity > 0 for each field"),
        (["--pde", "fisher"], "Did you mean 'fisher-kpp'"),
        (["--pde", "none.py"], "there is no file none.py"),
        (["--pde", "heat", "--starts", "steep"], "cannot read 'steep'"),
        (["--pde", "heat", "--time", "nan"], "--time must be a finite number > 0; got nan"),
        (["--pde", "heat", "--domain", "0", "1"], "--domain is for layers of formulas"),
        (["--pde", "heat", "--dtype", "float32"], "--dtype float32 is for layers of formulas"),
        (["x1", "--pde", "heat"], "the formula 'x1' is for layers of formulas"),
        (["--pde", "heat", "--starts", "slope<=1e-99; 0<=u<=1e-99"], "choose other units"),
        ([], "needs a formula and --tokens, or an equation with --pde"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", *words, "--epsilon", "1e-3"]) == 2
    assert message in capsys.readouterr().err
