"""Forged flows: whatever is accepted must be true, and whatever is refused takes no time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.main import main
from sciformer.errors import CertificateError, DataError
from theory.flows.burgers import compile_burgers
from theory.flows.compile_flow import compile_flow
from theory.flows.ends import Walls
from theory.flows.equation import ReactionDiffusion
from theory.flows.polynomial import Polynomial
from theory.flows.starts import Starts
from theory.flows.storage import load, load_burgers, save, save_burgers
from theory.flows.verifier.enclosures import Balls, picard
from theory.flows.verifier.numbers import Flint, Mpmath
from theory.flows.verifier.polynomials import PolynomialRate
from theory.flows.verifier.verify import verify_flow

from .forging import Files, forge, lie, widened


def _flow(reaction: list[float], walls: Walls | None = None) -> ReactionDiffusion:
    f = Polynomial.of(reaction)
    more = {} if walls is None else {"ends": walls}
    return ReactionDiffusion(
        "small", Fraction(1, 50), Fraction(0), f, Fraction(1), Fraction(1, 8), **more
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    root, made = tmp_path_factory.mktemp("bases"), {}
    flows = {
        "kinks": (_flow([0, 2, 0, -2]), Starts(-1.0, 1.0, 5.0)),
        "waves": (_flow([0, 2, -2]), Starts(0.0, 1.0, 5.0, waves=3)),
        "walls": (_flow([0, 1, 0, -1], Walls(-1, 1)), Starts(-1.0, 1.0, 3.0, waves=3)),
    }
    for name, (equation, starts) in flows.items():
        made[name] = Files.of(save(compile_flow(equation, epsilon=0.1, starts=starts), root / name))
    head = compile_burgers(Starts(-0.5, 1.0, 5.0, waves=2), 1e-3, viscosity=0.05)
    made["burgers"] = Files.of(save_burgers(head, root / "burgers"))
    return made


def check_forgeries(bases: dict[str, Files], path: Path, seeds: range) -> None:
    for seed in seeds:
        generator = random.Random(seed)
        name = sorted(bases)[seed % len(bases)]
        files = bases[name].copied()
        forge(files, generator)
        begin = time.process_time()
        found = lie(files.write(path / str(seed)))
        assert found is None, f"seed {seed}, {name}: {found}"
        assert time.process_time() - begin < 10, f"seed {seed}, {name}: takes too long"


def test_the_bases_hold(bases: dict[str, Files], tmp_path: Path) -> None:
    """Unchanged files pass, so that refusals of changed ones say something."""
    for name, files in bases.items():
        path = files.copied().write(tmp_path / name)
        assert verify_flow(path).derived <= files.record["bound"]
        assert lie(path) is None
    files = bases["waves"].copied()
    files.tensors["reaction.layers.2.bias"] += 0.2
    flow = load(files.write(tmp_path / "off"))
    assert float(flow(torch.zeros(1, flow.certificate.design.sensors).double()).abs().max()) > 0.2


def test_sixty_forgeries(bases: dict[str, Files], tmp_path: Path) -> None:
    """Kills: any check of a reader or verifier that keeps a false claim out."""
    check_forgeries(bases, tmp_path, range(60))


@pytest.mark.slow
def test_two_thousand_forgeries(bases: dict[str, Files], tmp_path: Path) -> None:
    check_forgeries(bases, tmp_path, range(1000, 3000))


def explosive_tail(files: Files) -> None:
    """The block ends a little above the range, and rises by 10^9 a unit after its last knot."""
    knots, changes = -files.tensors["reaction.layers.0.bias"], "reaction.layers.2.weight"
    files.tensors[changes][0, -2] += 1e-3 / (knots[-1] - knots[-2])
    files.tensors[changes][0, -1] += 1e9
    widened(files)


@pytest.mark.parametrize("name", ["kinks", "waves"])
def test_a_block_that_explodes_after_its_last_knot(
    name: str, bases: dict[str, Files], tmp_path: Path
) -> None:
    """Found as a hole: errors carry tokens beyond the last knot, where no cell was compared.

    Kills: slopes that end with the last cell.
    """
    files = bases[name].copied()
    explosive_tail(files)
    path = files.write(tmp_path)
    flow = load(path)
    found = flow(torch.ones(1, flow.certificate.design.sensors).double())
    assert not bool((found.abs() < 1e3).all()), "the forgery is harmless"
    with pytest.raises(CertificateError, match="not constant after its last knot"):
        verify_flow(path)


def test_a_widened_true_claim_is_still_true(bases: dict[str, Files], tmp_path: Path) -> None:
    files = bases["waves"].copied()
    widened(files)
    assert verify_flow(files.write(tmp_path)).bound == files.record["bound"]


Change = Callable[[Files], None]


def put(*path: str, to: object) -> Change:
    def change(files: Files) -> None:
        record = files.record
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = to

    return change


STRANGE: dict[str, tuple[Change, str]] = {
    "an endless number": (put("equation", "time", to="1e99999999"), "not a rational number"),
    "a long number": (put("equation", "drift", to="9" * 5000), "not a rational number"),
    "a large number": (put("equation", "length", to="1" + "0" * 99), "out of reach"),
    "a wide kernel": (put("equation", "diffusivity", to="100000000"), "reaches over more than"),
    "a fast reaction": (put("equation", "reaction", to=["0", "1" + "0" * 30]), "too fast"),
    "a long reaction": (put("equation", "reaction", to=["0"] * 90 + ["1"]), "no degree"),
    "no reaction": (put("equation", "reaction", to=[]), "no degree"),
    "a wall of 2": (put("equation", "walls", to=[2, 2]), "neither even"),
    "many layers": (put("design", "depth", to=10**9), "out of reach"),
    "half a layer": (put("design", "depth", to=2.5), "should be int"),
    "true tokens": (put("design", "tokens", to=True), "should be int"),
    "a text for a bound": (put("bound", to="0.1"), "should be float"),
    "a bound above epsilon": (put("epsilon", to=1e-4), "not between 0 and epsilon"),
    "waves of 0": (put("starts", "waves", to=0), "empty or out of reach"),
    "a field too many": (put("proof", to="trust me"), "its fields should be"),
    "another format": (put("format", to="sciformer-flow-0"), "format is neither"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_records_are_refused_at_once(
    name: str, bases: dict[str, Files], tmp_path: Path
) -> None:
    change, words = STRANGE[name]
    files, begin = bases["waves"].copied(), time.process_time()
    change(files)
    with pytest.raises((DataError, CertificateError), match=words):
        verify_flow(files.write(tmp_path))
    assert time.process_time() - begin < 2


TENSORS: dict[str, Change] = {
    "single precision": lambda f: f.tensors.update(
        {k: v.astype("f4") for k, v in f.tensors.items()}
    ),
    "a tensor too many": lambda f: f.tensors.update(
        {"attention.attention.query.bias": np.zeros(1)}
    ),
    "a tensor too few": lambda f: f.tensors.pop("reaction.layers.2.bias"),
    "another shape": lambda f: f.tensors.update({"reaction.layers.2.bias": np.zeros((1, 1))}),
}


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("base", ["kinks", "burgers"])
def test_strange_tensors_are_refused(
    name: str, base: str, bases: dict[str, Files], tmp_path: Path
) -> None:
    files = bases[base].copied()
    if base == "burgers" and "layers" in name + str(sorted(files.tensors)):
        pytest.skip("no layers")
    if base == "burgers" and name in ("a tensor too few", "another shape"):
        files.tensors["potential.weight"] = files.tensors["potential.weight"][:-1]
    else:
        TENSORS[name](files)
    path = files.write(tmp_path)
    reader = load_burgers if base == "burgers" else load
    for read in (verify_flow, reader):
        with pytest.raises(DataError, match=r"flow.safetensors is damaged"):
            read(path)


def test_a_smaller_budget_is_not_believed(bases: dict[str, Files], tmp_path: Path) -> None:
    """The bound of a loaded flow is that which is verified. Kills: a bound read from the budget."""
    files = bases["waves"].copied()
    files.record["budget"]["splitting"] = 0.0
    path = files.write(tmp_path)
    for read in (load, verify_flow):
        with pytest.raises(DataError, match="its budget is not that of its bound"):
            read(path)


def test_no_flow_is_verified_by_a_share(
    bases: dict[str, Files], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bases["waves"].copied().write(tmp_path / "flow")
    assert main(["verify", str(path), "--share", "0.1"]) == 2
    assert "--share is for layers of formulas" in capsys.readouterr().err


@pytest.mark.parametrize("library", [Flint, Mpmath])
def test_enclosures_know_nothing_where_numbers_end(library: type[Flint] | type[Mpmath]) -> None:
    """Kills: nan for an end, which passes every comparison that asks for an excess."""
    if library is Flint:
        pytest.importorskip("flint")
    numbers = library()
    with numbers.precision():
        balls = Balls(numbers)
        zero = numbers.hull(balls.of(-1), balls.of(1))
        try:
            nothing = zero / zero
        except ZeroDivisionError:
            return
        assert numbers.lower(nothing) == -np.inf
        assert balls.size(nothing) == balls.up(nothing) == np.inf


def test_an_inclusion_near_a_steep_fixed_point() -> None:
    """u' = 10^9 (u - 1) from 1: every end is 1 as a float, and no inclusion was shown.

    Kills: ends compared as floats.
    """
    numbers = Mpmath()
    f = PolynomialRate((Fraction(-(10**9)), Fraction(10**9)))
    with numbers.precision():
        balls = Balls(numbers)
        with pytest.raises(CertificateError, match="no inclusion"):
            picard(balls, f, balls.of(1), balls.of(Fraction(1, 1000)))
