"""Each part of a bound is the same by two programs, not only their sum."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from theory.flows.budget import aliasing_errors, solution_range, splitting_errors
from theory.flows.compile_flow import CompiledFlow, compile_flow
from theory.flows.equation import ReactionDiffusion
from theory.flows.head_errors import reading_error
from theory.flows.polynomial import Polynomial
from theory.flows.record import FlowRecord, read_record
from theory.flows.starts import Starts
from theory.flows.storage import save
from theory.flows.stored_weights import read_weights
from theory.flows.verifier.claim import of_record
from theory.flows.verifier.enclosures import Balls
from theory.flows.verifier.layers import LayerErrors
from theory.flows.verifier.numbers import best_numbers
from theory.flows.verifier.verify import solution_range as verified_range

STARTS = {"kinks": Starts(-1.0, 1.0, 4.0), "waves": Starts(-1.0, 1.0, 4.0, waves=4)}
MOVING = ReactionDiffusion(
    "moving",
    Fraction(1, 30),
    Fraction(2, 5),
    Polynomial.of([0, 2, 0, -2]),
    Fraction(3, 2),
    Fraction(1, 4),
)


@pytest.fixture(scope="module", params=STARTS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CompiledFlow, LayerErrors]]:
    """A flow with drift on an interval that is not the unit one, and the verifier's parts of it."""
    made = compile_flow(MOVING, epsilon=0.1, starts=STARTS[request.param])
    path: Path = save(made, tmp_path_factory.mktemp("flow"))
    record = read_record(path)
    assert isinstance(record, FlowRecord)
    claim = of_record(record, read_weights(path, record))
    numbers = best_numbers()
    with numbers.precision():
        balls = Balls(numbers)
        yield made, LayerErrors(balls, claim, verified_range(balls, claim))


def test_splitting_aliasing_and_reading_agree_layer_by_layer(
    both: tuple[CompiledFlow, LayerErrors],
) -> None:
    """Kills: a part so small beside the others that no sum shows it, a layer that is off by one."""
    flow, layers = both
    certificate = flow.certificate
    equation, starts, design = certificate.equation, certificate.starts, certificate.design
    reaction = solution_range(equation, starts)
    some = sorted({0, 1, 2, design.depth // 2, design.depth - 1} & set(range(design.depth)))
    splitting = splitting_errors(equation, starts, reaction, design.depth)
    aliasing = aliasing_errors(equation, starts, reaction, design)
    first = 0 if starts.waves is not None else 1
    for n in some:
        assert layers.splitting(n) == pytest.approx(splitting[n], rel=0.02), n
        if n >= first:
            assert 0.5 * aliasing[n] <= layers.aliasing(n) <= 1.05 * aliasing[n], n
    assert np.isfinite(aliasing[first:]).all()
    if starts.waves is None:
        found = reading_error(equation, starts, reaction, design)
        assert layers.reading() == pytest.approx(found, rel=0.02)
