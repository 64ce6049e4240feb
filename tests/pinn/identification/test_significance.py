"""Unknowns whose true value is 0: their interval is measured by what they do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy

import pinn
from pinn.identification.significance import refuse_untold, significance
from pinn.problem.effects import balanced_at
from sciformer.cli.main import main
from sciformer.errors import DataError

x, t, c, a = sympy.symbols("x t c a")
u = sympy.Function("u")(x, t)


def carried(length: float = 1.0, second: float = 1.0, size: float = 1.0) -> pinn.Problem:
    """u_t + c u_x = 0 with a value a at the left, in units of length, time and u."""
    places = np.array([[0.2, 0.1], [0.9, 0.8], [0.5, 0.5]]) * [2 * length, 5 * second]
    return pinn.Problem(
        "carried", (x, t), u, u.diff(t) + c * u.diff(x),
        pinn.Box(x=(0, 2 * length), t=(0, 5 * second)), pinn.Condition(u - a, on="x=0"),
        data=pinn.Cloud(places, {"u": size * np.array([3.0, 7.0, 4.0])}),
        unknown={c: pinn.Unknown(length / second), a: pinn.Unknown(size)},
    )  # fmt: skip


@pytest.mark.parametrize("units", [(1.0, 1.0, 1.0), (1e-6, 3e4, 1e9)])
def test_an_unknown_is_as_large_as_the_others_where_its_scales_say(
    units: tuple[float, float, float],
) -> None:
    """c u / 1 = u / 5 by half the length 2 and the whole time 5, whatever c is; a = u, at most 7.

    Kills: the value found in place of the effect, a unit that counts, conditions not looked at.
    """
    length, second, size = units
    for value in (0.0, 40.0):
        values = {"c": value * length / second, "a": 0.0}
        found = balanced_at(carried(*units), values)
        assert found["c"] == pytest.approx(0.2 * length / second)
        assert found["a"] == pytest.approx(7 * size)


@pytest.mark.parametrize(
    ("value", "half", "said"),
    [
        (
            0.0,
            0.004,
            "c cannot be distinguished from 0: within its interval its term is at most 0.02 of",
        ),
        (-0.001, 0.005, "c cannot be distinguished from 0: .* at most 0.03 of the others"),
        (0.0, 0.4, "c is undetermined: .* its term may be 2 times as large"),
        (0.1, 100.0, "c is undetermined"),
        (3.0, 2.9, "^$"),
        (-3.0, 2.9, "^$"),
    ],
)
def test_nothing_is_a_result_and_anything_is_none(value: float, half: float, said: str) -> None:
    """At 0.2 both terms are equal. Kills: an interval set against its value; half of it only."""
    values = {"c": value, "a": 3.0}
    found = significance(carried(), values, "c", half)
    assert re.search(said, found), found


def test_a_small_guess_is_no_reason_to_refuse() -> None:
    """Kills: a deviation set against the size that a user guessed, and no refusal at all."""
    values, guess = {"c": 0.0, "a": 3.0}, {c: pinn.Unknown(1e-9), a: pinn.Unknown(1.0)}
    problem = replace(carried(), unknown=guess)
    refuse_untold(problem, values, {"c": 0.01, "a": 0.1})
    with pytest.raises(DataError, match="these samples do not tell c: its standard deviation is"):
        refuse_untold(problem, values, {"c": 0.04, "a": 0.1})


PROBLEM = """
import pinn
import sympy
t, k, c = sympy.symbols("t k c")
y = sympy.Function("y")(t)
cooling = pinn.Problem("cooling", t, y, sympy.Eq(y.diff(t), -k * y + c), pinn.Box(t=(0, 6)),
    parameters={k: 0.3, c: 0.0})
"""


def test_the_command_tells_nothing_from_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """y' = -k y + c with c = 0, by 40 readings of y = exp(-0.7 t); and a reading beyond the domain.

    Kills: a term that is not there called undetermined.
    """
    problem, table = tmp_path / "my_pde.py", tmp_path / "samples.csv"
    problem.write_text(PROBLEM)
    times = np.linspace(0, 6, 40)
    values = np.exp(-0.7 * times) + 1e-3 * np.random.default_rng(0).standard_normal(40)
    lines = [f"{a:.6g},{b:.6g}" for a, b in zip(times, values, strict=True)]
    table.write_text("\n".join(["t,y", *lines]))
    words = ["identify", str(problem), "--data", str(table), "--unknown", "k", "--unknown", "c=0.5"]
    words += ["--iterations", "14", "--threads", "1"]
    assert main(words) in (0, 3)
    said = capsys.readouterr()
    assert "c cannot be distinguished from 0" in said.out + said.err
    assert "undetermined" not in said.out + said.err
    table.write_text("\n".join(["t,y", *lines, "9.5,0.1"]))
    assert main(words) == 2
    assert "t from 0 to 6, the first at t = 9.5; check the units" in capsys.readouterr().err
