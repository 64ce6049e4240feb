"""The verifier of Burgers heads: it confirms what was compiled and refuses what was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sciformer.errors import CertificateError, DataError, DomainError
from theory.flows.burgers import CompiledBurgers, compile_burgers
from theory.flows.burgers_bounds import (
    Instant,
    aliasing,
    potential_distance,
    rise_of_class,
    rounding_bound,
    truncation_bound,
)
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.starts import Starts
from theory.flows.storage import load, load_burgers, save_burgers
from theory.flows.verifier import burgers as verifier
from theory.flows.verifier.enclosures import Balls
from theory.flows.verifier.numbers import Flint, Mpmath, best_numbers
from theory.flows.verifier.verify import verify_flow

Record = dict[str, Any]
Tensors = dict[str, torch.Tensor]
Change = Callable[[Record, Tensors], None]


@pytest.fixture(scope="module")
def compiled() -> CompiledBurgers:
    return compile_burgers(Starts(-0.5, 1.0, 10.0, waves=5), 1e-5)


@pytest.fixture(scope="module")
def written(compiled: CompiledBurgers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_burgers(compiled, tmp_path_factory.mktemp("burgers"))


def test_what_was_compiled_is_confirmed_twice(written: Path) -> None:
    """By two libraries of numbers, to a bound no more than the claimed one, nor far below."""
    pytest.importorskip("flint")
    found = [verify_flow(written, numbers=numbers) for numbers in (Flint(), Mpmath())]
    assert found[0].derived == pytest.approx(found[1].derived, rel=1e-9)
    assert 0.99 * found[0].bound < found[0].derived <= found[0].bound
    assert found[0].layers == 1


@settings(max_examples=12, deadline=None)
@given(
    waves=st.integers(1, 7),
    slope=st.floats(0.05, 30.0),
    upper=st.floats(0.01, 2.0),
    epsilon=st.sampled_from([1e-1, 1e-4, 1e-7]),
    viscosity=st.floats(5e-3, 0.5),
    latest=st.floats(0.2, 4.0),
)
def test_every_head_that_compiles_is_confirmed(
    waves: int,
    slope: float,
    upper: float,
    epsilon: float,
    viscosity: float,
    latest: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Kills: a term of the bound that one of the two programs leaves out, in any regime."""
    starts = Starts(-0.3 * upper, upper, slope, waves)
    flow = compile_burgers(starts, epsilon, viscosity=viscosity, earliest=0.15, latest=latest)
    path = save_burgers(flow, tmp_path_factory.mktemp("head"))
    assert 0.98 * flow.bound < verify_flow(path).derived <= flow.bound


@pytest.mark.parametrize(("sensors", "tokens"), [(3, 3), (7, 7), (9, 30), (8, 21), (17, 85)])
def test_distances_of_potentials_agree_and_are_of_rounding(sensors: int, tokens: int) -> None:
    """Kills: a wave too few or too many, a residue with the wrong sign, tokens for sensors."""
    head = ColeHopfHead(sensors, tokens)
    tensors = {"potential.weight": head.potential.weight.numpy()}
    claim = verifier.BurgersClaim(
        *(Fraction(1) for _ in range(5)), 1, sensors, tokens, 1, 1.0, tensors
    )
    numbers = best_numbers()
    with numbers.precision():
        found = [numbers.upper(v) for v in verifier.potential_distance(Balls(numbers), claim)]
    size, apart = potential_distance(head)
    assert found[0] == pytest.approx(size, rel=1e-12)
    assert found[1] <= apart < 1e-14
    head.potential.weight[1, 2] += 1e-3
    assert potential_distance(head)[1] == pytest.approx(1e-3, rel=1e-9)


def test_what_lies_beyond_the_images_is_summed() -> None:
    """The verifier's bounds of the tails hold for the worst start, u0 = A sign, and are near."""
    exact = Fraction
    claim = verifier.BurgersClaim(
        exact(0.05), exact(0.4), exact(1.0), exact(0.5), exact(1), 1, 3, 20, 2, 1.0, {}
    )
    numbers = best_numbers()
    with numbers.precision():
        mass, moment = (numbers.upper(v) for v in verifier.truncation(Balls(numbers), claim))
    for t in (0.4, 0.7, 1.0):
        y = np.arange(-400, 400) / 20
        for x in (0.0, 0.31, 1.0):
            weight = np.exp(-((x - y) ** 2) / (0.2 * t) + 0.5 * np.abs(y - x) / 0.1)
            lowered = np.exp(-((x - y) ** 2) / (0.2 * t) - 0.5 * np.abs(y - x) / 0.1)
            beyond = (y < -2) | (y >= 3)
            assert weight[beyond].sum() / lowered.sum() <= mass * 1.05
            assert (weight * np.abs(x - y))[beyond].sum() / lowered.sum() <= moment * 1.05
    # At x = 0 or 1 and the last time one side is met, the other is lighter.
    assert mass < 1e3 * weight[beyond].sum() / lowered.sum()


def test_roundings_are_counted_alike() -> None:
    """Far more tokens than needed, so that nothing but rounding is left.

    Kills: a rounding that is counted by one program only.
    """
    starts, instant = Starts(-1.0, 1.0, 6.0, 3), Instant(0.02, 0.2, 1.0, 1.0, 6.0)
    head, missed = ColeHopfHead(7, 150, 4), aliasing(instant, rise_of_class(starts), 150)
    assert missed is not None
    rounded = rounding_bound(instant, head, missed.spread)
    assert missed.bound < 1e-3 * rounded
    numbers = best_numbers()
    exact = (Fraction(v) for v in (0.02, 0.2, 1.0, 1.0, 6.0))
    tensors = {k: v.numpy() for k, v in head.state_dict().items()}
    claim = verifier.BurgersClaim(*exact, 3, 7, 150, 4, 1.0, tensors)
    with numbers.precision():
        assert verifier.derive(Balls(numbers), claim) == pytest.approx(rounded, rel=2e-3)


def test_cuts_are_counted_alike() -> None:
    """The compiler's bound of what the images leave out is above the verifier's, and near it."""
    instant = Instant(0.05, 0.4, 1.0, 0.5, 1.0)
    images, numbers, spread = instant.images(), best_numbers(), 0.3
    exact = (Fraction(v) for v in (0.05, 0.4, 1.0, 0.5, 1.0))
    claim = verifier.BurgersClaim(*exact, 1, 3, 20, images, 1.0, {})
    with numbers.precision():
        mass, moment = (numbers.upper(v) for v in verifier.truncation(Balls(numbers), claim))
    cut, more = truncation_bound(instant, 20, spread)
    assert moment < more < 10 * moment
    assert (moment + mass * spread) / 0.4 < cut < 10 * (moment + mass * spread) / 0.4
    with pytest.raises(DomainError, match="too early"):
        truncation_bound(Instant(0.05, 1e-150, 1.0, 0.5, 1.0), 20, spread)


def tensor(name: str, *index: int, by: float) -> Change:
    def change(record: Record, tensors: Tensors) -> None:
        tensors[name][index] += by

    return change


def number(*path: str, to: object) -> Change:
    def change(record: Record, tensors: Tensors) -> None:
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = to

    return change


def scaled(name: str, by: float) -> Change:
    def change(record: Record, tensors: Tensors) -> None:
        tensors[name] *= by

    return change


def misread(record: Record, tensors: Tensors) -> None:
    """Waves that the sensors take for slower ones; the bound would leave room for them."""
    record["starts"]["waves"], record["bound"] = 6, 1.0


def cut(record: Record, tensors: Tensors) -> None:
    """Fewer tokens, told consistently."""
    tensors["potential.weight"] = tensors["potential.weight"][:40].clone()
    record["design"]["tokens"] = 40


def unknown(record: Record, tensors: Tensors) -> None:
    tensors["attention.query.bias"] = torch.zeros(3).double()


def halved(record: Record, tensors: Tensors) -> None:
    tensors["potential.weight"] = tensors["potential.weight"].float()


FORGERIES: dict[str, Change] = {
    "a smaller bound": number("bound", to=2.7e-6),
    "bound nan": number("bound", to=float("nan")),
    "bound negative": number("bound", to=-1.0),
    "a larger slope": number("starts", "slope", to=11.0),
    "a wider range": number("starts", "upper", to=1.3),
    "a wider range below": number("starts", "lower", to=-1.3),
    "more waves": number("starts", "waves", to=6),
    "waves that sensors cannot tell": misread,
    "a smaller viscosity": number("equation", "viscosity", to=0.0098),
    "no viscosity": number("equation", "viscosity", to=0.0),
    "an earlier time": number("equation", "earliest", to=0.095),
    "no time": number("equation", "earliest", to=0.0),
    "a later time": number("equation", "latest", to=3.5),
    "times in the wrong order": number("equation", "latest", to=0.01),
    "fewer sensors": number("design", "sensors", to=9),
    "fewer images": number("design", "images", to=1),
    "more tokens": number("design", "tokens", to=60),
    "fewer tokens": cut,
    "words for numbers": number("equation", "viscosity", to="1e99999999"),
    "true for a number": number("design", "images", to=True),
    "a potential": tensor("potential.weight", 4, 3, by=1e-6),
    "potential scaled": scaled("potential.weight", 1 + 1e-5),
    "query scale": tensor("attention.query.weight", 1, 1, by=1e-12),
    "query of another": tensor("attention.query.weight", 0, 2, by=1e-12),
    "key": tensor("attention.key.weight", 2, 2, by=1e-12),
    "value": tensor("attention.value.weight", 0, 1, by=1e-12),
    "output": tensor("attention.output.weight", 0, 0, by=1e-12),
    "a weight that is not finite": tensor("potential.weight", 0, 0, by=float("inf")),
    "another tensor": unknown,
    "float32": halved,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_refused(name: str, written: Path, tmp_path: Path) -> None:
    """Each changed number by itself makes the claim false or unproven."""
    record = json.loads((written / "flow.json").read_text())
    tensors = load_file(written / "flow.safetensors")
    FORGERIES[name](record, tensors)
    (tmp_path / "flow.json").write_text(json.dumps(record))
    save_file(tensors, tmp_path / "flow.safetensors")
    with pytest.raises((CertificateError, DataError)):
        verify_flow(tmp_path)


def test_a_loaded_head_is_the_same(
    compiled: CompiledBurgers, written: Path, tmp_path: Path
) -> None:
    again = load_burgers(written)
    assert (again.instant, again.starts, again.bound) == (
        compiled.instant,
        compiled.starts,
        compiled.bound,
    )
    readings, points = torch.rand(11).double(), torch.rand(6, 2).double() + 0.1
    nu = torch.tensor(0.01).double()
    assert torch.equal(again.module(readings, nu, points), compiled.module(readings, nu, points))
    with pytest.raises(DataError, match="holds a Burgers head"):
        load(written)
    with pytest.raises(DataError, match="can be read"):
        load_burgers(tmp_path)
    (tmp_path / "flow.json").write_text('{"format": "sciformer-burgers-1"}')
    with pytest.raises(DataError, match="is damaged"):
        load_burgers(tmp_path)
    with pytest.raises(DataError, match="is damaged"):
        verify_flow(tmp_path)
