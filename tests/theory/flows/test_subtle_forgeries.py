"""Certificates that are false by a little, or whose numbers belong to another flow."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theory.flows.verifier.verify import verify_flow

from .forging import Files, refused, true_ones

Change = Callable[[Files], None]

TABLE = "attention.attention.position.table"
QUERY, KEY, VALUE, OUTPUT = (
    f"attention.attention.{part}.weight" for part in ("query", "key", "value", "output")
)
KNOTS, CHANGES = "reaction.layers.0.bias", "reaction.layers.2.weight"
BASE = "reaction.layers.2.bias"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    return true_ones(tmp_path_factory.mktemp("bases"))


def put(where: str, value: Any) -> Change:
    """Another value, or a function of the present one."""

    def change(files: Files) -> None:
        *parents, last = where.split(".")
        record = files.record
        for parent in parents:
            record = record[parent]
        record[last] = value(record[last]) if callable(value) else value

    return change


def times(where: str, factor: str | float) -> Change:
    """A number times a factor, a rational string or a float."""

    def scaled(old: Any) -> Any:
        if isinstance(old, str):
            return str(Fraction(old) * Fraction(factor))
        return old * float(Fraction(factor))

    return put(where, scaled)


def weight(name: str, change: Callable[[Any], Any]) -> Change:
    def changed(files: Files) -> None:
        files.tensors[name] = np.ascontiguousarray(change(files.tensors[name].copy()))

    return changed


def entry(name: str, at: Any, add: float) -> Change:
    def change(array: Any) -> Any:
        array[at] += add
        return array

    return weight(name, change)


def swapped(one: str, other: str) -> Change:
    def change(files: Files) -> None:
        files.tensors[one], files.tensors[other] = files.tensors[other], files.tensors[one]

    return change


def typed(kind: str) -> Change:
    return lambda files: files.tensors.update(
        {k: v.astype(kind) if v.dtype == np.float64 else v for k, v in files.tensors.items()}
    )


def all_of(*changes: Change) -> Change:
    def change(files: Files) -> None:
        for part in changes:
            part(files)

    return change


def lower(factor: float) -> Change:
    """The bound and all parts of it."""
    parts = ("splitting", "heads", "block", "rounding")
    return all_of(times("bound", factor), *(times(f"budget.{part}", factor) for part in parts))


def reacts(reaction: Any) -> Change:
    return put("equation.reaction", reaction)


UNPROVEN = r"prove a bound|no finite bound|no bound follows|not an interpolation|too fast"
DAMAGED = "is damaged"
FORGERIES: dict[str, tuple[str, Change, str]] = {
    "a bound 1 % lower": ("logistic", times("bound", 0.99), "budget is not that"),
    "a bound and its parts 1 % lower": ("logistic", lower(0.99), UNPROVEN),
    "a bound lower by two thousandths": ("logistic", lower(0.998), UNPROVEN),
    "a budget with no splitting": ("logistic", put("budget.splitting", 0.0), "budget is not that"),
    "a negative part": ("logistic", times("budget.block", -1.0), "budget is not that"),
    "starts up to 1.05": ("logistic", put("starts.upper", 1.05), UNPROVEN),
    "starts from -0.05": ("logistic", put("starts.lower", -0.05), UNPROVEN),
    "starts of slope 6": ("logistic", put("starts.slope", 6.0), UNPROVEN),
    "starts of four waves": ("logistic", put("starts.waves", 4), UNPROVEN),
    "starts of any waves": ("logistic", put("starts.waves", None), "no flow can have"),
    "few waves of kinks": ("kinks", put("starts.waves", 3), "no flow can have"),
    "kinks of slope 6": ("kinks", put("starts.slope", 6.0), UNPROVEN),
    "a viscosity 2 % larger": ("logistic", times("equation.diffusivity", "51/50"), UNPROVEN),
    "a viscosity 2 % smaller": ("logistic", times("equation.diffusivity", "49/50"), UNPROVEN),
    "a viscosity of kinks": ("kinks", times("equation.diffusivity", "51/50"), "reading head"),
    "a drift of 1/100": ("logistic", put("equation.drift", "1/100"), UNPROVEN),
    "the drift's other sign": ("drift", put("equation.drift", "-1/2"), UNPROVEN),
    "a drift 1 % larger": ("drift", times("equation.drift", "101/100"), UNPROVEN),
    "a drift at walls": ("walls", put("equation.drift", "1/100"), "no flow can have"),
    "a time 2 % longer": ("logistic", times("equation.time", "51/50"), UNPROVEN),
    "a time of half": ("logistic", times("equation.time", "1/2"), UNPROVEN),
    "an interval 1 % longer": ("logistic", times("equation.length", "101/100"), UNPROVEN),
    "a rate of 3": ("logistic", reacts(["0", "3", "-2"]), UNPROVEN),
    "a rate 1 % larger": ("logistic", reacts(["0", "202/100", "-2"]), UNPROVEN),
    "the other sign of a rate": ("logistic", reacts(["0", "-2", "-2"]), UNPROVEN),
    "the other sign of a square": ("logistic", reacts(["0", "2", "2"]), UNPROVEN),
    "a source of 1/10": ("logistic", reacts(["1/10", "2", "-2"]), UNPROVEN),
    "a cube for a square": ("logistic", reacts(["0", "2", "0", "-2"]), UNPROVEN),
    "no reaction": ("logistic", reacts(["0"]), UNPROVEN),
    "a reaction that is a source": ("drift", reacts(["1/10"]), UNPROVEN),
    "a cosine for a sine": ("formula", reacts("cos(u) - u/2"), UNPROVEN),
    "a formula 2 % larger": ("formula", reacts("51/50*(sin(u) - u/2)"), UNPROVEN),
    "a layer more": ("logistic", put("design.depth", lambda n: n + 1), UNPROVEN),
    "a layer less": ("logistic", put("design.depth", lambda n: n - 1), UNPROVEN),
    "twice the layers": ("logistic", put("design.depth", lambda n: 2 * n), UNPROVEN),
    "a token less": ("logistic", put("design.tokens", lambda n: n - 1), DAMAGED),
    "a unit less": ("logistic", put("design.units", lambda n: n - 1), "shape and type"),
    "insulated ends": ("logistic", put("equation.walls", [1, 1]), "shape and type"),
    "a cold wall that is insulated": ("walls", put("equation.walls", [1, 1]), "shape and type"),
    "no walls": ("walls", put("equation.walls", None), "shape and type"),
    "starts that are not odd": ("walls", put("starts.lower", -0.5), "no flow can have"),
    "an even reaction at a wall": ("walls", reacts(["0", "1", "-1"]), "no flow can have"),
    "a bias 1e-2 higher": ("logistic", entry(BASE, 0, 1e-2), UNPROVEN),
    "a bias 1e-4 higher": ("logistic", entry(BASE, 0, 1e-4), UNPROVEN),
    "a steeper block": ("logistic", weight(CHANGES, lambda c: 1.01 * c), UNPROVEN),
    "a kink in the block": ("logistic", entry(CHANGES, (0, 2), 1e-2), "not constant after"),
    "a decreasing piece": ("logistic", entry(CHANGES, (0, 1), -9.0), "decreases somewhere"),
    "a knot on its neighbour": (
        "logistic",
        weight(KNOTS, lambda b: np.concatenate([b[:1], b[:1], b[2:]])),
        "not an interpolation",
    ),
    "knots that end early": ("logistic", weight(KNOTS, lambda b: b * 0.98), UNPROVEN),
    "hidden weights of 2": (
        "logistic",
        weight("reaction.layers.0.weight", lambda w: 2 * w),
        UNPROVEN,
    ),
    "a sharper head": ("logistic", weight(TABLE, lambda t: 1.02 * t), UNPROVEN),
    "a wider head": ("logistic", weight(TABLE, lambda t: 0.98 * t), UNPROVEN),
    "a head moved by a token": (
        "logistic",
        weight(TABLE, lambda t: np.roll(t, 1, -1)),
        UNPROVEN + "|to a ring",
    ),
    "the logit of one offset": ("logistic", entry(TABLE, (0, 0), 1e-3), "close to a ring"),
    "the logit of an offset, twice": (
        "logistic",
        lambda f: f.tensors[TABLE][0].__setitem__(
            [1, (f.tensors[TABLE].shape[1] + 1) // 2 + 1], 0.0
        ),
        UNPROVEN + "|to a ring",
    ),
    "a uniform head": ("logistic", weight(TABLE, np.zeros_like), UNPROVEN),
    "a head that looks at tokens": (
        "logistic",
        weight(QUERY, lambda w: w + 1e-9),
        "relative table",
    ),
    "a value scaled and scaled back": (
        "logistic",
        all_of(weight(VALUE, lambda w: 2 * w), weight(OUTPUT, lambda w: w / 2)),
        "relative table",
    ),
    "a value of the other sign": ("logistic", weight(VALUE, np.negative), "relative table"),
    "queries and values swapped": ("logistic", swapped(QUERY, VALUE), "relative table"),
    "sensors a place away": (
        "kinks",
        weight("reading.index", lambda i: np.roll(i, 1)),
        "reading head",
    ),
    "places moved by 1e-9": ("kinks", entry("reading.places", (3, 0), 1e-9), "reading head"),
    "the square of a source": ("kinks", entry("reading.sources", (5, 1), 1e-9), "reading head"),
    "a sharper reading": (
        "kinks",
        weight("reading.attention.query.weight", lambda w: w * (1 + 1e-12)),
        "reading head",
    ),
    "a reading of places": (
        "kinks",
        weight("reading.attention.value.weight", lambda w: w[:, ::-1]),
        "reading head",
    ),
    "fewer sensors than were read": ("kinks", put("design.sensors", lambda n: n - 1), "verify:"),
    "single precision": ("logistic", typed("f4"), "shape and type"),
    "half precision": ("logistic", typed("f2"), "shape and type"),
    "whole numbers": ("logistic", typed("i8"), "shape and type"),
    "Burgers: a bound 1 % lower": ("burgers", times("bound", 0.99), UNPROVEN),
    "Burgers: a smaller viscosity": ("burgers", times("equation.viscosity", 0.99), UNPROVEN),
    "Burgers: an earlier time": ("burgers", times("equation.earliest", 0.99), UNPROVEN),
    "Burgers: a later time": ("burgers", times("equation.latest", 100.0), "travel farther"),
    "Burgers: a wave more": ("burgers", put("starts.waves", 3), "can have"),
    "Burgers: larger starts": ("burgers", put("starts.upper", 1.1), UNPROVEN),
    "Burgers: steeper starts": ("burgers", put("starts.slope", 5.5), UNPROVEN),
    "Burgers: another potential": ("burgers", entry("potential.weight", (1, 1), 1e-3), UNPROVEN),
    "Burgers: a potential moved": (
        "burgers",
        weight("potential.weight", lambda w: np.roll(w, 1, 0)),
        UNPROVEN,
    ),
    "Burgers: no sqrt 3": ("burgers", weight("attention.query.weight", np.sign), "not the head"),
    "Burgers: keys swapped": (
        "burgers",
        weight("attention.key.weight", lambda w: w[[1, 0, 2]]),
        "not the head",
    ),
    "Burgers: an image less": ("burgers", put("design.images", 1), "travel farther|images do not"),
}


QUICK = (
    "a bound lower by two thousandths",
    "a drift 1 % larger",
    "starts of slope 6",
    "a viscosity of kinks",
    "the other sign of a square",
    "a bias 1e-4 higher",
    "a sharper head",
    "a sharper reading",
    "an even reaction at a wall",
    "single precision",
    "Burgers: a smaller viscosity",
    "Burgers: another potential",
)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FORGERIES]
)
def test_subtle_forgeries_are_refused(
    name: str, bases: dict[str, Files], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: any number of a record or weight that no proof looks at."""
    base, change, words = FORGERIES[name]
    files = bases[base].copied()
    change(files)
    refused(files.write(tmp_path / "flow"), words, capsys)


def test_what_was_proven_is_said(bases: dict[str, Files], tmp_path: Path) -> None:
    """Kills: a sentence from a remark of the file, a sign, an end or a class that it lacks."""
    said = {}
    for name in ("walls", "drift", "formula", "burgers"):
        files = bases[name].copied()
        files.record["equation"]["name"] = "navier-stokes"
        if name == "walls":
            files.record["equation"]["left"] = "-1/2"
        proven = verify_flow(files.write(tmp_path / name)).proven
        assert "navier" not in proven
        assert proven.startswith(f"|error| <= {files.record['bound']:.6g} for u_t ")
        said[name] = proven.partition(" for ")[2]
    assert said == {
        "walls": "u_t = 1/50 u_xx + 1 u - 1 u^3, u = 0 at -1/2, u_x = 0 at 1/2, t = 1/8, every "
        "start with -1 <= u <= 1, |u_x| <= 3, waves <= 3",
        "drift": "u_t = 1/50 u_xx - 1/2 u_x, period 1, t = 1/8, every start with -1 <= u <= 1, "
        "|u_x| <= 5, waves <= 3",
        "formula": "u_t = 1/50 u_xx + (-u/2 + sin(u)), period 1, t = 1/8, every start with "
        "0 <= u <= 1, |u_x| <= 5, waves <= 3",
        "burgers": "u_t + u u_x = 0.05 u_xx, period 1, 0 <= x <= 1, t from 0.1 to 1, every start "
        "with -0.5 <= u <= 1, |u_x| <= 5, waves <= 2",
    }


@pytest.mark.slow
def test_certificates_of_other_equations_are_refused(
    bases: dict[str, Files], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every record beside the weights of every other flow."""
    for one, here in bases.items():
        for other, there in bases.items():
            if one != other:
                files = Files(here.copied().record, there.copied().tensors)
                refused(files.write(tmp_path / f"{one}-{other}"), "verify:", capsys)
