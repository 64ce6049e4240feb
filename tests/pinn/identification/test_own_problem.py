"""Unknown parameters of a problem of one's own, from samples of one's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy
from scipy.optimize import curve_fit

import pinn
from pinn.data.cloud import Cloud
from pinn.identification.asking import with_noise, with_unknown
from pinn.identification.estimate import rounded
from pinn.networks import MLP
from pinn.problem.scales import Scales
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import Settings
from pinn.training.sizes_by_data import sizes_by_data
from pinn.training.trainer import Limits
from sciformer.cli.main import main
from sciformer.errors import DataError, UnknownNameError, UsageError

QUICK = Settings(
    network=MLP.Sizes(width=10, layers=2),
    schedule=Schedule((Stage(0, 60, tolerance=0.01), Stage(12, 1500, tolerance=1e-3))),
    spread=True,
)
TIMES = np.linspace(0, 6, 30)
T, K, A = sympy.symbols("t k a")
Y = sympy.Function("y")(T)


def cooling(unit: float = 1.0, second: float = 1.0) -> pinn.Problem:
    """y' = -k (y - a) in units of the temperature and of the time."""
    return pinn.Problem(
        name="cooling",
        coordinates=(T,),
        fields=(Y,),
        equations=(sympy.Eq(Y.diff(T), -K * (Y - A)),),
        domain=pinn.Box(t=(0, 6 * second)),
        unknown={
            K: pinn.Unknown(1.0 / second, 0.3 / second),
            A: pinn.Unknown(10.0 * unit),
        },
    )


def readings(noise: float = 0.1, count: int = 30, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    times = TIMES[:count]
    return 20 + 70 * np.exp(-0.7 * times) + noise * generator.standard_normal(count)


def test_thirty_readings_give_what_least_squares_of_the_formula_gives() -> None:
    """The curve is y = a + b exp(-k t): scipy fits it by its formula, with k, a and b free, and
    its covariance with the noise from 27 degrees of freedom is what `curvature` has to be; with the
    noise known, what `bound` has to be, by Cramer and Rao.

    Kills: equation rows counted as samples (they made the deviation a fifth of this), the degrees
    of freedom that network and unknowns use up left out, a noise in other units.
    """
    values = readings()
    found = pinn.identify(
        cooling(), Cloud(TIMES[:, None], {"y": values}, noise={"y": 0.1}), QUICK,
        Limits(iterations=60),
    )  # fmt: skip

    def curve(t: np.ndarray, k: float, a: float, b: float) -> np.ndarray:
        return a + b * np.exp(-k * t)

    right, free = curve_fit(curve, TIMES, values, p0=(0.5, 15, 60))
    sigma = np.full(30, 0.1)
    known = curve_fit(curve, TIMES, values, p0=right, sigma=sigma, absolute_sigma=True)[1]
    for place, name in enumerate("ka"):
        deviation = free[place, place] ** 0.5
        assert abs(found.values[name] - right[place]) < 0.2 * deviation
        assert found.curvature[name] == pytest.approx(deviation, rel=0.1)
        assert found.bound[name] == pytest.approx(known[place, place] ** 0.5, rel=0.1)
    assert found.freedom == pytest.approx(27, abs=0.5)
    low, high = found.interval("k")
    assert low < 0.7 < high
    assert high - low < 8 * found.curvature["k"]


def test_units_change_nothing() -> None:
    """Kelvin and seconds, or megakelvin and picoseconds: the same steps to rounding.

    Kills: equations weighted by their size in the units at hand, a tolerance in a field's unit.
    """
    found = [
        pinn.identify(
            cooling(unit, second),
            Cloud(TIMES[:, None] * second, {"y": unit * readings()}, noise={"y": 0.1 * unit}),
            QUICK,
            Limits(iterations=14),
        )
        for unit, second in ((1.0, 1.0), (2.0**20, 2.0**-40))
    ]
    rates = [found[0].values["k"], found[1].values["k"] * 2.0**-40]
    assert rates[1] == pytest.approx(rates[0], rel=1e-6)


@pytest.mark.parametrize("zero", [0.0, 293.15, 1e5])
def test_a_scale_of_temperatures_has_its_zero_anywhere(zero: float) -> None:
    """A cooling by five degrees in kelvins gave k = 0.4 +- 1.1 where scipy finds +- 0.013.

    Kills: equations that are held to a share of terms that cancel.
    """
    values = zero + 5 * np.exp(-0.4 * TIMES)
    cloud = Cloud(TIMES[:, None], {"y": values}, noise={"y": 0.05})
    known = {K: 1.0, A: zero + 7.0}
    posed = replace(cooling(), unknown={}, parameters=known, data=(cloud,))
    [size] = sizes_by_data(posed)
    largest = max(abs(values - (zero + 7.0)))  # of k (y - a), beside |y'|
    assert largest < size < 1.2 * largest


def test_terms_that_no_sample_tells_count_by_their_sizes() -> None:
    """Kills: infinite or zero sizes where a field is not measured, or measured elsewhere."""
    z = sympy.Function("z")(T)
    equations = (sympy.Eq(Y.diff(T), -K * z), sympy.Eq(z.diff(T), 3 * Y))
    posed = pinn.Problem(
        name="pair",
        coordinates=T,
        fields=(Y, z),
        equations=equations,
        domain=pinn.Box(t=(0, 6)),
        parameters={K: 2.0},
        data=(Cloud(TIMES[:, None], {"y": readings()}, noise={"y": 0.1}),),
    )
    scales, [first, second] = Scales.of(posed), sizes_by_data(posed)
    assert first == scales.equations[0]
    assert second == pytest.approx(scales.derivatives[1] + 3 * abs(readings()).max())


def test_samples_that_tell_nothing_are_refused() -> None:
    """Kills: either check; a sentence that names no parameter."""
    flat = Cloud(TIMES[:6, None], {"y": 20 + 1e-3 * np.sin(9 * TIMES[:6])}, noise={"y": 5.0})
    with pytest.raises(DataError, match="cooling: these samples do not tell"):
        pinn.identify(cooling(), flat, QUICK, Limits(iterations=15))
    two = Cloud(TIMES[:2, None], {"y": readings(count=2)})
    with pytest.raises(DataError, match="2 measured values are too few for 2 unknown parameters"):
        pinn.identify(cooling(), two, QUICK, Limits(iterations=2))
    late = Cloud(TIMES[:, None] + 1, {"y": readings()})
    with pytest.raises(DataError, match=r"samples of data lie outside the domain, t from 0 to 6"):
        pinn.identify(cooling(), late, QUICK, Limits(iterations=2))


def test_noise_is_estimated_or_none() -> None:
    """Kills: `0` for unknown, an estimate of another quantity's samples."""
    cloud = Cloud(TIMES[:, None], {"y": readings(), "z": 0 * TIMES})
    assert with_noise(cloud).noise["y"] == pytest.approx(0.1, rel=0.5)
    assert with_noise(cloud, 0.0).noise["y"] == pytest.approx(1e-3 * readings().std())
    assert with_noise(cloud, 3.0).noise == {"y": 3.0, "z": 3.0}
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match="noise level must be >= 0"):
            with_noise(cloud, wrong)


def test_a_parameter_becomes_unknown() -> None:
    """Kills: a start for a size, a guess in place of the one that was said."""
    known = pinn.Problem(
        name="cooling", coordinates=(T,), fields=(Y,), domain=pinn.Box(t=(0, 6)),
        equations=(sympy.Eq(Y.diff(T), -K * (Y - A)),), parameters={K: 0.4, A: 0.0},
    )  # fmt: skip
    assert with_unknown(known, {"k": None}).unknown == {K: pinn.Unknown(0.4, 0.4)}
    assert with_unknown(known, {"k": -2.0}).unknown == {K: pinn.Unknown(2.0, -2.0)}
    with pytest.raises(UnknownNameError, match="'kk'"):
        with_unknown(known, {"kk": 1.0})
    with pytest.raises(UsageError, match="a starts at 0, which says nothing about its size"):
        with_unknown(known, {"a": None})


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (0.13844, 0.00409, "0.1384 ± 0.0041"),
        (20.008, 0.093, "20.008 ± 0.093"),
        (123.4, 25.0, "123 ± 25"),
        (3.1838e-7, 2.2e-9, "(3.184 ± 0.022)e-07"),
    ],
)
def test_a_value_has_the_digits_of_its_interval(value: float, half: float, text: str) -> None:
    assert rounded(value, half) == text


PROBLEM = """
import pinn
import sympy
t, k, a = sympy.symbols("t k a")
y = sympy.Function("y")(t)
cooling = pinn.Problem(name="cooling", coordinates=(t,), fields=(y,), domain=pinn.Box(t=(0, 6)),
    equations=(sympy.Eq(y.diff(t), -k * (y - a)),), parameters={k: 0.3, a: 10.0})
"""


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From file and table to values, intervals and their line.

    Kills: an unknown that stays at its start, an interval of another parameter.
    """
    problem, table = tmp_path / "my_pde.py", tmp_path / "samples.csv"
    problem.write_text(PROBLEM)
    np.savetxt(
        table, np.column_stack([TIMES, readings()]), header="t,y", delimiter=",", comments=""
    )
    words = ["identify", str(problem), "--data", str(table), "--unknown", "a", "--unknown"]
    words += ["k=0.5", "--iterations", "14", "--threads", "1"]
    status = main([*words, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert status == (3 if said["verdict"] == "not converged" else 0)
    low, high = said["intervals"]["k"]
    assert said["values"]["k"] == pytest.approx((low + high) / 2)
    assert said["values"]["k"] == pytest.approx(0.7, rel=0.05)
    assert said["values"]["a"] == pytest.approx(20, rel=0.05)
    assert said["is_noise_estimated"]
    assert said["noise"]["y"] == pytest.approx(0.1, rel=0.5)
    with table.open("a") as file:
        file.write("0.0,90.5\n0.0,90.5\n")
    assert main([*words, "--noise", "0"]) in (0, 3)
    out, err = capsys.readouterr()
    assert "(95 %)" in out
    assert "samples.csv: 1 of 32 samples are exact copies of others" in err
    assert "Warning" not in err
    table.write_text("t,y\n0,90\n1,x\n")
    assert main(words) == 2
    assert "samples.csv, line 3: y is 'x'" in capsys.readouterr().err
    assert main([*words, "--noise", "nan"]) == 2


def test_the_command_refuses_what_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = tmp_path / "my_pde.py"
    problem.write_text(PROBLEM)
    for words, sentence in (
        ([str(problem)], "which parameter of cooling is unknown"),
        ([str(problem), "--unknown", "k"], "cooling has no samples"),
        ([str(problem), "--unknown", "k=x"], "starts at 'x'"),
        ([str(problem), "--unknown", "k", "--method", "weak"], "by the network method only"),
        (["navier-stoke"], "navier-stokes"),
        (["burgers", "--unknown", "lambda_1"], "leave out --unknown"),
    ):
        assert main(["identify", *words]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_a_start_is_found_that_stands_in_a_condition_only() -> None:
    """Kills: names of parameters that are looked for in equations only."""
    t, a = sympy.symbols("t a")
    y = sympy.Function("y")(t)
    problem = pinn.Problem(
        "cooling", t, y, sympy.Eq(y.diff(t), -0.7 * y), pinn.Box(t=(0, 2)),
        pinn.Condition(sympy.Eq(y, a), on="t=0"), unknown={a: pinn.Unknown(1.0, 1.0)},
    )  # fmt: skip
    times = np.linspace(0, 2, 40)
    readings = pinn.Cloud(times[:, None], {"y": 3 * np.exp(-0.7 * times)})
    found = pinn.identify(problem, readings, iterations=25)
    assert found.values["a"] == pytest.approx(3, rel=2e-3)


def test_what_is_declared_positive_and_comes_out_negative_is_remarked_upon() -> None:
    t, k = sympy.Symbol("t"), sympy.Symbol("k", positive=True)
    y = sympy.Function("y")(t)
    problem = pinn.Problem(
        "growth", t, y, sympy.Eq(y.diff(t), -k * y), pinn.Box(t=(0, 1)),
        unknown={k: pinn.Unknown(1.0, 0.5)},
    )  # fmt: skip
    times = np.linspace(0, 1, 40)
    readings = pinn.Cloud(times[:, None], {"y": np.exp(0.4 * times)})
    found = pinn.identify(problem, readings, iterations=20)
    assert found.values["k"] == pytest.approx(-0.4, rel=0.01)
    assert any("k is declared positive and was found as -0.4" in said for said in found.notes())
