"""Every method of the library goes on bit for bit, or is refused with --resume."""

from __future__ import annotations

import json
import random

import pytest
import torch
from torch import nn

from pinn.optimisers import Adam, FromLibrary
from pinn.optimisers.first_order import FirstOrder, _given_back, _kept
from pinn.optimisers.resumable import _Trial
from sciformer.errors import UsageError
from sciformer.runs.encoding import plain
from sciformer.runs.state import pack, unpack


def trained(make: type[FirstOrder] | object, steps: int, stops: set[int]) -> torch.Tensor:
    """Sizes other than those of the probe."""
    tensors = [nn.Parameter(torch.linspace(-1, 2, n).double().view(n // 2, 2)) for n in (6, 10)]
    optimiser = make()  # type: ignore[operator]
    for step in range(steps):
        if step in stops:
            packed, rest = pack(optimiser.state())
            optimiser = make()  # type: ignore[operator]
            optimiser.restore(unpack(packed, json.loads(json.dumps(plain(rest)))))
        optimiser.step(_Trial(tensors, step))  # type: ignore[arg-type]
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


NAMES = ["soap", "lion", "adabelief", "nadam", "qhadam", "madgrad", "sgdp", "rmsprop"]


@pytest.mark.parametrize("name", ["adam", *NAMES])
def test_stopped_at_random_steps_it_ends_with_the_same_bits(name: str) -> None:
    """Kills: float32 counters cast to float64 by load_state_dict, a state that JSON rounds."""
    if name != "adam":
        pytest.importorskip("pytorch_optimizer")

    def make() -> FirstOrder:
        return Adam() if name == "adam" else FromLibrary(name)

    assert make().resumes
    stops = set(random.Random(name).sample(range(20), 4))
    assert torch.equal(trained(make, 20, set()), trained(make, 20, stops))


def test_matrices_come_back_as_they_lay_in_memory() -> None:
    """Kills: orthogonal factors of soap that come back row by row, and round otherwise after it."""
    pytest.importorskip("pytorch_optimizer")
    factor = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    assert factor.stride() == (1, 6)
    packed, rest = pack({"0": _kept({"GG": [factor, factor.mT.contiguous()]})})
    found = _given_back(unpack(packed, json.loads(json.dumps(plain(rest)))), torch.device("cpu"))[
        "0"
    ]["GG"]
    assert [f.stride() for f in found] == [(1, 6), (6, 1)]
    assert torch.equal(found[0], factor)
    assert FromLibrary("soap").resumes, "with layers of twenty units, where layouts matter"


@pytest.mark.parametrize("name", ["gravity", "stablespam"])
def test_what_keeps_more_than_its_state_is_not_resumed(name: str) -> None:
    """Kills: other numbers after --resume without a word; a checkpoint that cannot be written."""
    pytest.importorskip("pytorch_optimizer")
    whole = trained(lambda: FromLibrary(name), 5, set())
    assert bool(torch.isfinite(whole).all())
    with pytest.raises(UsageError, match="--resume does not support it"):
        trained(lambda: FromLibrary(name), 5, {3})


@pytest.mark.parametrize("name", ["alig", "bsam", "adalomo"])
def test_what_wants_more_than_gradients_is_a_sentence(name: str) -> None:
    """Kills: TypeError and AttributeError out of the library."""
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(UsageError, match="needs more than parameters and their gradients"):
        trained(lambda: FromLibrary(name), 1, set())
